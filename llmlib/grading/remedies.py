"""Why there is no sandbox, and what helps: bubblewrap is not installed, or the system withholds
user namespaces, as some do and most containers."""

import os
from collections.abc import Mapping
from pathlib import Path

MISSING = (
    "Learners' code runs only in a sandbox, and bubblewrap is missing: install bubblewrap (Debian, "
    "Ubuntu: `apt install bubblewrap`; Fedora: `dnf install bubblewrap`; macOS and Windows: grade "
    "inside Linux or WSL)."
)
SWITCHES = {  # file below /proc/sys: the value that withholds them, who sets it, the remedy
    "kernel/apparmor_restrict_unprivileged_userns": (
        *("1", "AppArmor withholds user namespaces, as Ubuntu does since 23.10"),
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    "kernel/unprivileged_userns_clone": (
        *("0", "this kernel is set to withhold user namespaces"),
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    "user/max_user_namespaces": (
        *("0", "this system is set to allow no user namespaces"),
        "sudo sysctl -w user.max_user_namespaces=15000",
    ),
}
CONTAINERS = {  # the container, by a file or a variable that it has: the remedy
    "Kubernetes (JupyterHub)": (
        *("KUBERNETES_SERVICE_HOST", "give its pod `securityContext: {seccompProfile: "),
        "{type: Unconfined}, procMount: Unmasked}` and `hostUsers: false`",
    ),
    "Podman": (
        *("run/.containerenv", "start it with `--security-opt seccomp=unconfined "),
        "--security-opt label=disable --security-opt unmask=ALL`",
    ),
    "Docker": (
        *(".dockerenv", "start it with `--security-opt seccomp=unconfined "),
        "--security-opt apparmor=unconfined --security-opt systempaths=unconfined`",
    ),
}
ELSE = "allow user namespaces, or grade on a machine that has them"


def remedy(root: Path = Path("/"), variables: Mapping[str, str] = os.environ) -> str:
    """A sentence without its full stop: what withholds user namespaces here, and what to do."""
    for file, (off, why, command) in SWITCHES.items():
        if _text(root / "proc/sys" / file) == off:
            return f"{why}: `{command}` allows them until the next start"
    for name, (sign, start, end) in CONTAINERS.items():
        if sign in variables or ("." in sign and (root / sign).exists()):
            return f"this container ({name}) withholds user namespaces: {start}{end}"
    return ELSE


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
