"""The sliders and buttons of the notebooks, one function and one file each:

from llmlib.widgets import rope_clock

What they show is drawn by `web/widgets`, in the notebook as on the page. `kernel` answers it,
`joined` makes one module of its files. `sampling_lab` is answered once, when its cell runs: then it
moves without a kernel.
"""

from llmlib.widgets.attention_explorer import attention_explorer
from llmlib.widgets.bpe_stepper import bpe_stepper
from llmlib.widgets.generation_stepper import generation_stepper
from llmlib.widgets.loss_lab import loss_lab
from llmlib.widgets.neuron_slider import neuron_slider
from llmlib.widgets.rope_clock import rope_clock
from llmlib.widgets.sampling_lab import sampling_lab
from llmlib.widgets.serving_playground import serving_playground
from llmlib.widgets.surprise_reader import surprise_reader
from llmlib.widgets.tokenizer_playground import tokenizer_playground

__all__ = [
    "attention_explorer",
    "bpe_stepper",
    "generation_stepper",
    "loss_lab",
    "neuron_slider",
    "rope_clock",
    "sampling_lab",
    "serving_playground",
    "surprise_reader",
    "tokenizer_playground",
]
