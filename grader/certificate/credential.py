"""Write what a certificate says, as an Open Badges 3.0 credential, and its signed picture."""

import hashlib
import re
import unicodedata
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from defusedxml.minidom import parseString
from openbadgeslib import baking, ob3

COURSE = "From Tokens to Tokens"
SELF, INSTRUCTOR = "self-attested", "issued by an instructor"
ACHIEVEMENT = {
    SELF: "urn:from-tokens-to-tokens:self-attested",
    INSTRUCTOR: "urn:from-tokens-to-tokens:instructor",
}
CRITERIA = {
    SELF: "Every exercise of the notebooks and every question of the quiz, checked by tests.",
    INSTRUCTOR: "The notebooks and the quiz, scored in the instructor's gradebook.",
}
BUILT = (
    "an engine that runs a real language model, written function by function: byte-pair encoding, "
    "embeddings and rotary positions, attention, transformer layers, output head and loss, "
    "sampling, a KV cache, int8 weights, speculative decoding and a scaling law"
)
LONGEST_NAME = 200
JOINERS = "\u200c\u200d"  # some scripts spell with them


@dataclass(frozen=True)
class Certificate:
    """Hold everything that a certificate says: a new one, unless `issued` and `id` are given.
    `engine` is the SHA-256 of my_llm.py, if there is one."""

    name: str
    kind: str  # SELF or INSTRUCTOR
    issuer: str
    checked: str  # one sentence: how the work was checked
    holder: str  # mailto:…, or a URI that stands for the holder
    engine: str | None = None
    issued: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    expires: datetime | None = None
    id: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")

    @property
    def attested(self) -> str:
        """Say who vouches for it, as the picture says."""
        if self.kind == INSTRUCTOR:
            return f"Issued by {self.issuer}, whose key signed it."
        sentence = "Self-attested: signed with a key made on the holder's own computer."
        return f"{sentence} Nobody else vouches for it."


def clean_name(name: str) -> str:
    """Return a name as one line of text in any script. ValueError if none or too much."""
    text = ""
    for c in unicodedata.normalize("NFC", name):
        category = unicodedata.category(c)
        if c in JOINERS or category not in ("Cf", "Cs", "Co", "Cn"):
            text += " " if category in ("Cc", "Zl", "Zp") else c
    text = " ".join(text.split())
    if not text.strip(JOINERS):
        example = 'give --name "Your Name", as it should appear on the certificate'
        raise ValueError(f"the name is empty: {example}")
    if len(text) > LONGEST_NAME:
        reason = f"the name has {len(text)} characters: shorten it to at most {LONGEST_NAME}"
        raise ValueError(reason)
    return text


def clean_email(email: str, source: str = "--email") -> str:
    """Return `email` unchanged. ValueError unless it is an address and nothing else."""
    if not re.fullmatch(r"[^\s@<>:,;]+@[^\s@<>:,;]+", email):
        raise ValueError(f"{source} is {email!r}: give the address only, such as ada@example.org")
    return email


def bake(
    certificate: Certificate, svg: bytes, private: bytes, public: bytes, status: dict | None = None
) -> bytes:
    """Return the picture `svg` with the signed credential in it; `status`: a status list's
    entry."""
    element: Any = {"element": baking.SVG_ELEMENT_OB3, "namespace": baking.SVG_NS_OB3}
    carrier = baking.bake_svg(svg, "-", **element)  # as it will be, but for the token
    evidence = [
        ob3.Evidence(name="Kind", narrative=certificate.attested),
        ob3.Evidence(name="Check", narrative=certificate.checked),
        ob3.Evidence(name="Picture", description=f"sha256:{picture_hash(carrier)}"),
    ]
    if certificate.engine:
        evidence.append(ob3.Evidence(name="my_llm.py", description=f"sha256:{certificate.engine}"))
    achievement = ob3.Achievement(
        id=ACHIEVEMENT[certificate.kind],
        name=COURSE,
        description=f"A course on how large language models work. Built: {BUILT}.",
        criteria_narrative=CRITERIA[certificate.kind],
        achievement_type="Certificate",
    )
    name = ob3.IdentityObject(identity_hash=certificate.name, identity_type="name", hashed=False)
    credential = ob3.OpenBadgeCredential(
        id=certificate.id,
        issuer=ob3.Issuer(id=ob3.did_key_from_pem(public), name=certificate.issuer),
        recipient_id=certificate.holder,
        achievement=achievement,
        issuance_date=certificate.issued,
        expiration_date=certificate.expires,
        identifiers=[name],
        evidence=evidence,
        credential_status=[status] if status else [],
    )
    return ob3.OB3Signer(private, "EdDSA").sign_into_svg(credential, svg)


def picture_hash(svg: bytes) -> str:
    """Return the SHA-256 of an SVG without its credential. Raises ValueError for what is no SVG."""
    try:
        document = parseString(svg)
    except Exception as error:  # noqa: BLE001 - anyone may have made the file
        raise ValueError(f"it is not an SVG picture ({type(error).__name__})") from None
    root = document.documentElement
    comments = [node for node in root.childNodes if node.nodeType == node.COMMENT_NODE]
    carriers = document.getElementsByTagName(baking.SVG_ELEMENT_OB3)
    style = document.PROCESSING_INSTRUCTION_NODE in {node.nodeType for node in document.childNodes}
    style |= bool(document.doctype and document.doctype.internalSubset)  # gives attributes
    if style or len(carriers) > 1 or not all(_bare(carrier, root) for carrier in carriers):
        raise ValueError("it holds more than a picture and one credential")
    for node in (*carriers, *comments):
        node.parentNode.removeChild(node)
    return hashlib.sha256(root.toxml().encode()).hexdigest()


def _bare(carrier: Any, root: Any) -> bool:
    """Say whether an element is the credential and nothing else: anything else in it could change
    how the picture looks, and no hash would cover it."""
    attributes = dict(carrier.attributes.items())
    has_namespace = attributes.get("xmlns:openbadges") == baking.SVG_NS_OB3
    is_empty = attributes.keys() == {"xmlns:openbadges", "verify"} and not carrier.childNodes
    return has_namespace and is_empty and carrier.parentNode is root


def linkedin_link(certificate: Certificate) -> str:
    """Return the address that opens LinkedIn's form with everything filled in."""
    self_issued = certificate.kind == SELF
    fields = {
        "startTask": "CERTIFICATION_NAME",
        "name": f"{COURSE} ({SELF})" if self_issued else COURSE,
        "organizationName": COURSE if self_issued else certificate.issuer,
        "issueYear": certificate.issued.year,
        "issueMonth": certificate.issued.month,
        "certId": certificate.id.removeprefix("urn:uuid:"),
    }
    if end := certificate.expires:
        fields |= {"expirationYear": end.year, "expirationMonth": end.month}
    return "https://www.linkedin.com/profile/add?" + urlencode(fields)
