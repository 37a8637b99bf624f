"""Refuse calls of the kernel that no answer needs to a submission's process, for good.

What they reach lies outside of namespaces (keys, priorities, locks, machines' sockets) or has had
more than its share of holes. And no program starts: a fresh Python would know of no refusal.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import Any

CALLS = {  # name: number on x86-64, on ARM 64
    "execve": (59, 221), "execveat": (322, 281), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "setpriority": (141, 140),
    "ioprio_set": (251, 30), "setsid": (112, 157), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    # Memory that no limit counts, System V's segments, semaphores and messages among it.
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "semget": (64, 190), "msgget": (68, 186),
    "syslog": (103, 116), "bpf": (321, 280), "perf_event_open": (298, 241),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "fsopen": (430, 430), "open_tree": (428, 428), "chroot": (161, 51),
    "pivot_root": (155, 41), "flock": (73, 32),
    # What others open, and which files are in memory: one submission could tell the next.
    "inotify_init": (253, 26), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    "preadv2": (327, 286), "fadvise64": (221, 223), "mincore": (27, 232), "cachestat": (451, 451),
}  # fmt: skip
FCNTL = 72, 25
LOCKS = 6, 7, 37, 38, 1024, 1026  # its commands that lock, lease or watch the machine's files
SOCKETS = (41, 198), (53, 199)  # socket, socketpair: of the family UNIX only
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
NUMBER, ARCH, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data
X32 = 0x40000000  # numbers of another convention, from here on
AF_UNIX = 1
NO_NEW_PRIVILEGES, GET_SECCOMP, SET_SECCOMP, FILTER = 38, 21, 22, 2
libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """Call a function of the C library. Raises OSError where it fails."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


class Program(ctypes.Structure):
    """Describe the kernel's sock_fprog: a filter's length and where it is."""

    _fields_ = [("length", ctypes.c_ushort), ("text", ctypes.c_char_p)]


def refuse() -> None:
    """Refuse them from now on, here and in all children. Without effect on other machines than
    those listed, and where the kernel has no filters. Raises OSError."""
    if platform.machine() not in MACHINES or libc.prctl(GET_SECCOMP, 0, 0, 0, 0) < 0:
        return
    column, arch = MACHINES[platform.machine()]
    sockets, locks = [numbers[column] for numbers in SOCKETS], FCNTL[column]
    text = program([numbers[column] for numbers in CALLS.values()], sockets, locks, arch)
    words = Program(len(text) // 8, text)
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("prctl", SET_SECCOMP, FILTER, ctypes.byref(words), 0, 0)


def program(calls: list[int], sockets: list[int], locks: int, arch: int) -> bytes:
    """Return the filter in the language of the Berkeley packet filter, 8 bytes a step: code, how
    many steps to leave out if the comparison holds and if not, operand."""
    steps = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, X32), (RETURN, 0, 0, REFUSE)]
    for number in calls:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    for number in sockets:
        steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 1, 0, AF_UNIX)]
        steps += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    steps += [(EQUAL, 0, 2 * len(LOCKS) + 1, locks), (LOAD, 0, 0, SECOND_ARGUMENT)]
    for command in LOCKS:
        steps += [(EQUAL, 0, 1, command), (RETURN, 0, 0, REFUSE)]
    steps += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
