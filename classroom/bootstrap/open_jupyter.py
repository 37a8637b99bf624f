"""Open JupyterLab: for learners on work/, for instructors on Formgrader."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

from . import steps

SETTINGS = Path(__file__).resolve().parents[1] / "lab"  # no pop-ups, no instructor's menus, …


def open_lab(python: Path, root: Path, words: list[str]) -> int:
    """Replace this process by JupyterLab on a clone's work/, once that is up to date. Raises
    SystemExit with one sentence."""
    command = [python, "-m", "classroom.folder.work", root]
    news = steps.run("bring work/ up to date", command, root, env=steps.activated(python))
    return open_work(python, root / "work", news, words)


def open_work(python: Path, work: Path, news: str, words: list[str], on_hub: bool = False) -> int:
    """Do the same on a learner's folder. What changed there is printed, and on the start page.
    on_hub: a JupyterHub started this process, and the JupyterLab is a part of it."""
    print(news, end="", flush=True)
    os.environ["LLM_COURSE_NEWS"] = news
    style = {"static_custom_path": [str(SETTINGS / "custom")]}
    options = [
        f"--LabApp.extra_labextensions_path={SETTINGS / 'labextensions'}",
        "--LabApp.custom_css=True",
        f"--ServerApp.tornado_settings={style!r}",
    ]
    paths = [SETTINGS / "hub"] if on_hub else []  # nbgrader's Assignment List, too
    if on_hub:  # below no terminal, Jupyter starts login shells, which forget where llmlib is
        shell = {"shell_command": [os.environ.get("SHELL") or "sh"]}
        options.append(f"--ServerApp.terminado_settings={shell!r}")
    more = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        map(str, [*paths, SETTINGS, *([more] if more else [])])
    )
    return _open(
        python, work, [*options, *words], "jupyterhub.singleuser" if on_hub else "jupyterlab"
    )


def open_formgrader(python: Path, root: Path, words: list[str]) -> int:
    """Do the same in the course's folder, where nbgrader's configuration is the instructor's."""
    option = "--ServerApp.jpserver_extensions={'grader.formgrader': True}"
    return _open(python, root, ["--LabApp.default_url=/lab?formgrader=true", option, *words])


def _open(python: Path, folder: Path, words: list[str], program: str = "jupyterlab") -> int:
    command = [python, "-P", "-m", "classroom.lab.jupyter", program]
    command.append(f"--LabApp.app_settings_dir={SETTINGS}")
    if program == "jupyterlab":  # else the hub says where
        command += _address()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container there is no other user
    print("Opening JupyterLab; stop it with Ctrl-C.", flush=True)
    words = [str(word) for word in (*command, *words)]
    os.chdir(folder)
    os.environ.update(steps.activated(python))  # a terminal there finds `llmlib`
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads made a cell 28 times
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # slower beside any other busy program
    if os.name == "nt":
        with subprocess.Popen(words) as lab:
            while True:
                with contextlib.suppress(KeyboardInterrupt):  # is JupyterLab's, which asks back
                    return lab.wait()
    os.execv(words[0], words)


def _address() -> list[str]:
    """Return the words for the port and the browser that the environment asks for. SystemExit."""
    words, port = [], os.environ.get("PORT", "")
    if port:
        if not port.isdecimal() or not 0 < int(port) < 65536:
            sys.exit(f"PORT is {port!r}: give a number from 1 to 65535.")
        words += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    _refuse_used(int(port or 0))
    if os.environ.get("BROWSER") == "0":
        words.append("--no-browser")
    return words


def _refuse_used(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                sys.exit(
                    "This computer has no address 127.0.0.1, by which a notebook speaks with its "
                    "kernel: switch IPv4 on for the loopback device, then start again."
                )
            sys.exit(
                f"Port {port} cannot be used ({error.strerror}): "
                f"choose another, such as PORT={port % 65535 + 1}."
            )
