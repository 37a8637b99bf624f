"""A class on one Linux machine, where every learner has an account. docs/hub.md says how this file
is used; JupyterHub's own documentation names all settings.

In the folder of this file are env/ (the environment with the course), model/ and exchange/.
"""

import importlib.util
import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 (JupyterHub provides it)
course = Path(__file__).resolve().parent
programs = Path(sys.executable).parent  # of env/, from which the hub is started

# Who may enter: every account of this machine, with its password. A university's login comes by
# another class, such as that of jupyterhub-ltiauthenticator, which Canvas and Moodle speak with.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"instructor"}

# Where it answers. Put a certificate here, or let a web server that has one pass requests on.
c.JupyterHub.bind_url = "http://:8000"
# c.JupyterHub.ssl_key, c.JupyterHub.ssl_cert = "/etc/ssl/private/hub.pem", "/etc/ssl/certs/hub.pem"
# c.JupyterHub.public_url = "https://hub.example.edu"  # llmlib names pages by it
# The proxy of this name in Python needs no Node.js. It passes on ten requests at a time, and an
# answer when it is whole, so Talk's words come all at once. For a class take JupyterHub's own:
# npm install -g configurable-http-proxy, and its path alone as the command.
c.ConfigurableHTTPProxy.command = [
    str(programs / "configurable-http-proxy"),
    "--proxy-timeout=600000",  # ms for an answer: Talk's first one outlasts its own 20 seconds
]
# The units llmlib-proxy.service and llmlib-hub.service set this token. The proxy is a program of
# its own then, and what learners run goes on while the hub restarts. Without it the hub starts its
# proxy, and ends all with itself.
if os.environ.get("CONFIGPROXY_AUTH_TOKEN"):
    c.ConfigurableHTTPProxy.should_start = False
    c.JupyterHub.cleanup_servers = False

# What a learner gets: JupyterLab on ~/work with the start page. At each start a newer edition of
# the notebooks is laid in, and what the learner wrote is kept.
c.Spawner.cmd = [str(programs / "llmlib"), "lab", "--hub"]
c.Spawner.environment = {
    "LLMLIB_MODEL": str(course / "model"),
    "LLM_COURSE_EXCHANGE": str(course / "exchange"),  # for nbgrader_config.py
}
c.Spawner.start_timeout = 120  # seconds; the first start lays out the notebooks
c.Spawner.http_timeout = 120

# What a learner may take. systemd holds them to it; without its spawner these are words only.
c.Spawner.mem_limit = "4G"
c.Spawner.cpu_limit = 2
if importlib.util.find_spec("systemdspawner"):  # pip install jupyterhub-systemdspawner
    c.JupyterHub.spawner_class = "systemd"

# Servers that nobody has used for half an hour are ended: a notebook keeps its memory until then.
# What was saved stays, the kernel's variables do not.
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=1800"],
    }
]
