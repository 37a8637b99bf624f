"""Where user namespaces are withheld, grading says by whom and what helps; a sandbox in a sandbox
shows both."""

import subprocess
import sys

import pytest

from exercises.format.notebooks import ROOT
from grader.host.sandbox import Broken, Sandbox, Unavailable
from grader.sandbox_diagnostics import CONTAINERS, ELSE, SWITCHES, remedy

START = """
from grader.host.sandbox import Sandbox, Unavailable
try:
    Sandbox().close()
    print("it starts")
except Unavailable as reason:
    print(reason)
"""


@pytest.mark.unit
@pytest.mark.parametrize("file", SWITCHES)
def test_a_switch_of_the_kernel_is_named_with_the_command_that_turns_it(file, tmp_path):
    off, on, why = SWITCHES[file]
    command = f"sudo sysctl -w {file.replace('/', '.')}={on}"
    path = tmp_path / "proc/sys" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{off}\n")
    (tmp_path / ".dockerenv").touch()  # in a container the switch comes first: it binds there, too
    assert remedy(tmp_path, {}) == f"{why}: `{command}` allows them until the next start"
    for other in ("2", "", "x"):
        path.write_text(other)
        assert why not in remedy(tmp_path, {})


@pytest.mark.unit
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_known_by_its_mark(name, tmp_path):
    sign, what = CONTAINERS[name]
    (tmp_path / "run").mkdir()
    if "." in sign:
        (tmp_path / sign).touch()
    said = remedy(tmp_path, {} if "." in sign else {sign: "10.0.0.1"})
    assert f"({name}) withholds user namespaces: {what}" in said


@pytest.mark.unit
def test_elsewhere_it_says_what_is_needed(tmp_path):
    assert remedy(tmp_path, {"KUBERNETES": "1"}) == ELSE


def nested(*words):
    """What a grader says that starts in a container of its own, as an ordinary user."""
    user = "bwrap --dev-bind / / --proc /proc --unshare-user --uid 1000 --gid 1000".split()
    line = [*user, *words, "--", sys.executable, "-c", START]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout


@pytest.mark.proof
@pytest.mark.security
def test_in_a_container_that_has_namespaces_it_starts():
    assert nested("--unshare-pid") == "it starts\n"


@pytest.mark.security
def test_in_a_container_that_withholds_them_one_sentence_says_so():
    said = nested("--unshare-pid", "--disable-userns")
    assert said.startswith("The sandbox did not start (") and said.count("\n") == 1
    assert "amespace" in said and said.endswith(f": {remedy()}.\n")


@pytest.mark.unit
@pytest.mark.slow
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: the sandbox needs Linux")
def test_a_sandbox_that_can_start_no_process_is_found_before_there_is_a_submission(monkeypatch):
    """bubblewrap may have rights that what runs inside has not: nobody gets 0 points for that."""

    def fork(*_):
        raise Broken("the sandbox could not start a process (unshare: Operation not permitted)")

    monkeypatch.setattr(Sandbox, "_fork", fork)
    with pytest.raises(Unavailable, match="did not start .*unshare: Operation not permitted"):
        Sandbox(unsafe=True)
