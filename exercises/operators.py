"""Which functions of torch a name in an exercise's `disallowed` list stands for.

`torch_blocker` refuses these. `tests/test_operators.py` says what the table sees and what it does
not.
"""

import functools
import re
from collections.abc import Callable

# The name that learners read, and a pattern for the whole name of what it stands for: an operator,
# a function of torch, or a function in torch's own Python files. A name of torch that is not in the
# table stands for functions with its last word.
OPERATORS = {
    "torch.softmax": r"_?(safe_|masked_|sparse_)?softmax|softmin|gumbel_softmax|.*attention.*",
    "torch.log_softmax": r"_?(sparse_)?log_softmax",
    "torch.logsumexp": r"_?log(cum)?sumexp",
    "torch.nn.functional.cross_entropy": r"(linear_)?cross_entropy(_loss)?",
    "torch.nn.functional.nll_loss": r"nll_loss.*",
    "torch.nn.functional.layer_norm": r"_?(native_)?(layer|group|instance|batch)_norm.*",
    "torch.nn.functional.rms_norm": r"_?(fused_)?rms_norm.*",
    "torch.nn.functional.gelu": r"gelu_?",
    "torch.nn.functional.silu": r"silu_?|glu_?",
    "torch.nn.functional.embedding": r"_?embedding.*",
    "torch.nn.functional.scaled_dot_product_attention": r".*attention.*|_transformer_encoder.*",
    "torch.cosine_similarity": r"cosine_similarity|cosine_embedding_loss",
    "torch.multinomial": r"multinomial",
    "torch.autograd": r".*backward(_data|_jvp)?|grad|grad_fn|_make_dual",
    "torch.optim": r"_record_function_enter.*|_?(fused_(ada|sgd)|(single|multi)_tensor_).*|step",
    "torch.quantize_per_channel": r"_?(fake_)?quantize_per_.*",
}

GRADIENT = re.compile(r"_backward(_data|_jvp)?$")  # that of a refused function is refused as well
MODULES = {"torch.autograd", "torch.optim", "torch.func"}  # listed, and no functions
Match = Callable[[str], str | None]


@functools.cache
def matcher(disallowed: tuple[str, ...]) -> Match:
    """Which of `disallowed` a function's name belongs to; None if it is allowed."""
    patterns = [
        (name, re.compile(OPERATORS.get(name) or re.escape(name.rpartition(".")[2]) + "_?"))
        for name in disallowed
    ]

    @functools.cache
    def match(function: str) -> str | None:
        words = {function, GRADIENT.sub("", function)}
        hits = (name for name, each in patterns if any(map(each.fullmatch, words)))
        return next(hits, None)

    return match


@functools.cache
def class_matcher(disallowed: tuple[str, ...]) -> Match:
    """Return what finds which of `disallowed` a class of torch is named after: SoftmaxTransform."""
    words = {name.rpartition(".")[2].replace("_", ""): name for name in disallowed}
    words = {word: name for word, name in words.items() if name not in MODULES}

    @functools.cache
    def match(qualified: str) -> str | None:
        kind = qualified.lower().rpartition(".")[0].replace("_", "")
        return next((name for word, name in words.items() if word in kind), None)

    return match
