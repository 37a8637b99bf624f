"""Load real weights for the engine: any checkpoint of the GPT-2 or the Llama family, as Hugging
Face folders hold them, or a GGUF file."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from llmlib.assets import smollm2_folder
from llmlib.checkpoints import architectures
from llmlib.checkpoints.checkpoint import Tensors, read_json
from llmlib.decode_step import decode_step
from llmlib.fast import attention, kernels
from llmlib.fast.quantized import KINDS
from llmlib.gguf import tokenizer as gguf_tokenizer
from llmlib.gguf.checkpoint import GgufCheckpoint
from llmlib.model import Model
from llmlib.pretokenizer import to_bytes
from llmlib.tokens import Tokenizer

FILES = [
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
]
TORCH_FILES = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]
HUB_NAME = re.compile(r"\w[\w.-]*(/[\w.-]+)?")  # "gpt2", "openai-community/gpt2"


def _read(path: Path, step: Callable, *arguments: Any):
    """Run a step of a family's function. ValueError for a setting that is missing or of a wrong
    kind."""
    try:
        return step(*arguments)
    except KeyError as error:
        raise ValueError(f"{path} lacks {error.args[0]}") from None
    except (TypeError, AttributeError, ArithmeticError, IndexError) as error:
        raise ValueError(f"{path} misstates a setting ({error})") from None


def load(name_or_folder: str | Path, weights: str = "float32", device: str | torch.device = "cpu"):
    """Load the model of that name: "smollm2" (offline, from the installed package), a folder, a
    GGUF file, or a name on the Hugging Face hub ("gpt2").

    `weights` is what the matrices become, whatever they are stored as: "float32", "bfloat16",
    "int8" (one scale a row) or "int4"; norms and vectors are float32 in any case, and so is
    attention, but for a prompt's in `fast_attention.attention_in_16_bits`. `device` is torch's name
    for where all of it goes. Raises FileNotFoundError for what is not there, ValueError for a
    checkpoint that is damaged, of another architecture, or has a setting that this engine lacks
    (each names the part), for a device that is not there, and for weights that it cannot
    multiply.
    """
    if weights not in KINDS:
        raise ValueError(f"weights is {weights!r}: it must be one of {', '.join(KINDS)}")
    device = _device(device)
    folder = _find(str(name_or_folder))
    gguf = GgufCheckpoint(folder) if folder.suffix == ".gguf" and folder.is_file() else None
    path = folder if gguf else folder / "config.json"
    settings = gguf.settings if gguf else read_json(path)
    family = settings.get("model_type")
    if family not in architectures.FAMILIES:
        raise ValueError(
            f"{folder} holds a model of type {family!r}: "
            f"this engine runs {', '.join(architectures.FAMILIES)}"
        )
    stop_ids = gguf.stop_ids if gguf else _stop_ids(settings, folder)
    arguments = architectures.Settings(settings), stop_ids, device
    config, parts, weights_of = _read(path, architectures.FAMILIES[family], *arguments)
    tokenizer = _gguf_tokenizer(gguf) if gguf else _tokenizer(folder)
    tensors = Tensors(folder, weights, device, gguf and gguf.tensors)
    model_weights = _read(path, weights_of, tensors)
    tensors.assert_all_taken()
    # not with int8, whose own rounding has taken most of the half per cent of loss allowed
    if (
        kernels.chosen.prompt_in_bfloat16
        and weights in ("bfloat16", "int4")
        and device.type == "cpu"
    ):
        parts = replace(parts, attention=attention.attention_in_16_bits)
    if isinstance(tokenizer, Tokenizer):
        for i in range(config.vocab_size):  # rows that only make the table's size a round number
            tokenizer.vocab.setdefault(i, b"")  # have no text
    model = Model(config, model_weights, parts, tokenizer, folder)
    return replace(model, decode_step=decode_step(model)) if weights == "int4" else model


def _device(name: str | torch.device):
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, ImportError):  # torch raises any, by kind of device
        raise ValueError(
            f"torch finds no device {str(name)!r} here: "
            'give "cpu", or "cuda" or "mps" where torch has been built for such a processor'
        ) from None


def _find(name: str):
    if name == "smollm2":
        return smollm2_folder()
    try:
        folder = Path(name).expanduser()
    except RuntimeError:  # "~nobody/x": there is no such user
        folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise FileNotFoundError(
                f"{folder} has no config.json, so it is not a model folder: "
                "give the folder that holds config.json and model.safetensors, or a GGUF file"
            )
        return folder
    if folder.suffix == ".gguf" and folder.is_file():
        return folder
    if not HUB_NAME.fullmatch(name):
        raise FileNotFoundError(
            f'there is no folder {name}: give "smollm2", a model\'s folder, a GGUF file, '
            'or a name on the hub such as "gpt2"'
        )
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=FILES))
        if not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=TORCH_FILES))
        return folder
    except Exception as error:  # noqa: BLE001 - to the reader they are one
        raise FileNotFoundError(
            f'"{name}" is no folder here and could not be fetched from the Hugging Face hub '
            f'({type(error).__name__}): check the name and the network, or use "smollm2", '
            "which needs neither"
        ) from None


def _stop_ids(settings: dict, folder: Path):
    generation = folder / "generation_config.json"
    stop = read_json(generation).get("eos_token_id") if generation.exists() else None
    stop = settings.get("eos_token_id") if stop is None else stop
    return tuple(stop) if isinstance(stop, list) else () if stop is None else (stop,)


def _tokenizer(folder: Path):
    path = folder / "tokenizer.json"
    if not path.exists():
        return None
    try:
        return Tokenizer.from_file(path)
    # not byte-level BPE, or with parts unknown to us: the reference library reads it
    except (ValueError, LookupError, TypeError, AttributeError):
        return OtherTokenizer.from_file(path)


def _gguf_tokenizer(gguf: GgufCheckpoint):
    tokenizer = gguf_tokenizer.tokenizer(gguf)
    if tokenizer is None:
        return None
    try:
        return Tokenizer.from_spec(json.loads(tokenizer.to_str()), gguf.path)
    except ValueError:
        return OtherTokenizer(tokenizer)


class OtherTokenizer:
    """Run a tokenizer of another kind (Llama 2's, say) by the `tokenizers` library, with the
    methods of `tokens.Tokenizer`."""

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()  # a file may hold the settings of somebody's training
        self._tokenizer.no_padding()
        extra_tokens = self._tokenizer.get_added_tokens_decoder()
        self.special_tokens = {
            token.content: i for i, token in extra_tokens.items() if token.special
        }

    @cached_property
    def longest_token(self):
        """Return a number of bytes of text that no token exceeds."""
        # a vocabulary may write a byte as a letter of two bytes, or as "<0x0A>": never as less
        return max((len(token.encode()) for token in self._tokenizer.get_vocab()), default=1)

    @classmethod
    def from_file(cls, path: str | Path):
        """Load the tokenizer in a tokenizer.json. ValueError for one that cannot be read."""

        import tokenizers

        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # noqa: BLE001 - the library raises no other kind
            raise ValueError(f"{path} cannot be read ({error}): copy it again") from None

    def encode(self, text: str):
        """Return a text's ids, with what the tokenizer puts before it. ValueError for half a
        surrogate pair."""
        to_bytes(text)  # raises ValueError for half of a surrogate pair
        encoding = self._tokenizer.encode(text)
        ids = encoding.ids
        twice = encoding.special_tokens_mask[:1] == [1] and ids[:1] == ids[1:2]
        return ids[1:] if twice else ids  # a chat template wrote the first one, too

    def encode_templated(self, text: str):
        """Return the ids of what a chat template wrote: it has put all special tokens there
        itself."""
        to_bytes(text)
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]):
        """Return the text of ids, special tokens in it."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def stream(self, ids: Iterable[int]):
        """Yield the text that each id completes, as ids come; at last what is left over."""
        # after a word: the library cuts a space off where a text begins, and these ids go on
        past = self._tokenizer.encode("a", add_special_tokens=False).ids[-1:]
        old_text = self.decode(past)
        for token_id in ids:
            past.append(token_id)
            text = self.decode(past)
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text[len(old_text) :]
                old_text = text
            else:
                yield ""
        yield self.decode(past)[len(old_text) :]
