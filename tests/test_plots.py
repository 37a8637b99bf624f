"""What a figure leaves in a notebook: an image with its alt text, the same bytes each time."""

import ast
import inspect
import math
import re
import struct
from base64 import b64decode
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from defusedxml import ElementTree
from matplotlib.text import Text
from nbval.plugin import get_sanitize_patterns

from exercises.format.notebooks import ROOT
from llmlib import plots
from llmlib.demonstrations import scalar_graph
from llmlib.plots import attention, kv_cache, layers, output_head, sampling, scaling, tokens
from llmlib.tokens import merge
from llmlib.widgets.merge_tree import rows as merge_rows

pytestmark = pytest.mark.unit
ALT = 'Three bars; the one of " & <s>" is the highest, 70 %.'


class Letters:
    """A tokenizer: a letter an id."""

    @staticmethod
    def decode(ids):
        return "".join(chr(97 + i) for i in ids)


def bars():
    fig, ax = plots.figure(width=6.0, height=2.0)
    ax.bar([0, 1, 2], [3, 7, 5])
    return fig


def shown(monkeypatch, **options):
    """The bundles that `plots.show` hands to the notebook."""
    bundles = []
    monkeypatch.setattr(plots, "display", lambda data, raw: bundles.append(data))
    plots.show(bars(), **options)
    return bundles


def test_a_figure_is_an_image_that_carries_its_alt_text():
    bundle = plots.image(bars(), ALT)
    assert set(bundle) == {"text/html", "text/plain"} and bundle["text/plain"] == ALT
    img = ElementTree.fromstring(bundle["text/html"].replace(">", "/>"))
    assert img.tag == "img" and img.get("alt") == ALT and img.get("width") == "600"
    png = b64decode(img.get("src").removeprefix("data:image/png;base64,"))
    assert struct.unpack(">II", png[16:24]) == (1200, 400)  # two pixels for each of the page's


def test_a_picture_to_step_through_shows_one_step_and_needs_no_script(monkeypatch):
    bundles = []
    monkeypatch.setattr(plots, "display", lambda data, raw: bundles.append(data))
    figures = output_head.walk([("Up.", {"x": np.eye(2)}, {}), ("Back.", {"x": np.eye(2)}, {})])
    plots.step_through(figures, "steps")
    html = bundles[0]["text/html"]
    assert html.count('type="radio"') == html.count("<label") == html.count("<img") == 2
    assert html.count(" checked>") == 1 and "#steps-2:checked~.steps-2" in html
    assert ".steps{display:none}" in html and "<script" not in html
    assert bundles[0]["text/plain"] == "\n".join(figure.alt for figure in figures)


def test_a_dollar_sign_in_a_prompt_is_no_formula():
    shares = torch.full((3,), 1 / 3)
    fig = sampling.strips(Letters, {"It costs $5, not $6": shares}, 0.5)
    plots.image(fig, ALT)
    texts = [text for text in fig.findobj(Text) if "$5" in text.get_text()]
    assert texts and not any(text.get_parse_math() for text in texts)
    plots.image(attention.row(["$$", " $$", "a"], [0.2, 0.3, 0.5]), ALT)  # no formula at all


def test_an_empty_bin_is_left_out_of_the_calibration_without_a_warning(recwarn):
    plots.image(output_head.calibration({"a": (np.array([0.05, 0.95]), np.array([0, 1]))}), ALT)
    assert not recwarn.list


def test_the_words_of_a_figure_follow_a_learners_own_run():
    """Other prompts, texts and counts than the course's give other words."""
    fig = sampling.strips(Letters, {"Once": torch.tensor([0.25, 0.75])}, 0.1)
    assert fig.alt.endswith(
        f"Once: 2 tokens wide enough to see, the widest, {Letters.decode([1])!r}, 0.75."
    )
    fig = sampling.two_arms({"right": {"plainly": [0.5, 0.5], "in the template": [0.0, 1.0]}})
    assert "right, plainly: 0.50, 0.50 to 0.50; right, in the template: 0.50, 0.00" in fig.alt
    assert "Ada: 2 different, the commonest 3 times." in sampling.answers({"Ada": [3, 1]}, 4).alt
    fig = attention.head_maps({"copies": torch.tensor([[0.1, 0.2], [0.9, 0.0]])}, 1)
    assert "2 layers by 2 heads" in fig.alt and fig.alt.endswith("copies: 1.0 (0.90).")
    fig = output_head.learning_rates([0.01, 0.1, 1.0], {"mine": [6.0, 5.1, 7.0]}, 6.2)
    assert "mine: 6.0, lowest 5.1, then higher again." in fig.alt
    assert (
        "a -0.50 and 0.25 and 1.00."
        in output_head.gains_by_seed({"a": [-0.5, 1.0]}, {"a": 0.3}).alt
    )
    losses = {"right": [6.24, 0.11], "too fast": [6.24, 29.0, 3.9]}
    told = "right from 6.2 to 0.1; too fast from 6.2 to above 1."
    assert told in output_head.one_batch(losses, 6.2).alt
    losses = {"one": [3.7] * 10 + [2.48] * 10, "two": [3.6] * 10 + [0.31] * 10}
    told = "one from 3.7 to 2.5; two from 3.6 to below 0.5."
    assert told in attention.learning(losses, 3.5).alt
    fig = output_head.logits_to_loss(["red", "tan"], [2.0, 1.0], [0.73, 0.27])
    assert "red 2.00 and 0.73" in fig.alt and "the loss of red, 0.31." in fig.alt
    assert "zlib 1,115 and 1,120." in output_head.file_sizes([("zlib", 1115, 1120)]).alt
    fig = layers.parameter_shares({"tiny": {"tables": 1, "attention": 3}})
    assert "tables and attention. tiny 25.0 and 75.0." in fig.alt
    rows = merge_rows(merge, "abcd", [(97, 98), (256, 99)])
    fig = tokens.merge_tree(list(rows))
    assert "with their ranks: ab 0, abc 1." in fig.alt and fig.alt.endswith("2 tokens: abc, d.")


def test_curves_are_told_by_their_ends_and_by_what_lies_beyond():
    curves = {"up": [1, 2, 3], "dip": [3.0, 0.512, 2.0], "peak": np.array([150.0, 2345.6, 150.0])}
    assert plots.told(-1, curves) == (
        "up from 1 to 3; dip from 3 to 2, lowest 0.51 at 0; "
        "peak from 150 to 150, highest 2,350 at 0"
    )
    assert plots.told([1, 100, 10_000], {"a": [1, 5, 1]}) == "a from 1 to 1, highest 5 at 100"
    assert plots.told(0, {"noise": [2.0, 0.99, 1.0, 2.01, 1.0]}) == "noise from 2 to 1"


def drawn(at):
    """{what a figure is of: the figure, of data that no notebook of the course has}."""
    ones, down = torch.ones(2, 2), {"mine": torch.tensor([at, 1.5, 1.0])}
    many = {"mine": torch.linspace(at, 1.0, 20).tolist()}
    return {
        "grids": attention.grids({"all": torch.tensor([[at, 0.0], [0.5, float("nan")]])}, "ab"),
        "gradients": attention.gradients(down),
        "by_layer": attention.by_layer(down, "share"),
        "scaling": attention.scaling([4, 8, 16], down, down),
        "learning": attention.learning({"mine": [at] * 20}, at),
        "scores_of_a_step": kv_cache.scores_of_a_step(
            torch.ones(int(at), int(at)), "abcd"[: int(at)]
        ),
        "cache_gain": kv_cache.cache_gain([1.0] * int(10 * at), [0.5] * int(10 * at), 1),
        "cache_size": kv_cache.cache_size([1, 2, 3], down, 500.0),
        "ladder": kv_cache.ladder(
            [{"bits": 8, "block": block, "loss": at} for block in ("matrix", "row", 32)], 1.0, 5.0
        ),
        "three_limits": kv_cache.three_limits([1, 2, 3], [at] * 3, {"reading": [at / 2] * 3}),
        "norm_map": layers.norm_map(ones, ones, at * ones),
        "gradient_lengths": layers.gradient_lengths({"w": down}),
        "patch_map of layers": layers.patch_map([[at / 5], [0.9], [0.1]], ["France"]),
        "layer_costs": layers.layer_costs({"a": [at] * 30}),
        "alike": layers.alike({"with": [at / 10] * 31}),
        "learning of layers": layers.learning({"mine": [at] * 20}, {"a table": at}),
        "told_apart": layers.told_apart({"mine": [at * 10] * 31}),
        "running_sums": layers.running_sums(
            {"one": torch.tensor([1.0, at, 0.0]), "two": torch.tensor([at, 1.0, 0.0])}
        ),
        "neuron_turned": layers.neuron_turned([1, 2, 3], down, (0, 1)),
        "gradients_compared": output_head.gradients_compared(many, 6.0),
        "walk": output_head.walk([("Up.", {"x": at * np.eye(2)}, {})])[0],
        "one_batch": output_head.one_batch(down, 6.0),
        "what_it_learns": output_head.what_it_learns(
            [at, 1.0], [(1, 1.0)], {"rule": 1.0}, [{"step": 0, "text": "a", "distances": {"b": at}}]
        ),
        "scalar_graph": output_head.scalar_graph(scalar_graph.two_layers(at)),
        "beam_tree": sampling.beam_tree(Letters, [[([0], math.log(at / 10))]]),
        "two_arms": sampling.two_arms({"m": {"plainly": [at / 10, 0.0]}}),
        "copies": sampling.copies(down),
        "differences": sampling.differences({"m": (at, 0.0, 9.0)}, "gain"),
    }


def test_no_figure_says_numbers_of_a_run_that_it_is_not_drawn_from():
    """Other data, other words; and no fraction stands in an alt text as it was written."""
    one, two = drawn(2.3), drawn(4.1)
    assert [name for name in one if one[name].alt == two[name].alt] == []
    below = output_head.calibration({"a": (np.array([0.35, 0.95]), np.array([0, 1]))})
    assert "a: of 2 points 1 lie below the diagonal" in below.alt
    told = []
    for module in (attention, kv_cache, layers, output_head, sampling, scaling):
        for call in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "plots.described":
                parts = getattr(call.args[1], "values", [call.args[1]])
                told += [each.value for each in parts if isinstance(each, ast.Constant)]
    assert len(told) > 50
    assert [words for words in told if re.search(r"\d\.\d|\de-\d", words)] == []


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_words_is_refused(alt):
    with pytest.raises(ValueError, match="every figure needs alt text"):
        plots.show(bars(), alt=alt)


def test_the_same_figure_gives_the_same_bytes():
    assert plots.image(bars(), ALT) == plots.image(bars(), ALT)


def test_the_figure_stays_where_a_widget_is_gone(monkeypatch):
    """The picture is an output of its own: it shows when no kernel holds the widget's model."""
    picture, widget = shown(monkeypatch, alt=ALT, widget=SimpleNamespace(model_id="a widget's"))
    assert "<img" in picture["text/html"] and plots.VIEW not in picture
    assert list(widget) == [plots.VIEW]


def test_nbval_leaves_out_the_pixels_and_nothing_else():
    (pattern, pixels), *others = get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text())
    one, two = (plots.image(bars(), alt)["text/html"] for alt in ("70 %", "71 %"))
    kept = re.sub(pattern, pixels, one)
    assert not others and len(kept) < 200 and 'alt="70 %" width="600"' in kept
    assert re.sub(pattern, pixels, one) != re.sub(pattern, pixels, two)
    assert re.sub(pattern, pixels, "data: image/png;base64,AAAA") == "data: image/png;base64,AAAA"
