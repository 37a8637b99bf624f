"""Names that released notebooks import and that have since changed: `import llmlib.serving` gives
llmlib.batching, `from llmlib.scaling import seconds_a_token` a function of this file.

The course itself uses none of them. `tests/test_old_names.py` holds them against the list of what
the notebooks of each edition import.
"""

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

MODULES = {  # as notebooks of 1.0 to 1.2 say: as it is called now
    "llmlib.attention_explorer": "llmlib.widgets.attention_explorer",
    "llmlib.generation_stepper": "llmlib.widgets.generation_stepper",
    "llmlib.neuron_slider": "llmlib.widgets.neuron_slider",
    "llmlib.sampling_lab": "llmlib.widgets.sampling_lab",
    "llmlib.serving": "llmlib.batching",
    "llmlib.serving_playground": "llmlib.widgets.serving_playground",
    "llmlib.surprise": "llmlib.widgets.surprise_reader",
    "llmlib.token_files": "llmlib.tokenizer_files",
    "llmlib.token_playground": "llmlib.widgets.tokenizer_playground",
    "llmlib.course.progress": "llmlib.course.checking.check_notebooks",
    "llmlib.course.quiz_page": "llmlib.course.quiz_cells",
    "llmlib.plots.attention_diagrams": "llmlib.plots.attention",
    "llmlib.plots.layer_diagrams": "llmlib.plots.layers",
    "llmlib.plots.layer_writes": "llmlib.plots.layers",
    "llmlib.plots.sampling_texts": "llmlib.plots.sampling",
}


def seconds_a_token(weight_bytes, bytes_per_second):
    """Of llmlib.scaling in 1.0: the least time for a token, in seconds, as each needs every weight
    read once. Notebook 7 computes it itself now (`step_seconds`)."""
    return weight_bytes / bytes_per_second


def sampling_sliders(model, prompts):
    """Of llmlib.widgets in 1.0: the sampling lab with the library's own functions."""
    sampling = importlib.import_module("llmlib.sampling")
    widgets = importlib.import_module("llmlib.widgets")
    return widgets.sampling_lab(model, prompts, sampling.filter_logits, sampling.sample)


FUNCTIONS = {
    ("llmlib.scaling", "seconds_a_token"): seconds_a_token,
    ("llmlib.widgets", "sampling_sliders"): sampling_sliders,
}


def function(module, name):
    """What `name` of `module` was; a module that had such a name calls this from its __getattr__.
    Raises AttributeError for any other name."""
    if (module, name) not in FUNCTIONS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return FUNCTIONS[module, name]


class Finder(MetaPathFinder, Loader):
    """Asked after Python's own finders, for what they did not find."""

    def find_spec(self, name, path=None, target=None):
        """Python's question for a module: ours if it is an old name."""
        return ModuleSpec(name, self) if name in MODULES else None

    def create_module(self, spec):
        """The module under its new name."""
        module = importlib.import_module(MODULES[spec.name])
        self.spec = module.__spec__  # Python overwrites it with that of the old name
        return module

    def exec_module(self, module):
        """Nothing is run again."""
        module.__spec__ = self.spec


def install():
    """Have Python ask here, once."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder())
