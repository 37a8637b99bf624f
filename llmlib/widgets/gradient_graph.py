"""The graph of notebook 5: two layers number by number, to the loss and back.

It is an output like a picture: its numbers are given, so that it moves without a kernel."""

from llmlib.plots import output_head as plots
from llmlib.widgets import joined


def gradient_graph(graph):
    """Show `graph`, {"numbers", "arrows", "steps"}, step by step, a button for each step."""
    joined.leave("gradient_graph", graph, plots.scalar_graph(graph))
