"""A Hugging Face checkpoint's files: JSON and tensors, each taken once by name and shape."""

import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from llmlib.fast.quantized import Packed


def read_json(path):
    """The object that a JSON file (pathlib.Path) holds; ValueError if it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}): copy it again") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object: copy it again")
    return found


def _names(folder):
    """Of the files with the weights: one in all, where it is there, comes before parts."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").exists() or not index.exists():
        return ["model.safetensors"]
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise ValueError(f"{index} holds no weight_map from tensors to files: copy it again")
    return sorted(set(places.values()))


class Tensors:
    """The tensors of a checkpoint, each taken once, by name and shape, onto a device; matrices are
    laid in as `kind`.
    """

    def __init__(self, folder, kind="float32", device="cpu"):
        self.folder, self.kind, self.device = folder, kind, device
        self.left = {}
        for name in _names(folder):
            if not (folder / name).exists():
                raise FileNotFoundError(
                    f"{folder} has no {name}: the checkpoint is incomplete, "
                    "or its weights are in a format other than safetensors"
                )
            try:
                self.left.update(load_file(folder / name))
            except SafetensorError as error:
                raise ValueError(
                    f"{folder / name} is damaged or cut short ({error}): copy it again"
                ) from None
            except (MemoryError, RuntimeError) as error:
                if type(error) is RuntimeError and "allocate memory" not in str(error):
                    raise
                raise MemoryError(
                    f"the memory is too full for {folder / name} ({error}): close other programs, "
                    "and other notebooks by Kernel, Shut Down All Kernels"
                ) from None

    def drop(self, *endings):
        """Forget tensors that are no weights (stored masks and rotary frequencies)."""
        self.left = {
            name: tensor for name, tensor in self.left.items() if not name.endswith(endings)
        }

    def without_prefix(self, prefix):
        self.left = {name.removeprefix(prefix): tensor for name, tensor in self.left.items()}

    def take(self, name, *shape):
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

    def lay(self, name, *matrices, table=False):
        """The matrices [d_out, d_in] of one input as views of one block, so that one product does
        for all. A table of tokens is too fine for int4, and becomes int8 instead.
        """
        block = torch.cat(matrices) if len(matrices) > 1 else matrices[0]
        if self.kind != "float32":
            kind = "int8" if table and self.kind == "int4" else self.kind
            block = Packed.of(block, kind, name)
        return block.split([len(m) for m in matrices]) if len(matrices) > 1 else [block]

    def assert_all_taken(self):
        if self.left:
            some = ", ".join(sorted(self.left)[:3])
            more = " …" if len(self.left) > 3 else ""
            raise ValueError(
                f"{len(self.left)} tensors of {self.folder} have no place in its architecture: "
                f"{some}{more}"
            )
