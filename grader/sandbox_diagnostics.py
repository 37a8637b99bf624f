"""Explain why there is no sandbox, and what helps: bubblewrap is not installed, or the system
withholds user namespaces, as some do and most containers."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

MISSING = (
    "Learners' code runs only in a sandbox, and bubblewrap is missing: install bubblewrap (Debian, "
    "Ubuntu: `apt install bubblewrap`; Fedora: `dnf install bubblewrap`; macOS and Windows: grade "
    "inside Linux or WSL)."
)
UBUNTU = "AppArmor withholds user namespaces, as Ubuntu does since 23.10"
KERNEL = "this kernel is set to withhold user namespaces"
SWITCHES = {  # file below /proc/sys: the value that withholds them, one that allows them, who does
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0", UBUNTU),
    "kernel/unprivileged_userns_clone": ("0", "1", KERNEL),
    "user/max_user_namespaces": ("0", "15000", "this system is set to allow no user namespaces"),
}
POD = (
    "give its container `securityContext: {seccompProfile: {type: Unconfined}, "
    "appArmorProfile: {type: Unconfined}, procMount: Unmasked}` and its pod `hostUsers: false`"
)
OPEN = "start it with `--security-opt seccomp=unconfined --security-opt "
CONTAINERS = {  # the container: a file or a variable that it has, the remedy
    "Kubernetes (JupyterHub)": ("KUBERNETES_SERVICE_HOST", POD),
    "Podman": ("run/.containerenv", f"{OPEN}label=disable --security-opt unmask=ALL`"),
    "Docker": (".dockerenv", f"{OPEN}apparmor=unconfined --security-opt systempaths=unconfined`"),
}
ELSE = "allow user namespaces, or grade on a machine that has them"


def remedy(root: Path = Path("/"), variables: Mapping[str, str] = os.environ) -> str:
    """Return a sentence, no full stop: what withholds user namespaces here, and what to do."""
    for file, (off, on, cause) in SWITCHES.items():
        with contextlib.suppress(OSError, ValueError):  # no such switch here
            if (root / "proc/sys" / file).read_text(encoding="ascii").strip() == off:
                command = f"sudo sysctl -w {file.replace('/', '.')}={on}"
                return f"{cause}: `{command}` allows them until the next start"
    for name, (sign, advice) in CONTAINERS.items():
        if sign in variables or ("." in sign and (root / sign).exists()):
            return f"this container ({name}) withholds user namespaces: {advice}"
    return ELSE
