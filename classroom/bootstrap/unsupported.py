"""Refuse computers and Pythons for which a package that the course needs has no build, and settings
that JupyterLab would not survive."""

import os
import platform
import re
import sys
import sysconfig


def refuse() -> None:
    """Raise SystemExit with one sentence where the packages do not exist, before pip finds out."""
    version = ".".join(map(str, sys.version_info[:2]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        sys.exit(
            f"The course needs Python 3.11 to 3.14, and this is {version}: "
            "try make lab PYTHON=python3.13"
        )
    if platform.python_implementation() != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit("The course needs the ordinary CPython: PyTorch has no build for this Python.")
    built_for, system = sysconfig.get_platform(), platform.system()  # such as "linux-x86_64"
    if sys.maxsize < 2**32:
        sys.exit("PyTorch has no build for a 32-bit Python: install a 64-bit one.")
    if system == "Darwin" and platform.machine() == "x86_64":
        sys.exit(
            "PyTorch no longer supports Macs with an Intel processor: use the course in Colab "
            "(docs/install.md) or on another computer; on a newer Mac, install a Python for arm64."
        )
    if built_for == "win-arm64":
        sys.exit("Some packages have no build for Windows on ARM: install the x86-64 Python.")
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        sys.exit("PyTorch needs a Linux with glibc, such as Debian, Ubuntu or Fedora.")
    if system == "Linux" and not built_for.endswith(("x86_64", "aarch64")):
        sys.exit(f"PyTorch has no build for {built_for}: on Linux, x86-64 and arm64 are supported.")


def refuse_proxy() -> None:
    """Raise SystemExit for a proxy's address without a scheme: pip takes it, JupyterLab ends."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            address = os.environ.get(variable, "")
            if address and not re.match(r"(https?|socks[45]h?)://[^/]", address, re.IGNORECASE):
                sys.exit(
                    f"{variable} is {address!r}, which is not a proxy's address: write it as "
                    f"http://HOST:PORT, or unset {variable}."
                )
