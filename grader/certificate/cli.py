"""Run `llmlib certificate`: issue a learner's own or a whole class's, or revoke one."""

import re
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from openbadgeslib.ob3 import did_key_from_pem
from tqdm import tqdm

from classroom.checking import check_notebooks
from exercises.format import notebooks
from grader.certificate import credential, eligibility, keys, picture
from grader.certificate.credential import INSTRUCTOR, SELF, Certificate, clean_email, clean_name
from grader.certificate.revocation import Register
from llmlib import files


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `llmlib certificate`."""
    parser.epilog = (
        "Exit status: 0 issued, 1 something is missing (no certificate for those), 2 wrong usage."
    )
    add, output = parser.add_argument, Path("certificate")
    add("--name", help="your name, as it should appear on the certificate")
    add("--email", help="goes into the credential, so that others can check that it is yours")
    add("--missing", action="store_true", help="list what is missing; issue nothing")
    words = "your notebooks (default: this folder, or work/ or notebooks/ in it)"
    add("--folder", type=Path, help=words)
    add("--output", type=Path, default=output, metavar="FOLDER", help="default: %(default)s/")
    words = "format of the picture for people (default: %(default)s)"
    add("--picture", choices=("png", "pdf"), default="png", help=words)
    words = "private key (PEM), created if there is none (default: a key of your own)"
    add("--key", type=keys.typed, help=words)
    add("--expires", metavar="YYYY-MM-DD", help="last day of validity (default: no end)")
    add = parser.add_argument_group("for instructors").add_argument
    words = "issue to every student in nbgrader's gradebook (file or URL)"
    add("--gradebook", metavar="DB", help=words)
    add("--issuer", metavar="NAME", help="the issuer, as it should appear on the certificate")
    words = "share of all points needed (default: %(default)s)"
    add("--threshold", type=float, default=0.8, metavar="S", help=words)
    words = "where you will publish revoked.jwt; needed to revoke a certificate later"
    add("--status-url", metavar="URL", help=words)
    add("--revoke", metavar="ID", help="revoke a certificate, by its id or its student's id")


def run(args: Namespace) -> int:
    """Return 0 if issued, 1 if something is missing."""
    args.expires = _day(args.expires) if args.expires else None
    if args.revoke:
        return _revoke(args)
    if args.gradebook:
        return _issue(args)
    return _own(args)


def _own(args: Namespace) -> int:
    for option, value in (("--issuer", args.issuer), ("--status-url", args.status_url)):
        if value:  # else ignored, and a school's key would sign a learner's own certificate
            raise ValueError(f"{option} is for instructors: add --gradebook, or leave it out")
    folder = check_notebooks.folder_of(args.folder)
    name = "" if args.missing else clean_name(args.name or "")
    if args.email:
        clean_email(args.email)
    path = args.output / "certificate.svg"
    if args.output.exists() and not args.output.is_dir():
        raise ValueError(f"{args.output} is a file: give --output a folder")
    if path.exists() and not args.missing:
        raise ValueError(f"{path} exists already: move it, or give another --output")
    with tqdm(
        total=2 * len(notebooks.names()), desc="checking", leave=False, file=sys.stderr
    ) as bar:
        problems, narrative, engine = eligibility.of_notebooks(folder, tick=bar.update)
    if problems:
        print("\n".join(problems if args.missing else _in_short(problems)))
        return 1
    if args.missing:
        print("Nothing is missing.")
        return 0
    pair = keys.load_or_create(args.key or keys.own_key_path())
    holder = f"mailto:{args.email}" if args.email else did_key_from_pem(pair[1])
    certificate = Certificate(name, SELF, name, narrative, holder, engine, expires=args.expires)
    _write(args, "certificate", certificate, pair)
    print(f"Verify it with: llmlib verify {path}")
    return 0


def _in_short(problems: list[str]) -> tuple[str, str, str]:
    """Return three lines: how much is missing, where, and what lists it."""
    counts = Counter(line.partition(":")[0].partition(",")[0] for line in problems)
    return (
        f"No certificate yet. Missing or wrong: {len(problems)}.",
        "Where: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
        "To list them: llmlib certificate --missing",
    )


def _issue(args: Namespace) -> int:
    if not args.key or not args.issuer:
        reason = (
            '--gradebook needs --key FILE (created if it is new) and --issuer "Your Name or School"'
        )
        raise ValueError(reason)
    if not 0 < args.threshold <= 1:
        reason = "--threshold is a share of all points: above 0, at most 1"
        raise ValueError(f"{reason}, not {args.threshold:g}")
    if args.status_url and not args.status_url.startswith("https://"):
        raise ValueError("--status-url must begin with https://")
    args.issuer, students = clean_name(args.issuer), eligibility.of_gradebook(args.gradebook)
    pair = keys.load_or_create(args.key)
    register = Register(args.key, args.status_url)  # may know the URL already
    successes = failures = 0
    for student in students:  # each has a line of its own
        file = re.sub(r"^\.|[^\w.@+-]", lambda odd: f"%{ord(odd[0]):02X}", student.id)
        if student.share < args.threshold:
            share = int(round(1000 * student.share, 6)) / 10  # never rounded up to the threshold
            message = f"{student.id}: {share:g}% of all points, no certificate."
            print(message, "Missing:", "; ".join(student.missing))
            failures += 1
        elif (args.output / f"{file}.svg").exists():
            print(f"{student.id}: has {args.output / f'{file}.svg'} already")
        else:
            try:
                certificate = _certificate_of(student, args)
            except ValueError as odd:  # a name or an address that cannot be used
                print(f"{student.id}: no certificate: {odd}")
                failures += 1
                continue
            status = register.enter(certificate, student.id) if register.url else None
            _write(args, file, certificate, pair, status)
            successes += 1
    print(f"{successes} issued, {failures} not. Give verifiers {keys.public_path(args.key)}")
    if register.url:
        _publish(args, register, pair)
    return int(failures > 0)


def _certificate_of(student: eligibility.Student, args: Namespace) -> Certificate:
    stand_in = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, student.id)}"
    email = clean_email(student.email, "the gradebook's address") if student.email else None
    holder = f"mailto:{email}" if email else stand_in
    check = f"{student.share:.0%} of all points in the gradebook; {args.threshold:.0%} were needed."
    name = clean_name(student.name)
    return Certificate(name, INSTRUCTOR, args.issuer, check, holder, expires=args.expires)


def _revoke(args: Namespace) -> int:
    if not args.key or not args.key.exists():
        raise ValueError("--revoke needs --key, the private key that signed the certificate")
    pair, register = keys.load_or_create(args.key), Register(args.key)
    if not register.url:
        reason = "this key has issued no certificate that can be revoked"
        raise ValueError(f"{reason}: they need --status-url when they are issued")
    for id in register.revoke(args.revoke):
        print(f"revoked {id}, {register.issued[id]['name']}")
    _publish(args, register, pair)
    return 0


def _publish(args: Namespace, register: Register, pair: keys.Pair) -> None:
    path = args.output / "revoked.jwt"
    files.write(path, register.signed(*pair))
    print(f"Publish {path} at {register.url}")


def _write(
    args: Namespace, file: str, award: Certificate, pair: keys.Pair, status: dict | None = None
) -> None:
    svg, for_people = args.output / f"{file}.svg", args.output / f"{file}.{args.picture}"
    files.write(for_people, picture.draw(award, args.picture))
    files.write(svg, credential.bake(award, picture.draw(award, "svg"), *pair, status))
    print(f"{award.name}: {award.kind}\n  {svg} (the certificate)")
    print(f"  {for_people} (a picture of it)")
    print(f"  LinkedIn: {credential.linkedin_link(award)}")
    if characters := picture.undrawable(award.name):
        boxes = f"the .{args.picture} shows boxes instead; the .svg is right in any browser"
        print(f"  No font here has {characters}: {boxes}.")


def _day(text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise ValueError(f"--expires is {text!r}: give a day such as 2030-12-31") from None
    end = day.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    if end < datetime.now(UTC):
        raise ValueError(f"--expires is {text}, which is in the past: give a later day")
    return end
