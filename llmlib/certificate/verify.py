"""`llmlib verify FILE`: is this certificate what it says? Offline, unless --online is given."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import OB3Verifier, did_key_from_pem
from openbadgeslib.verify import issuer_did_from_token

from llmlib.certificate import keys
from llmlib.certificate.credential import COURSE, INSTRUCTOR, SELF, is_canonical, picture_hash

VALID, TAMPERED, WRONG_HOLDER, UNKNOWN_ISSUER, EXPIRED, REVOKED = (
    0,
    1,
    3,
    4,
    5,
    6,
)  # 2: the command was misused
WORDS = {
    VALID: "valid",
    TAMPERED: "tampered with, or no certificate",
    WRONG_HOLDER: "another holder's",
    UNKNOWN_ISSUER: "issuer unknown",
    EXPIRED: "expired",
    REVOKED: "revoked",
}
LARGEST = 5 << 20


@dataclass(frozen=True)
class Verdict:
    """`status` is the exit status; `why` one sentence; the rest what the credential says, as far as it can be believed."""

    status: int
    why: str
    name: str = ""
    kind: str = ""
    issuer: str = ""
    issued: str = ""
    notes: tuple[str, ...] = ()


def verify(data, issuer_key=None, name=None, email=None, status_list=None, online=False):
    """The `Verdict` on the bytes of an SVG. `issuer_key` and `status_list` are the bytes of those files."""
    try:
        signed_picture = picture_hash(data)
        token = OB3Verifier.extract_token_from_svg(data)
        if not is_canonical(token):
            return Verdict(TAMPERED, "The signed text in it was altered.")
        did = issuer_did_from_token(token)
        if not did.startswith("did:key:"):
            return Verdict(
                TAMPERED,
                f"Its issuer is {did[:80]!r}; certificates of this course name a key (did:key:…).",
            )
        verifier = OB3Verifier.for_issuer_did(did)
        credential = verifier.verify(token)
    except ValueError as error:
        return Verdict(TAMPERED, f"The file cannot be read: {error}.")
    except LibOpenBadgesException as error:
        if "expired" in str(error):  # said only after the signature was found to be right
            return Verdict(EXPIRED, f"{error}.")
        return Verdict(TAMPERED, f"What it holds is not what was signed: {error}.")
    if (
        not credential.achievement.id.startswith("urn:from-tokens-to-tokens:")
        or credential.achievement.name != COURSE
    ):
        return Verdict(
            TAMPERED,
            f"It is a credential for something else: {credential.achievement.name[:80]!r}.",
        )
    kind = SELF if credential.achievement.id.endswith("self-attested") else INSTRUCTOR
    holder = next(
        (each.identity_hash for each in credential.identifiers if each.identity_type == "name"), ""
    )
    facts = {
        "name": holder,
        "kind": kind,
        "issuer": credential.issuer.name,
        "issued": f"{credential.issuance_date:%Y-%m-%d}",
    }
    drawn = next((each.description for each in credential.evidence if each.name == "Picture"), "")
    if drawn != f"sha256:{signed_picture}":
        return Verdict(
            TAMPERED,
            "The credential is untouched, but the picture around it was altered: believe these lines.",
            **facts,
        )
    notes = []
    if issuer_key is not None and did != did_key_from_pem(issuer_key):
        return Verdict(
            UNKNOWN_ISSUER, "It was signed with another key than the one given.", **facts
        )
    if issuer_key is None and kind == INSTRUCTOR:
        why = "Its signature is right, but anyone can make a key and a name for it: give the issuer's with --issuer-key."
        return Verdict(UNKNOWN_ISSUER, why, **facts)
    if (name is not None and _same(name) != _same(holder)) or (
        email is not None
        and (credential.recipient_id or "").casefold() != f"mailto:{email}".casefold()
    ):
        return Verdict(WRONG_HOLDER, "It was issued to someone else.", **facts)
    if credential.credential_status and (status_list is not None or online):
        try:
            verifier.check_status(
                credential,
                verify_list=True,
                download=None if status_list is None else lambda url: status_list,
            )
        except LibOpenBadgesException as error:
            if "is set at index" in str(error):
                return Verdict(REVOKED, "Its issuer has taken it back.", **facts)
            return Verdict(TAMPERED, f"Whether it was revoked cannot be told: {error}.", **facts)
    elif credential.credential_status:
        notes.append(
            "Whether it was revoked was not checked: give --status-list FILE, or --online."
        )
    if kind == SELF:
        notes.append(
            "Self-attested: the file is as it was made, by a key that nobody else vouches for."
        )
    return Verdict(VALID, "Nothing was changed since it was signed.", notes=tuple(notes), **facts)


def _same(name):
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def add_arguments(parser):
    codes = ", ".join(f"{code} {words}" for code, words in WORDS.items())
    parser.epilog = f"Exit status: {codes}; 2 the command was misused."
    parser.add_argument("file", type=Path, metavar="FILE", help="a certificate (.svg)")
    parser.add_argument(
        "--issuer-key", type=Path, metavar="FILE", help="the issuer's public key (*.public.pem)"
    )
    parser.add_argument("--name", help="must be this holder's")
    parser.add_argument("--email", help="must be issued to this address")
    parser.add_argument(
        "--status-list", type=Path, metavar="FILE", help="the issuer's list of revoked certificates"
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="fetch that list from where the certificate says it is",
    )


def run(args):
    """Print the verdict; its status."""
    if args.file.stat().st_size > LARGEST:
        raise ValueError(f"{args.file} is larger than {LARGEST >> 20} MB: no certificate is")
    verdict = verify(
        args.file.read_bytes(),
        keys.read_public(args.issuer_key) if args.issuer_key else None,
        args.name,
        args.email,
        args.status_list.read_bytes() if args.status_list else None,
        args.online,
    )
    print(f"{args.file.name}: {WORDS[verdict.status]}. {verdict.why}")
    if verdict.name:
        print(
            f"  holder  {verdict.name}\n  course  {COURSE}\n  kind    {verdict.kind}\n  issuer  {verdict.issuer}"
        )
        print(f"  issued  {verdict.issued}")
    for note in verdict.notes:
        print(f"  note    {note}")
    return verdict.status
