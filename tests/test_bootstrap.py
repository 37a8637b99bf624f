"""Setting up: done once, resumed after an interruption, repeated when the list of dependencies
changes."""

import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ports import nobodys_port

from classroom.bootstrap import __main__ as setup
from classroom.bootstrap import open_jupyter, steps, torch_build, unsupported
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
SETUP = Path(setup.__file__)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An empty house in a temporary folder: `steps` are those that were run, `broken` is one that
    fails."""
    for name in setup.LISTS:
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup, "_torch_range", lambda: "torch>=2.9,<3")

    class House:
        root, steps, commands, broken = tmp_path, [], [], None

    def run(what, command, folder, **options):
        House.steps.append(what.split(" (")[0])
        House.commands.append([str(word) for word in command])
        if House.broken == House.steps[-1]:
            sys.exit("interrupted")
        if House.steps[-1] == "make .venv":
            python = setup._venv_python()
            python.parent.mkdir(parents=True)
            stands_in_for_this_one(python)
        return str(tmp_path)

    monkeypatch.setattr(steps, "run", run)
    monkeypatch.setattr(steps, "download", run)
    monkeypatch.setattr(torch_build, "install", lambda *_: House.steps.append("choose torch"))
    return House


def stands_in_for_this_one(python):
    """A link would start the Python below this one's environment, which may come without pip."""
    if sys.platform == "win32":
        python.symlink_to(sys.executable)
    else:
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)


STARTS = ["start the environment's Python"]


def done(house, wanted="lab", **options):
    house.steps.clear()
    house.commands.clear()
    setup.set_up(wanted, **options)
    return [step for step in house.steps if step not in STARTS]


INSTALL = ["update pip", "choose torch", "install the packages"]
INSTALL += ["install the model", "prepare the model"]


def test_a_second_run_does_nothing(house):
    assert done(house) == ["make .venv", *INSTALL]
    assert done(house) == []


def test_tests_need_more_than_lab_but_not_twice(house):
    done(house)
    assert done(house, "test") == INSTALL
    assert done(house, "test") == done(house) == []


@pytest.mark.parametrize("step", [each for each in INSTALL if each != "choose torch"])
def test_an_interrupted_run_resumes(house, step):
    house.broken = step
    with pytest.raises(SystemExit):
        setup.set_up("lab")
    house.broken = None
    assert done(house) == INSTALL
    assert done(house) == []


def test_a_set_up_that_breaks_after_a_whole_one_is_not_taken_for_whole(house):
    done(house)
    (house.root / "pyproject.toml").write_text("y")
    house.broken = "install the packages"
    with pytest.raises(SystemExit):
        setup.set_up("lab")
    (house.root / "pyproject.toml").write_text("x")  # back to the list that was whole
    house.broken = None
    assert done(house) == INSTALL


def test_a_broken_environment_is_made_anew(house):
    done(house)
    python = setup._venv_python()
    python.unlink()
    python.symlink_to(house.root / "removed")
    assert done(house) == ["make .venv", *INSTALL]


@pytest.mark.parametrize("name", setup.LISTS)
def test_a_changed_list_is_installed_again(house, name):
    done(house)
    (house.root / name).write_text("y")
    assert done(house) == INSTALL


def put(site, name, version, summary):
    """A distribution as pip records it."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
    )
    (info / "RECORD").write_text("")
    return info


ASKED = ["--disable-pip-version-check", "--no-input", "uninstall", "-y", "llmlib"]
SUMMARY = "From Tokens to Tokens: write an LLM engine, function by function, that runs a real model"


@pytest.mark.parametrize("version", ["1.0.0", "1.2.4"])
def test_the_course_under_its_earlier_name_makes_room_for_the_new_one(house, version):
    """An .venv of before: whole, of another list, its distribution called llmlib."""
    done(house)
    (house.root / "pyproject.toml").write_text("the new list")
    earlier = put(house.root, "llmlib", version, SUMMARY)
    assert done(house) == ["remove the course's earlier name", *INSTALL]
    assert [words[3:] for words in house.commands if "uninstall" in words] == [ASKED]
    shutil.rmtree(earlier)  # as pip does
    assert done(house) == []


def test_another_project_called_llmlib_is_named_and_the_next_set_up_is_whole(house):
    done(house)
    other = put(house.root, "llmlib", "0.2.0", "Portability lib for model APIs")
    for _ in range(2):  # found by a set-up that has nothing to do, and by one that has
        with pytest.raises(SystemExit) as stopped:
            setup.set_up("lab")
        said = str(stopped.value)
        assert said.startswith("The course cannot start: the package llmlib 0.2.0 in ")
        assert f'"{setup._venv_python()}" -m pip uninstall llmlib, then start this again' in said
    assert [step for step in house.steps if step not in STARTS] == ["make .venv", *INSTALL]
    shutil.rmtree(other)
    assert done(house) == INSTALL


def test_in_a_python_of_ones_own_no_environment_is_made(house, monkeypatch):
    monkeypatch.setattr(setup.sys, "prefix", str(house.root))
    assert done(house, in_place=True) == [step for step in INSTALL if step != "update pip"]


def test_where_packages_are_somebody_elses_none_is_pinned_and_torch_stays(house, monkeypatch):
    """Colab: torch is held at the version that is there, nothing else is; no JupyterLab comes."""
    monkeypatch.setattr(setup.sys, "prefix", str(house.root))
    info = house.root / "torch-2.9.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1+cu126\n")
    (info / "RECORD").write_text("")
    assert done(house, keep=True) == INSTALL[2:]
    (packages,) = [words for words in house.commands if words[-1].endswith("[notebook]")]
    assert packages[-4:-1] == ["-c", str(house.root / "build/held.txt"), "-e"]
    assert (house.root / "build/held.txt").read_text() == "torch==2.9.1+cu126\n"


def test_the_first_cell_for_colab_does_what_the_page_says(monkeypatch):
    """From the folder it goes to it runs this set-up with --keep, then imports this llmlib."""
    page = ROOT / "docs/install.md"
    lines = [each.strip() for each in page.read_text("utf-8").splitlines()]
    at = lines.index("!git clone ADDRESS course")
    go, run, look = lines[at + 1 : at + 4]
    monkeypatch.chdir(ROOT / Path(go.removeprefix("%cd ")).relative_to("course"))
    _, script, *words = run.split()
    assert Path(script, "__main__.py").resolve() == SETUP
    asked = []
    monkeypatch.setattr(setup, "set_up", lambda *words: asked.append(words))
    assert setup.main(words) == 0 and asked == [("lab", False, True)]
    monkeypatch.setattr(sys, "path", [*sys.path])
    exec(look)
    assert Path(sys.path[0]).resolve() == ROOT


def test_two_set_ups_at_once_install_once(house):
    """The second waits for the first and finds everything done."""
    setup._venv_python()
    with ThreadPoolExecutor(2) as both:
        assert len(set(both.map(setup.set_up, ["lab"] * 2))) == 1  # the same Python, no error
    assert house.steps.count("install the packages") == 1


def test_a_lock_is_given_back_by_a_process_that_is_killed(tmp_path):
    lock = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from classroom.bootstrap import steps\n"
        f"with steps.lock(Path({str(lock)!r})): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == f"held{os.linesep}".encode()
    assert not steps._locked(open(lock, "a+b"))
    holder.kill()
    holder.communicate()
    with steps.lock(lock):
        pass


def test_packages_whose_installation_was_cut_off_are_forgotten(tmp_path):
    for name in ("whole", "cut_off"):
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info" / "METADATA").write_text("")
    (tmp_path / "whole-1.0.dist-info" / "RECORD").write_text("")
    steps.forget_half_installed(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole-1.0.dist-info"]


Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_said_before_anything_is_downloaded(house, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**11, 10**11, 10**9))
    with pytest.raises(SystemExit, match=r"has 1\.0 GB free and the course needs 2\.5: make room"):
        done(house)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**11, 10**11, 27 * 10**8))
    with pytest.raises(SystemExit, match=r"has 2\.7 GB free and the course needs 3: make room"):
        done(house, "test")
    assert house.steps == []


def test_no_package_has_a_longer_path_than_is_tried():
    site = sysconfig.get_path("purelib")
    files = (
        each for one in importlib.metadata.distributions(path=[site]) for each in one.files or ()
    )
    paths = [os.path.normpath(f"{site}/{file}") for file in files]
    assert len(paths) > 10_000 and max(map(len, paths)) - len(f"{site}/") <= steps.LONGEST
    most = 259 - len("/.venv/Lib/site-packages/") - steps.LONGEST
    assert f"at most {most} characters" in (ROOT / "docs/install.md").read_text("utf-8")


def test_what_was_set_up_beside_other_packages_lacks_jupyterlab(house):
    """`--keep` installs little into this Python; `--here` on the same one installs the rest."""
    assert done(house, keep=True) and not done(house, keep=True)
    assert "install the packages" in done(house, in_place=True)


SAYINGS = {
    "OSError: [Errno 28] No space left on device": "the disk is full",
    "Retrying ... NewConnectionError: [Errno -2] Name or service not known": "cannot be reached",
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed'))": "the proxy "
    "http://proxy.test:3128 does not answer",
    "OSError: [Errno 30] Read-only file system: '/x'": "/x cannot be written to",
    "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried": "the memory is full",
    "THESE PACKAGES DO NOT MATCH THE HASHES": "differs from what was pinned",
    "Collecting x\nERROR: No matching distribution found for x==9": "it said 'ERROR: No matching "
    "distribution found for x==9'",
    "ERROR: Could not install: [Errno 2] No such file\nHINT: Long Path support is off, "
    "see https://pip.pypa.io": "No such file' and 'HINT: Long Path support is off, see https://pip.pypa.io'",
    "OSError: [WinError 126] Das Modul wurde nicht gefunden. Error loading c10.dll": "install "
    "Microsoft's Visual C++ Redistributable, https://aka.ms",
    "PermissionError: [WinError 32] Kein Zugriff: 'C:\\\\a b\\\\y.dll'": "another "
    "program has C:\\a b\\y.dll open: close JupyterLab, pause OneDrive",
    "OSError: [WinError 389] Der Clouddateianbieter: 'C:\\\\x'": "OneDrive does not give C:\\x out",
    "llmlib: the model could not be written to /y": "could not be written to /y; then start",
}


@pytest.mark.parametrize("said", SAYINGS)
def test_a_failing_step_is_one_sentence(said, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s@secret@proxy.test:3128")
    code = f"import sys; print('Collecting', flush=True); sys.stderr.write({said!r}); sys.exit(1)"
    with pytest.raises(SystemExit) as stopped:
        steps.run("install the packages", [sys.executable, "-c", code], tmp_path)
    sentence = str(stopped.value)
    assert sentence.startswith("Could not install the packages: ") and "\n" not in sentence
    assert SAYINGS[said].format(folder=tmp_path) in sentence and "secret" not in sentence


def test_an_install_is_tried_three_times_where_the_index_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "PAUSES", (0, 0))
    code = "import sys; open('tries', 'a').write('x'); sys.exit({!r})"
    for said, tries in {"HTTP error 503 while getting x": 3, "No space left on device": 1}.items():
        command = [sys.executable, "-c", code.format(said)]
        with pytest.raises(SystemExit, match="^Could not install"):
            steps.patiently(steps.run, "install", command, tmp_path)
        assert len((tmp_path / "tries").read_text()) == tries
        (tmp_path / "tries").unlink()
    once = (
        "import os, sys; os.path.exists('x') or sys.exit(open('x', 'w').write('') or 'dns error')"
    )
    steps.patiently(steps.run, "install", [sys.executable, "-c", once], tmp_path)


def test_without_a_network_pip_s_failure_is_one_sentence(tmp_path):
    """The real pip against an index that nobody serves."""
    words = ["install", "-q", "--retries", "1", "--target", tmp_path, "nothing-of-that-name"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    with nobodys_port() as port:
        command = [sys.executable, *setup.PIP, *words, "--index-url", f"http://127.0.0.1:{port}/"]
        with pytest.raises(SystemExit, match="the package index cannot be reached"):
            steps.run("install the packages", command, tmp_path, env=environment)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "build").write_text("a file where a folder should be")
    with pytest.raises(SystemExit, match="build cannot be written to"):
        with steps.lock(tmp_path / "build" / "setup.lock"):
            pass


def test_a_used_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used"):
            open_jupyter._refuse_used(port)


@pytest.mark.parametrize("minor", [10, 11, 14, 15])
def test_another_python_is_refused(minor, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, minor, 0))
    if minor in (11, 14):
        return unsupported.refuse()
    with pytest.raises(SystemExit, match=f"needs Python 3.11 to 3.14, and this is 3.{minor}"):
        setup.main(["lab"])


ENDS = [
    (platform, "python_implementation", "PyPy", "ordinary CPython"),
    (sysconfig, "Py_GIL_DISABLED", 1, "ordinary CPython"),
    (sysconfig, "get_platform", "win-arm64", "install the x86-64 Python"),
    (sysconfig, "HOST_GNU_TYPE", "x86_64-pc-linux-musl", "with glibc"),
    (sysconfig, "get_platform", "linux-armv7l", "no build for linux-armv7l"),
    (sys, "maxsize", 2**31 - 1, "64-bit"),
]


@pytest.mark.parametrize(("where", "name", "value", "sentence"), ENDS)
def test_a_dead_end_is_one_sentence(where, name, value, sentence, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    if hasattr(where, name):
        monkeypatch.setattr(where, name, value if where is sys else lambda *_: value)
    else:
        monkeypatch.setattr(where, "get_config_var", {name: value}.get)
    with pytest.raises(SystemExit, match=sentence):
        unsupported.refuse()


def test_an_unknown_word_is_refused():
    done = subprocess.run(
        [sys.executable, SETUP, "lap"], capture_output=True, encoding="utf-8", check=False
    )
    sentence = "Unknown word 'lap': give nothing, lab, formgrader, check, test or proof.\n"
    assert done.returncode == 1 and done.stderr == sentence


def test_without_a_clone_there_is_nothing_to_set_up(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="is an installed package: type llmlib lab"):
        setup.main(["lab"])


def test_a_proxy_without_a_scheme_is_one_sentence(monkeypatch):
    for address in ("", "http://proxy.test:3128", "socks5h://127.0.0.1:9"):
        monkeypatch.setenv("HTTPS_PROXY", address)
        unsupported.refuse_proxy()
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    with pytest.raises(SystemExit, match="HTTPS_PROXY is 'proxy.test:3128'.*http://HOST:PORT"):
        setup.main(["lab"])


PIP = """import sys
assert "--quiet" not in sys.argv and sys.argv[-2:] == ["--progress-bar", "raw"]
print("  Downloading torch-2.13.0+cpu-cp311-linux.whl (190 MB)")
for part in (0, 19_000_000, 190_000_000):
    print(f"Progress {part} of 190000000", flush=True)
print("ERROR: No space left on device" if "fail" in sys.argv else "done")
sys.exit("fail" in sys.argv)
"""


def test_on_a_terminal_a_download_shows_bytes_and_time_left(tmp_path, monkeypatch, capsys):
    (tmp_path / "pip.py").write_text(PIP)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    pip = [sys.executable, tmp_path / "pip.py", "--quiet"]
    steps.download("install the packages", pip, tmp_path)
    assert "torch: 19.0 of 190.0 MB, about " in capsys.readouterr().out
    assert steps.progress("torch", 50_000_000, 200_000_000, 4.0).endswith("about 12 s left")
    with pytest.raises(SystemExit, match="install the packages: the disk is full: make room"):
        steps.download("install the packages", [*pip, "fail"], tmp_path)
