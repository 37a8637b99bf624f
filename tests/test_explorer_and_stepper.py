"""The attention explorer of notebook 3 and the generation stepper of notebook 7: the learner's own
functions behind buttons."""

import io
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from llmlib import sampling, training
from llmlib.attention import attention_maps, scaled_dot_product_attention
from llmlib.kv_cache import generate_cached
from llmlib.model import LLAMA_PARTS, Model
from llmlib.plots import VIEW
from llmlib.widgets.attention_explorer import SWITCHED_OFF, attention_explorer, run, sprite
from llmlib.widgets.generation_stepper import _Stepper, generation_stepper

pytestmark = pytest.mark.unit
TEXT = "abcab"


@pytest.fixture(scope="module")
def model():
    """Two layers, random; a token a letter."""
    config = training.tiny_config(32)
    letters = SimpleNamespace(
        encode=lambda text: [ord(c) for c in text],
        decode=lambda ids: "".join(f"<{chr(i)}>" for i in ids),
    )
    weights = training.new_weights(config, 0)
    for layer in weights.layers:  # those that write are zero at birth
        layer.o[0].data.normal_(generator=torch.Generator().manual_seed(0))
    return Model(config, weights, LLAMA_PARTS, letters)


def explorer(model, attention=scaled_dot_product_attention):
    made = attention_explorer(model, attention, TEXT)
    text, sheet, bars, _, grid, controls, told, row, says = made.children
    layer, head, switch, all_on = controls.children
    return SimpleNamespace(**{name: value for name, value in locals().items() if name != "made"})


def test_given_the_identity_as_values_the_learners_attention_returns_every_map(model):
    maps, logits = run(model, scaled_dot_product_attention, [3, 1, 4, 1])
    assert torch.allclose(maps, attention_maps(model, [3, 1, 4, 1]))
    assert torch.allclose(logits, model([3, 1, 4, 1])[0], atol=1e-5)


def test_a_head_is_picked_in_the_grid_or_with_the_sliders(model):
    ui = explorer(model)
    assert len(ui.grid.options) == model.config.n_layer * model.config.n_head
    ui.grid.value = "1.1"
    assert (ui.layer.value, ui.head.value) == (1, 1) and "Layer 1, head 1" in ui.told.value
    before = ui.bars.value
    ui.layer.value = 0
    assert ui.grid.value == "0.1" and ui.bars.value != before


def test_a_click_picks_the_token_and_any_text_can_be_typed(model):
    ui = explorer(model)
    assert ui.row.index == 4 and ui.bars.value.count("hidden") == 0
    ui.row.index = 1
    assert (
        ui.bars.value.count("hidden") == 3 and "After <code>&#x27;&lt;b&gt;&#x27;" in ui.says.value
    )
    ui.text.value = "xy"
    assert ui.row.options == ("0 <x>", "1 <y>") and ui.row.index == 1
    ui.text.value = ""  # nothing to look at: what was there stays
    assert ui.row.options == ("0 <x>", "1 <y>")


def test_heads_that_are_switched_off_change_what_is_said(model):
    ui = explorer(model)
    said, drawn = ui.says.value, ui.sheet.value
    ui.switch.value = True
    assert "without 0.0." in ui.says.value and ui.sheet.value != drawn
    ui.grid.value = "1.0"
    assert not ui.switch.value
    ui.switch.value = True
    assert "without 0.0, 1.0." in ui.says.value
    ui.grid.value = "0.0"
    assert ui.switch.value
    ui.all_on.click()
    assert not ui.switch.value and ui.says.value == said


def test_the_picture_of_all_heads_has_their_shares_in_place(model):
    maps = attention_maps(model, [3, 1, 4])
    picture = Image.open(io.BytesIO(sprite(maps, {(1, 0)})))
    n_layer, n_head = maps.shape[:2]
    assert picture.size == (4 * n_layer, 4 * n_head)
    assert picture.getpixel((4, 0)) == SWITCHED_OFF and picture.getpixel((3, 0))[3] == 0
    assert picture.getpixel((2, 1))[3] == 0 and picture.getpixel((0, 0))[:3] == (253, 231, 36)


def test_what_the_learners_functions_raise_is_shown(model):
    def broken(*_):
        raise ValueError("not <yet>")

    assert explorer(model, broken).told.value == "<p>ValueError: not &lt;yet&gt;</p>"
    ui = stepper(model, sample=broken)
    assert ui.picture.value == "<p>ValueError: not &lt;yet&gt;</p>"


def stepper(model, generate=generate_cached, sample=sampling.sample):
    made = _Stepper(model, generate, sampling.filter_logits, sample, TEXT)
    text, sliders, buttons, picture = made.controls().children
    onward, again = buttons.children
    return SimpleNamespace(text=text, sliders=sliders, onward=onward, again=again, picture=picture)


def test_each_click_draws_one_token_and_the_cache_grows_by_what_was_read(model):
    ui = stepper(model)
    first = ui.picture.value
    assert "holds 5 positions" in first and "read 5 tokens" in first
    assert first.count("border-style:dashed") == 1
    ui.onward.click()
    assert "holds 6 positions" in ui.picture.value and "read 1 token " in ui.picture.value
    ui.again.click()
    assert ui.picture.value == first
    ui.text.value = "ab"
    assert "holds 2 positions" in ui.picture.value
    ui.text.value = ""
    assert ui.picture.value == "<p>Type a prompt.</p>" and ui.onward.disabled
    ui.text.value = "ab"
    assert "holds 2 positions" in ui.picture.value and not ui.onward.disabled


def test_an_empty_prompt_is_asked_for(model, monkeypatch):
    shown = []
    monkeypatch.setattr("llmlib.plots.display", lambda data, raw: shown.append(data))
    generation_stepper(model, generate_cached, sampling.filter_logits, sampling.sample, "")
    assert shown[0]["text/html"] == "<p>Type a prompt.</p>"


def test_a_turn_of_the_loop_stays_where_no_kernel_runs(model, monkeypatch):
    shown = []
    monkeypatch.setattr("llmlib.plots.display", lambda data, raw: shown.append(data))
    generation_stepper(model, generate_cached, sampling.filter_logits, sampling.sample, TEXT)
    still, widget = shown
    assert "holds 6 positions" in still["text/html"] and list(widget) == [VIEW]


def test_the_settings_cut_what_was_drawn_from_and_what_will_be(model):
    ui = stepper(model)
    ui.sliders.children[1].value = 2  # top-k
    for _ in range(2):
        assert "<b>2</b> of" in ui.picture.value and ui.picture.value.count("→ cut") == 4
        ui.onward.click()


def test_the_end_of_the_loop_is_said(model):
    def one(some_model, cache, ids, most, pick):
        yield pick(some_model(torch.tensor([ids]), cache)[:, -1]).item()

    ui = stepper(model, one)
    ui.onward.click()
    assert "The loop has ended" in ui.picture.value and ui.onward.disabled
    ui.again.click()
    assert not ui.onward.disabled
    ui.text.value = ""
    assert ui.onward.disabled
