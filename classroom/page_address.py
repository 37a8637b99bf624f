"""Find the address at which a browser opens a file of this computer, near to it or far away."""

import os
from pathlib import Path
from urllib.parse import quote

from jupyter_server.serverapp import list_running_servers


def address(path: Path) -> str:
    """Return the address of a file or folder: by way of a running Jupyter server that serves it,
    since the browser may be on another computer; else file://."""
    path = path.resolve()
    for server in list_running_servers():
        root = Path(server["root_dir"]).resolve()
        if not path.is_relative_to(root):
            continue
        below = path.relative_to(root)
        if not any(part.startswith(".") for part in below.parts):  # Jupyter serves none of these
            kind = "files" if path.is_file() else "lab/tree"
            return f"{_reached(server['url'], server['base_url'])}{kind}/{quote(below.as_posix())}"
    return path.as_uri()


def _reached(url: str, base: str) -> str:
    """Return where a server is reached from outside. On a hub, its `url` is behind the hub's
    proxy."""
    if base != os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return url
    public = os.environ.get("JUPYTERHUB_PUBLIC_URL")  # where the hub's admin has set it
    return f"{public.rstrip('/')}/" if public else f"https://YOUR-HUB{base}"
