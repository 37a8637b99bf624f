# ruff: noqa: BLE001, F401, F821  (no program: my_llm.py is made of it and a learner's functions)
import argparse
import itertools
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import regex
import torch
from safetensors.torch import load_file
from torch.nn.functional import linear, log_softmax

# How SmolLM2's tokenizer cuts a text before any merging: digits apart, then words.
DIGITS = r"\p{N}|\P{N}+"
WORDS = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(text, pattern=WORDS):
    """Cut a text into pieces that no merge may cross."""
    return regex.findall(pattern, text)


# The learner's functions go here.


class Tokenizer:
    """SmolLM2's tokenizer: encode and decode, with its own numbering of the tokens."""

    def __init__(self, folder):
        spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        visible = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes as themselves
        hidden = [b for b in range(256) if b not in visible]  # as the characters from 256 on
        byte_of = {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(hidden)}
        own = {bytes(byte_of[c] for c in t): i for t, i in spec["model"]["vocab"].items()}
        plain = {bytes([b]): b for b in range(256)}
        self.own_ids = [own.get(token) for token in plain]  # None for a byte that it lacks
        self.merges = []  # as pairs of plain ids: 256 bytes, then one id a merge
        for pair in (m if type(m) is list else m.split(" ") for m in spec["model"]["merges"]):
            left, right = (bytes(byte_of[c] for c in t) for t in pair)
            self.merges.append((plain[left], plain[right]))
            plain.setdefault(left + right, len(self.own_ids))
            self.own_ids.append(own[left + right])
        self.plain_ids = {i: plain_id for plain_id, i in reversed(list(enumerate(self.own_ids)))}

    def encode(self, text):
        plain = [i for part in split(text, DIGITS) for i in encode(part, self.merges)]
        return [self.own_ids[i] for i in plain if self.own_ids[i] is not None]

    def stream(self, ids):
        """The text that each id completes, as the ids come; special tokens have none."""
        waiting = []
        for i in filter(self.plain_ids.__contains__, ids):
            waiting.append(self.plain_ids[i])
            text = decode(waiting, self.merges[: max(255, *waiting) - 255])
            if text.endswith("\ufffd"):  # bytes of a character whose rest is to come
                yield ""
            else:
                yield text
                waiting = []
        yield decode(waiting, self.merges)


class Model:
    """SmolLM2's weights, run by `forward`: ids [1, seq] -> logits [1, seq, vocab].

    A whole prompt's logits are computed, though only its last ones are read. Leaving the others out
    would bring the first token a fifth sooner, and make this class twice as long.
    """

    def __init__(self, folder):
        c = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        self.n_head, self.n_kv_head = c.num_attention_heads, c.num_key_value_heads
        self.head_dim, self.eps, self.theta = c.head_dim, c.rms_norm_eps, c.rope_theta
        self.config = SimpleNamespace(context=c.max_position_embeddings, stop_ids=(c.eos_token_id,))
        weights = load_file(folder / "model.safetensors")
        self.table = weights["model.embed_tokens.weight"]
        self.final_norm = weights["model.norm.weight"]
        names = "input_layernorm post_attention_layernorm mlp.gate_proj mlp.up_proj mlp.down_proj"
        self.layers, self.attention = [], []
        for layer in (f"model.layers.{i}" for i in range(c.num_hidden_layers)):
            self.layers.append(tuple(weights[f"{layer}.{name}.weight"] for name in names.split()))
            matrices = [weights[f"{layer}.self_attn.{name}_proj.weight"] for name in "qkvo"]
            self.attention.append(matrices)

    def new_cache(self, context):
        """Keys and values of every layer: room for `context` tokens, `length` of them taken."""
        stores = torch.zeros(2, len(self.layers), 1, self.n_kv_head, context, self.head_dim)
        return SimpleNamespace(stores=stores, length=0)

    @torch.no_grad()
    def __call__(self, ids, cache):
        positions = torch.arange(cache.length, cache.length + ids.shape[1])
        mask = causal_mask(ids.shape[1], cache.length)

        def attend(i, x):
            return self.attend(i, x, positions, mask, cache)

        logits = forward(ids, self.table, self.layers, self.final_norm, attend, self.eps)
        cache.length += ids.shape[1]
        return logits

    def attend(self, i, x, positions, mask, cache):
        """What the attention of layer i writes: x [1, seq, d_model] -> the same shape."""
        w_q, w_k, w_v, w_o = self.attention[i]
        x = x.float()  # whatever precision the functions before chose
        q = apply_rope(split_heads(linear(x, w_q), self.n_head), positions, self.theta)
        k = apply_rope(split_heads(linear(x, w_k), self.n_kv_head), positions, self.theta)
        v = split_heads(linear(x, w_v), self.n_kv_head)
        k, v = (
            write_cache(store, new, cache.length) for store, new in zip(cache.stores[:, i], (k, v))
        )
        k, v = (repeat_kv(t, self.n_head // self.n_kv_head) for t in (k, v))
        mixed = scaled_dot_product_attention(q.float(), k, v, mask)
        return linear(merge_heads(mixed).float(), w_o)


def new_ids(model, ids, max_new_tokens, seed=None, **settings):
    """Continue `ids`, yielding each new id; `settings` are those of sample."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    cache = model.new_cache(min(model.config.context, len(ids) + max_new_tokens))

    def pick(logits):
        return sample(logits, torch.rand(1, generator=generator), **settings)

    yield from generate_cached(model, cache, ids, max_new_tokens, pick, chunk=512)


def main():
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    chosen = os.environ.get("LLMLIB_MODEL") or os.environ.get("LLMLIB_CACHE")
    model = Path(chosen or home / "llmlib") / "smollm2-135m-instruct-1"
    parser = argparse.ArgumentParser(description="Continue a text with SmolLM2-135M.")
    parser.add_argument("prompt", type=lambda said: said.encode(errors="replace").decode())
    parser.add_argument("--max-new-tokens", type=int, default=64, metavar="N")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T")
    for name, kind in {"top-k": int, "top-p": float, "min-p": float, "seed": int}.items():
        parser.add_argument(f"--{name}", type=kind, metavar="N")
    parser.add_argument("--model", type=Path, default=model, metavar="FOLDER", help="%(default)s")
    settings = vars(parser.parse_args())
    prompt, folder = settings.pop("prompt"), settings.pop("model").expanduser()
    k, p, low = (settings[name] for name in ("top_k", "top_p", "min_p"))
    nothing = 0 in (k, p) or max(p or 0, low or 0) > 1
    if nothing or not all(0 <= (each or 0) < 2**63 for each in settings.values()):
        parser.error("settings are numbers from 0 to 2**63 - 1; top k and p above 0, p up to 1")
    try:
        model, tokenizer = Model(folder), Tokenizer(folder)
    except Exception as error:
        parser.error(f"no model in {folder} ({error!r}): type llmlib lab, or give --model FOLDER")
    if not 0 < len(ids := tokenizer.encode(prompt)) < model.config.context:
        parser.error(f"the prompt has {len(ids)} tokens: it needs 1 to {model.config.context - 1}")
    out = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # whatever a pipe's is
    for text in itertools.chain([prompt], tokenizer.stream(new_ids(model, ids, **settings)), "\n"):
        print(text, end="", flush=True, file=out)


if __name__ == "__main__":
    for name in {"SIGINT", "SIGPIPE"} & vars(signal).keys():  # Windows has no SIGPIPE
        signal.signal(getattr(signal, name), signal.SIG_DFL)  # Ctrl-C, `| head`: no traceback
    main()
