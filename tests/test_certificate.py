"""The certificate: accepted by the library's own verifier, refused after a change, never early."""

import base64
import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.dom.minidom import parseString

import nbformat
import pytest
from openbadgeslib.ob3 import OB3Verifier

from llmlib import cli
from llmlib.certificate import credential, keys, picture
from llmlib.certificate.credential import INSTRUCTOR, SELF, Certificate, bake, clean_name, fresh
from llmlib.certificate.status import Register
from llmlib.certificate.verify import (
    EXPIRED,
    REVOKED,
    TAMPERED,
    UNKNOWN_ISSUER,
    VALID,
    WRONG_HOLDER,
    verify,
)
from llmlib.course import cells
from llmlib.grading.gradebook import Book
from llmlib.grading.results import Graded, Outcome

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


def made(key, status=None, **change):
    """A baked certificate of Ada's."""
    plain = Certificate(
        "Ada Lovelace", SELF, "Ada Lovelace", "All passed.", "mailto:ada@example.org", "ab" * 32
    )
    whole = fresh(replace(plain, **change))
    return bake(whole, picture.draw(whole), *key, status)


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
    assert (
        b"SELF-ATTESTED" in baked and b"Nobody else vouches for it" in baked and b"ab" * 32 in baked
    )
    assert verify(baked, key[1], "ada  LOVELACE", "Ada@Example.org").status == VALID


def test_the_librarys_own_verifier_accepts_it(key, baked, tmp_path):
    (tmp_path / "c.svg").write_bytes(baked)
    (tmp_path / "public.pem").write_bytes(key[1])
    command = [
        sys.executable,
        "-m",
        "openbadgeslib.openbadges_verifier",
        "-V",
        "3",
        "-i",
        str(tmp_path / "c.svg"),
    ]
    trusted = [*command, "-k", str(tmp_path / "public.pem")]

    def status(*words):
        return subprocess.run(
            [*words], cwd=tmp_path, capture_output=True, text=True, timeout=300
        ).returncode

    assert status(*trusted, "-r", "ada@example.org") == 0
    assert status(*trusted, "-r", "eve@example.org") == 1
    assert (
        status(*command, "--resolve-did", "-r", "ada@example.org") == 2
    )  # valid, and by itself not to be trusted
    (tmp_path / "c.svg").write_bytes(
        with_token(baked, OB3Verifier.extract_token_from_svg(baked)[:-6] + "AAAAAA")
    )
    assert status(*trusted, "-r", "ada@example.org") == 1


def test_no_character_of_the_signed_text_can_be_changed(baked):
    token = OB3Verifier.extract_token_from_svg(baked)
    payload = range(
        token.index(".") + 1, token.rindex(".")
    )  # each of its bytes has its turn in the next test
    for at, letter in enumerate(token):
        if at in payload and at % 8:
            continue
        other = "B" if letter == "A" else "A"
        assert verify(with_token(baked, token[:at] + other + token[at + 1 :])).status == TAMPERED, (
            at
        )


def test_no_byte_of_the_payload_can_be_flipped(key, baked):
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
    found = verify(
        baked.replace(f">{old}<".encode(), f">{new}<".encode()).replace(
            f" {old}<".encode(), f" {new}<".encode()
        )
    )
    assert found.status == TAMPERED and "picture" in found.why and found.name == "Ada Lovelace"


def test_a_credential_moved_into_another_picture_is_seen(key, baked):
    other = made(key, name="Eve")
    assert verify(with_token(other, OB3Verifier.extract_token_from_svg(baked))).status == TAMPERED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<svg>",
        b"\xff" * 99,
    ],
)
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
    assert (
        verify(made(key, expires=datetime.now(UTC) - timedelta(days=1)), key[1]).status == EXPIRED
    )
    assert verify(made(key, expires=datetime.now(UTC) + timedelta(days=1)), key[1]).status == VALID


def test_an_expired_certificate_that_was_also_changed_is_called_changed(key):
    old = made(key, expires=datetime.now(UTC) - timedelta(days=1))
    head, payload, signature = OB3Verifier.extract_token_from_svg(old).split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert verify(with_token(old, f"{head}.{payload}.{flipped}")).status == TAMPERED


def test_another_issuers_list_cannot_revoke_or_clear(key, tmp_path):
    private, public = keys.load_or_create(tmp_path / "k.pem")
    register = Register(tmp_path / "k.pem", "https://example.org/revoked.jwt")
    whole = fresh(Certificate("Ada", INSTRUCTOR, "School", "90 %", "mailto:a@example.org"))
    svg = bake(whole, picture.draw(whole), private, public, register.enter(whole, "ada"))
    assert verify(svg, public).status == VALID and "not checked" in verify(svg, public).notes[0]
    clear = register.signed(private, public).encode()
    assert verify(svg, public, status_list=clear).status == VALID
    assert Register(tmp_path / "k.pem").revoke("ada") == [whole.id]
    taken = Register(tmp_path / "k.pem").signed(private, public).encode()
    assert verify(svg, public, status_list=taken).status == REVOKED
    forged = register.signed(*key).encode()
    assert verify(svg, public, status_list=forged).status == TAMPERED
    assert verify(svg, public, status_list=b"rubbish").status == TAMPERED


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_text_in_every_script(key, name):
    name = clean_name(name)
    svg = made(key, name=name)
    assert verify(svg, key[1], name=name).name == name
    document = parseString(svg)
    assert not document.getElementsByTagName("script") and not document.getElementsByTagName("b")
    words = "".join(
        child.data
        for node in document.getElementsByTagName("text")
        for child in node.childNodes
        if child.nodeType == child.TEXT_NODE
    )
    shown = re.sub(r"\s", "", words)
    assert re.sub(r"\s", "", name) in shown, "the whole name is drawn"
    assert picture.draw(fresh(Certificate(name, SELF, name, "x", "did:key:z")), "png").startswith(
        b"\x89PNG"
    )


def test_names_are_one_line_and_hide_nothing():
    assert clean_name("  Ada\n\tLovelace\x00 ") == "Ada Lovelace"
    assert clean_name("Ada\u202eevE") == "AdaevE"  # no turning round of what stands there
    for bad in ("", " \n", "\u200b", "x" * 201):
        with pytest.raises(ValueError, match="name"):
            clean_name(bad)


def test_what_no_font_has_is_named():
    assert picture.undrawable("Ada") == "" and picture.undrawable("\U00012000") == "\U00012000"


def test_keys_are_private_and_never_overwritten(tmp_path):
    path = tmp_path / "new" / "key.pem"
    private, public = keys.load_or_create(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert keys.load_or_create(path) == (private, public)
    assert b"PRIVATE" not in keys.public_path(path).read_bytes()
    for text in (b"", b"my diary", public):
        (tmp_path / "x.pem").write_bytes(text)
        (tmp_path / "x.pem").chmod(0o600)
        with pytest.raises(ValueError, match="not an Ed25519 private key"):
            keys.load_or_create(tmp_path / "x.pem")
        assert (tmp_path / "x.pem").read_bytes() == text
    path.chmod(0o644)
    with pytest.raises(ValueError, match="others may read"):
        keys.load_or_create(path)


def test_the_linkedin_link_is_filled_in():
    whole = fresh(
        Certificate(
            "Ada",
            INSTRUCTOR,
            "School & Söhne",
            "x",
            "mailto:a@b.c",
            expires=datetime(2031, 5, 1, tzinfo=UTC),
        )
    )
    fields = parse_qs(urlsplit(credential.linkedin_link(whole)).query)
    assert fields["startTask"] == ["CERTIFICATION_NAME"] and fields["organizationName"] == [
        "School & Söhne"
    ]
    assert fields["certId"] == [whole.id.removeprefix("urn:uuid:")] and fields[
        "expirationYear"
    ] == ["2031"]
    assert (
        SELF
        in parse_qs(urlsplit(credential.linkedin_link(replace(whole, kind=SELF))).query)["name"][0]
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A learner's computer with untouched notebooks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "notebooks").mkdir()
    for name in cells.names():
        (tmp_path / "notebooks" / f"{name}.ipynb").write_bytes(
            (cells.ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
        )
    return tmp_path


def certificate(home, *words):
    return cli.main(
        ["certificate", "--folder", str(home / "notebooks"), "--output", str(home / "out"), *words]
    )


def test_an_unfinished_course_gets_a_list_and_no_certificate(home, capsys):
    (home / "notebooks" / "04_layers.ipynb").write_text('{"cells": [')
    assert certificate(home, "--name", "Ada") == 1
    said = capsys.readouterr().out
    assert "No certificate yet" in said and "\n  04_layers: damaged or half saved" in said
    for name in cells.names():
        if name != "04_layers":
            assert all(
                f"{name}: {each.name}: not written yet" in said
                for each in cells.load(name).exercises
            )
    assert not (home / "out").exists() and not (home / "data").exists()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--name", " "],
        ["--name", "A", "--expires", "soon"],
        ["--gradebook", "x.db"],
        ["--revoke", "x"],
    ],
)
def test_misuse_is_one_sentence(home, capsys, words):
    assert certificate(home, *words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def gradebook(path, shares):
    """A gradebook in which each student has that share of the points of every notebook."""
    with Book(f"sqlite:///{path}", "course") as book:
        for name in cells.names():
            notebook = cells.load(name)
            book.add_assignment(notebook)
            for student, share in shares.items():
                with book.transaction() as nbgraders:
                    nbgraders.update_or_create_student(
                        student, first_name=student.title(), last_name="<Doe>"
                    )
                outcomes = (
                    Outcome(each.name, each.points * share, each.points)
                    for each in notebook.exercises
                )
                book.save(student, name, Graded(tuple(outcomes), (), False))
    return path


def test_an_instructor_issues_in_bulk_verifies_and_revokes(home, capsys):
    book = gradebook(home / "gradebook.db", {"ada": 1, "bob": 0.85, "eve": 0.5})
    key, public = home / "school.pem", home / "school.public.pem"
    words = [
        "--gradebook",
        str(book),
        "--key",
        str(key),
        "--issuer",
        "School",
        "--status-url",
        "https://example.org/r.jwt",
    ]
    assert certificate(home, *words) == 1
    said = capsys.readouterr().out
    assert (
        "2 issued, 1 below the threshold" in said
        and "eve: 50% of all points, no certificate. Missing: 01_tokens" in said
    )
    assert "PRIVATE" not in said and stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert sorted(each.name for each in (home / "out").iterdir()) == [
        "ada.png",
        "ada.svg",
        "bob.png",
        "bob.svg",
        "revoked.jwt",
    ]
    before = (home / "out" / "ada.svg").read_bytes()
    assert certificate(home, *words) == 1 and (home / "out" / "ada.svg").read_bytes() == before
    assert "0 issued" in capsys.readouterr().out
    against = ["--issuer-key", str(public), "--status-list", str(home / "out" / "revoked.jwt")]
    assert (
        cli.main(["verify", str(home / "out" / "bob.svg"), *against, "--name", "Bob <Doe>"])
        == VALID
    )
    assert "issued by an instructor" in capsys.readouterr().out
    assert certificate(home, "--key", str(key), "--revoke", "bob") == 0
    assert cli.main(["verify", str(home / "out" / "bob.svg"), *against]) == REVOKED
    assert cli.main(["verify", str(home / "out" / "ada.svg"), *against]) == VALID
    assert cli.main(["verify", str(home / "out" / "ada.svg")]) == UNKNOWN_ISSUER
    assert cli.main(["verify", str(home / "out" / "none.svg")]) == 2


def test_a_wrong_gradebook_is_not_created(home, capsys):
    assert (
        certificate(
            home,
            "--gradebook",
            str(home / "no.db"),
            "--key",
            str(home / "k.pem"),
            "--issuer",
            "School",
        )
        == 2
    )
    assert (
        "there is no gradebook" in capsys.readouterr().err
        and not (home / "no.db").exists()
        and not (home / "k.pem").exists()
    )


@pytest.mark.security
def test_a_finished_course_gets_its_certificate_by_the_trusted_path(home, capsys):
    for name in cells.names():
        path, solutions = (
            home / "notebooks" / f"{name}.ipynb",
            {each.name: each.solution for each in cells.load(name).exercises},
        )
        node = nbformat.read(path, as_version=4)
        for cell in node.cells:
            cell.source = solutions.get(cells.grade_id(cell), cell.source)
        nbformat.write(node, path)
    assert certificate(home, "--name", "Ada Lovelace", "--picture", "pdf") == 0
    said = capsys.readouterr().out
    assert "linkedin.com" in said and "PRIVATE" not in said
    svg = Path(home / "out" / "certificate.svg").read_bytes()
    assert verify(svg, name="Ada Lovelace").status == VALID
    assert b"hidden ones included" in svg and re.search(rb"my_llm.py\s+sha256 [0-9a-f]{64}", svg)
    assert (home / "out" / "certificate.pdf").read_bytes().startswith(b"%PDF")
    assert (
        certificate(home, "--name", "Ada Lovelace") == 2
    )  # an issued certificate is not overwritten
    assert (home / "out" / "certificate.svg").read_bytes() == svg
