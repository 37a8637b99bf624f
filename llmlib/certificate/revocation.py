"""An issuer's revocations: a register next to the private key, and the signed list made from it (a
W3C Bitstring Status List)."""

import json
from pathlib import Path
from typing import Any

from openbadgeslib import ob3

from llmlib import files
from llmlib.certificate.credential import Certificate


class Register:
    """Which certificate has which place in the list, and which are revoked."""

    def __init__(self, key: Path, url: str | None = None):
        self.path = Path(key).with_suffix(".register.json")
        busy = f"Another run is writing to {self.path}: wait for it"  # two give one place twice
        self.lock = files.lock(self.path.with_suffix(".lock"), busy)
        kept: dict[str, Any] = {"url": url, "issued": {}}
        if self.path.exists():
            try:
                kept = json.loads(self.path.read_text(encoding="utf-8"))
                kept["url"], [each["student"] for each in kept["issued"].values()]  # or it raises
            except (ValueError, KeyError, TypeError, AttributeError):
                why = "it says which certificates can be revoked: restore an earlier copy"
                raise ValueError(f"{self.path} is damaged; {why}") from None
        self.url, self.issued = kept["url"], kept["issued"]
        if url and url != self.url:
            why = f"this key's status list is at {self.url}, not at {url}"
            raise ValueError(f"{why}: an issued certificate cannot move")

    def enter(self, certificate: Certificate, student: str) -> dict[str, Any]:
        """A place in the list for a certificate about to be signed: kept before it is used."""
        place = len(self.issued)
        entry = {"student": student, "name": certificate.name, "place": place, "revoked": False}
        self.issued[certificate.id] = entry
        self._keep()
        return ob3.status_entry(self.url, "revocation", place)

    def revoke(self, id: str) -> list[str]:
        """Mark a certificate, given its id or that of its student, as revoked; returns the ids."""
        found = []
        for known, entry in self.issued.items():
            if id in (known, known.removeprefix("urn:uuid:"), entry["student"]):
                entry["revoked"] = True
                found.append(known)
        if not found:
            why = f"this key has issued no certificate {id}, and none to a student of that id"
            raise ValueError(f"{why}: see {self.path}")
        self._keep()
        return found

    def signed(self, private: bytes, public: bytes) -> str:
        """The list to publish at the register's URL: a token."""
        places = [entry["place"] for entry in self.issued.values() if entry["revoked"]]
        issuer = ob3.did_key_from_pem(public)
        document = ob3.build_status_list_credential(issuer, self.url, "revocation", places)
        return ob3.sign_status_list_credential(document, private, "EdDSA")

    def _keep(self) -> None:
        kept = {"url": self.url, "issued": self.issued}
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        files.write(self.path, text, mode=0o600)  # it names students
