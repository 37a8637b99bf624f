"""An issuer's revocations: a register beside the private key, and the signed list (W3C Bitstring Status List) made from it."""

import json
import os
from pathlib import Path

from openbadgeslib.ob3 import (
    build_status_list_credential,
    did_key_from_pem,
    sign_status_list_credential,
    status_entry,
)


class Register:
    """Which certificate has which place in the list, and which are revoked."""

    def __init__(self, key, url=None):
        self.path = Path(key).with_suffix(".register.json")
        kept = (
            json.loads(self.path.read_text(encoding="utf-8"))
            if self.path.exists()
            else {"url": url, "issued": {}}
        )
        self.url, self.issued = kept["url"], kept["issued"]
        if url and url != self.url:
            raise ValueError(
                f"this key's status list is at {self.url}, not at {url}: an issued certificate cannot move"
            )

    def enter(self, certificate, student):
        """A place in the list for a certificate that is about to be signed: its status entry, kept before it is used."""
        place = len(self.issued)
        self.issued[certificate.id] = {
            "student": student,
            "name": certificate.name,
            "place": place,
            "revoked": False,
        }
        self._keep()
        return status_entry(self.url, "revocation", place)

    def revoke(self, id):
        """Mark a certificate, given its id or that of its student, as revoked; returns the ids."""
        found = [
            each
            for each, entry in self.issued.items()
            if id in (each, each.removeprefix("urn:uuid:"), entry["student"])
        ]
        if not found:
            raise ValueError(
                f"this key has issued no certificate {id}, nor one to a student of that name: see {self.path}"
            )
        for each in found:
            self.issued[each]["revoked"] = True
        self._keep()
        return found

    def signed(self, private, public):
        """The list to publish at the register's URL: a token."""
        places = [entry["place"] for entry in self.issued.values() if entry["revoked"]]
        document = build_status_list_credential(
            did_key_from_pem(public), self.url, "revocation", places
        )
        return sign_status_list_credential(document, private, "EdDSA")

    def _keep(self):
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_text(
            json.dumps({"url": self.url, "issued": self.issued}, indent=1, ensure_ascii=False),
            encoding="utf-8",
        )
        os.replace(part, self.path)
