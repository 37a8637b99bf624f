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
    """SmolLM2's tokenizer: encode and stream_decode, with its own numbering of the tokens."""

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
        seen = []
        for i in filter(self.plain_ids.__contains__, ids):
            seen = [*seen[-3:], self.plain_ids[i]]  # at most three bytes wait for the next
            yield stream_decode(seen, self.merges[: max(255, *seen) - 255])[-1]


class Model:
    """SmolLM2's weights, run by `forward`: ids [1, seq] -> logits [1, seq, vocab]."""

    def __init__(self, folder):
        c = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        self.n_head, self.n_kv_head = c.num_attention_heads, c.num_key_value_heads
        self.head_dim, self.eps, self.theta = c.head_dim, c.rms_norm_eps, c.rope_theta
        self.config = SimpleNamespace(context=c.max_position_embeddings, stop_ids=(c.eos_token_id,))
        weights = load_file(folder / "model.safetensors")
        table, norm = weights["model.embed_tokens.weight"], weights["model.norm.weight"]
        names = "input_layernorm post_attention_layernorm mlp.gate_proj mlp.up_proj mlp.down_proj"
        self.weights, self.attention = (table, [], norm), []
        for at in (f"model.layers.{i}." for i in range(c.num_hidden_layers)):
            self.weights[1].append(tuple(weights[f"{at}{name}.weight"] for name in names.split()))
            qkvo = [weights[f"{at}self_attn.{name}_proj.weight"] for name in "qkvo"]
            self.attention.append((torch.cat(qkvo[:3]), qkvo[3]))  # q, k and v in one product

    def new_cache(self, context):
        """Keys and values of every layer: room for `context` tokens, `length` of them taken."""
        stores = torch.zeros(2, len(self.attention), 1, self.n_kv_head, context, self.head_dim)
        return SimpleNamespace(stores=stores, length=0)

    @torch.no_grad()
    def __call__(self, ids, cache, table=None):
        ids, (whole, *rest), start = torch.as_tensor(ids), self.weights, cache.length
        if table is None and ids.shape[1] >= 128:  # only the last logits of a prompt are read:
            rows, numbers = ids[:, :-1].unique(return_inverse=True)
            self(numbers, cache, whole[rows])  # the others pass with a table of their own rows
            return self(ids[:, -1:], cache).expand(-1, ids.shape[1], -1)
        at, n_rep = torch.arange(start, start + ids.shape[1]), self.n_head // self.n_kv_head
        masks = causal_mask(len(at), start).split(64)  # of a few queries, and of keys up to them
        masks = [repeat_kv(m[None, None, :, : m[-1].sum()], n_rep).bool() for m in masks]
        rest += [lambda i, x: self.attend(i, x, at, masks, cache), self.eps]
        logits = forward(ids, whole if table is None else table, *rest)
        cache.length += ids.shape[1]
        return logits

    def attend(self, i, x, positions, masks, cache):
        """In float32, whatever precision the functions or those before them chose."""
        n_q, n_k, (qkv, out) = self.n_head, self.n_kv_head, self.attention[i]
        qk, v = split_heads(linear(x.float(), qkv), n_q + 2 * n_k).split([n_q + n_k, n_k], dim=1)
        q, k = apply_rope(qk, positions, self.theta).float().split([n_q, n_k], dim=1)
        k, v = (write_cache(s, t, cache.length) for s, t in zip(cache.stores[:, i], (k, v)))
        mixed = []
        for q, m in zip(q.split(64, dim=2), masks):  # heads that share keys are rows of a product
            rows, m = q.reshape(1, n_k, -1, self.head_dim), m.flatten(0, 2)
            now = scaled_dot_product_attention(rows, *(t[:, :, : m.shape[1]] for t in (k, v)), m)
            mixed.append(now.float().view(q.shape))
        return linear(merge_heads(torch.cat(mixed, dim=2)).float(), out)


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
