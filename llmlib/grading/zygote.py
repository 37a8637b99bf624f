"""Runs inside the sandbox and only our own code: loads torch once, then forks a jailed process per submission.

The fork gets namespaces of its own (user, mount, pid, ipc), an empty /tmp, no /proc, no sight of llmlib's source,
hard limits, no capabilities and no way to more. Nothing that it does can reach this process or the next fork.
"""

import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import socket
import time

LEARNER = 60001  # the uid inside when the grader is root
MB = 1 << 20
PATIENCE = 50  # times 2 ms
LAZY = ("plots", "widgets", "cli")  # slow to import, of no use to an exercise
SCRATCH = ("/tmp/", "/dev/shm/")  # noqa: S108 - each submission's own, empty
LIMITS = {
    resource.RLIMIT_AS: 4096 * MB,
    resource.RLIMIT_CPU: 600,  # seconds; the runner's own limits are tighter
    resource.RLIMIT_FSIZE: 64 * MB,
    resource.RLIMIT_NPROC: 64,
    resource.RLIMIT_NOFILE: 128,
    resource.RLIMIT_CORE: 0,
}
NEW_NS, NEW_IPC, NEW_USER, NEW_PID = 0x20000, 0x8000000, 0x10000000, 0x20000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, WITH_ALL_BELOW = 1, 2, 4, 8, 32, 4096, 16384
SET_DUMPABLE, DROP_FROM_BOUNDING_SET, SET_CHILD_SUBREAPER = 4, 24, 36
libc = ctypes.CDLL(None, use_errno=True)


def main(setup):
    setup = json.loads(setup)
    if setup["jail"] and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(LEARNER, LEARNER, LEARNER)
        os.setresuid(LEARNER, LEARNER, LEARNER)
        _call("prctl", SET_DUMPABLE, 1, 0, 0, 0)
    _call("prctl", SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = socket.socket(fileno=setup["socket"])
    load(setup["preload"])
    control.sendall(b"R")
    child = None
    while order := socket.recv_fds(control, 1, 1):
        what, handles = order[:2]
        if what == b"F":
            child, answer = fork(control, handles[0], setup)
            os.close(handles[0])
            control.sendall(answer)
        elif what == b"K":
            end(child, setup["jail"])
            child = None
            control.sendall(b"K")
        else:  # the grader is gone
            return end(child, setup["jail"])


def load(modules):
    """Import once what every submission needs. `modules` are the names that given cells import."""
    import torch

    import llmlib
    from llmlib.grading import boundary, off, student  # noqa: F401

    off.operators()

    torch.set_num_threads(1)
    names = [
        f"llmlib.{each.name}"
        for each in pkgutil.iter_modules(llmlib.__path__)
        if each.name not in LAZY
    ]
    for name in [*names, "llmlib.course.check", *modules]:
        with contextlib.suppress(
            Exception
        ):  # a module that is not there fails in the learner's cell, with its message
            importlib.import_module(name)
    if "llmlib.pretrained" in modules:
        from llmlib import pretrained

        pretrained.load = functools.cache(pretrained.load)
        with contextlib.suppress(Exception):
            pretrained.load("smollm2")
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared between forks


def fork(control, handle, setup):
    """Fork a process that serves the socket `handle`. Returns its pid and what to tell the grader."""
    jail = setup["jail"]
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:  # enters the namespaces; its own child is the first process in them
        try:
            control.close()
            os.close(read)
            with open(
                "/proc/self/oom_score_adj", "w"
            ) as file:  # when memory runs out, this one goes first
                file.write("1000")
            if jail:
                _enter(setup["python"])
            _limit()  # in the new user namespace: a limit set before would count the processes of all workers
            first = os.fork()
        except BaseException as error:  # noqa: BLE001 - told to the grader
            os.write(write, f"E{error}".encode()[:300])
            os._exit(1)
        if first:
            os.write(write, str(first).encode())
            os._exit(0)
        os.close(write)
        _serve(handle, jail)
    os.close(write)
    answer = os.read(read, 300)
    os.close(read)
    os.waitpid(middle, 0)
    return (None, answer or b"Eno process") if not answer.isdigit() else (int(answer), b"F")


def end(child, jail):
    """End a submission's first process, and with it all others in its namespace; wait until they are gone.

    Its socket is closed by now, so an honest one ends by itself at once; any other is killed.
    """
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        for _ in range(PATIENCE if child else 0):
            if os.waitpid(child, os.WNOHANG)[0]:
                break
            time.sleep(0.002)
        else:
            if child:
                os.kill(child, signal.SIGKILL) if jail else os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _serve(handle, jail):
    """The first process of a jail: starts the learner's, collects orphans, and takes all down when that one ends."""
    code = 1
    try:
        os.dup2(handle, 3)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.closerange(4, 4096)
        if jail:
            _drop_capabilities()
            learner = os.fork()
            if learner:
                os.close(3)
                while os.wait()[0] != learner:
                    pass
                os._exit(0)
        else:
            os.setpgid(0, 0)
        from llmlib.grading import student

        student.serve(socket.socket(fileno=3))
        code = 0
    finally:
        os._exit(code)


def _limit():
    for kind, value in LIMITS.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _enter(python):
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", NEW_USER | NEW_NS | NEW_PID | NEW_IPC)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")
    _mount(
        "tmpfs", "/course/llmlib", "tmpfs", 0, "size=64k"
    )  # no reading of answers; what is imported stays imported
    for name in os.listdir("/course/open"):
        os.mkdir(f"/course/llmlib/{name}")
        _mount(f"/course/open/{name}", f"/course/llmlib/{name}", "", BIND)
    _mount("", "/course/llmlib", "", REMOUNT | READ_ONLY | NO_SUID | NO_DEV)
    kept = {each: os.open(each, os.O_PATH) for each in python if each.startswith(SCRATCH)}
    for folder in SCRATCH:
        _mount("tmpfs", folder, "tmpfs", NO_SUID | NO_DEV, "size=256m,nr_inodes=4096,mode=0700")
    for (
        folder,
        handle,
    ) in (
        kept.items()
    ):  # a Python that lives in /tmp stays visible: torch imports parts of itself late
        os.makedirs(folder, exist_ok=True)
        _mount(f"/proc/self/fd/{handle}", folder, "", BIND | WITH_ALL_BELOW)
        os.close(handle)
    _mount("tmpfs", "/proc", "tmpfs", READ_ONLY, "size=4k")
    os.chdir("/tmp")  # noqa: S108


def _drop_capabilities():
    for number in range(64):
        libc.prctl(DROP_FROM_BOUNDING_SET, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def _mount(source, target, kind, flags, data=""):
    _call(
        "mount",
        source.encode(),
        target.encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    )


def _call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
