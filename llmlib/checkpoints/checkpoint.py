"""Read a Hugging Face checkpoint's files: JSON and tensors, each taken once by name and shape."""

import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from llmlib.fast.quantized import Packed

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1, "int4": 2.5}  # a number takes at least, loaded


def read_json(path: Path):
    """Return the object that a JSON file (pathlib.Path) holds; ValueError if it is damaged, or has
    a key twice: readers differ in which one they take."""

    def without_repeats(pairs: list[tuple[str, Any]]):
        names = [name for name, _ in pairs]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise _Repeated(f"{path} holds the key {duplicates[0]} twice: take one of them out")
        return dict(pairs)

    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text, object_pairs_hook=without_repeats)
    except _Repeated:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}): copy it again") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path} holds no JSON object: copy it again")
    return tree


class _Repeated(ValueError):
    pass


def _names(folder: Path):
    """Return the names of the files with the weights: one in all comes before parts, safetensors
    before torch's own format."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        if (folder / whole).exists():
            return [whole]
        if index.exists():
            places = read_json(index).get("weight_map")
            texts = isinstance(places, dict) and {str}.issuperset(map(type, places.values()))
            if not texts:
                raise ValueError(
                    f"{index} holds no weight_map from tensors to files: copy it again"
                )
            return sorted(set(places.values()))
    return ["model.safetensors"]


def available_memory():
    """Return the bytes that programs can still have, as Linux tells; None where nobody does."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        [line] = [line for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    return 1024 * int(line.split()[1])


def _numbers_in(path: Path):
    """Count how many numbers a file of safetensors holds, from its head alone."""
    with safe_open(path, "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())


class Tensors:
    """Hold the tensors of a checkpoint, each taken once, by name and shape, onto a device; matrices
    are laid in as `kind`.

    `tensors` are those of a file that has been opened (GGUF), which become numbers as they are
    taken; without it, the folder's files are read. Raises FileNotFoundError for a missing file,
    ValueError for a damaged one, and MemoryError, before anything is loaded, for a model that the
    memory cannot hold.
    """

    def __init__(
        self,
        folder: Path,
        kind: str = "float32",
        device: str | torch.device = "cpu",
        tensors: dict[str, Any] | None = None,
    ):
        self.folder, self.kind, self.device = folder, kind, device
        self.left = dict(tensors or {})
        if tensors is not None:
            self._refuse_what_is_too_large(sum(tensor.numel() for tensor in tensors.values()))
            return
        paths = [folder / name for name in _names(folder)]
        for path in paths:
            if not path.exists():
                raise FileNotFoundError(
                    f"{folder} has no {path.name}: the checkpoint is incomplete, "
                    "or its weights are in a format other than safetensors"
                )
        try:
            whole = [path for path in paths if path.suffix == ".safetensors"]
            self._refuse_what_is_too_large(sum(_checked(path, _numbers_in) for path in whole))
            for path in paths:
                self.left.update(_read_file(path))
        except (MemoryError, RuntimeError) as error:
            if type(error) is RuntimeError and "allocate memory" not in str(error):
                raise
            raise MemoryError(
                f"the memory is too full for {folder} ({error}): close other programs, "
                "and other notebooks by Kernel, Shut Down All Kernels"
            ) from None

    def _refuse_what_is_too_large(self, numbers: int):
        available = available_memory()
        if available is None or torch.device(self.device).type != "cpu":
            return
        size = numbers * BYTES[self.kind]
        if size > available:
            fewer = "" if self.kind == "int8" else ': weights="int8" needs the least'
            raise MemoryError(
                f"{size / 1e9:.1f} GB are needed as {self.kind}, "
                f"and {available / 1e9:.1f} GB are free{fewer}"
            )

    def drop(self, *endings: str):
        """Forget tensors that are no weights (stored masks and rotary frequencies)."""
        self.left = {
            name: tensor for name, tensor in self.left.items() if not name.endswith(endings)
        }

    def without_prefix(self, prefix: str):
        """Take `prefix` off all names: some files have it, some do not."""
        self.left = {name.removeprefix(prefix): tensor for name, tensor in self.left.items()}

    def take(self, name: str, *shape: int):
        """Return the tensor of that name, once, in float32 on the device. ValueError if it is
        missing or of another shape."""
        if name not in self.left:
            raise ValueError(
                f"{self.folder} has no tensor {name}: the checkpoint does not fit its config.json"
            )
        tensor = self.left.pop(name)
        if tuple(tensor.shape) != shape:
            raise ValueError(
                f"tensor {name} has shape {tuple(tensor.shape)}, but config.json asks for {shape}"
            )
        return tensor.to(self.device, torch.float32)

    def lay(self, name: str, *matrices: torch.Tensor, table: bool = False):
        """Return the matrices [d_out, d_in] of one input as views of one block, so that one product
        does for all. A table of tokens is too fine for int4, and becomes int8 instead."""
        block = torch.cat(matrices) if len(matrices) > 1 else matrices[0]
        if self.kind != "float32":
            kind = "int8" if table and self.kind == "int4" else self.kind
            block = Packed.of(block, kind, name)
        return block.split([len(m) for m in matrices]) if len(matrices) > 1 else [block]

    def assert_all_taken(self):
        """Raise ValueError, by name, for tensors that nobody took: the model would lack them."""
        if self.left:
            names = ", ".join(sorted(self.left)[:3])
            ellipsis = " …" if len(self.left) > 3 else ""
            raise ValueError(
                f"{len(self.left)} tensors of {self.folder} have no place in its architecture: "
                f"{names}{ellipsis}"
            )


def _checked(path: Path, read: Callable):
    """Return read(path). Raises ValueError, by the file's name, if it is damaged or holds more than
    numbers."""
    try:
        return read(path)
    except (SafetensorError, EOFError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}): copy it again") from None


def _read_file(path: Path):
    """Return {name: tensor} of a file. torch's own format is a pickle: it is read by torch's reader
    of plain tensors, which runs nothing that a file asks for."""
    if path.suffix == ".safetensors":
        return _checked(path, load_file)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        if "allocate memory" in str(error):
            raise
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"{path} is damaged, or holds more than tensors ({reason}): "
            "take the model's safetensors"
        ) from None
    if not isinstance(tensors, dict) or not all(torch.is_tensor(t) for t in tensors.values()):
        raise ValueError(f"{path} holds no tensors by name: take the model's safetensors")
    return tensors
