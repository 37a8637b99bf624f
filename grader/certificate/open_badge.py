"""Open somebody's certificate, if its signature is right."""

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
from jwt.utils import base64url_decode, base64url_encode
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import OB3Verifier, OpenBadgeCredential, decode_encoded_list, set_indices
from openbadgeslib.verify import issuer_did_from_token

from grader.certificate.credential import ACHIEVEMENT, COURSE, clean_name, picture_hash

TAMPERED, EXPIRED, EARLY = 1, 5, 8


class InvalidBadge(Exception):
    """Carry the status and the sentence of a verdict that is not VALID."""


ODD = KeyError, TypeError, ValueError, RecursionError  # what a stranger's JSON or XML can raise


@dataclass(frozen=True)
class Badge:
    """Hold a credential of this course, its signature right, and the hash of what carries it."""

    credential: OpenBadgeCredential
    verifier: OB3Verifier
    picture: str

    @property
    def kind(self) -> str:
        """Return `SELF` or `INSTRUCTOR`. StopIteration for another achievement."""
        achievement_id = self.credential.achievement.id
        return next(kind for kind, id in ACHIEVEMENT.items() if id == achievement_id)

    @property
    def holder(self) -> str:
        """Return the name that it was issued to; "" where it holds none."""
        names = (i.identity_hash for i in self.credential.identifiers if i.identity_type == "name")
        return next(names, "")

    def facts(self) -> dict[str, str]:
        """Return what a reader wants to know of it, as words."""
        date = self.credential.issuance_date
        return {
            "name": self.holder,
            "kind": self.kind,
            "issuer": self.credential.issuer.name or "",
            "issued": f"{date:%Y-%m-%d}" if date else "",
        }

    def is_revoked_in(self, raw: bytes) -> bool:
        """Say whether this list, if its issuer signed it, revokes the certificate."""
        try:
            subject = _signed(raw.decode("ascii"), self.verifier)["credentialSubject"]
            indices = set_indices(decode_encoded_list(subject["encodedList"]))
            places = [int(entry["statusListIndex"]) for entry in self.credential.credential_status]
            return subject["statusPurpose"] == "revocation" and not indices.isdisjoint(places)
        except (jwt.PyJWTError, LibOpenBadgesException, *ODD):
            return False

    def day_of(self, raw: bytes) -> str:
        """Return the day on which its issuer signed this list."""
        return str(_signed(raw.decode("ascii"), self.verifier).get("validFrom"))[:10]


def open_badge(data: bytes) -> Badge:
    """Return what an SVG holds, its signature checked. Raises `InvalidBadge`."""
    try:
        picture, token = picture_hash(data), OB3Verifier.extract_token_from_svg(data)
        if not _is_canonical(token):
            raise InvalidBadge(TAMPERED, "The signed text in it was altered.")
        did = issuer_did_from_token(token)
        if not did.startswith("did:key:"):
            reason = f"Its issuer is {did[:80]!r}; certificates of this course name a key"
            raise InvalidBadge(TAMPERED, f"{reason} (did:key:…).")
        verifier = OB3Verifier.for_issuer_did(did)
    except (ValueError, RecursionError) as error:
        raise InvalidBadge(TAMPERED, f"The file cannot be read: {error}.") from None
    except LibOpenBadgesException as error:
        raise InvalidBadge(TAMPERED, f"Its content is not what was signed: {error}.") from None
    try:
        credential = verifier.verify(token)
    except (LibOpenBadgesException, ValueError) as error:
        if isinstance(error.__cause__, jwt.ExpiredSignatureError):  # so its signature is right
            raise InvalidBadge(EXPIRED, "The token has expired.") from None
        if isinstance(error.__cause__, jwt.ImmatureSignatureError):
            raise InvalidBadge(EARLY, _early(token)) from None
        raise InvalidBadge(TAMPERED, f"Its content is not what was signed: {error}.") from None
    achievement = credential.achievement
    if achievement.id not in ACHIEVEMENT.values() or achievement.name != COURSE:
        reason = f"It is a credential for something else: {achievement.name[:80]!r}."
        raise InvalidBadge(TAMPERED, reason)
    badge = Badge(credential, verifier, picture)
    if not all(map(_is_clean, (badge.holder, badge.facts()["issuer"]))):
        raise InvalidBadge(TAMPERED, "A name in it is not a single line of text.")
    return badge


def _is_clean(name: str) -> bool:
    """Say whether this course could have written this name; newer letters than Python's may
    pass."""
    try:
        characters = [c if unicodedata.category(c) != "Cn" else "\ufffd" for c in name]
        return isinstance(name, str) and clean_name(text := "".join(characters)) == text
    except (TypeError, ValueError):  # a stranger's JSON may hold a number there
        return False


def _early(token: str) -> str:
    first = jwt.decode(token, options={"verify_signature": False})["nbf"]
    statement = f"It is dated {datetime.fromtimestamp(first, UTC):%Y-%m-%d %H:%M} UTC"
    reason = "this computer's clock is slow, or the issuer's was fast"
    return f"{statement}, which is in the future: {reason}."


def _signed(token: str, verifier: OB3Verifier) -> dict:
    """Return what the verifier's key has signed, however old. Raises `jwt.PyJWTError`."""
    return json.loads(jwt.PyJWS().decode(token.strip(), verifier.pubkey_pem, ["EdDSA"]))


def _is_canonical(token: str) -> bool:
    """Say whether every part of this token is spelled in the one way that its bytes have. Base64
    leaves spare bits at an end, which nobody signs."""
    try:
        parts = (base64url_encode(base64url_decode(part)).decode() for part in token.split("."))
        return ".".join(parts) == token
    except ValueError:
        return False
