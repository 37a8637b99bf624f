"""The sliders and buttons of the notebooks, one function and one file each:

from llmlib.widgets import rope_clock

What they show is drawn by `web/widgets`, in the notebook as on the page. `kernel` answers it,
`joined` makes one module of its files. `sampling_lab`, `texts_lab`, `gradient_graph`,
`training_text` and `cached_scores` are answered once, when their cells run: then they move without
a kernel.
"""

from llmlib.widgets.attention_explorer import attention_explorer
from llmlib.widgets.bpe_stepper import bpe_stepper
from llmlib.widgets.cached_scores import cached_scores
from llmlib.widgets.generation_stepper import generation_stepper
from llmlib.widgets.gradient_graph import gradient_graph
from llmlib.widgets.head_view import head_view
from llmlib.widgets.loss_lab import loss_lab
from llmlib.widgets.merge_tree import merge_tree
from llmlib.widgets.neuron_slider import neuron_slider
from llmlib.widgets.rope_clock import rope_clock
from llmlib.widgets.sampling_lab import sampling_lab
from llmlib.widgets.serving_playground import serving_playground
from llmlib.widgets.stream_slider import stream_slider
from llmlib.widgets.surprise_reader import surprise_reader
from llmlib.widgets.texts_lab import texts_lab
from llmlib.widgets.tokenizer_playground import tokenizer_playground
from llmlib.widgets.training_text import training_text

__all__ = [
    "attention_explorer",
    "bpe_stepper",
    "cached_scores",
    "generation_stepper",
    "head_view",
    "gradient_graph",
    "loss_lab",
    "merge_tree",
    "neuron_slider",
    "rope_clock",
    "sampling_lab",
    "serving_playground",
    "stream_slider",
    "surprise_reader",
    "texts_lab",
    "tokenizer_playground",
    "training_text",
]
