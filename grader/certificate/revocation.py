"""Keep an issuer's revocations: a register next to the private key, and the signed list made from
it (a W3C Bitstring Status List)."""

import json
from pathlib import Path
from typing import Any

from openbadgeslib import ob3

from grader.certificate.credential import Certificate
from llmlib import files


class Register:
    """Record which certificate has which place in the list, and which are revoked."""

    def __init__(self, key: Path, url: str | None = None):
        self.path = Path(key).with_suffix(".register.json")
        busy = f"Another run is writing to {self.path}: wait for it"  # two give one place twice
        self.lock = files.lock(self.path.with_suffix(".lock"), busy)
        state: dict[str, Any] = {"url": url, "issued": {}}
        if self.path.exists():
            try:
                state = json.loads(self.path.read_text(encoding="utf-8"))
                state["url"], [row["student"] for row in state["issued"].values()]  # or it raises
            except (ValueError, KeyError, TypeError, AttributeError):
                reason = "it says which certificates can be revoked: restore an earlier copy"
                raise ValueError(f"{self.path} is damaged; {reason}") from None
        self.url, self.issued = state["url"], state["issued"]
        if url and url != self.url:
            reason = f"this key's status list is at {self.url}, not at {url}"
            raise ValueError(f"{reason}: an issued certificate cannot move")

    def enter(self, certificate: Certificate, student: str) -> dict[str, Any]:
        """Take a place in the list for a certificate about to be signed: kept before it is used."""
        place = len(self.issued)
        entry = {"student": student, "name": certificate.name, "place": place, "revoked": False}
        self.issued[certificate.id] = entry
        self._keep()
        return ob3.status_entry(self.url, "revocation", place)

    def revoke(self, id: str) -> list[str]:
        """Mark a certificate, given its id or that of its student, as revoked; returns the ids."""
        ids = []
        for certificate_id, entry in self.issued.items():
            if id in (certificate_id, certificate_id.removeprefix("urn:uuid:"), entry["student"]):
                entry["revoked"] = True
                ids.append(certificate_id)
        if not ids:
            reason = f"this key has issued no certificate {id}, and none to a student of that id"
            raise ValueError(f"{reason}: see {self.path}")
        self._keep()
        return ids

    def signed(self, private: bytes, public: bytes) -> str:
        """Return the list to publish at the register's URL: a token."""
        places = [entry["place"] for entry in self.issued.values() if entry["revoked"]]
        issuer = ob3.did_key_from_pem(public)
        document = ob3.build_status_list_credential(issuer, self.url, "revocation", places)
        return ob3.sign_status_list_credential(document, private, "EdDSA")

    def _keep(self) -> None:
        state = {"url": self.url, "issued": self.issued}
        text = json.dumps(state, indent=1, ensure_ascii=False)
        files.write(self.path, text, mode=0o600)  # it names students
