"""Confine one submission's process: namespaces, mounts, limits, no capabilities. Each is a call to
the kernel that a process cannot take back, before any code of the learner's runs."""

import ctypes
import os
import resource

from grader.guest.seccomp import call, libc, refuse

MB = 1 << 20
SCRATCH = ("/tmp/", "/dev/shm/")
DEVICES = "null", "zero", "full", "random", "urandom", "tty", "console"  # this machine's own
LIMITS = {
    resource.RLIMIT_AS: 4096 * MB,
    resource.RLIMIT_CPU: 600,  # seconds; the grader's own limits are tighter
    resource.RLIMIT_FSIZE: 64 * MB,
    resource.RLIMIT_NPROC: 32,
    resource.RLIMIT_NOFILE: 128,
    resource.RLIMIT_CORE: 0,
}
NEW_NS, NEW_IPC, NEW_USER, NEW_PID = 0x20000, 0x8000000, 0x10000000, 0x20000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, WITH_ALL_BELOW = 1, 2, 4, 8, 32, 4096, 16384
DROP_FROM_BOUNDING_SET, CAPABILITY_VERSION_3 = 24, 0x20080522


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Call mount(2). Raises OSError."""
    words = (text.encode() for text in (source, target, kind))
    call("mount", *words, ctypes.c_ulong(flags), data.encode())


def enter(python: list[str]) -> None:
    """Enter namespaces in which its next child is the first. `python` are its folders."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", NEW_USER | NEW_NS | NEW_PID | NEW_IPC)
    for file, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{uid} {uid} 1"),
        ("/proc/self/gid_map", f"{gid} {gid} 1"),
        ("/proc/sys/user/max_user_namespaces", "0"),  # no further ones, in which it would be root
    ):
        with open(file, "w", encoding="ascii") as out:
            out.write(text)
    # A Python that lives in /tmp stays visible: torch imports parts of itself late.
    below = [folder for folder in python if folder.startswith(SCRATCH)]
    handles = {folder: os.open(folder, os.O_PATH) for folder in below}
    for folder in SCRATCH:
        mount("tmpfs", folder, "tmpfs", NO_SUID | NO_DEV, "size=256m,nr_inodes=4096,mode=0700")
    for folder, handle in handles.items():
        os.makedirs(folder, exist_ok=True)
        mount(f"/proc/self/fd/{handle}", folder, "", BIND | WITH_ALL_BELOW)
        os.close(handle)
    # Devices can be used, but not dated: by their times one submission could tell the next.
    for device in filter(os.path.exists, (f"/dev/{name}" for name in DEVICES)):
        mount("", device, "", REMOUNT | BIND | READ_ONLY | NO_SUID | NO_EXEC)
    if os.path.isdir("/dev/pts"):
        mount("tmpfs", "/dev/pts", "tmpfs", READ_ONLY, "size=4k")  # terminals
    mount("tmpfs", "/proc", "tmpfs", READ_ONLY, "size=4k")  # no other process in sight
    os.chdir("/tmp")


def limit(jailed: bool) -> None:
    """Set hard limits. Before the new user namespace, they would count all workers' processes; so
    where there is none, processes are not counted: those of this user's whole session would be."""
    limits = LIMITS if jailed else {k: v for k, v in LIMITS.items() if k != resource.RLIMIT_NPROC}
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def drop_capabilities() -> None:
    """Drop all rights; none can be had by starting a program."""
    for number in range(64):
        libc.prctl(DROP_FROM_BOUNDING_SET, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())
    refuse()
