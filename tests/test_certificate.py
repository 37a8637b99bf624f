"""The certificate: accepted by the library's own verifier, refused after a change, never early."""

import base64
import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.dom.minidom import parseString

import forked_checks
import nbformat
import pytest
from openbadgeslib.keys import KeyRSA
from openbadgeslib.ob3 import OB3Verifier

from classroom import cli, my_llm
from classroom.checking import check_notebooks
from classroom.quiz import feedback_for
from exercises.format import notebooks
from grader.certificate import credential, eligibility, keys, picture
from grader.certificate.credential import INSTRUCTOR, SELF, Certificate, bake, clean_name
from grader.certificate.revocation import Register
from grader.certificate.verify import (
    EARLY,
    EXPIRED,
    REVOKED,
    TAMPERED,
    UNCHECKED,
    UNKNOWN_ISSUER,
    VALID,
    WRONG_HOLDER,
    verify,
)
from grader.gradebook import GradebookWriter
from grader.results import Graded, Outcome
from llmlib import files

pytestmark = [pytest.mark.unit, pytest.mark.slow]
NAMES = [
    "Ada Lovelace",
    "李小龍",
    "محمد بن عبد الله",
    "דוד כהן",
    "नरेन्द्र शर्मा",
    'O\'Neil "Bo" <b>&amp;</b> <script>alert(1)</script>',
    "$x^2$ %s {name} \\n",
    "Wolfeschlegelsteinhausenbergerdorff " * 5,
    "X",
    "Zoe\u0308",
]


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return keys.load_or_create(tmp_path_factory.mktemp("keys") / "key.pem")


def made(key, status=None, svg=None, **change):
    """A baked certificate of Ada's."""
    name, holder = "Ada Lovelace", "mailto:ada@example.org"
    whole = replace(Certificate(name, SELF, name, "All passed.", holder, "ab" * 32), **change)
    return bake(whole, svg or picture.draw(whole), *key, status)


@pytest.fixture(scope="module")
def baked(key):
    return made(key)


def with_token(svg, token):
    old = OB3Verifier.extract_token_from_svg(svg).encode()
    assert svg.count(old) == 1
    return svg.replace(old, token.encode())


def test_a_fresh_certificate_is_valid_and_says_what_kind_it_is(key, baked):
    found = verify(baked)
    assert (found.status, found.name, found.kind) == (VALID, "Ada Lovelace", SELF)
    assert "nobody else vouches" in found.notes[0]
    assert b"SELF-ATTESTED" in baked and b"Nobody else vouches for it" in baked
    assert b"ab" * 32 in baked
    assert verify(baked, key[1], "ada  LOVELACE", "Ada@Example.org").status == VALID


def test_the_librarys_own_verifier_accepts_it(key, baked, tmp_path):
    (tmp_path / "c.svg").write_bytes(baked)
    (tmp_path / "public.pem").write_bytes(key[1])
    command = [sys.executable, *"-m openbadgeslib.openbadges_verifier -V 3 -i c.svg -r".split()]

    def status(holder, *words):
        words = [*command, f"{holder}@example.org", *words]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=300).returncode

    trusted = "-k", "public.pem"
    assert status("ada", *trusted) == 0
    assert status("eve", *trusted) == 1
    assert status("ada", "--resolve-did") == 2  # valid, and by itself not to be trusted
    changed = OB3Verifier.extract_token_from_svg(baked)[:-6] + "AAAAAA"
    (tmp_path / "c.svg").write_bytes(with_token(baked, changed))
    assert status("ada", *trusted) == 1


@pytest.mark.proof
def test_no_character_of_the_signed_text_can_be_changed(baked):
    token = OB3Verifier.extract_token_from_svg(baked)
    payload = range(token.index(".") + 1, token.rindex("."))  # its bytes: in the next test
    for at, letter in enumerate(token):
        if at in payload and at % 8:
            continue
        changed = token[:at] + ("B" if letter == "A" else "A") + token[at + 1 :]
        assert verify(with_token(baked, changed)).status == TAMPERED, at


@pytest.mark.proof
def test_no_byte_of_the_payload_can_be_flipped(key):
    baked = made(key, svg=SVG)  # a small one: each of its bytes is read 700 times
    assert verify(baked, key[1]).status == VALID
    head, payload, signature = OB3Verifier.extract_token_from_svg(baked).split(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert b"Ada Lovelace" in raw
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        text = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert verify(with_token(baked, f"{head}.{text}.{signature}"), key[1]).status != VALID, at


@pytest.mark.parametrize(
    ("old", "new"),
    [("Ada Lovelace", "Eve Lovelace"), ("SELF-ATTESTED", "ISSUED"), ("ab" * 32, "cd" * 32)],
)
def test_a_change_in_the_picture_alone_is_seen(baked, old, new):
    for before in "> ":
        baked = baked.replace(f"{before}{old}<".encode(), f"{before}{new}<".encode())
    found = verify(baked)
    assert found.status == TAMPERED and "picture" in found.why and found.name == "Ada Lovelace"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<svg", b'<?xml-stylesheet href="data:text/css,text{display:none}"?><svg'),
        (b"</openbadges:credential>", b"<style>text{display:none}</style></openbadges:credential>"),
        (b"</openbadges:credential>", b"<script>alert(1)</script></openbadges:credential>"),
        (b"<openbadges:credential ", b'<openbadges:credential style="all:unset" '),
        (b"</svg>", b"<openbadges:credential><style/></openbadges:credential></svg>"),
        (b".dtd'>", b".dtd' [<!ATTLIST text display CDATA 'none'>]>"),
        (b".dtd'>", b".dtd' [<!ATTLIST svg onload CDATA 'alert(1)'>]>"),
    ],
)
def test_nothing_beside_the_credential_can_change_how_the_picture_looks(key, baked, old, new):
    whole = re.sub(rb"(<openbadges:credential [^>]*)/>", rb"\1></openbadges:credential>", baked)
    assert verify(whole).status == VALID and whole.count(old) == 1
    assert verify(whole.replace(old, new)).status == TAMPERED
    assert verify(whole.replace(old, new), key[1]).status == TAMPERED


def test_a_credential_moved_into_another_picture_is_seen(key, baked):
    other = made(key, name="Eve")
    assert verify(with_token(other, OB3Verifier.extract_token_from_svg(baked))).status == TAMPERED


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
DEEP = SVG.replace(b"/>", b">") + b"<g>" * 3000 + b"</g>" * 3000 + b"</svg>"


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", SVG, b"<svg>", b"\xff" * 99, DEEP])
def test_what_is_no_certificate_is_refused(data):
    assert verify(data).status == TAMPERED


def test_holder_issuer_and_expiry(key, tmp_path):
    theirs = keys.load_or_create(tmp_path / "other.pem")
    issued = made(key, kind=INSTRUCTOR, issuer="Prof. du Châtelet")
    assert b"ISSUED BY AN INSTRUCTOR" in issued and "Prof. du Châtelet".encode() in issued
    assert verify(issued).status == UNKNOWN_ISSUER
    assert verify(issued, theirs[1]).status == UNKNOWN_ISSUER
    assert verify(issued, key[1]).status == VALID and verify(issued, key[1]).kind == INSTRUCTOR
    assert verify(issued, key[1], name="Eve").status == WRONG_HOLDER
    assert verify(issued, key[1], email="eve@example.org").status == WRONG_HOLDER
    later = datetime.now(UTC) + timedelta(days=1)
    assert verify(made(key, expires=later), key[1]).status == VALID


@pytest.mark.parametrize(("status", "days"), [(EXPIRED, {"expires": -1}), (EARLY, {"issued": 1})])
def test_out_of_its_time_it_is_called_changed_only_if_it_was(key, status, days):
    when = {name: datetime.now(UTC) + timedelta(count) for name, count in days.items()}
    svg = made(key, **when)
    assert verify(svg, key[1]).status == status
    head, payload, signature = OB3Verifier.extract_token_from_svg(svg).split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert verify(with_token(svg, f"{head}.{payload}.{flipped}")).status == TAMPERED


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"url": null, "issued": {"a": {}}}'])
def test_a_damaged_register_is_named(text, tmp_path):
    (tmp_path / "k.register.json").write_text(text)
    with pytest.raises(ValueError, match=r"k\.register\.json is damaged"):
        Register(tmp_path / "k.pem")


def test_another_issuers_list_cannot_revoke_or_clear(key, tmp_path):
    private, public = keys.load_or_create(tmp_path / "k.pem")
    register = Register(tmp_path / "k.pem", "https://example.org/revoked.jwt")
    whole = Certificate("Ada", INSTRUCTOR, "School", "90 %", "mailto:a@example.org")
    svg = bake(whole, picture.draw(whole), private, public, register.enter(whole, "ada"))
    assert verify(svg, public).status == VALID and "not checked" in verify(svg, public).notes[0]
    clear = register.signed(private, public).encode()
    assert verify(svg, public, status_list=clear).status == VALID
    (note,) = verify(
        svg, public, status_list=clear
    ).notes  # whoever shows it may hand over an old one
    assert note.startswith(f"Not revoked in its issuer's list of {datetime.now(UTC):%Y-%m-%d};")
    forged = register.signed(*key).encode()
    del register  # which keeps others out, also those of this process
    assert Register(tmp_path / "k.pem").revoke("ada") == [whole.id]
    taken = Register(tmp_path / "k.pem").signed(private, public).encode()
    assert verify(svg, public, status_list=taken).status == REVOKED
    astray = entry("https://example.org/r.jwt") | {"statusListIndex": "x"}  # of its own, signed
    assert verify(made(key, astray), status_list=clear).status == TAMPERED
    for other in (forged, b"rubbish"):  # the list is at fault, not what was signed
        found = verify(svg, public, status_list=other)
        assert found.status == UNCHECKED and "the list cannot be used" in found.why


def entry(url):
    """A certificate's place in the list of revoked ones at this URL."""
    kind = "BitstringStatusListEntry"
    where = {"statusListCredential": url, "statusListIndex": "0", "statusPurpose": "revocation"}
    return {"id": f"{url}#0", "type": kind, **where}


FORGED = "\n  kind    issued by an instructor\n  issuer  ETH Zürich\x1b[8m"


@pytest.mark.parametrize(
    "change",
    [{"name": f"Ada{FORGED}"}, {"issuer": f"Ada{FORGED}"}, {"issuer": 5}, {"issuer": {"en": "x"}}],
)
def test_a_name_of_more_than_a_line_is_refused(key, change):
    whole = Certificate("Ada", SELF, "Ada", "All passed.", "mailto:a@b.c")
    assert verify(bake(whole, SVG, *key)).status == VALID
    found = verify(bake(replace(whole, **change), SVG, *key))
    assert (found.status, found.name) == (TAMPERED, "") and "name" in found.why


def test_what_a_certificate_says_cannot_add_a_line_to_the_verdict(key, tmp_path, capsys):
    path = tmp_path / "c.svg"
    path.write_bytes(made(key, entry(f"http://example.org/{FORGED}")))
    assert cli.main(["verify", str(path), "--online"]) == UNCHECKED
    said = capsys.readouterr().out
    fields = [line.split()[0] for line in said.splitlines()]
    assert fields == ["c.svg:", "holder", "course", "kind", "issuer", "issued"]
    assert "\x1b" not in said and "  kind    self-attested\n" in said


def test_without_a_network_revocation_is_unchecked_not_tampered_with(key, monkeypatch):
    def down(url):
        raise OSError("no network")

    monkeypatch.setattr("grader.certificate.verify.download_file", down)
    svg = made(key, entry("https://example.org/r.jwt"))
    found = verify(svg, online=True)
    assert (found.status, found.name) == (UNCHECKED, "Ada Lovelace") and "no network" in found.why
    assert verify(svg, name="Eve", online=True).status == WRONG_HOLDER
    monkeypatch.setattr("grader.certificate.verify.download_file", lambda url: b"rubbish")
    found = verify(svg, online=True)
    assert found.status == UNCHECKED and "the list cannot be used" in found.why


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_text_in_every_script(key, name):
    name = clean_name(name)
    svg = made(key, name=name)
    found = verify(svg, key[1], name=name)
    assert (found.status, found.name) == (VALID, name)
    document = parseString(svg)
    assert not document.getElementsByTagName("script") and not document.getElementsByTagName("b")
    nodes = [n for text in document.getElementsByTagName("text") for n in text.childNodes]
    shown = re.sub(r"\s", "", "".join(n.data for n in nodes if n.nodeType == n.TEXT_NODE))
    assert re.sub(r"\s", "", name) in shown, "the whole name is drawn"
    png = picture.draw(Certificate(name, SELF, name, "x", "did:key:z"), "png")
    assert png.startswith(b"\x89PNG")


def test_names_are_one_line_and_hide_nothing():
    assert clean_name("  Ada\n\tLovelace\x00 ") == "Ada Lovelace"
    assert clean_name("Ada\u202eevE") == "AdaevE"  # no turning round of what stands there
    for bad in ("", " \n", "\u200b", "x" * 201):
        with pytest.raises(ValueError, match="name"):
            clean_name(bad)


def test_keys_are_private_and_never_overwritten(tmp_path):
    path = tmp_path / "new" / "key.pem"
    private, public = keys.load_or_create(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert keys.load_or_create(path) == (private, public)
    assert b"PRIVATE" not in keys.public_path(path).read_bytes()
    for text in (b"", b"my diary", public):  # whoever may read it: it is no private key
        (tmp_path / "x.pem").write_bytes(text)
        (tmp_path / "x.pem").chmod(0o644)
        with pytest.raises(ValueError, match="not an Ed25519 private key"):
            keys.load_or_create(tmp_path / "x.pem")
        assert (tmp_path / "x.pem").read_bytes() == text
    assert keys.typed("~/k.pem") == Path.home() / "k.pem"
    path.chmod(0o644)
    with pytest.raises(ValueError, match="others may read"):
        keys.load_or_create(path)


@pytest.mark.parametrize("name", ["k.pem", "k.key"], ids=["made again", "of the same stem"])
def test_a_public_key_that_belongs_to_another_is_not_given_away(name, tmp_path):
    _, public = keys.load_or_create(tmp_path / "k.pem")
    (tmp_path / "k.pem").rename(tmp_path / "old.pem")
    file = keys.public_path(tmp_path / name)
    with pytest.raises(ValueError, match=r"k\.public\.pem belongs to another key: move it"):
        keys.load_or_create(tmp_path / name)
    assert file.read_bytes() == public and not (tmp_path / name).exists()
    file.rename(tmp_path / "old.public.pem")
    _, public = keys.load_or_create(tmp_path / name)
    assert file.read_bytes() == public
    file.write_bytes(public.replace(b"\n", b"\r\n"))  # as an editor of Windows saves it
    assert keys.load_or_create(tmp_path / name)[1] == public
    (tmp_path / "old.public.pem").replace(file)
    with pytest.raises(ValueError, match="belongs to another key"):
        keys.load_or_create(tmp_path / name)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o664, 0o444])
def test_a_file_written_again_keeps_who_may_read_it(bits, tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_text("old")
    path.chmod(bits)
    files.write(path, "new")
    assert path.read_text() == "new" and mode(path) == bits
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_of_ones_own_stays_one_and_anothers_leads_nowhere(tmp_path, monkeypatch):
    there, link = tmp_path / "there" / "real.txt", tmp_path / "link.txt"
    link.symlink_to(there)
    for text in ("new", "newer"):  # at first it leads to what is not there yet
        files.write(link, text)
        assert link.is_symlink() and there.read_text() == text
    there.chmod(0o777)
    monkeypatch.setattr(os, "geteuid", lambda: link.lstat().st_uid + 1)
    files.write(link, "mine")
    assert not link.is_symlink() and link.read_text() == "mine" and there.read_text() == "newer"
    assert not mode(link) & 0o111
    mine = f"{os.getpid()}{threading.get_ident()}"
    link.with_name(f".link.txt.{mine}").symlink_to(there)  # where it is written first
    files.write(link, "again")
    assert link.read_text() == "again" and there.read_text() == "newer"


def test_a_file_that_threads_write_at_once_is_always_whole(tmp_path):
    path, texts = tmp_path / "kept.json", ["a" * 300_000, "b" * 200_000, "c" * 100_000]
    with ThreadPoolExecutor(len(texts)) as pool:
        for _ in pool.map(lambda text: files.write(path, text), texts * 40):
            assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


class HeldOpen(PermissionError):
    """What Windows raises while a virus scanner reads the file."""

    winerror = 32


@pytest.mark.parametrize(("times", "comes"), [(0, "new"), (3, "new"), (99, "old")])
def test_a_file_that_a_scanner_holds_for_a_moment_is_waited_for(
    times, comes, tmp_path, monkeypatch
):
    waited, move, path = [], os.replace, tmp_path / "mine.ipynb"
    path.write_text("old")

    def scanned(part, path):
        if len(waited) < times:
            raise HeldOpen(13, "in use")
        move(part, path)

    monkeypatch.setattr(os, "replace", scanned)
    monkeypatch.setattr(files.time, "sleep", waited.append)
    with contextlib.suppress(OSError):
        files.write(path, "new")
    assert path.read_text() == comes and list(tmp_path.iterdir()) == [path]
    assert len(waited) == min(times, 5) and sum(waited) <= 3


def test_the_register_of_students_is_for_its_owner_alone(tmp_path):
    register = Register(tmp_path / "k.pem", "https://example.org/r.jwt")
    for student in ("ada", "bob"):
        register.enter(Certificate("Ada", INSTRUCTOR, "School", "x", "mailto:a@b.c"), student)
        assert mode(register.path) == 0o600


def test_the_linkedin_link_is_filled_in():
    end = datetime(2031, 5, 1, tzinfo=UTC)
    whole = Certificate("Ada", INSTRUCTOR, "School & Söhne", "x", "mailto:a@b.c", expires=end)

    def fields(made):
        link = urlsplit(credential.linkedin_link(made))
        return {name: value for name, (value,) in parse_qs(link.query).items()}

    said = fields(whole)
    assert said["startTask"] == "CERTIFICATION_NAME" and said["organizationName"] == whole.issuer
    assert said["certId"] == whole.id.removeprefix("urn:uuid:") and said["expirationYear"] == "2031"
    assert SELF in fields(replace(whole, kind=SELF))["name"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A learner's computer with untouched notebooks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "cache"))
    forked_checks.checks(monkeypatch)
    (tmp_path / "notebooks").mkdir()
    for name in notebooks.names():
        shutil.copy(notebooks.ROOT / "notebooks" / f"{name}.ipynb", tmp_path / "notebooks")
    return tmp_path


def test_first_answers_are_those_of_cells_not_of_texts(home, monkeypatch):
    """An edition keeps an answer to a question that is gone as a text, under its old number."""
    quiz = next(each for each in notebooks.notebooks() if each.number is None)
    path = home / "notebooks" / f"{quiz.name}.ipynb"
    solutions = {each.name: each.solution for each in quiz.exercises}
    node = nbformat.read(path, as_version=4)
    for cell in node.cells:
        cell.source = solutions.get(notebooks.grade_id(cell), cell.source)
    first = min(solutions)
    wrong = next(letter for letter in "ABCD" if not feedback_for(first, letter)[0])
    node.cells.append(nbformat.v4.new_markdown_cell(f'```python\n{first} = "{wrong}"\n```'))
    nbformat.write(node, path)
    monkeypatch.setattr(check_notebooks, "check", lambda **_: [])
    monkeypatch.setattr(my_llm, "collect", lambda folder: ("", []))
    monkeypatch.setattr(eligibility, "_hidden", lambda *_: iter(()))
    _, checked, _ = eligibility.of_notebooks(home / "notebooks", tick=lambda: None)
    assert checked.endswith(f"notes them: {len(solutions)} of {len(solutions)}.")


def certificate(home, *words):
    where = ["--folder", str(home / "notebooks"), "--output", str(home / "out")]
    return cli.main(["certificate", *where, *map(str, words)])


def test_an_unfinished_course_gets_a_list_and_no_certificate(home, capsys):
    (home / "notebooks" / "04_layers.ipynb").write_text('{"cells": [')
    assert certificate(home, "--name", "Ada") == 1
    much, where, more = capsys.readouterr().out.splitlines()
    books = {each.name: len(each.core) for each in notebooks.notebooks()} | {"04_layers": 1}
    assert much == f"No certificate yet. Missing or wrong: {sum(books.values())}."
    assert where == "Where: " + ", ".join(f"{name} {count}" for name, count in books.items())
    assert more == "To list them: llmlib certificate --missing"
    assert certificate(home, "--missing") == 1
    said = capsys.readouterr().out
    assert "\n04_layers: damaged, half saved" in said
    for each in (each for book in notebooks.notebooks() for each in book.core):
        if each.notebook != "04_layers":
            assert f"{each.notebook}: {each.name}: not written yet" in said
    assert not (home / "out").exists() and not (home / "data").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "the name is empty"),
        ("--name, ", "the name is empty"),
        ("--name,A,--expires,soon", "give a day such as 2030-12-31"),
        ("--name,A,--expires,2001-01-01", "which is in the past"),
        ("--gradebook,x.db", "--gradebook needs --key FILE"),
        ("--gradebook,x.db,--key,k,--issuer,I", "there is no gradebook x.db"),
        ("--gradebook,x.db,--key,k,--issuer,I,--threshold,80", "--threshold is a share"),
        ("--gradebook,x.db,--key,k,--issuer,I,--status-url,http://a.org", "begin with https://"),
        ("--revoke,x", "--revoke needs --key"),
        ("--name,A,--issuer,School", "--issuer is for instructors"),
        ("--name,A,--status-url,https://example.org/r.jwt", "--status-url is for instructors"),
        ("--name,A,--email,A <a@example.org>", "give the address only"),
    ],
)
def test_misuse_is_one_sentence(home, capsys, words, says):
    assert certificate(home, *filter(None, words.split(","))) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.strip().splitlines()) == 1


def gradebook(path, shares):
    """A gradebook in which each student has that share of the points of every notebook."""
    with GradebookWriter(f"sqlite:///{path}", "course") as book:
        for name in notebooks.names():
            notebook = notebooks.load(name)
            book.add_assignment(notebook)
            for student, share in shares.items():
                known = {"first_name": student.title(), "last_name": "<Doe>"}
                with book.transaction() as nbgraders:
                    nbgraders.update_or_create_student(student, **known)
                worth = [(each.name, each.points) for each in notebook.exercises]
                outcomes = tuple(Outcome(each, points * share, points) for each, points in worth)
                book.save(student, name, Graded(outcomes, (), False))
    return path


def test_an_instructor_issues_in_bulk_verifies_and_revokes(home, capsys):
    book = gradebook(home / "gradebook.db", {"ada": 1, "bob": 0.85, "eve": 0.7995})
    key, public = home / "school.pem", home / "school.public.pem"
    words = "--gradebook", book, "--key", key, "--issuer", "School"
    words = *words, "--status-url", "https://example.org/r.jwt"
    assert certificate(home, *words) == 1
    said = capsys.readouterr().out
    assert "2 issued, 1 not" in said
    assert "eve: 79.9% of all points, no certificate. Missing: 01_tokens" in said
    assert "PRIVATE" not in said and stat.S_IMODE(os.stat(key).st_mode) == 0o600
    made = sorted(each.name for each in (home / "out").iterdir())
    assert made == "ada.png ada.svg bob.png bob.svg revoked.jwt".split()
    before = (home / "out" / "ada.svg").read_bytes()
    assert certificate(home, *words[:-2]) == 1  # the key's register knows the URL
    assert (home / "out" / "ada.svg").read_bytes() == before
    assert "0 issued" in capsys.readouterr().out
    against = ["--issuer-key", str(public), "--status-list", str(home / "out" / "revoked.jwt")]

    def verified(name, *words):
        return cli.main(["verify", str(home / "out" / f"{name}.svg"), *words])

    assert verified("bob", *against, "--name", "Bob <Doe>") == VALID
    assert "issued by an instructor" in capsys.readouterr().out
    assert certificate(home, "--key", key, "--revoke", "bob") == 0
    assert verified("bob", *against) == REVOKED and verified("ada", *against) == VALID
    assert verified("ada") == UNKNOWN_ISSUER and verified("none") == 2


@pytest.mark.proof
def test_one_student_s_odd_name_costs_no_other_a_certificate(home, capsys):
    """Nor do two have one file."""
    odd = ["li wei", "li,wei", "li_wei", "x" * 201, ".zoë", "yy", "zz"]
    book = gradebook(home / "gradebook.db", dict.fromkeys(odd, 1))
    with (
        GradebookWriter(f"sqlite:///{book}", "course") as opened,
        opened.transaction() as nbgraders,
    ):
        nbgraders.update_or_create_student("yy", email="Yy <yy@example.org>")
        nbgraders.update_or_create_student("zz", first_name=" ", last_name=None)
    words = "--gradebook", book, "--key", home / "k.pem", "--issuer", "School"
    assert certificate(home, *words) == 1
    said = capsys.readouterr().out
    assert "5 issued, 2 not" in said and "no certificate: the name has 20" in said
    assert "yy: no certificate: the gradebook's address is 'Yy <yy@example.org>': give" in said
    made = sorted(each.stem for each in (home / "out").glob("*.svg"))
    assert made == ["%2Ezoë", "li%20wei", "li%2Cwei", "li_wei", "zz"]


def test_points_that_the_gradebook_takes_off_for_lateness_do_not_count(home):
    book = gradebook(home / "gradebook.db", {"ada": 1})
    with (
        GradebookWriter(f"sqlite:///{book}", "course") as nbgraders,
        nbgraders.transaction() as inside,
    ):
        late = inside.find_submission_notebook("03_attention", "03_attention", "ada")
        late.late_submission_penalty = 5.0
        worth = nbgraders.totals()["ada"]["03_attention"] + 5
    ada, *_ = eligibility.of_gradebook(str(book))
    assert ada.missing == (f"03_attention: {worth - 5:g} of {worth:g}",) and ada.share < 1


@pytest.mark.proof
@pytest.mark.security
def test_a_finished_course_gets_its_certificate_by_the_trusted_path(home, capsys):
    for name in notebooks.names():
        path = home / "notebooks" / f"{name}.ipynb"
        solutions = {each.name: each.solution for each in notebooks.load(name).exercises}
        node = nbformat.read(path, as_version=4)
        for cell in node.cells:
            cell.source = solutions.get(notebooks.grade_id(cell), cell.source)
        nbformat.write(node, path)
    assert certificate(home, "--name", "Ada Lovelace", "--picture", "pdf") == 0
    said = capsys.readouterr().out
    assert "linkedin.com" in said and "PRIVATE" not in said
    svg = Path(home / "out" / "certificate.svg").read_bytes()
    assert verify(svg, name="Ada Lovelace").status == VALID
    assert b"hidden ones included" in svg and re.search(rb"my_llm.py\s+sha256 [0-9a-f]{64}", svg)
    assert (home / "out" / "certificate.pdf").read_bytes().startswith(b"%PDF")
    assert certificate(home, "--name", "Ada Lovelace") == 2  # what was issued is not overwritten
    assert (home / "out" / "certificate.svg").read_bytes() == svg


UNKNOWN = "-----BEGIN PUBLIC KEY-----\nMAswBQYDKgMEAwIAAA==\n-----END PUBLIC KEY-----\n"


RSA = KeyRSA().generate_keypair()[1].decode()


@pytest.mark.parametrize(
    "text", ["no key", UNKNOWN, RSA], ids=["no PEM", "a kind nobody knows", "RSA"]
)
def test_a_public_key_that_is_none_is_refused_in_one_sentence(text, tmp_path):
    path = tmp_path / "key.public.pem"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not an Ed25519 public key in PEM form: ask"):
        keys.read_public(path)


@pytest.mark.parametrize(
    "odd", ["ada", "mailto:a@b.org", "A <a@b.org>", " a@b.org", "a@b.org,c@d.org"]
)
def test_an_address_stands_alone(odd):
    assert credential.clean_email("ada+x@example.org")
    with pytest.raises(ValueError, match="give the address only"):
        credential.clean_email(odd)
