"""Ports for the servers that tests start."""

import contextlib
import random
import socket


def free_port():
    """A port that nobody has, and that nobody is given by chance before its server has started: a
    system hands out higher ones to whoever asks for any (Linux from 32768 on)."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port from 20000 to 32000 is free")


@contextlib.contextmanager
def nobodys_port():
    """A port at which connections are refused: it is held, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
