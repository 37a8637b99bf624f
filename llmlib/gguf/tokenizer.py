"""Read a GGUF file's tokenizer, from its metadata, as the library `tokenizers` runs it.

A GGUF names the cuts before merging and holds no pattern: the patterns here are those that the
names stand for in llama.cpp and in the tokenizer.json of the models that they come from.
"""

from typing import Any

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace("{1,3}", "")  # digit by digit
SPLITS = {  # None: GPT-2's, which the library knows
    **dict.fromkeys(("gpt-2", "olmo", "smollm")),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe"), LLAMA3_SPLIT),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), QWEN2_SPLIT),
}
DIGITS_APART = ("smollm",)
WHOLE_FIRST = ("llama-bpe", "llama3", "llama-v3")  # a piece that is a token is not merged
CONTROL, USER_DEFINED = 3, 4  # kinds of tokens
SPACE = "▁"  # in place of a space, in SentencePiece's files


def tokenizer(checkpoint: Any):
    """Return the tokenizers.Tokenizer of a GgufCheckpoint; None if it holds none. ValueError for
    one of a kind that is not known here."""
    metadata = checkpoint.metadata
    about = {
        key.removeprefix("tokenizer.ggml."): value
        for key, value in metadata.items()
        if key.startswith("tokenizer.ggml.")
    }
    if "tokens" not in about:
        return None
    kind, cuts = about.get("model"), about.get("pre")
    try:
        if kind == "gpt2" and cuts in SPLITS and "merges" in about:
            result, bos = _byte_level(about, cuts), False
        elif kind == "llama" and "scores" in about:
            result, bos = _sentencepiece(about), True
        else:
            raise ValueError(
                f"{checkpoint.path} has a tokenizer {kind!r} that cuts text as {cuts!r}: this "
                f"engine reads 'llama', and 'gpt2' with {', '.join(map(repr, SPLITS))}; take the "
                "model's Hugging Face folder"
            )
        _add_tokens(result, about)
        if about.get("add_bos_token", bos):
            _begin_with(result, about["tokens"], about["bos_token_id"])
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises no other kind
        reason = f"the tokenizer of {checkpoint.path} is damaged ({type(error).__name__}: {error})"
        raise ValueError(f"{reason}: copy it again") from None
    return result


def token(checkpoint: Any, name: str):
    """Return the token that the metadata call `name`: "bos", "eos", "unknown" or "padding"; None if
    none."""
    i = checkpoint.metadata.get(f"tokenizer.ggml.{name}_token_id")
    return None if i is None else checkpoint.metadata["tokenizer.ggml.tokens"][i]


def _byte_level(about: dict, cuts: str):
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocab = {token: i for i, token in enumerate(about["tokens"])}
    merges = [tuple(line.split(" ")) for line in about["merges"]]
    whole = cuts in WHOLE_FIRST
    result = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=whole))
    steps = [pre_tokenizers.Digits(individual_digits=True)] if cuts in DIGITS_APART else []
    if SPLITS[cuts] is None:
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False))
    else:
        steps.append(pre_tokenizers.Split(Regex(SPLITS[cuts]), "isolated"))
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    result.pre_tokenizer = pre_tokenizers.Sequence(steps)
    result.decoder = decoders.ByteLevel()
    return result


def _sentencepiece(about: dict):
    """Make SentencePiece's BPE (Kudo & Richardson 2018, arXiv:1808.06226): of two neighbours those
    are merged whose token has the highest score."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    tokens, scores = about["tokens"], about["scores"]
    vocab = {token: i for i, token in enumerate(tokens)}
    kinds = about.get("token_type") or [1] * len(tokens)
    ordinary = [token for token, kind in zip(tokens, kinds) if kind == 1]
    words, merges = set(ordinary), []
    for token in sorted(ordinary, key=lambda token: -scores[vocab[token]]):
        cuts = ((token[:i], token[i:]) for i in range(1, len(token)))
        merges += [(left, right) for left, right in cuts if left in words and right in words]
    unknown = tokens[about.get("unknown_token_id", 0)]
    model = models.BPE(vocab, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)
    result = Tokenizer(model)
    spaces, first = [normalizers.Replace(" ", SPACE)], about.get("add_space_prefix", True)
    begin = [normalizers.Prepend(SPACE)] if first else []
    result.normalizer = normalizers.Sequence(begin + spaces)
    strip = [decoders.Strip(" ", 1, 0)] if first else []
    result.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return result


def _add_tokens(result: Any, about: dict):
    from tokenizers import AddedToken

    kinds = about.get("token_type") or []
    for kind, add in ((CONTROL, result.add_special_tokens), (USER_DEFINED, result.add_tokens)):
        tokens = [token for token, token_kind in zip(about["tokens"], kinds) if token_kind == kind]
        add([AddedToken(token, special=kind == CONTROL, normalized=False) for token in tokens])


def _begin_with(result: Any, tokens: list[str], bos: int):
    from tokenizers import processors

    special = [(tokens[bos], bos)]
    result.post_processor = processors.TemplateProcessing(
        single=f"{tokens[bos]} $A", pair=f"{tokens[bos]} $A $B", special_tokens=special
    )
