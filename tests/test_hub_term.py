"""What a hub needs for a term: its units, and a restart while learners work. No browser: learners
speak HTTP as one does."""

import shutil
import signal
import subprocess
import sys
import time
from configparser import ConfigParser
from pathlib import Path

import pytest
from ports import free_port

from benchmarks import hub_class

pytestmark = [pytest.mark.nbgrader, pytest.mark.slow]
UNITS = ["llmlib-proxy", "llmlib-hub"]
NAME = "01_tokens"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub and its proxy, each started by its unit's command; the spare models are off."""
    off = 'c.Spawner.environment.update(LLMLIB_LIVE="0", LLMLIB_TALK="0")\n'
    with hub_class.Hub(tmp_path, free_port(), free_port(), free_port(), off) as hub:
        hub.start_all()
        yield hub


@pytest.mark.proof
def test_a_restart_of_the_hub_leaves_learners_at_work(hub):
    ada = hub_class.Learner(hub.address, "ada")
    ada.log_in()
    ada.open(f"{NAME}.ipynb")
    server = hub.servers()
    with ada.channel() as channel:
        hub_class.send(channel, "import time\ntime.sleep(12)\nkept = 'the same kernel'")
        before = time.monotonic()
        program = hub.running["llmlib-hub"]
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) is not None
        assert ada.call("api/sessions")[0]["kernel"]["execution_state"] == "busy"
        hub.start("llmlib-hub", "/hub/health")
        print(f"the hub was away for {time.monotonic() - before:.1f} s")
    assert hub.servers() == server != {}
    kernel = ada.kernel
    assert ada.session(f"{NAME}.ipynb")["kernel"]["id"] == kernel
    assert ada.run("print(kept)") == "the same kernel\n"
    where, page = ada.visit("/hub/home")
    assert where.endswith("/hub/home") and "My Server" in page
    bob = hub_class.Learner(hub.address, "bob")  # and the next one comes in
    assert "jupyter-config-data" in bob.log_in()


def test_the_units_are_what_systemd_reads(tmp_path):
    """systemd itself says so where it is installed: it names what it would ignore."""
    programs = str(Path(sys.executable).parent)
    for name in UNITS:
        text = (hub_class.RECIPE / f"{name}.service").read_text(encoding="utf-8")
        unit = ConfigParser(delimiters="=")
        unit.optionxform = str
        unit.read_string(text)
        assert unit["Service"]["ExecStart"].startswith("/srv/course/env/bin/")
        assert unit["Service"]["EnvironmentFile"] == "/srv/course/hub/environment"
        assert unit["Service"]["WorkingDirectory"] == "/srv/course/hub"
        assert unit["Service"]["Restart"] == "always"
        assert unit["Install"]["WantedBy"] == "multi-user.target"
        copied = text.replace("/srv/course/env/bin", programs)
        (tmp_path / f"{name}.service").write_text(copied, encoding="utf-8")
    assert unit["Service"]["KillMode"] == "process"  # the hub's: what it started goes on
    assert unit["Unit"]["Requires"] == unit["Unit"]["After"] == f"{UNITS[0]}.service"
    if systemd := shutil.which("systemd-analyze"):
        words = [systemd, "verify", "--man=no", *map(str, sorted(tmp_path.glob("*.service")))]
        done = subprocess.run(words, capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
