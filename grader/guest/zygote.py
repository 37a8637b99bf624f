"""Run inside the sandbox, only our own code: load torch once, then fork for each submission.

A fork is confined by jail.py: nothing that it does reaches this process or the next
fork. Orders come over a socket: F7 with a socket makes fork 7, which serves it; K7 ends that fork.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import time
from typing import NoReturn

from grader.guest import jail

LEARNER = 60001  # the uid inside when the grader is root
LOOKS = 50  # every 2 ms
SET_DUMPABLE, SET_CHILD_SUBREAPER = 4, 36


def main(text: str) -> None:
    """Serve orders until the grader is gone. `text` is the JSON that host/sandbox.py wrote."""
    setup = json.loads(text)
    if setup["jail"] and os.getuid() == 0:
        os.chmod("/tmp", 0o1777)
        os.setgroups([])
        os.setresgid(LEARNER, LEARNER, LEARNER)
        os.setresuid(LEARNER, LEARNER, LEARNER)
        jail.call("prctl", SET_DUMPABLE, 1, 0, 0, 0)
    jail.call("prctl", SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans come here and are collected
    control = socket.socket(fileno=setup["socket"])
    load(setup["preload"], setup["disallowed"])
    children: dict[bytes, int] = {}
    while True:
        order, handles, *_ = socket.recv_fds(control, 32, 1)
        letter, number = order[:1], order[1:]
        if letter == b"F":
            pid, answer = fork(control, handles[0], setup)
            os.close(handles[0])
            if pid:
                children[number] = pid
            control.sendall(answer)
        elif letter == b"K":
            end(children.pop(number, 0), setup["jail"])
            control.sendall(b"K")
        else:  # the grader is gone
            for pid in children.values():
                end(pid, setup["jail"])
            return


def load(names: list[str], disallowed: list[str]) -> None:
    """Import once what every submission needs: `names` that given cells import, modules or not. The
    operators that `disallowed` stands for are watched before any cell runs."""
    import torch

    from exercises import torch_blocker
    from grader.guest import process  # noqa: F401

    torch_blocker.watch(disallowed)
    torch.set_num_threads(1)
    torch.ones(1, 1).half() @ torch.ones(1, 1).half()  # looks at the processor: no cell may
    for name in (*names, "IPython.core.inputtransformer2"):  # one "?" at a line's end needs it
        with contextlib.suppress(Exception):  # what is not there fails in the learner's cell
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared between forks


def fork(control: socket.socket, handle: int, setup: dict) -> tuple[int | None, bytes]:
    """Fork a process that serves the socket `handle`: its pid, and what to tell the grader."""
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:  # enters the namespaces; its own child is the first process in them
        try:
            control.close()
            os.close(read)
            # memory runs out: this one first
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write("1000")
            if setup["jail"]:
                jail.enter(setup["python"])
            jail.limit(setup["jail"])
            first = os.fork()
        except BaseException as error:  # noqa: BLE001 - told to the grader
            os.write(write, f"E{error}".encode()[:300])
            os._exit(1)
        if first:
            os.write(write, str(first).encode())
            os._exit(0)
        os.close(write)
        serve(handle, setup["jail"])
    os.close(write)
    answer = os.read(read, 300)
    os.close(read)
    os.waitpid(middle, 0)
    return (int(answer), b"F") if answer.isdigit() else (None, answer or b"Eno process")


def end(child: int, jailed: bool) -> None:
    """End a submission's first process, and with it all in its namespace; wait until they are gone.
    Its socket is closed by now, so an honest one ends by itself at once; any other is killed."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        for _ in range(LOOKS):
            if not child or os.waitpid(child, os.WNOHANG)[0]:
                break
            time.sleep(0.002)
        else:
            (os.kill if jailed else os.killpg)(child, signal.SIGKILL)
            os.waitpid(child, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # orphans
            pass


def serve(handle: int, jailed: bool) -> NoReturn:
    """Be the first confined process: start the learner's, collect orphans, end with it."""
    try:
        os.setsid()  # in a session of its own it cannot signal the zygote's process group
        os.dup2(handle, 3)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.closerange(4, 4096)
        if jailed:
            jail.drop_capabilities()
            learner = os.fork()
            if learner:
                os.close(3)
                while os.wait()[0] != learner:
                    pass
                os._exit(0)
        from grader.guest import process

        process.serve(socket.socket(fileno=3))
    finally:
        os._exit(0)
