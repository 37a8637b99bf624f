"""The widgets' kernel side: what each answers, with the learner's own functions; what stays where
no kernel runs; and their JavaScript, joined into one module."""

import json
import math
import re
import sys
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from llmlib import embeddings, output_head, plots, sampling, tokens, training, widgets
from llmlib.attention import attention_maps, scaled_dot_product_attention
from llmlib.demonstrations import scalar_graph
from llmlib.kv_cache import generate_cached
from llmlib.model import LLAMA_PARTS, Model
from llmlib.scaling import H100
from llmlib.widgets import joined
from llmlib.widgets.attention_explorer import run
from llmlib.widgets.generation_stepper import FREE, Stepper
from llmlib.widgets.kernel import Widget
from llmlib.widgets.stream_slider import stretches

pytestmark = pytest.mark.unit
TEXT = "abcab"


class Bytes:
    """Says that every byte is followed by itself, with probability nearly 1."""

    tokenizer = SimpleNamespace(
        encode=lambda text: list(text.encode()),
        decode=lambda ids: bytes(ids).decode(errors="replace"),
        vocab=[bytes([i]) for i in range(256)],
    )

    def __call__(self, ids):
        return 20.0 * torch.nn.functional.one_hot(torch.tensor([ids]), 256)


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


@pytest.fixture
def shown(monkeypatch):
    """What a cell leaves in the notebook."""
    shown = []
    monkeypatch.setattr("llmlib.plots.display", lambda data, raw: shown.append(data))
    return shown


def broken(*_):
    raise ValueError("not <yet>")


def fault(widget, question):
    """The sentence for a question that has no answer."""
    said, buffers = widget.reply({"number": 7, "question": question})
    assert said["number"] == 7 and buffers is None and "answer" not in said
    return said["fault"]


def left(widget, *args, **options):
    """(what a cell leaves where no kernel runs, its widget) of a function that shows both."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        module = sys.modules[f"llmlib.widgets.{widget.__name__}"]  # its name is the function's, too
        patch.setattr(module, "leave", lambda *both: made.extend(both))
        widget(*args, **options)
    return made


# The kernel's side ------------------------------------------------------------------------------


def test_a_question_is_answered_under_its_number_and_a_fault_is_a_sentence():
    widget = Widget("loss_lab", lambda asked: {"twice": 2 * asked}, tokens=[], logits=[])
    assert widget.reply({"number": 3, "question": 4}) == (
        {"number": 3, "answer": {"twice": 8}},
        None,
    )
    sent = []
    widget.send = lambda content, buffers: sent.append(content)
    widget._handle_custom_msg({"number": 5, "question": 6}, [])
    assert sent == [{"number": 5, "answer": {"twice": 12}}]
    assert fault(Widget("loss_lab", broken, "softmax"), 0) == "softmax raised ValueError: not <yet>"
    assert fault(Widget("loss_lab", broken), 0) == "ValueError: not <yet>"


def test_numbers_that_are_none_are_a_fault_and_not_silence():
    widget = widgets.loss_lab(lambda x: x / 0, ["a"], [0.0])
    assert "softmax raised ValueError: Out of range" in fault(widget, {"logits": [0.0]})


def test_every_widget_is_one_module_of_its_own():
    for name in widgets.__all__:
        text = joined.module(name)
        assert f"web_widgets_{name} = (() => {{" in text and "\nimport " not in text
        assert text.endswith(f"inNotebook(web_widgets_{name});\n")
        assert text.count("const web_dom = ") == 1 and "web_engine" not in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('import figures from "./figures.js";', "default export"),
        ("export { one };", "cannot be joined"),
        ("const here = import.meta.url;", "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, monkeypatch, line, said):
    (tmp_path / "one.js").write_text(f"{line}\n")
    (tmp_path / "figures.js").write_text("")
    monkeypatch.setattr(joined, "WEB", tmp_path)
    with pytest.raises(ValueError, match=said):
        joined._collect("one.js", {})


# Each widget ------------------------------------------------------------------------------------


def test_tokens_are_cut_by_the_learners_encode():
    def encode(text, merges):
        """abc in one token, ab in one, all else in bytes: what two merges would give."""
        if text == "boom":
            broken()
        known = {0: {}, 1: {"ab": 256}, 2: {"abc": 257}}[len(merges)]
        return [known[text]] if text in known else list(text.encode())

    tokenizers = {"mine": [(97, 98), (256, 99)], "none": []}
    still, view = left(widgets.tokenizer_playground, encode, tokenizers, "abc")
    assert "mine, 2 merges: 1 tokens, 3.00 bytes a token" in still["text/html"]
    assert 'title="id 257"' in still["text/html"] and "mine, 0 merges: 3" in still["text/plain"]
    ask = lambda text, name, count: view.answer({"text": text, "name": name, "count": count})  # noqa: E731
    assert ask("abc", "mine", 50000)["tokens"] == [
        {"id": 257, "text": "abc", "bytes": [97, 98, 99]}
    ]
    assert len(ask("abc", "mine", 0)["tokens"]) == len(ask("abc", "none", 9)["tokens"]) == 3
    assert ask("é", "mine", 0)["tokens"][0] == {"id": 195, "text": "\ufffd", "bytes": [195]}
    asked = {"text": "boom", "name": "mine", "count": 0}
    assert fault(view, asked) == "encode raised ValueError: not <yet>"


def test_the_stepper_learns_with_the_learners_functions():
    def commonest(counts):
        return max(counts, key=lambda item: item[1])[0]

    learners = tokens.count_pairs, tokens.merge, commonest
    still, view = left(widgets.bpe_stepper, *learners, "low low slow", "lowlo")
    begun = "Merges so far: 0. Tokens: 12. Commonest pair: 'l' + 'o', 3 times."
    assert begun in still["text/plain"]
    assert "The new text as bytes: l|o|w|l|o" in still["text/plain"]
    assert "after merge 1: lo|w|lo\nafter merge 2: low|lo" in still["text/plain"]
    asked = {"text": "low low slow", "word": "lowlo", "pattern": "GPT-2"}
    two = view.answer(asked | {"merges": 2})
    assert two["learned"] == 2 and two["total"] == 6
    assert [token["text"] for token in two["made"]] == ["lo", "w"]
    assert [each["rank"] for each in two["rows"]] == [None, 0, 1]
    assert sum(each["times"] for each in two["pieces"]) == 3
    end = view.answer(asked | {"merges": 40})
    assert end["pairs"] == [] and end["learned"] < 40 and end["total"] == 3
    whole = view.answer(asked | {"pattern": "none", "merges": 40})
    assert whole["total"] == 1  # without pieces a merge reaches over the spaces
    assert fault(view, asked | {"text": "", "merges": 0}) == "Type a text first."
    assert "2,000 characters" in fault(view, asked | {"text": "a" * 2001, "merges": 0})
    with pytest.raises(ValueError, match="not <yet>"):
        widgets.bpe_stepper(broken, *learners[1:], "low", "low")


def test_the_tree_grows_by_the_learners_merge_the_oldest_first():
    merges = {"own": [(98, 99), (97, 98), (97, 256)], "none": []}
    still, view = left(widgets.merge_tree, tokens.merge, merges, "abc")
    assert "with their ranks: bc 0, abc 2. At the end 1 tokens: abc." in still["text/plain"]
    rows = view.answer({"text": "abc", "name": "own"})["rows"]
    assert [row["rank"] for row in rows] == [None, 0, 2]
    assert [[token["text"] for token in row["tokens"]] for row in rows] == [
        ["a", "b", "c"],
        ["a", "bc"],
        ["abc"],
    ]
    assert len(view.answer({"text": "abc", "name": "none"})["rows"]) == 1
    assert fault(view, {"text": "", "name": "own"}) == "Type a text first."
    assert "The limit is 40" in fault(view, {"text": "é" * 21, "name": "own"})
    view = left(widgets.merge_tree, lambda *_: [97], {"own": [(97, 98)]}, "ab")[1]
    assert len(view.answer({"text": "abab", "name": "own"})["rows"]) == 2


def test_the_clock_turns_by_the_learners_function():
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    clock = widgets.rope_clock(embeddings.apply_rope, q, k, 100.0)
    near, far = (clock.answer({"places": places, "pair": 0}) for places in ([5, 4], [30, 29]))
    assert near["score"] == pytest.approx(far["score"], abs=1e-4) and near["hands"] != far["hands"]
    assert clock.answer({"places": [30, 4], "pair": 0})["score"] != pytest.approx(near["score"])
    (x, y), _ = clock.answer({"places": [1, 0], "pair": 2})["hands"]
    assert math.atan2(y, x) == pytest.approx(0.1)  # 100 ** (-2 * 2 / 8)
    clock = widgets.rope_clock(broken, q, k, 100.0)
    assert fault(clock, {"places": [1, 0], "pair": 0}) == "apply_rope raised ValueError: not <yet>"


def test_one_head_of_a_text_that_is_typed(model):
    widget = widgets.head_view(model, TEXT, 1, 0)
    answer = widget.answer({"text": "ba"})
    [one], two = answer["weights"]
    expected = attention_maps(model, model.tokenizer.encode("ba"))[1, 0]
    assert [token["text"] for token in answer["tokens"]] == ["<b>", "<a>"]
    assert one == pytest.approx(1) and two == pytest.approx(expected[1].tolist(), abs=1e-6)
    assert fault(widget, {"text": ""}) == "Type a text first."


def test_the_explorer_gives_every_head_and_what_is_said_without_some(model):
    widget = widgets.attention_explorer(model, scaled_dot_product_attention, TEXT, 1, 0)
    assert widget.given["n_head"] == model.config.n_head and widget.given["layer"] == 1
    all_on, [shares] = widget.answer({"text": TEXT, "off": []})
    ids = model.tokenizer.encode(TEXT)
    expected = attention_maps(model, ids)
    assert shares.dtype == np.float32
    assert torch.allclose(torch.from_numpy(shares), expected, atol=1e-6)
    assert [token["text"] for token in all_on["tokens"]] == ["<a>", "<b>", "<c>", "<a>", "<b>"]
    assert [len(rows) for rows in all_on["next"]] == [5] * 5
    assert all(row["before"] == row["after"] for rows in all_on["next"] for row in rows)
    off, _ = widget.answer({"text": TEXT, "off": [[0, 0], [1, 1]]})
    logits = run(model, scaled_dot_product_attention, ids, {(0, 0), (1, 1)})[1]
    best = output_head.softmax(logits[-1]).max().item()
    assert off["next"][-1][0]["after"] == pytest.approx(best) != off["next"][-1][0]["before"]
    long = "The limit is 40: shorten it."
    assert fault(widget, {"text": "a" * 41, "off": []}) == f"This text is 41 tokens. {long}"
    assert fault(widget, {"text": "", "off": []}) == "Type a text first."
    widget = widgets.attention_explorer(model, broken, TEXT)
    assert fault(widget, {"text": TEXT, "off": []}) == "ValueError: not <yet>"


def test_a_neuron_is_held_where_the_slider_stands():
    def logits_with(ids, value):
        return torch.tensor([2.0, 1.0, 0.0, -1.0, -2.0, -3.0]) * (1 if value is None else value)

    letters = SimpleNamespace(encode=list, decode=lambda ids: "abcdef"[ids[0]])
    widget = widgets.neuron_slider(logits_with, letters, "x", 10.0)
    rows = widget.answer({"text": "x", "value": -1.0})["rows"]
    free = torch.softmax(logits_with([], None), -1)
    assert [row["text"]["text"] for row in rows] == [*"fedcba"]
    assert [row["before"] for row in rows] == pytest.approx(free.flip(0).tolist())
    assert rows[0]["after"] == pytest.approx(torch.softmax(logits_with([], -1.0), -1)[5].item())


def test_the_stream_slider_reads_every_state_by_the_lens(model):
    still, view = left(widgets.stream_slider, model, TEXT, 1)
    assert view.given == {"text": TEXT, "n_layer": model.config.n_layer, "state": 2}
    states = view.answer({"text": TEXT})["stream"]
    assert len(states) == 1 + model.config.n_layer
    last = output_head.softmax(model(model.tokenizer.encode(TEXT))[0, -1]).topk(5)
    assert [each["p"] for each in states[-1]] == pytest.approx(last.values.tolist(), abs=1e-5)
    names = [model.tokenizer.decode([i]) for i in last.indices.tolist()]
    assert [each["text"] for each in states[-1]] == names
    assert states[0] != states[-1] and "top of the lens" in still["text/plain"]
    assert still["text/html"].count("<span") == len(stretches(states))
    assert fault(view, {"text": ""}) == "Type a text first."


def test_the_loss_lab_takes_the_learners_softmax():
    widget = widgets.loss_lab(output_head.softmax, ["blue", "<grey>"], [1.0, 0.0])
    assert widget.given == {"tokens": ["blue", "<grey>"], "logits": [1.0, 0.0]}
    shares = widget.answer({"logits": [math.log(3), 0.0]})["shares"]
    assert shares == pytest.approx([0.75, 0.25])
    with pytest.raises(ValueError, match="2 tokens and 1 logits"):
        widgets.loss_lab(output_head.softmax, ["blue", "grey"], [1.0])


@pytest.mark.parametrize(("before", "losses"), [([], [None, 0, 20]), ([98], [20, 0, 20])])
def test_the_reader_gives_the_loss_of_each_token_and_what_was_expected(before, losses):
    softmax = output_head.softmax
    still, view = left(widgets.surprise_reader, Bytes(), softmax, "aab", before=before)
    tokens = view.answer({"text": "aab"})["tokens"]
    assert [each["text"] for each in tokens] == ["a", "a", "b"]
    assert [each["loss"] for each in tokens] == [
        pytest.approx(x, abs=1e-4) if x is not None else None for x in losses
    ]
    assert tokens[-1]["expected"][0] == [{"text": "a"}, pytest.approx(1)]
    counted = len([x for x in losses if x is not None])
    total = sum(x or 0 for x in losses)
    assert f"{total:.1f} nats for {counted} tokens" in still["text/plain"]
    assert "most surprising: " in still["text/plain"] and "'b' 20.00" in still["text/plain"]
    assert still["text/html"].count('title="20.00 nats"') == losses.count(20)
    if not before:
        assert fault(view, {"text": "a"}) == "Type two words or more."
    assert "bytes" in view.answer({"text": "é"})["tokens"][0]


def given_of(outputs):
    """Return the numbers that an output without a kernel holds."""
    html = outputs[-1]["text/html"]
    assert "<img alt=" in html and "inOutput" in html
    return json.loads(unescape(re.search(r'data-given="([^"]*)"', html)[1]))


def test_the_graph_holds_every_step_of_the_walk_back(shown):
    graph = scalar_graph.two_layers()
    widgets.gradient_graph(graph)
    assert given_of(shown) == graph
    drawn = {each["name"]: each for each in graph["numbers"]}
    assert drawn["v₁"]["gradient"] == 0.824 and drawn["u₂"]["gradient"] == 0  # a shut gate
    assert drawn["h₂"]["gradient"] == 3.75 and len(graph["arrows"]) == 16
    known = [each["back"] for each in graph["numbers"]] + [each["step"] for each in graph["arrows"]]
    assert max(known) == len(graph["steps"]) - 2  # the last step is the test


def test_what_a_model_writes_stands_beside_its_loss(shown):
    samples = [
        {"step": step, "loss": 6.0 - step, "text": "<b>", "distances": {"uniform": float(step)}}
        for step in (0, 4)
    ]
    losses = [6.0, 5.0, 4.0, 3.0, 2.0]
    widgets.training_text(losses, [(0, 6.0), (5, 2.5)], {"uniform": 6.24}, samples)
    given = given_of(shown)
    assert given["samples"] == samples and given["marks"] == {"uniform": 6.24}
    assert given["losses"] == [[0, 6.0], [4, 2.0], [5, 2.0]]
    assert "<b>" not in shown[-1]["text/html"].partition("<script>")[0]
    assert "After 4 steps it writes: “<b>”" in shown[-1]["text/plain"]


def test_the_texts_of_rules_are_an_output_that_needs_no_kernel(model):
    """One rule draws, one is greedy; the seed decides the draws, and a far token is marked."""
    least = lambda z: torch.where(z == z.amin(-1, keepdim=True), 0.0, -math.inf)  # noqa: E731
    rules = {}
    for seed in (1, 2):
        rules[seed, "drawn"] = seed, lambda z: z
        rules[seed, "greedy"] = seed, lambda z: sampling.apply_temperature(z, 0)
        rules[seed, "least"] = seed, least
    (still,) = left(widgets.texts_lab, model, sampling.draw, "ab", "seed", rules)
    given = json.loads(unescape(re.search(r'data-given="([^"]*)"', still["text/html"])[1]))
    assert given["values"] == [1, 2] and given["slider"] == "seed" and given["prompt"] == "ab"
    (first, second) = ({row["name"]: row["pieces"] for row in rows} for rows in given["frames"])
    assert first["greedy"] == second["greedy"] and first["drawn"] != second["drawn"]
    assert first["least"][0][1] and not first["greedy"][0][1]
    assert "<mark>" in still["text/html"] and "inOutput" in still["text/html"]
    assert "seed 1" in still["text/plain"] and "greedy: ab" in still["text/plain"]


def stepper(model, generate=generate_cached, sample=sampling.sample):
    steps = Stepper(model, generate, sampling.filter_logits, sample)
    widget = Widget("generation_stepper", steps.answer)
    turn = lambda turn, text=TEXT, **set: widget.answer(  # noqa: E731
        {"text": text, "settings": FREE | set, "turn": turn}
    )
    return widget, turn


def test_each_turn_draws_one_token_and_the_cache_grows_by_what_was_read(model):
    widget, turn = stepper(model)
    first = turn("first")
    assert len(first["tokens"]) == first["read"] == 5 and not first["ended"]
    second = turn("next")
    assert len(second["tokens"]) == 6 and second["read"] == 1
    assert second["tokens"][-1] == first["coming"]
    assert second["bytes"] == pytest.approx(first["bytes"] * 6 / 5)
    assert turn("same")["coming"] == second["coming"]
    assert turn("first") == first
    assert len(turn("same", "ab")["tokens"]) == 2  # another text begins again
    asked = {"text": "", "settings": FREE, "turn": "next"}
    assert fault(widget, asked) == "Type a text first."
    assert len(turn("next", "ab")["tokens"]) == 2


def test_the_end_of_the_loop_and_what_the_learners_functions_raise(model):
    def one(some_model, cache, ids, most, pick):
        yield pick(some_model(torch.tensor([ids]), cache)[:, -1]).item()

    widget, turn = stepper(model, one)
    assert not turn("first")["ended"] and turn("next")["ended"]
    assert not turn("first")["ended"]
    asked = {"text": TEXT, "settings": FREE, "turn": "first"}
    none, _ = stepper(model, lambda *_: iter(()))
    assert fault(none, asked) == "The loop has ended before its first token."
    wrong, _ = stepper(model, sample=broken)
    assert fault(wrong, asked) == "ValueError: not <yet>"


def test_a_turn_of_the_loop_stays_where_no_kernel_runs(model, shown):
    learners = generate_cached, sampling.filter_logits, sampling.sample
    widgets.generation_stepper(model, *learners, TEXT)
    still, view = shown
    assert "holds 6 tokens" in still["text/html"] and "this pass read 1" in still["text/plain"]
    assert still["text/html"].count("<tr><td>") == 6 and list(view) == [plots.VIEW]


def test_the_serving_calculator_asks_the_learners_functions():
    def step_seconds(batch, context, weights, kv, flops, memory, bandwidth, peak):
        return math.inf if weights > memory else weights / bandwidth

    widget = widgets.serving_playground(step_seconds, lambda *shape: 10, H100)
    asked = {"model": "Llama 3.1 8B", "bits": 8, "cards": 2, "batch": 4, "context": 128}
    answer = widget.answer(asked)
    assert answer["weights"] == 8_030_261_248 and answer["caches"] == 4 * 128 * 10
    assert answer["memory"] == 2 * H100["bytes"]
    assert answer["step"] == pytest.approx(8_030_261_248 / 2 / H100["bytes_per_second"])
    full = widget.answer(asked | {"model": "GPT-3's shape, 175B", "cards": 1, "bits": 16})
    assert full["step"] is None and json.dumps(full)
