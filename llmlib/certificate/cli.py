"""`llmlib certificate`: a learner's own, an instructor's in bulk, and taking one back."""

import re
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from openbadgeslib.ob3 import did_key_from_pem
from tqdm import tqdm

from llmlib.certificate import earned, keys, picture
from llmlib.certificate.credential import (
    INSTRUCTOR,
    SELF,
    Certificate,
    bake,
    clean_name,
    fresh,
    linkedin_link,
)
from llmlib.certificate.status import Register
from llmlib.course import cells, progress


def add_arguments(parser):
    parser.epilog = (
        "Exit status: 0 issued, 1 something is missing and nothing was issued to those, 2 misused."
    )
    parser.add_argument("--name", help="your name, as it should stand on the certificate")
    parser.add_argument(
        "--email", help="goes into the credential, so that others can ask whether it is yours"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="your notebooks (default: this folder if it holds some, else notebooks/)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("certificate"),
        metavar="FOLDER",
        help="default: %(default)s/",
    )
    parser.add_argument(
        "--picture", choices=("png", "pdf"), default="png", help="for people (default: %(default)s)"
    )
    parser.add_argument(
        "--key",
        type=Path,
        help="private key (PEM); made if the file is new (default: one of your own)",
    )
    parser.add_argument(
        "--expires", metavar="YYYY-MM-DD", help="last day on which it is valid (default: no end)"
    )
    group = parser.add_argument_group("for instructors")
    group.add_argument(
        "--gradebook",
        metavar="DB",
        help="issue to every student in nbgrader's gradebook (file or URL)",
    )
    group.add_argument(
        "--issuer", metavar="NAME", help="who issues, as it should stand on the certificate"
    )
    group.add_argument(
        "--threshold",
        type=float,
        default=0.8,
        metavar="S",
        help="share of all points (default: %(default)s)",
    )
    group.add_argument(
        "--status-url",
        metavar="URL",
        help="where you will publish revoked.jwt, so that you can revoke",
    )
    group.add_argument(
        "--revoke", metavar="ID", help="take back a certificate, by its id or its student's"
    )


def run(args):
    """0: issued; 1: something is missing."""
    expires = _day(args.expires) if args.expires else None
    if args.revoke:
        return _revoke(args)
    if args.gradebook:
        return _issue(args, expires)
    if not args.name:
        raise ValueError('give --name "Your Name", as it should stand on the certificate')
    return _own(args, expires)


def _own(args, expires):
    name, folder = clean_name(args.name), args.folder or progress.default_folder()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    _refuse_existing(args.output / "certificate.svg")
    with tqdm(total=2 * len(cells.names()), desc="checking", leave=False, file=sys.stderr) as bar:
        work = earned.of_notebooks(folder, tick=lambda _: bar.update())
    if work.missing:
        print(f"No certificate yet. {len(work.missing)} things are missing:")
        print("\n".join(f"  {line}" for line in work.missing))
        return 1
    private, public = keys.load_or_create(args.key or keys.own_key_path())
    holder = f"mailto:{args.email}" if args.email else did_key_from_pem(public)
    made = fresh(Certificate(name, SELF, name, work.checked, holder, work.engine, expires=expires))
    _write(args, "certificate", made, private, public)
    print(f"Verify it with: llmlib verify {args.output / 'certificate.svg'}")
    return 0


def _issue(args, expires):
    if not args.key or not args.issuer:
        raise ValueError(
            '--gradebook needs --key FILE (made if it is new) and --issuer "Your Name or School"'
        )
    if not 0 < args.threshold <= 1:
        raise ValueError(
            f"--threshold is a share of all points, above 0 and at most 1, not {args.threshold:g}"
        )
    issuer, students = clean_name(args.issuer), earned.of_gradebook(args.gradebook)
    private, public = keys.load_or_create(args.key)
    register, issued, left = Register(args.key, args.status_url) if args.status_url else None, 0, 0
    for student in tqdm(students, desc="issuing", leave=False, file=sys.stderr):
        if student.share < args.threshold:
            print(
                f"{student.id}: {student.share:.0%} of all points, no certificate. Missing: {'; '.join(student.missing)}"
            )
            left += 1
            continue
        holder = (
            f"mailto:{student.email}"
            if student.email
            else f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, student.id)}"
        )
        checked = (
            f"{student.share:.0%} of all points in the gradebook; {args.threshold:.0%} were needed."
        )
        made = fresh(
            Certificate(
                clean_name(student.name), INSTRUCTOR, issuer, checked, holder, expires=expires
            )
        )
        file = re.sub(r"[^\w.@+-]", "_", student.id).lstrip(".") or "student"
        if (args.output / f"{file}.svg").exists():
            print(f"{student.id}: has {args.output / f'{file}.svg'} already")
            continue
        _write(
            args,
            file,
            made,
            private,
            public,
            register.enter(made, student.id) if register else None,
        )
        issued += 1
    print(
        f"{issued} issued, {left} below the threshold. Give verifiers {keys.public_path(args.key)}"
    )
    if register:
        _publish(args, register, private, public)
    return int(left > 0)


def _revoke(args):
    if not args.key or not args.key.exists():
        raise ValueError(
            "--revoke needs --key, the private key with which the certificate was issued"
        )
    private, public = keys.load_or_create(args.key)
    register = Register(args.key)
    if not register.url:
        raise ValueError(
            "this key has no register of certificates: only those issued with --status-url can be revoked"
        )
    for each in register.revoke(args.revoke):
        print(f"revoked {each}, {register.issued[each]['name']}")
    _publish(args, register, private, public)
    return 0


def _publish(args, register, private, public):
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "revoked.jwt"
    path.write_text(register.signed(private, public), encoding="ascii")
    print(f"Publish {path} at {register.url}")


def _write(args, file, made, private, public, status=None):
    args.output.mkdir(parents=True, exist_ok=True)
    svg, picture_for_people = args.output / f"{file}.svg", args.output / f"{file}.{args.picture}"
    _refuse_existing(svg)
    svg.write_bytes(bake(made, picture.draw(made, "svg"), private, public, status))
    picture_for_people.write_bytes(picture.draw(made, args.picture))
    print(
        f"{made.name}: {made.kind}\n  {svg} (the certificate)\n  {picture_for_people} (a picture of it)"
    )
    print(f"  LinkedIn: {linkedin_link(made)}")
    lacking = picture.undrawable(made.name)
    if lacking:
        print(
            f"  No font here has {lacking}: the .{args.picture} shows boxes for it, the .svg is right in any browser."
        )


def _refuse_existing(path):
    if path.exists():
        raise ValueError(f"{path} is there already: move it away, or give another --output")


def _day(text):
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(
            hour=23, minute=59, second=59, tzinfo=UTC
        )
    except ValueError:
        raise ValueError(f"--expires is a day such as 2030-12-31, not {text!r}") from None
