"""Which torch is installed, tried against package indexes that this test serves: a CUDA-like torch
on one, a CPU build on the other, one of them unreachable. The pip and the uv are real, the wheels
are empty."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import types
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ports import nobodys_port

from classroom.bootstrap import torch_build

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.proof]
RANGE = "torch>=2.9,<3"


def wheel(index, name, version, needs=()):
    """Put an empty package into the folder of an index."""
    folder = index / name.replace("_", "-")
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, text in files.items():
            file.writestr(path, text)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """A function that serves a new folder: returns it and its address."""
    servers = []

    def serve():
        folder = tmp_path_factory.mktemp("index")
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return folder, f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def ordinary(serve):
    """As the package index for Linux is: torch brings NVIDIA's libraries."""
    folder, address = serve()
    wheel(folder, "torch", "2.10.0", ["nvidia-cublas==13.0", "triton==3.9", "jinja2"])
    wheel(folder, "nvidia_cublas", "13.0")
    wheel(folder, "triton", "3.9")
    wheel(folder, "jinja2", "3.1")
    return address


@pytest.fixture(scope="module")
def for_cpu(serve):
    folder, address = serve()
    wheel(folder, "torch", "2.10.0+cpu", ["jinja2"])
    return address


@pytest.fixture(scope="module")
def nobody():
    with nobodys_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine(index, cpu_index)` installs torch into a new environment as the set-up does: ({name:
    version}, what was said)."""
    for name in [key for key in os.environ if key.startswith(("PIP_", "UV_", "TORCH"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    disk = types.SimpleNamespace(free=9.1e9)  # whatever this machine's has
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    monkeypatch.setattr(torch_build, "wants_cpu", lambda: torch_build.asked() != "cuda")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    site = next(tmp_path.glob("env/lib/python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]

    def install(index, cpu_index, capsys):
        monkeypatch.setenv("PIP_INDEX_URL", index)
        monkeypatch.setenv("TORCH_INDEX", cpu_index)
        torch_build.install(pip, python, RANGE, site)
        rest = [*pip, "install", "-q", "--no-cache-dir", RANGE]  # what the set-up does next
        subprocess.run(list(map(str, rest)), check=False, capture_output=True)
        found = (path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info"))
        return dict(name.rsplit("-", 1) for name in found), capsys.readouterr().out

    install.site, install.disk = site, disk
    return install


def test_the_cpu_build_comes_where_both_can_be_reached(machine, ordinary, for_cpu, capsys):
    found, said = machine(ordinary, for_cpu, capsys)
    assert found == {"torch": "2.10.0+cpu", "jinja2": "3.1"} and said == ""


def test_without_the_cpu_index_the_ordinary_one_serves_and_the_size_is_said(
    machine, ordinary, nobody, capsys
):
    found, said = machine(ordinary, nobody, capsys)
    assert found == {"torch": "2.10.0", "nvidia_cublas": "13.0", "triton": "3.9", "jinja2": "3.1"}
    assert said.startswith("The CPU build of torch could not be reached") and said.count("\n") == 1
    assert "0.0 GB to download" in said  # the wheels of this test are empty


def test_cuda_where_it_is_asked_for(machine, ordinary, for_cpu, capsys, monkeypatch):
    monkeypatch.setenv("TORCH", "cuda")
    found, said = machine(ordinary, for_cpu, capsys)
    assert found["torch"] == "2.10.0" and said == "torch for NVIDIA cards: 0.0 GB to download.\n"


def test_without_room_for_cuda_nothing_is_downloaded(machine, ordinary, nobody, capsys):
    machine.disk.free = 8.9e9
    with pytest.raises(SystemExit, match=r"has 8\.9 GB free and the course needs 9: make room"):
        machine(ordinary, nobody, capsys)
    assert not list(machine.site.glob("*.dist-info"))


def test_a_torch_that_is_there_stays_unless_another_is_asked_for(
    machine, ordinary, for_cpu, capsys, monkeypatch
):
    machine(ordinary, for_cpu, capsys)
    assert torch_build.installed(machine.site) == "cpu"
    assert machine(ordinary, for_cpu, capsys)[0]["torch"] == "2.10.0+cpu"
    monkeypatch.setenv("TORCH", "cuda")
    with pytest.raises(SystemExit, match="is the cpu build: remove that environment"):
        machine(ordinary, for_cpu, capsys)


@pytest.mark.parametrize(("asked", "cpu"), [("", True), ("cpu", True), ("cuda", False)])
def test_the_cpu_build_comes_unless_the_other_is_asked_for(asked, cpu, monkeypatch):
    """Also beside a driver: the course never uses it."""
    monkeypatch.setenv("TORCH", asked)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert torch_build.wants_cpu() is cpu
