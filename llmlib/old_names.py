"""Names under which released notebooks import what has since moved: `import llmlib.serving` gives
llmlib.batching. Nothing in the course itself uses them (`tests/test_old_names.py`)."""

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
    "llmlib.course.progress": "llmlib.course.checking.progress",
    "llmlib.course.quiz_page": "llmlib.course.quiz_cells",
}


class Finder(MetaPathFinder, Loader):
    """Asked after Python's own finders, for what they did not find."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in MODULES else None

    def create_module(self, spec):
        module = importlib.import_module(MODULES[spec.name])
        self.spec = module.__spec__  # Python overwrites it with that of the old name
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec


def install():
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder())
