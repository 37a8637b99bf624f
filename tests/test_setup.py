"""Setting up: done once, resumed after an interruption, repeated when the list of dependencies changes."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmlib.course import setup

pytestmark = pytest.mark.unit


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An empty house in a temporary folder: `steps` are those that were run, `broken` is one that fails."""
    for name in setup.LISTS:
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")

    class House:
        root, steps, broken = tmp_path, [], None

    def run(what, *command, **options):
        House.steps.append(what.split(" (")[0])
        if House.broken == House.steps[-1]:
            sys.exit("interrupted")
        if House.steps[-1] == "make .venv":
            python = setup._venv_python()
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)

    monkeypatch.setattr(setup, "_run", run)
    return House


def steps(house, wanted="lab"):
    house.steps.clear()
    setup.set_up(wanted)
    return list(house.steps)


INSTALL = ["install the packages", "install the model", "prepare the model"]


def test_a_second_run_does_nothing(house):
    assert steps(house) == ["make .venv", *INSTALL]
    assert steps(house) == []


def test_tests_need_more_than_lab_but_not_twice(house):
    steps(house)
    assert steps(house, "test") == INSTALL
    assert steps(house, "test") == steps(house) == []


@pytest.mark.parametrize("step", INSTALL)
def test_an_interrupted_run_resumes(house, step):
    house.broken = step
    with pytest.raises(SystemExit):
        setup.set_up("lab")
    house.broken = None
    assert steps(house) == INSTALL
    assert steps(house) == []


def test_a_broken_environment_is_made_anew(house):
    steps(house)
    python = setup._venv_python()
    python.unlink()
    python.symlink_to(house.root / "removed")
    assert steps(house) == ["make .venv", *INSTALL]


@pytest.mark.parametrize("name", setup.LISTS)
def test_a_changed_list_is_installed_again(house, name):
    steps(house)
    (house.root / name).write_text("y")
    assert steps(house) == INSTALL


def test_a_failing_step_is_one_sentence():
    with pytest.raises(SystemExit, match="^Could not install the packages: see the message above"):
        setup._run("install the packages", sys.executable, "-c", "raise SystemExit(1)")


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_senseless_port_is_refused(port, monkeypatch):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(SystemExit, match="give a number from 1 to 65535"):
        setup.open_lab(Path("python"), [])


def test_a_used_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used"):
            setup._refuse_used(port)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_refused(version, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", version)
    with pytest.raises(SystemExit, match=f"this is 3.{version[1]}"):
        setup.main(["lab"])


def test_an_unknown_word_is_refused():
    path = Path(setup.__file__)
    done = subprocess.run([sys.executable, path, "lap"], capture_output=True, text=True)
    assert (
        done.returncode == 1 and done.stderr == "Unknown word 'lap': give nothing, lab or test.\n"
    )
