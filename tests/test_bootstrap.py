"""Setting up: done once, resumed after an interruption, repeated when the list of dependencies
changes."""

import importlib.metadata
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import zipfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import required_tools
from ports import nobodys_port

from classroom.bootstrap import __main__ as setup
from classroom.bootstrap import name_clash, open_jupyter, steps, torch_build, unsupported
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


def test_a_removal_that_was_cut_off_is_resumed(house):
    put(house.root, "llmlib", "1.2.4", SUMMARY)
    house.broken = "remove the course's earlier name"
    with pytest.raises(SystemExit):
        setup.set_up("lab")
    house.broken = None
    assert "remove the course's earlier name" in done(house)


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


def test_the_removal_of_the_earlier_name_leaves_the_command(tmp_path):
    """Real pip, real wheels: both names have a command llmlib, and the later one's stays."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "-q", "--disable-pip-version-check"]
    made = [tmp_path / f"{name}-1.2.4-py3-none-any.whl" for name in ("llmlib", "from_tokens")]
    for wheel in made:
        name, info = wheel.name.split("-")[0], f"{wheel.name.split('-')[0]}-1.2.4.dist-info"
        with zipfile.ZipFile(wheel, "w") as file:
            about = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2.4\nSummary: {SUMMARY}\n"
            file.writestr(f"{info}/METADATA", about)
            file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            file.writestr(f"{info}/entry_points.txt", "[console_scripts]\nllmlib = sys:exit\n")
            file.writestr(f"{info}/RECORD", "")
    subprocess.run([*pip, "install", "--no-index", made[0]], check=True)
    site = next((tmp_path / "env").rglob("site-packages"))
    assert name_clash.earlier(site) and name_clash.stranger(site) is None
    subprocess.run([*pip, "uninstall", "-y", "llmlib"], check=True)
    subprocess.run([*pip, "install", "--no-index", made[1]], check=True)
    assert not name_clash.earlier(site)
    assert [path.stem for path in python.parent.glob("llmlib*")] == ["llmlib"]


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


@pytest.fixture
def deepest():
    """The longest path that this system allows."""
    return os.pathconf("/", "PC_PATH_MAX") - 1  # the last byte is a zero


@pytest.mark.skipif("os.name == 'nt'", reason="left out: the limit of Windows is a setting of it")
@pytest.mark.parametrize("too_many", [0, 1])
def test_a_folder_too_deep_for_the_packages_is_refused(house, deepest, too_many, monkeypatch):
    """To the character, before anything is done; what was tried is gone."""
    monkeypatch.chdir(house.root)
    below = setup._packages(setup.VENV).relative_to(house.root)
    missing = deepest + too_many - len(f"{house.root}//{below}/") - steps.LONGEST
    deep = "".join("x" if n % 99 else "/" for n in range(missing))
    root = Path(f"{house.root}/{deep.lstrip('/')}x")
    root.mkdir(parents=True)
    for name in setup.LISTS:
        (root / name).write_text("x")
    monkeypatch.setattr(setup, "ROOT", root)
    monkeypatch.setattr(setup, "VENV", root / ".venv")
    house.steps.clear()
    if not too_many:
        assert done(house) == ["make .venv", *INSTALL]
    else:
        said = "is too deep: .* Move the course to a shorter folder, such as C:.tokens, and start"
        with pytest.raises(SystemExit, match=said):
            setup.set_up("lab")
        assert house.steps == [] and not setup.VENV.exists()
    assert not (root / "build" / "deep").exists()


def test_no_package_has_a_longer_path_than_is_tried():
    site = sysconfig.get_path("purelib")
    files = (
        each for one in importlib.metadata.distributions(path=[site]) for each in one.files or ()
    )
    paths = [os.path.normpath(f"{site}/{file}") for file in files]
    assert len(paths) > 10_000 and max(map(len, paths)) - len(f"{site}/") <= steps.LONGEST
    most = 259 - len("/.venv/Lib/site-packages/") - steps.LONGEST
    assert f"at most {most} characters" in (ROOT / "docs/install.md").read_text("utf-8")


def test_what_is_added_to_a_set_up_needs_less_room(house, monkeypatch):
    done(house)
    (house.root / setup.LISTS[0]).write_text("another list")
    monkeypatch.setattr(torch_build, "installed", lambda _: "cpu")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**11, 10**11, 9 * 10**8))
    with pytest.raises(SystemExit, match=r"has 0\.9 GB free and the course needs 1: make room"):
        done(house)
    assert house.steps[-1] == "start the environment's Python"  # nothing was done
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**11, 10**11, 12 * 10**8))
    assert done(house) == INSTALL


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


@pytest.mark.skipif("os.name == 'nt'", reason="left out: Windows kills no program for memory")
def test_a_step_that_is_killed_says_that_the_memory_is_full(tmp_path):
    code = "import os; print('99 %', flush=True); os.kill(os.getpid(), 9)"
    with pytest.raises(SystemExit, match="prepare the model: the memory is full: close other"):
        steps.run("prepare the model", [sys.executable, "-c", code], tmp_path)


def test_without_a_network_pip_s_failure_is_one_sentence(tmp_path):
    """The real pip against an index that nobody serves."""
    words = ["install", "-q", "--retries", "1", "--target", tmp_path, "nothing-of-that-name"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    with nobodys_port() as port:
        command = [sys.executable, *setup.PIP, *words, "--index-url", f"http://127.0.0.1:{port}/"]
        with pytest.raises(SystemExit, match="the package index cannot be reached"):
            steps.run("install the packages", command, tmp_path, env=environment)


@pytest.mark.needs("bubblewrap")
def test_with_a_read_only_home_the_set_up_writes_beside_the_course(tmp_path):
    """A mount that is really read-only, since root may write wherever permissions forbid it."""
    (tmp_path / "home").mkdir()
    code = f"""
import os, pathlib
from classroom.bootstrap import steps
steps.home(pathlib.Path({str(tmp_path / "build")!r}))
pathlib.Path.home().joinpath("settings").write_text("kept")
steps.home(pathlib.Path("never"))
"""
    mounts = ["--dev-bind", "/", "/", "--ro-bind", tmp_path / "home", tmp_path / "home"]
    done = subprocess.run(
        [required_tools.bubblewrap()[0], *mounts, sys.executable, "-c", code],
        env={**os.environ, "HOME": str(tmp_path / "home")},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and "home cannot be written to: using" in done.stdout
    assert (tmp_path / "build" / "settings").read_text() == "kept"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "build").write_text("a file where a folder should be")
    with pytest.raises(SystemExit, match="build cannot be written to"):
        with steps.lock(tmp_path / "build" / "setup.lock"):
            pass


@pytest.mark.slow
def test_a_path_with_spaces_and_umlauts(tmp_path, monkeypatch):
    """A real environment in such a folder runs, and so do the programs in it."""
    root = tmp_path / "Bücher und Kurse"
    root.mkdir()
    monkeypatch.setattr(setup, "VENV", root / ".venv")
    python = setup._venv_python()
    subprocess.run([sys.executable, "-m", "venv", setup.VENV], check=True)
    assert setup._works(python) and setup._site(python).is_relative_to(root)
    subprocess.run([python.parent / "pip", "--version"], check=True, capture_output=True)


def test_a_locale_that_knows_no_umlaut(tmp_path):
    """Such a path reaches the set-up, and the programs that it starts, as it is."""
    code = f"""
import subprocess, sys
from pathlib import Path
from classroom.bootstrap import __main__ as setup, steps
setup.ROOT = Path({str(ROOT)!r})
def set_up(*_):
    Path(sys.argv[1]).mkdir()
    said = steps.run("look", [sys.executable, "-c", "import os; print(os.getcwd())"], sys.argv[1])
    sys.exit("" if said.strip() == sys.argv[1] else said)
setup.set_up = set_up
setup.main([])
"""
    forced = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-c", code, str(tmp_path.resolve() / "Bücher")]
    done = subprocess.run(words, env={**os.environ, **forced}, capture_output=True, cwd=ROOT)
    assert done.stderr.strip() == b"" and (tmp_path / "Bücher").is_dir()


def test_a_folder_whose_name_is_not_utf8_is_one_sentence(monkeypatch):
    monkeypatch.setattr(setup, "ROOT", ROOT.parent / "B\udcfccher")
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(SystemExit, match=r"B.udcfccher' is not in UTF-8: rename it"):
        setup.main([])


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_senseless_port_is_refused(port, monkeypatch):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(SystemExit, match="give a number from 1 to 65535"):
        open_jupyter.open_formgrader(Path("python"), setup.ROOT, [])


def test_a_used_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used"):
            open_jupyter._refuse_used(port)


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("port", ["", "8899"])
def test_a_computer_with_ipv6_only_is_one_sentence(port):
    """A network of its own, whose loopback device loses its IPv4 address."""
    code = """
import ctypes, fcntl, os, socket, struct
from pathlib import Path
assert ctypes.CDLL(None, use_errno=True).unshare(0x50000000) == 0  # users and network
with socket.socket(type=socket.SOCK_DGRAM) as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sh22x", b"lo", 1))  # up
    fcntl.ioctl(any, 0x8916, struct.pack("16sh22x", b"lo", socket.AF_INET))  # is 0.0.0.0
from classroom.bootstrap import open_jupyter
os.execv = os.chdir = print
open_jupyter._open(Path("python"), Path("."), [])
"""
    words, environment = [sys.executable, "-c", code], {**os.environ, "PORT": port}
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, encoding="utf-8")
    said = "This computer has no address 127.0.0.1, by which a notebook speaks with its kernel: "
    assert done.returncode == 1 and done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_learner_s_programs_wait_asleep_and_find_llmlib(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PATH": "/usr/bin", "GOMP_SPINCOUNT": "7"})
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda *_: None)
    open_jupyter._open(Path("/somewhere/.venv/bin/python"), setup.ROOT, [])
    assert os.environ["PATH"] == f"/somewhere/.venv/bin{os.pathsep}/usr/bin"
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["GOMP_SPINCOUNT"] == "7"  # one's own choice stays


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 15)])
def test_another_python_is_refused(version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    with pytest.raises(SystemExit, match=f"needs Python 3.11 to 3.14, and this is 3.{version[1]}"):
        setup.main(["lab"])


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 13, 0), (3, 14, 0)])
def test_these_pythons_are_accepted(version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    unsupported.refuse()


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


def test_an_intel_mac_is_a_dead_end_with_a_way_out(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(SystemExit, match="Intel processor: use the course in Colab"):
        unsupported.refuse()


def test_help_is_what_the_file_says_of_itself():
    done = subprocess.run([sys.executable, SETUP, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--keep" in done.stdout and "formgrader" in done.stdout


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


def test_pipes_that_cannot_write_an_ellipsis(tmp_path):
    """A Windows pipe is cp1252 or worse; the set-up writes UTF-8 all the same."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "TORCH": "…"}
    done = subprocess.run([sys.executable, SETUP], capture_output=True, env=environment)
    assert done.returncode == 1 and "TORCH is '…'" in done.stderr.decode("utf-8")


@pytest.mark.parametrize("address", ["nonsense", "proxy.test:3128", "ftp://proxy.test", "http://"])
@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_proxy_without_a_scheme_is_one_sentence(variable, address, monkeypatch):
    monkeypatch.setenv(variable, address)
    with pytest.raises(SystemExit, match=f"{variable} is '{address}'.*http://HOST:PORT, or unset"):
        setup.main(["lab"])


@pytest.mark.parametrize("address", ["", "http://proxy.test:3128", "socks5h://127.0.0.1:9"])
def test_these_proxies_are_accepted(address, monkeypatch):
    monkeypatch.setenv("https_proxy", address)
    unsupported.refuse_proxy()


@pytest.mark.skipif(sys.platform == "win32", reason="left out: SIGINT of one process needs Unix")
def test_ctrl_c_while_jupyterlab_loads_is_no_traceback(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)")
    words = [sys.executable, "-m", "classroom.lab.jupyter", "slow"]
    where = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=tmp_path, env=where, **pipes) as process:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == "" and process.returncode == 130


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
