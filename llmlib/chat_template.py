"""Write a conversation as the text that a model's chat training used: its chat template, applied by
`transformers`. `folder` is a model's folder or its GGUF file."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from llmlib.gguf import tokenizer as gguf_tokenizer
from llmlib.gguf.checkpoint import GgufCheckpoint
from llmlib.pretokenizer import refuse_special_tokens

Message = Mapping[str, Any]  # {"role": "user", "content": "Hello"}


class NoChatTemplate(ValueError):
    """Report that the folder holds no chat template, or none that can be read."""


def apply(
    folder: str | Path,
    messages: Sequence[Message],
    special_tokens: Collection[str] = (),
    **options: Any,
) -> str:
    """Return the messages as text, up to where the model's answer begins. `options` are those of
    `transformers`' apply_chat_template.

    Raises NoChatTemplate; and ValueError for messages that the template refuses, or that hold
    half a character or one of the `special_tokens`, which only the template may write.
    """
    for message in messages:
        refuse_special_tokens(message["content"], special_tokens)
    tokenizer = load(folder)
    options = {"tokenize": False, "add_generation_prompt": True} | options
    try:
        return tokenizer.apply_chat_template(list(messages), **options)
    except Exception as error:  # noqa: BLE001 - a template raises what it likes, in its own words
        reason = f"the chat template of {folder} cannot be applied to these messages"
        raise ValueError(f"{reason} ({_one_line(error)})") from None


@lru_cache(maxsize=2)
def load(folder: str | Path) -> Any:
    """Load the folder's tokenizer of `transformers`, which knows the template. Raises
    NoChatTemplate, and ModuleNotFoundError where `transformers` is not installed."""
    from transformers import AutoTokenizer

    try:
        if Path(folder).suffix == ".gguf":
            tokenizer = _of_gguf(folder)
        else:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - of any kind, by what is damaged
        reason = f"{folder} has no chat template that can be used"
        raise NoChatTemplate(f"{reason} ({_one_line(error)})") from None
    if not tokenizer.chat_template:
        raise NoChatTemplate(f"{folder} has no chat template: it was not trained to chat")
    return tokenizer


def _of_gguf(path: str | Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    file = GgufCheckpoint(path)
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    return PreTrainedTokenizerFast(
        tokenizer_object=gguf_tokenizer.tokenizer(file),
        chat_template=file.metadata.get("tokenizer.chat_template"),
        **{name: gguf_tokenizer.token(file, key) for name, key in names.items()},
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
