"""Run `llmlib complete PROMPT`: stream a continuation to the terminal."""

import argparse
import os

from classroom.serve_command import add_settings, seed, settings_of
from llmlib import generation
from llmlib.chat_template import NoChatTemplate
from llmlib.fast.quantized import KINDS
from llmlib.serve import chat
from llmlib.serve.engine import load_compiled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `llmlib complete`."""
    add = parser.add_argument
    add("prompt", metavar="PROMPT", help="the text to continue")
    models = '"smollm2", a model folder, or a name on the Hugging Face hub (default: %(default)s)'
    add("--model", default="smollm2", help=models)
    kinds = f"{', '.join(KINDS)}: fewer bits are faster, and less exact (default: %(default)s)"
    add("--weights", default=KINDS[0], metavar="KIND", help=kinds)
    devices = 'where the model runs: "cpu", "cuda" or "mps" (default: %(default)s)'
    add("--device", default="cpu", help=devices)
    longest = "stop after N tokens (default: %(default)s)"
    add("--max-new-tokens", type=int, default=32, metavar="N", help=longest)
    add_settings(parser, {"temperature": 0.0})
    add("--seed", type=seed, metavar="S", help="make a draw repeatable")
    add("--chat", action="store_true", help="put PROMPT into the model's chat template")
    likeliest = "print the five likeliest tokens at each step"
    add("--show-probabilities", action="store_true", help=likeliest)


def run(args: argparse.Namespace) -> None:
    """Continue the prompt on the terminal. Raises ValueError in words."""
    is_other_file = os.path.isfile(args.model) and not args.model.endswith(".gguf")
    if args.model.endswith(".py") or is_other_file:  # the hub has none of that name
        advice = "give the folder that holds config.json and model.safetensors, or a GGUF file"
        hint = "a my_llm.py is asked by `python my_llm.py PROMPT`"
        raise ValueError(f"{args.model} is no model's folder: {advice}; {hint}")
    if args.device.startswith("meta"):
        raise ValueError('a "meta" device holds no numbers to compute with: give "cpu"')
    settings = settings_of(args) | {"seed": args.seed}
    model, prompt = load_compiled(args.model, args.weights, args.device), args.prompt
    if args.chat and prompt and model.tokenizer:
        try:
            prompt = generation.chat_prompt(model, prompt)
        except NoChatTemplate as error:
            raise ValueError(f"{error}: leave --chat out") from None
    if args.show_probabilities:
        ids = generation.encode_prompt(model, prompt)
        for token_id, logits in generation.steps(model, ids, args.max_new_tokens, **settings):
            likeliest = generation.top_tokens(model, logits)
            table = "   ".join(f"{text!r} {p:.3f}" for _, text, p in likeliest)
            print(f"{model.tokenizer.decode([token_id])!r:<16} from   {table}", flush=True)
        return
    # Bad settings are refused before anything is printed.
    stream = generation.stream_text(model, prompt, args.max_new_tokens, **settings)
    print("" if args.chat else prompt, end="", flush=True)
    for text in stream:
        print(chat.printable(text), end="", flush=True)
    print()
