"""What a certificate says, as an Open Badges 3.0 credential (a W3C Verifiable Credential), and its signed picture."""

import base64
import hashlib
import unicodedata
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from defusedxml.minidom import parseString
from openbadgeslib import baking
from openbadgeslib.ob3 import (
    Achievement,
    Evidence,
    IdentityObject,
    Issuer,
    OB3Signer,
    OpenBadgeCredential,
    did_key_from_pem,
)

COURSE = "From Tokens to Tokens"
SELF, INSTRUCTOR = "self-attested", "issued by an instructor"
BUILT = (
    "an engine that runs a real language model, written function by function: byte-pair encoding, embeddings and rotary "
    "positions, attention, transformer layers, output head and loss, sampling, a KV cache, int8 weights, speculative "
    "decoding and a scaling law"
)
LONGEST_NAME = 200


@dataclass(frozen=True)
class Certificate:
    """Everything that a certificate says. `engine` is the SHA-256 of my_llm.py, where it was there to be hashed."""

    name: str
    kind: str  # SELF or INSTRUCTOR
    issuer: str
    checked: str  # one sentence: how the work was checked
    holder: str  # mailto:…, or a URI that stands for the holder
    engine: str | None = None
    issued: datetime = None
    expires: datetime | None = None
    id: str = ""

    @property
    def attested(self):
        if self.kind == SELF:
            return "Self-attested: signed with a key made on the holder's own computer. Nobody else vouches for it."
        return f"Issued by {self.issuer}, whose key signed it."


def clean_name(name):
    """A person's name as one line of text in any script. Raises ValueError if there is none, or too much of it."""
    joiners = "\u200c\u200d"  # some scripts spell with them
    text = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in unicodedata.normalize("NFC", name)
    )
    text = "".join(
        c for c in text if c in joiners or unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")
    )
    text = " ".join(text.split())
    if not text.strip(joiners):
        raise ValueError(
            'the name is empty: give --name "Your Name", as it should stand on the certificate'
        )
    if len(text) > LONGEST_NAME:
        raise ValueError(
            f"the name has {len(text)} characters, and {LONGEST_NAME} is the most: shorten it"
        )
    return text


def fresh(certificate):
    """The certificate with an id and the time of its issue."""
    return replace(
        certificate, id=f"urn:uuid:{uuid.uuid4()}", issued=datetime.now(UTC).replace(microsecond=0)
    )


def bake(certificate, picture, private, public, status=None):
    """The SVG `picture` (bytes) with the signed credential in it. `status` is an entry of the issuer's status list."""
    evidence = [
        Evidence(name="Kind", narrative=certificate.attested),
        Evidence(name="Check", narrative=certificate.checked),
    ]
    if certificate.engine:
        evidence.append(Evidence(name="my_llm.py", description=f"sha256:{certificate.engine}"))
    evidence.append(
        Evidence(name="Picture", description=f"sha256:{picture_hash(_carrier(picture))}")
    )
    credential = OpenBadgeCredential(
        id=certificate.id,
        issuer=Issuer(id=did_key_from_pem(public), name=certificate.issuer),
        recipient_id=certificate.holder,
        achievement=Achievement(
            id="urn:from-tokens-to-tokens:"
            + ("self-attested" if certificate.kind == SELF else "instructor"),
            name=COURSE,
            description=f"A course on how large language models work. Built: {BUILT}.",
            criteria_narrative="Every exercise of seven notebooks and every question of the quiz, checked by tests."
            if certificate.kind == SELF
            else "Seven notebooks and a quiz, scored in the instructor's gradebook.",
            achievement_type="Certificate",
        ),
        issuance_date=certificate.issued,
        expiration_date=certificate.expires,
        identifiers=[
            IdentityObject(identity_hash=certificate.name, identity_type="name", hashed=False)
        ],
        evidence=evidence,
        credential_status=[status] if status else [],
    )
    return OB3Signer(private, "EdDSA").sign_into_svg(credential, picture)


def picture_hash(svg):
    """SHA-256 of an SVG without the credential in it. Raises ValueError for what is no SVG."""
    try:
        document = parseString(svg)
    except Exception as error:  # noqa: BLE001 - whatever a parser says of a file that anyone may have made
        raise ValueError(f"it is not an SVG picture ({type(error).__name__})") from None
    for node in document.getElementsByTagName(baking.SVG_ELEMENT_OB3):
        node.parentNode.removeChild(node)
    comments = [
        node for node in document.documentElement.childNodes if node.nodeType == node.COMMENT_NODE
    ]
    for node in comments:
        node.parentNode.removeChild(node)
    return hashlib.sha256(document.documentElement.toxml().encode()).hexdigest()


def _carrier(picture):
    """The picture as baking will leave it, with a token that does not matter."""
    return baking.bake_svg(
        picture, "-", element=baking.SVG_ELEMENT_OB3, namespace=baking.SVG_NS_OB3
    )


def is_canonical(token):
    """Is every part of this token spelled in the one way that its bytes have? (Base64 leaves spare bits at an end.)"""
    try:
        parts = [
            (part, base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in token.split(".")
        ]
    except ValueError:
        return False
    return all(base64.urlsafe_b64encode(raw).decode().rstrip("=") == part for part, raw in parts)


def linkedin_link(certificate, url=None):
    """The address that opens LinkedIn's form with everything filled in."""
    fields = {
        "startTask": "CERTIFICATION_NAME",
        "name": COURSE + (f" ({SELF})" if certificate.kind == SELF else ""),
        "organizationName": certificate.issuer if certificate.kind == INSTRUCTOR else COURSE,
        "issueYear": certificate.issued.year,
        "issueMonth": certificate.issued.month,
        "certId": certificate.id.removeprefix("urn:uuid:"),
    }
    if certificate.expires:
        fields |= {
            "expirationYear": certificate.expires.year,
            "expirationMonth": certificate.expires.month,
        }
    return "https://www.linkedin.com/profile/add?" + urlencode(
        fields | ({"certUrl": url} if url else {})
    )
