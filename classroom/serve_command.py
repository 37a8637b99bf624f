"""Run `llmlib chat` and `llmlib serve`: the first talks in the terminal, the second opens a page
and speaks the chat-completions protocol."""

import argparse
import os
import re
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

import torch

from classroom.my_llm import engine
from llmlib import generation
from llmlib.chat_template import NoChatTemplate
from llmlib.fast.quantized import KINDS
from llmlib.serve import chat, requests
from llmlib.serve.engine import Engine

OWN = "my_llm.py"
DEFAULTS = {"temperature": 0.0}  # a small model that draws soon draws nonsense
SETTINGS = {  # of generation: type, metavar, help
    "temperature": (float, "T", "0 takes the likeliest token each time"),
    "top_k": (int, "K", "keep the K likeliest tokens"),
    "top_p": (float, "P", "keep the likeliest tokens whose mass reaches P"),
    "min_p": (float, "P", "keep tokens at least P times as likely as the likeliest"),
}


def add_settings(parser: argparse.ArgumentParser, defaults: dict[str, float]) -> None:
    """Add an option for each of `SETTINGS`."""
    for name, (kind, letter, words) in SETTINGS.items():
        words += f" (default: {defaults[name]:g})" if name in defaults else ""
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=letter, help=words)
    parser.set_defaults(**defaults)


def seed(text: str) -> int:
    """Read a seed from the command line: torch takes 64 bits."""
    if not -(1 << 63) <= (number := int(text)) < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text} does not fit into 64 bits: give a smaller number")
    return number


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that have a value."""
    return {name: value for name in SETTINGS if (value := getattr(args, name)) is not None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `chat` and `serve`."""
    add = parser.add_argument
    models = (
        f'your {OWN}, a model folder, "smollm2", or a name on the Hugging Face hub '
        f"(default: your functions so far if your notebooks are here, else {OWN}, else smollm2)"
    )
    add("model", nargs="?", metavar="MODEL", help=models)
    add_settings(parser, DEFAULTS)
    kinds = f"of a model folder: {', '.join(KINDS)} (default: %(default)s)"
    add("--weights", default=KINDS[0], metavar="KIND", help=kinds)
    if parser.prog.endswith("chat"):
        add("--seed", type=seed, metavar="S", help="make the draws repeatable")
        longest = "longest answer (default: %(default)s)"
        add("--max-new-tokens", type=int, default=256, metavar="N", help=longest)
    else:
        add("--port", type=int, default=0, metavar="N", help="default: a free port")
        pages = "also answer web pages of this origin (https://example.org); may be repeated"
        add("--allow-origin", action="append", default=[], metavar="ORIGIN", help=pages)
        add("--no-browser", action="store_true", help="print the address, open no browser")


def run(args: argparse.Namespace) -> int:
    """Run until the end of input, or Ctrl-C. Returns the exit status."""
    name = args.model or (OWN if Path(OWN).is_file() else "smollm2")
    check_settings(args)
    return start(engine.load(name, args.weights), args)


def check_settings(args: argparse.Namespace) -> None:
    """Raise ValueError for a setting that is out of range: before a model is loaded."""
    generation.filtered(torch.zeros(1, 1), **settings_of(args))


def start(model: Engine, args: argparse.Namespace) -> int:
    """Start to talk with an engine, or to serve it: as `run`."""
    settings = settings_of(args)
    try:
        chat.prompt_ids(model, [{"role": "user", "content": "?"}])  # refused now, not later
    except NoChatTemplate as error:
        if args.verb == "chat":
            raise
        print(f"{error}. Only /v1/completions will work.", file=sys.stderr)
    return (talk if args.verb == "chat" else serve)(model, settings, args)


def talk(model: Engine, settings: dict[str, Any], args: argparse.Namespace) -> int:
    """Answer one turn a line; an empty line, Ctrl-D or the end of the input ends it."""
    if args.max_new_tokens < 1:
        raise ValueError("--max-new-tokens must be at least 1")
    for line in (*model.makers, f"Talking with {model.name}. Try: {chat.STARTERS[0]}"):
        print(line, file=sys.stderr)
    print("An empty line ends the conversation.", file=sys.stderr)
    messages: list[chat.Message] = []
    while True:
        try:
            message = input("> " if sys.stdin.isatty() else "").strip() if sys.stdin else ""
        except EOFError:
            message = ""
        if not message:
            return 0
        messages.append({"role": "user", "content": message})
        try:
            room = min(args.max_new_tokens, model.config.context // 2)
            recent = chat.drop_oldest_turns(model, messages, room)
            ids = chat.prompt_ids(model, recent)
            chat.refuse_full(model, ids, "it")
        except ValueError as error:
            print(f"Not sent: {error}.", file=sys.stderr)
            messages.pop()
            continue
        messages, answer = recent, ""
        try:
            for token in chat.Reply(model, ids, args.max_new_tokens, args.seed, settings, 1):
                answer += token.text
                print(chat.printable(token.text), end="", flush=True)
        except BrokenPipeError:  # the reader has left
            raise
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            print(f"\n{chat.engine_error(error)}.", file=sys.stderr)
            return 1
        print()
        messages.append({"role": "assistant", "content": answer})


def serve(model: Engine, settings: dict[str, Any], args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from llmlib.serve.server import Server

    if not 0 <= args.port < 65536:
        raise ValueError(f"--port is {args.port}: give a number from 1 to 65535")
    if settings["temperature"] > requests.MAX_TEMPERATURE:
        hot = f"--temperature is {settings['temperature']:g}"
        raise ValueError(f"{hot}: the protocol takes 0 to {requests.MAX_TEMPERATURE}")
    for origin in args.allow_origin:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s*?#]+", origin):
            advice = (
                "give scheme, host and port as the browser sends them, like https://example.org"
            )
            raise ValueError(f"--allow-origin {origin} is no origin: {advice}")
    try:
        server = Server(model, args.port, settings, args.allow_origin)
    except OSError as error:
        reason = f"port {args.port} cannot be used ({error.strerror})"
        raise ValueError(f"{reason}: give another --port, or leave it out") from None
    print(*model.makers, f"{model.name} is served on this machine:", sep="\n")
    print(f"\n    {server.address}\n")
    base = f"http://127.0.0.1:{server.port}/v1"
    print(f"For chat clients: base_url {base}, api_key {server.token}")
    print("Stop it with Ctrl-C.", flush=True)
    if not args.no_browser:
        threading.Timer(0.3, webbrowser.open, [server.address]).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(flush=True)
        os._exit(0)  # at once: Python's own end would abort beside torch's thread
    return 0
