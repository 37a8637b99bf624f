"""Run `llmlib verify FILE`: is this certificate valid? Offline, unless --online is given."""

import argparse
import unicodedata
from dataclasses import dataclass
from typing import Any

from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import did_key_from_pem
from openbadgeslib.util import download_file, recipient_ids_match

from grader.certificate import keys
from grader.certificate.credential import COURSE, INSTRUCTOR, JOINERS, SELF, clean_email
from grader.certificate.open_badge import EARLY, EXPIRED, TAMPERED, Badge, InvalidBadge, open_badge

VALID, WRONG_HOLDER, UNKNOWN_ISSUER, REVOKED, UNCHECKED = 0, 3, 4, 6, 7
WORDS = {
    VALID: "valid",
    TAMPERED: "tampered with, or no certificate",  # 2: the command was misused
    WRONG_HOLDER: "another holder's",
    UNKNOWN_ISSUER: "issuer unknown",
    EXPIRED: "expired",
    REVOKED: "revoked",
    UNCHECKED: "revocation could not be checked",
    EARLY: "not valid yet",
}
LARGEST = 5 << 20


@dataclass(frozen=True)
class Verdict:
    """Hold the exit `status`, one sentence `why`, and what can be believed of the certificate."""

    status: int
    why: str
    name: str = ""
    kind: str = ""
    issuer: str = ""
    issued: str = ""
    notes: tuple[str, ...] = ()


def verify(
    data: bytes,
    issuer_key: bytes | None = None,
    name: str | None = None,
    email: str | None = None,
    status_list: bytes | None = None,
    online: bool = False,
) -> Verdict:
    """Return the `Verdict` on the bytes of an SVG, held against an issuer's public key and status
    list, a holder's name and address."""
    facts: dict[str, Any] = {}
    try:
        badge = open_badge(data)
        facts = badge.facts()
        the_picture_is_the_one_that_was_signed(badge)
        the_issuer_is_known(badge, issuer_key)
        the_holder_is_the_one_asked_for(badge, name, email)
        notes = [it_was_not_taken_back(badge, status_list, online), who_vouches_for_it(badge)]
    except InvalidBadge as error:
        return Verdict(*error.args, **facts)
    remarks = tuple(filter(None, notes))
    return Verdict(VALID, "Nothing was changed since it was signed.", notes=remarks, **facts)


# Each returns a note for the reader or nothing, and raises `InvalidBadge`.


def the_picture_is_the_one_that_was_signed(badge: Badge) -> None:
    """Raise InvalidBadge unless the credential names this picture's digest."""
    evidence = badge.credential.evidence
    if f"sha256:{badge.picture}" not in [e.description for e in evidence if e.name == "Picture"]:
        reason = "The credential is untouched, but the picture around it was altered"
        raise InvalidBadge(TAMPERED, f"{reason}: trust the lines below.")


def the_issuer_is_known(badge: Badge, key: bytes | None) -> None:
    """Raise InvalidBadge unless it was signed with `key`, the issuer's public one in PEM."""
    if key is None and badge.kind == INSTRUCTOR:
        reason = "Its signature is right, but anyone can make a key and a name for it"
        raise InvalidBadge(UNKNOWN_ISSUER, f"{reason}: give the issuer's key with --issuer-key.")
    if key is not None and badge.credential.issuer.id != did_key_from_pem(key):
        raise InvalidBadge(UNKNOWN_ISSUER, "It was signed with another key than the one given.")


def the_holder_is_the_one_asked_for(badge: Badge, name: str | None, email: str | None) -> None:
    """Raise InvalidBadge where a name or an address was given and is not the holder's."""
    same_name = name is None or _same(name) == _same(badge.holder)
    address = badge.credential.recipient_id
    if not same_name or email is not None and not recipient_ids_match(address, f"mailto:{email}"):
        raise InvalidBadge(WRONG_HOLDER, "It was issued to someone else.")


def it_was_not_taken_back(badge: Badge, status_list: bytes | None, online: bool) -> str | None:
    """Return what could not be checked, in a sentence. Raises InvalidBadge if it was revoked."""
    if not badge.credential.credential_status:
        asked_for = online or status_list is not None
        return (
            "It names no list of revoked certificates, so none was checked." if asked_for else None
        )
    if status_list is None and not online:
        return "Whether it was revoked was not checked: give --status-list FILE, or --online."
    urls: list[str] = []
    lists: list[bytes] = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        lists.append(download_file(url) if status_list is None else status_list)
        return lists[-1]

    try:
        badge.verifier.check_status(badge.credential, verify_list=True, download=fetch)
    except LibOpenBadgesException as error:
        if any(badge.is_revoked_in(raw) for raw in lists):
            raise InvalidBadge(REVOKED, "Its issuer has revoked it.") from None
        if not urls:  # its own entry is at fault
            raise InvalidBadge(
                TAMPERED, f"It cannot be said whether it was revoked: {error}."
            ) from None
        reason = f"the list cannot be used: {error}: get it from its issuer again."
        if len(urls) > len(lists):
            reason = f"its issuer's list cannot be reached: {error}."
        raise InvalidBadge(
            UNCHECKED, f"Nothing was changed since it was signed, but {reason}"
        ) from None
    return (
        f"Not revoked in its issuer's list of {badge.day_of(lists[-1])}; a later list may differ."
    )


def who_vouches_for_it(badge: Badge) -> str | None:
    """Return a sentence where nobody but the holder does."""
    note = "Self-attested: unchanged since it was signed, with a key that nobody else vouches for."
    return note if badge.kind == SELF else None


def _same(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `llmlib verify`."""
    codes = ", ".join(f"{code} {words}" for code, words in WORDS.items())
    parser.epilog = f"Exit status: {codes}; 2 wrong usage."
    add = parser.add_argument
    file: Any = {"type": keys.typed, "metavar": "FILE"}
    add("file", **file, help="a certificate (.svg)")
    add("--issuer-key", **file, help="the issuer's public key (*.public.pem)")
    add("--status-list", **file, help="the issuer's list of revoked certificates")
    add("--name", help="the certificate must be this person's")
    add("--email", help="the certificate must be issued to this address")
    add("--online", action="store_true", help="fetch that list from the address in the certificate")


def run(args: argparse.Namespace) -> int:
    """Print the verdict; its status."""
    if args.file.stat().st_size > LARGEST:
        raise ValueError(f"{args.file} is larger than {LARGEST >> 20} MB, so it is no certificate")
    if args.email:  # else an honest holder would be rejected
        clean_email(args.email)
    key = keys.read_public(args.issuer_key) if args.issuer_key else None
    status_list = args.status_list.read_bytes() if args.status_list else None
    verdict = verify(args.file.read_bytes(), key, args.name, args.email, status_list, args.online)
    lines = [f"{args.file.name}: {WORDS[verdict.status]}. {verdict.why}"]
    if verdict.name:
        lines += [f"  holder  {verdict.name}", f"  course  {COURSE}", f"  kind    {verdict.kind}"]
        lines += [f"  issuer  {verdict.issuer}", f"  issued  {verdict.issued}"]
    lines += [f"  note    {note}" for note in verdict.notes]
    print("\n".join(map(_shown, lines)))
    return verdict.status


def _shown(line: str) -> str:
    """Return one line for a terminal, whatever a stranger's certificate says: nothing in it can
    start another, or hide what follows."""
    return "".join(c if c.isprintable() or c in JOINERS else "\ufffd" for c in line)
