"""A class on the hub of docs/hub.md, on one machine and in one account: the hub's files with other
ports, its proxy and the hub as their units start them, and learners who speak HTTP as a browser
does. For `benchmarks.hub_load` and the tests.
"""

import contextlib
import http.cookiejar
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid
from configparser import ConfigParser
from pathlib import Path

import websocket

from benchmarks.memory import family
from exercises.format.notebooks import ROOT
from llmlib import assets

RECIPE = ROOT / "docs" / "hub"
PASSWORD = "secret"
PATIENCE = 300  # seconds for one answer on a busy machine
# What differs from a class's machine: ports, and learners without accounts.
HERE = """import os, sys
load_subconfig({recipe!r})
assert os.access(c.Spawner.cmd[0], os.X_OK)
c.JupyterHub.bind_url, c.JupyterHub.hub_port = "http://127.0.0.1:{port}", {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class, c.DummyAuthenticator.password = "dummy", {password!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.args = ["--LabApp.expose_app_in_browser=True"]  # the gestures of tests/browser.py ask it
c.Spawner.cmd = [sys.executable, {released!r}, *c.Spawner.cmd[1:]]
c.Spawner.environment.update(JUPYTER_CONFIG_PATH={configs!r})
"""
# `llmlib` of a wheel whose notebooks are in a folder of the class's.
RELEASED = """import sys
from pathlib import Path
from exercises import course_files
course_files.RELEASED = Path({notebooks!r})
from classroom.cli import main
sys.exit(main())
"""
# One account hands in for all: here its name comes from the hub, and nobody compares it.
ONE_ACCOUNT = 'c.CourseDirectory.student_id = os.environ["JUPYTERHUB_USER"]\n'


class Hub:
    """A hub in `folder`, whose programs are started one by one; ended when it is left."""

    def __init__(self, folder, port, hub_port, api_port, more=""):
        self.folder, self.port = folder, port
        self.ports = {8000: port, 8081: hub_port, 8001: api_port}
        self.address, self.running = f"http://127.0.0.1:{port}", {}
        for each in RECIPE.iterdir():
            shutil.copy(each, folder)
        with (folder / "nbgrader_config.py").open("a") as file:
            file.write(ONE_ACCOUNT)
        (folder / "exchange").mkdir(mode=0o755)
        (folder / "model").mkdir()
        (folder / "model" / assets.SMOLLM2).symlink_to(assets.smollm2_folder())
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        (folder / "released.py").write_text(RELEASED.format(notebooks=str(folder / "notebooks")))
        here = HERE.format(
            recipe=str(folder / "jupyterhub_config.py"),
            port=port,
            hub_port=hub_port,
            api_port=api_port,
            password=PASSWORD,
            homes=str(folder / "home" / "{username}"),
            released=str(folder / "released.py"),
            configs=str(folder),
        )
        (folder / "here.py").write_text(here + more)
        self.token = secrets.token_hex(32)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _end([pid for server in self.servers().values() for pid in family(server)])
        for program in reversed(self.running.values()):
            _end(family(program.pid))
            program.wait()

    def servers(self):
        """{learner: the process of their server}, as the hub's database knows them."""
        path = self.folder / "jupyterhub.sqlite"
        if not path.exists():
            return {}
        rows = "select users.name, spawners.state from spawners join users on users.id = user_id"
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
            found = {name: json.loads(state or "{}") for name, state in database.execute(rows)}
        return {name: state["pid"] for name, state in found.items() if state.get("pid")}

    def log(self, unit="llmlib-hub"):
        """The file of what a unit has said."""
        return self.folder / f"{unit}.log"

    def start(self, unit, path):
        """Start a unit of docs/hub as systemd does, and wait until `path` is answered."""
        here = str(self.folder / "here.py")
        words = [
            here if each.endswith("_config.py") else each for each in command(unit, self.ports)
        ]
        with self.log(unit).open("a") as log:
            program = subprocess.Popen(
                words,
                cwd=self.folder,
                env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": self.token},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running[unit] = program
        until = time.monotonic() + PATIENCE
        while _status(self.address + path) != 200:
            assert program.poll() is None and time.monotonic() < until, self.log(unit).read_text()
            time.sleep(0.1)
        return program

    def start_all(self):
        """Start the proxy, then the hub."""
        self.start("llmlib-proxy", "/_chp_healthz")
        self.start("llmlib-hub", "/hub/health")


class Learner:
    """A learner's browser without its pictures: cookies, calls, and the kernel of a notebook."""

    def __init__(self, address, name):
        self.address, self.name, self.kernel = address, name, None
        self.cookies = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def visit(self, path, form=None):
        """(the address where a page is in the end, the page)."""
        data = form and urllib.parse.urlencode(form).encode()
        with self.browser.open(self.address + path, data, PATIENCE) as answer:
            return answer.url, answer.read().decode()

    def call(self, path, body=None, method=None):
        """What the learner's server answers, read from JSON; a `body` is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        place = f"/user/{self.name}/"
        headers = {"X-XSRFToken": self._cookie(place), "Content-Type": "application/json"}
        address = f"{self.address}{place}{path}"
        request = urllib.request.Request(address, data, headers, method=method)
        with self.browser.open(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")

    def log_in(self):
        """From the hub's first page to JupyterLab, whose server is started."""
        self.visit("/hub/login")
        form = {"username": self.name, "password": PASSWORD, "_xsrf": self._cookie("/hub/")}
        self.visit("/hub/login?next=%2Fhub%2Fspawn", form)
        until = time.monotonic() + PATIENCE
        while True:
            where, page = self.visit(f"/hub/spawn-pending/{self.name}")
            if f"/user/{self.name}/lab" in where:
                return page
            assert "Spawn failed" not in page and time.monotonic() < until, page
            time.sleep(0.5)

    def open(self, path):
        """Open a notebook: its cells. The kernel that belongs to it has answered."""
        cells = self.call(f"api/contents/{path}")["content"]["cells"]
        self.kernel = self.session(path)["kernel"]["id"]
        assert self.run("print(6 * 7)") == "42\n"
        return cells

    def session(self, path):
        """The session of a notebook, which is started unless there is one."""
        wanted = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        return self.call("api/sessions", wanted)

    @contextlib.contextmanager
    def channel(self):
        """The kernel's messages, as long as the page is open."""
        address = self.address.replace("http", "ws", 1)
        path = f"/user/{self.name}/api/kernels/{self.kernel}/channels"
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.cookies)
        socket = websocket.create_connection(address + path, timeout=PATIENCE, cookie=cookies)
        with contextlib.closing(socket):
            yield socket

    def run(self, code):
        """Run a cell: what it has printed. Raises ValueError with the error of the cell."""
        with self.channel() as channel:
            asked = send(channel, code)
            printed = ""
            while True:
                said = json.loads(channel.recv())
                content = said["content"]
                if said["parent_header"].get("msg_id") != asked:
                    continue
                if said["msg_type"] == "error":
                    raise ValueError(f"{content['ename']}: {content['evalue']}")
                printed += content.get("text", "") if said["msg_type"] == "stream" else ""
                if content.get("execution_state") == "idle":
                    return printed

    def _cookie(self, path):
        found = {each.path: each.value for each in self.cookies if each.name == "_xsrf"}
        return found.get(path, "")


def send(channel, code):
    """Have a kernel run a cell: the number of the message."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": "execute_request", "session": number, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    channel.send(json.dumps(message | {"channel": "shell", "buffers": []}))
    return number


def command(unit, ports):
    """The words of a unit's ExecStart, with this environment's programs and other `ports`."""
    parts = ConfigParser(delimiters="=")
    parts.optionxform = str
    parts.read(RECIPE / f"{unit}.service")
    program, *words = shlex.split(parts["Service"]["ExecStart"])
    for old, new in ports.items():
        words = [re.sub(rf"\b{old}\b", str(new), word) for word in words]
    return [str(Path(sys.executable).parent / Path(program).name), *words]


def _status(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status
    except OSError:
        return None


def _end(pids):
    """Ask processes to end, and make them after ten seconds."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        until = time.monotonic() + 10
        while any(map(_runs, pids)) and time.monotonic() < until:
            time.sleep(0.1)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
