"""Talk goes through JupyterLab's server: below its address, behind its login, token by token; and
nobody else on the computer reaches the chat's process."""

import contextlib
import http.cookiejar
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ports import free_port
from waiting import until

from classroom.lab import chat_process, server_extension
from llmlib.serve import server

pytestmark = [pytest.mark.unit, pytest.mark.slow]
BASE = "/user/ada/"
# An engine that needs no model, behind the server that the real one has: it says A, B, C, … and
# after A waits for the file "go".
ENGINE = """
import json, os, sys, time
from pathlib import Path
from types import SimpleNamespace

import torch

from llmlib.serve.engine import Engine
from llmlib.serve.server import Server

folder = Path(sys.argv[1])
(folder / "pid").write_text(str(os.getpid()))

def steps(ids, most, seed, **settings):
    for i in range(most):
        while i and not (folder / "go").exists():
            (folder / "waits").touch()
            time.sleep(0.01)
            yield 32, torch.zeros(128)
        yield 65 + i, torch.zeros(128)

tokenizer = SimpleNamespace(encode=lambda _: [1], stream=lambda ids: map(chr, ids), decode=str)
config = SimpleNamespace(context=9999, stop_ids=())
running = Server(Engine("stub", folder, config, steps, tokenizer, tokenizer))
print(json.dumps({"port": running.port, "token": running.token}), flush=True)
running.serve_forever()
"""
LAB = """
import sys
from classroom.lab import chat_process
chat_process.COMMAND = [sys.executable, "-c", sys.argv.pop(1)]
from jupyter_server.serverapp import main
main()
"""
WORDS = [
    f"--ServerApp.base_url={BASE}",
    "--IdentityProvider.token=secret",
    "--ServerApp.jpserver_extensions={'classroom.lab.server_extension': True}",
    "--ServerApp.open_browser=False",
    "--ServerApp.port_retries=0",
    "--allow-root",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def lab(folder):
    """The address of a Jupyter server below a hub's address, with Talk on the stub."""
    port = free_port()
    command = [sys.executable, "-c", LAB, ENGINE, *WORDS, f"--ServerApp.port={port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{BASE}login", timeout=60)
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}{BASE}"
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def chat(folder):
    """Where files lie by which a test and the stub speak; they are taken away again."""
    yield folder
    for name in ("go", "waits"):
        (folder / name).unlink(missing_ok=True)


class Browser:
    """One that has logged in by the address with the token, or `stranger`, who has not."""

    def __init__(self, lab, stranger=False):
        self.lab, self.cookies = lab, http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.opener.open(f"{lab}login{'' if stranger else '?token=secret'}", timeout=60).close()

    def ask(self, path, body=None, xsrf=True, **headers):
        if body is not None and xsrf:
            headers["X-XSRFToken"] = next(c.value for c in self.cookies if c.name == "_xsrf")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.lab + path, data, headers)
        return self.opener.open(request, timeout=60)

    def refused(self, *asked, **more):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            self.ask(*asked, **more)
        return refusal.value.code, json.loads(refusal.value.read())["error"]["message"]


CALL = "llmlib/chat/v1/completions"
ASKED = {"prompt": "x", "max_tokens": 3, "stream": True}


def events(answer):
    """The texts that a stream brings, as they come. EOFError for one that is cut off."""
    for line in answer:
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])["choices"][0]["text"]
        if line == b"data: [DONE]\n":
            return
    raise EOFError("the answer has no end")


def test_the_click_tells_an_address_below_the_server_s_own_and_the_page_asks_there(lab, chat):
    browser = Browser(lab)
    address = json.loads(browser.ask("llmlib/talk", {}).read())["address"]
    assert address == f"{BASE}llmlib/chat/"
    with browser.ask("llmlib/chat/") as answer:
        page, headers = answer.read().decode(), answer.headers
    assert "Chat" in page and 'fetch("v1/chat/completions"' in page
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Content-Type"].startswith("text/html")
    models = json.loads(browser.ask("llmlib/chat/v1/models").read())
    assert [each["id"] for each in models["data"]] == ["stub"]


def test_an_answer_comes_token_by_token(lab, chat):
    with Browser(lab).ask(CALL, ASKED) as answer:
        said = events(answer)
        assert next(said) == "A"  # the others wait for "go"
        (chat / "go").touch()
        assert [each for each in said if each.strip()] == ["B", "C"]


def test_a_browser_that_leaves_ends_its_answer(lab, chat):
    with Browser(lab).ask(CALL, ASKED) as answer:
        assert next(events(answer)) == "A"
        until((chat / "waits").exists)
    until(lambda: not waits(chat))


def waits(chat):
    """Whether the stub is writing an answer."""
    (chat / "waits").unlink(missing_ok=True)
    time.sleep(0.5)
    return (chat / "waits").exists()


def test_who_is_not_logged_in_is_led_to_the_login_and_not_answered(lab, chat):
    stranger = Browser(lab, stranger=True)
    with stranger.ask("llmlib/chat/") as answer:
        assert answer.url.startswith(f"{lab}login?next=") and b"Chat with" not in answer.read()
    says = "You are logged out: reload this page, and log in again."
    assert stranger.refused(CALL, ASKED) == (403, says)
    assert stranger.refused(CALL, ASKED, Authorization="Bearer another") == (403, says)
    assert stranger.refused("llmlib/chat/v1/models") == (403, says)
    assert not (chat / "waits").exists()


def test_another_site_cannot_ask_with_the_browser_s_cookie(lab, chat):
    browser = Browser(lab)
    assert browser.refused(CALL, ASKED, xsrf=False)[0] == 403
    assert browser.refused(CALL, ASKED, Origin="https://evil.example")[0] in (403, 404)
    assert not (chat / "waits").exists()


def test_a_long_body_is_refused_and_what_the_engine_refuses_is_passed_on(lab, chat):
    browser = Browser(lab)
    long = {"prompt": "x" * (server_extension.MAX_BODY + 1)}
    assert browser.refused(CALL, long) == (413, "The body is longer than 1 MB.")
    assert browser.refused(CALL, {"prompt": ""})[0] == 400
    assert server_extension.MAX_BODY == server.MAX_BODY


def test_the_chat_starts_again_when_its_process_is_gone(lab, chat):
    browser = Browser(lab)
    with browser.ask(CALL, ASKED) as answer:
        said = events(answer)
        assert next(said) == "A"
        os.kill(int((chat / "pid").read_text()), 9)
        with pytest.raises(EOFError):
            list(said)
    (chat / "go").touch()
    with browser.ask(CALL, ASKED) as answer:
        assert [each for each in events(answer) if each.strip()] == ["A", "B", "C"]


@pytest.fixture
def process(monkeypatch, folder):
    """The stub, started without JupyterLab."""
    monkeypatch.setattr(chat_process, "COMMAND", [sys.executable, "-c", ENGINE])
    made = chat_process.ChatProcess()
    yield made
    made.stop()


@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: /proc needs Linux")
def test_another_user_of_the_computer_sees_no_token_and_without_it_is_not_answered(process, folder):
    port, token = process.running(folder)
    assert token not in Path(f"/proc/{process.process.pid}/cmdline").read_text()
    for headers in ({}, {"Authorization": "Bearer guess"}):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 401


def test_a_process_with_which_nobody_talks_is_ended_but_not_while_it_answers(
    process, folder, monkeypatch
):
    monkeypatch.setattr(chat_process, "IDLE", 0.2)
    with process.in_use():
        first = process.running(folder)
        with process.in_use():
            pass
        time.sleep(0.5)
        assert process.running(folder) == first
        started = process.process
    assert started.wait(300) is not None
    assert process.running(folder) != first


def test_a_click_starts_it_with_the_functions_of_now(process, folder):
    process.restart(folder)
    first = process.process
    process.restart(folder)
    assert first.poll() is not None and process.process.poll() is None


def test_jupyter_s_server_does_not_load_torch():
    code = "import sys, classroom.lab.server_extension; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
