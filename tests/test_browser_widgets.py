"""Every control of every widget, in JupyterLab in a real browser: it does something; saved without
its kernel, a picture is there. One notebook holds all widgets."""

import re
import time

import pytest
from browser import (
    SHOTS,
    answered,
    listen,
    new_tab,
    open_notebook,
    resize,
    run_all,
    save,
    stop_kernels,
    workspace,
    write,
)
from playwright.sync_api import TimeoutError, expect

pytestmark = pytest.mark.browser
GIVEN = """import torch
from llmlib import embeddings, kv_cache, pretrained, sampling, tokens
from llmlib.attention import scaled_dot_product_attention
from llmlib.output_head import softmax
from llmlib.plots import figure, show
model = pretrained.load("smollm2")
def shown(widget):
    show(figure(height=1)[0], alt="What stays without a kernel.", widget=widget)"""
WIDGETS = {
    "token_playground": """from llmlib.widgets import tokenizer_playground
pairs = [(97, 98)] * 50_000
def encode(text, merges):
    return list(text.encode())[: 1 + len(merges) // 1000]  # fewer merges show
tokenizer_playground(encode, {"one": pairs, "two": pairs[1:]}, "Donaudampfschiff 🙂 " * 4)""",
    "bpe_stepper": """from llmlib.widgets import bpe_stepper
def commonest(counts):
    return max(counts, key=lambda item: item[1])[0]
text = "low lower lowest (slow slower)\\n    new newer 12345"
bpe_stepper(tokens.count_pairs, tokens.merge, commonest, text, "lowest slowness")""",
    "merge_tree": """from llmlib.widgets import merge_tree
merges = {"own": [(108, 111), (256, 119), (101, 115)], "other": [(97, 110), (101, 115)]}
merge_tree(tokens.merge, merges, "lowest")""",
    "rope_clock": """from llmlib.widgets import rope_clock
q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
shown(rope_clock(embeddings.apply_rope, q, k, 100.0))""",
    "head_view": """from llmlib.widgets import head_view
shown(head_view(model, "The cat sat on the mat", 11, 1))""",
    "attention_explorer": """from llmlib.widgets import attention_explorer
story = "Once there was a woman called Zora Quill. Every day the dragon said hello to Zora"
shown(attention_explorer(model, scaled_dot_product_attention, story, layer=18, head=6))""",
    "neuron_slider": """from llmlib.widgets import neuron_slider
def held(ids, value):
    return model(ids)[0, -1] * (1 if value is None else 1 + value / 40)
shown(neuron_slider(held, model.tokenizer, "The doctor said that", 10.0))""",
    "stream_slider": """from llmlib.widgets import stream_slider
stream_slider(model, "The king sat on his throne, and the queen sat on", layer=21)""",
    "surprise": """from llmlib.widgets import surprise_reader
surprise_reader(model, softmax, "I put the cake in the oven and sat down. " * 3)""",
    "loss_lab": """from llmlib.widgets import loss_lab
shown(loss_lab(softmax, ["blue", "grey"], [4.0, 2.5]))""",
    "gradient_graph": """from llmlib.demonstrations import scalar_graph
from llmlib.widgets import gradient_graph
gradient_graph(scalar_graph.two_layers())""",
    "training_text": """from llmlib.widgets import training_text
curve, rules = [6.2, 5.0, 4.0, 3.5], {"uniform": 6.2, "bigram": 3.7}
samples = [
    {"step": at, "loss": loss, "text": f"dog {at}", "distances": {"uniform": at, "bigram": 4 - at}}
    for at, loss in ((0, 6.2), (2, 4.0))
]
training_text(curve, [(0, 6.2), (2, 4.0), (4, 3.6)], rules, samples)""",
    "sampling_lab": """from llmlib.widgets import sampling_lab
logits = model(model.tokenizer.encode("Once upon a time"))[0, -1]
sampling_lab(model.tokenizer, {"all": softmax(logits), "half": softmax(logits / 2)}, 0.5)""",
    "cached_scores": """from llmlib.widgets import cached_scores
cached_scores(model, [28, 338], [1, 2, 3], 0, 0)""",
    "texts_lab": """from llmlib.widgets import texts_lab
rules = {(t, "drawn"): (1, lambda z, t=t: sampling.apply_temperature(z, t)) for t in (0.5, 2.0)}
texts_lab(model, sampling.draw, "Once upon a time", "temperature", rules)""",
    "generation_stepper": """from llmlib.widgets import generation_stepper
learners = kv_cache.generate_cached, sampling.filter_logits, sampling.sample
generation_stepper(model, *learners, "One day the")""",
    "serving_playground": """from llmlib.widgets import serving_playground
import pathlib, time
def step_seconds(batch, context, weights, kv, flops, memory, rate, speed):
    while pathlib.Path("slow").exists():
        time.sleep(0.1)
    return max(weights / rate, batch * flops / speed) + batch * context * kv / rate
card = {"bytes": 80e9, "bytes_per_second": 3.35e12, "flops_per_second": 9.9e14}
shown(serving_playground(step_seconds, kv_cache.cache_bytes, card))""",
}
MOVING = {
    "sampling_lab": ("slider", "u"),
    "gradient_graph": ("button", "Next step"),
    "training_text": ("slider", "steps taken"),
    "cached_scores": ("slider", "step"),
    "texts_lab": ("slider", "temperature"),
}
FAR = 5  # presses of a key: a filter cuts by then
ALONE = (  # the lock of the clock does nothing by itself: see tests/test_site_widgets.py
    "textarea, select, input[type=range], .tick:not(:has-text('lock')) input, "
    ".row button:not([disabled])"
)
GROUPS = ".looking-row", ".surprise"
# What a widget has drawn: its pictures and words, not its controls nor what they say.
DRAWN = """widget => {
  const copy = widget.cloneNode(true);
  for (const each of copy.querySelectorAll(".slider, .typed, .tick, .note, .row")) each.remove();
  return copy.innerHTML + [...widget.querySelectorAll("canvas")].map(each => each.toDataURL());
}"""
CHANGED = f"([widget, before]) => ({DRAWN})(widget) !== before"


@pytest.fixture(scope="module")
def lab(lab_server, folder):
    with workspace(lab_server, folder, "widgets") as address:
        yield address


@pytest.fixture(scope="module")
def page(window, lab):
    """One tab for all tests of this file, in which no error may be logged."""
    with new_tab(window) as page:
        yield page
        assert not page.complaints, page.complaints


@pytest.fixture(scope="module")
def widgets(lab, folder, page):
    """{name: its output in the page}, all cells run; the list of files is away, as on a phone."""
    write(folder, "widgets", GIVEN, *WIDGETS.values())
    open_notebook(page, lab.format("widgets.ipynb"))
    page.keyboard.press("Control+b")
    codes = run_all(page).locator(".jp-CodeCell")
    listen(page)
    return {
        name: codes.nth(at).locator(".jp-OutputArea-output").last
        for at, name in enumerate(WIDGETS, 1)
    }


def _settled(page, widget):
    """What a widget shows once the control before this one has been answered."""
    answered(page)
    return widget.evaluate(DRAWN)


def _use(control):
    """Use a control as one would: type, choose, press a key, click. A slider's key back."""
    kind = control.evaluate("each => each.type")
    if kind == "textarea":
        control.fill(control.input_value()[3:] + " and")
    elif kind == "select-one":
        control.select_option(index=int(control.evaluate("each => each.selectedIndex") == 0))
    elif kind == "range":
        at, most = (float(control.evaluate(f"each => each.{word}")) for word in ("value", "max"))
        keys = ("PageDown", "PageUp") if at >= most else ("PageUp", "PageDown")
        for _ in range(FAR):
            control.press(keys[0])
        return keys[1]
    else:
        control.click()


def _drawn(words):
    """Words as one sees them. JupyterLab draws no cell that is out of view (content-visibility:
    auto), and cells above that are drawn for the first time may push this one out of view again."""
    until = time.monotonic() + 60
    while not (seen := words.inner_text().strip()):
        assert time.monotonic() < until, words
        words.scroll_into_view_if_needed()
        words.page.wait_for_timeout(100)
    return seen


def _controls(widget):
    """One of each, the next step first, of which another text may leave none;
    of the tokens that can be clicked, one that is not pressed."""
    alone, groups = widget.locator(ALONE).all(), [widget.locator(kind) for kind in GROUPS]
    for each in alone:
        expect(each).to_have_accessible_name(re.compile(r"\w"))
        if each.get_attribute("type") == "range":
            label = each.locator("xpath=..")
            said = re.compile(re.escape(_drawn(label.locator("span"))))
            expect(each).to_have_accessible_name(said)
            shown = _drawn(label.locator("output"))
            expect(each).to_have_attribute("aria-valuetext", shown)
    alone.sort(key=lambda each: each.evaluate("each => !each.matches('.call')"))
    return alone + [
        each.locator("button:not([aria-pressed=true])").last for each in groups if each.count()
    ]


def test_each_control_of_each_widget_does_something(widgets, page):
    """On the narrowest page."""
    faults = []
    resize(page, 390, 1400)
    for name, widget in widgets.items():
        widget.scroll_into_view_if_needed()
        controls = _controls(widget)
        assert controls, name
        for control in controls:
            what = control.evaluate("each => each.parentElement.innerText")[:40]
            before = _settled(page, widget)
            back = _use(control)
            try:
                page.wait_for_function(CHANGED, arg=[widget.element_handle(), before])
            except TimeoutError:
                faults.append((name, what, "nothing changed"))
            for _ in range(FAR if back else 0):  # so that one filter does not hide another
                control.press(back)
            if control.text_content() == "Pause":
                control.click()
    assert not faults and not page.complaints, (faults, page.complaints)


def test_the_keyboard_moves_the_control_that_it_is_in(widgets, page):
    """And not the notebook, which has a command on each of these keys."""
    cells = page.locator(".jp-NotebookPanel:visible .jp-Cell")
    before, widget = cells.count(), widgets["serving_playground"]
    model, cards = widget.locator("select").first, widget.get_by_label("cards")
    first = model.evaluate("each => each.selectedIndex = 0")
    model.focus()
    page.keyboard.press("ArrowDown")
    expect(model).to_be_focused()
    assert model.evaluate("each => each.selectedIndex") == first + 1
    cards.fill("1")
    cards.focus()
    for key, value in (("ArrowUp", "2"), ("ArrowRight", "3"), ("ArrowDown", "2")):
        page.keyboard.press(key)
        expect(cards).to_have_value(value)
    for key in "abdxm":
        page.keyboard.press(key)
    assert cards.evaluate("each => getComputedStyle(each).outlineWidth") != "0px"
    field = widgets["surprise"].locator("textarea")
    field.fill("")
    field.press_sequentially("a bad dream")
    expect(field).to_have_value("a bad dream")
    assert cells.count() == before


def test_while_the_learners_function_is_slow_the_controls_move_and_the_newest_is_answered(
    widgets, page, folder
):
    widget, asked = widgets["serving_playground"], []
    words, cards = widget.locator(".found"), widget.get_by_label("cards")
    # Its own questions: a text typed for an earlier test may be asked for only now.
    own = "each => 'cards' in (each.data?.content?.question ?? {})"
    questions = f"() => [...unanswered.values()].filter({own}).length"
    cards.fill("1")
    expect(words).to_contain_text("of 80 GB")
    answered(page)
    (folder / "slow").touch()
    try:
        for number in range(2, 10):
            cards.fill(str(number))
            asked.append(page.evaluate(questions))
        expect(widget.locator(".note")).to_contain_text("has not answered yet")
        expect(words).to_contain_text("of 80 GB")
        assert max(asked) == 1, asked  # not a queue of eight
    finally:
        (folder / "slow").unlink()
    expect(words).to_contain_text("of 720 GB")
    expect(widget.locator(".note")).to_have_text("")


def test_what_cannot_be_answered_is_a_sentence_and_the_picture_stays(widgets):
    widget = widgets["attention_explorer"]
    field, tokens = widget.locator("textarea"), widget.locator(".looking-row button")
    field.fill("One two three")
    expect(tokens).to_have_count(3)
    for text, said in (("", "Type a text first."), ("a b " * 40, "The limit is 40")):
        field.fill(text)
        expect(widget.locator("[role=status]")).to_contain_text(said)
        expect(tokens).to_have_count(3)
    field.fill("Four five")
    expect(tokens).to_have_count(2)
    expect(widget.locator("[role=status]")).to_have_text("")


def test_saved_without_its_kernel_each_widget_leaves_a_picture(widgets, lab, page):
    """And a word on how to bring it back; not "model not found", nor an empty box."""
    save(page)
    stop_kernels(lab)
    page.set_viewport_size({"width": 1280, "height": 900})
    open_notebook(page, lab.format("widgets.ipynb"))
    codes = page.locator(".jp-NotebookPanel:visible .jp-CodeCell")
    for at, name in enumerate(WIDGETS, 1):
        codes.nth(at).scroll_into_view_if_needed()
        outputs = codes.nth(at).locator(".jp-OutputArea-output")
        expect(outputs.first).to_be_visible()
        assert outputs.first.evaluate("each => each.getBoundingClientRect().height") > 20, name
        if name in MOVING:  # its script stands in its output: it moves without a kernel
            role, label = MOVING[name]
            expect(outputs.last.get_by_role(role, name=label, exact=True)).to_be_visible()
            continue
        expect(outputs.last).to_have_text(re.compile("model not found"))  # as JupyterLab puts it
        expect(outputs.last).to_be_hidden()
        said = "each => getComputedStyle(each.closest('.jp-OutputArea-child'), '::after').content"
        assert "Run this cell" in outputs.last.evaluate(said)
    page.screenshot(path=SHOTS / "widgets_reopened.png")
    expected = [said for said in page.complaints if "widget model not found" in said]
    assert page.complaints == expected  # ipywidgets notes it
    page.complaints.clear()
