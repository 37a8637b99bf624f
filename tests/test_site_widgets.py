"""The pictures and widgets of the site: what their JavaScript computes is what llmlib computes."""

import json
import re

import landing_site
import pytest
import torch
from browser import new_page
from landing_site import near
from playwright.sync_api import expect
from static_server import served
from test_solutions_match_library import solved

from authoring.site import recorded
from exercises.format.notebooks import ROOT
from llmlib import embeddings, generation, output_head, sampling
from llmlib.demonstrations.embeddings import queries_and_keys
from llmlib.demonstrations.layers import neuron_held, neuron_strengths_on
from llmlib.demonstrations.tokens import PATTERNS
from llmlib.scaling import H100
from llmlib.widgets.attention_explorer import run as attention_maps
from llmlib.widgets.bpe_stepper import steps
from llmlib.widgets.choice import choice
from llmlib.widgets.rope_clock import rope_clock
from llmlib.widgets.serving_playground import MODELS, serving_playground

pytestmark = pytest.mark.browser
SETTINGS = [
    {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None},
    {"temperature": 0.8, "top_k": None, "top_p": 0.9, "min_p": None},
    {"temperature": 0.0, "top_k": None, "top_p": None, "min_p": None},
    {"temperature": 1.7, "top_k": 40, "top_p": None, "min_p": None},
    {"temperature": 1.3, "top_k": None, "top_p": 0.5, "min_p": 0.05},
    {"temperature": 2.5, "top_k": 30, "top_p": 0.95, "min_p": 0.01},
]
WIDGETS = ["tokenizer_playground", "bpe_stepper", "merge_tree", "rope_clock", "head_view"]
WIDGETS += ["attention_explorer", "neuron_slider", "stream_slider", "loss_lab", "surprise_reader"]
WIDGETS += ["generation_stepper", "serving_playground"]


@pytest.fixture(scope="module")
def model():
    return landing_site.model()


@pytest.fixture(scope="module")
def page(chromium):
    """A page on the site, whose scripts can be imported."""
    with served(landing_site.built()) as server:
        with new_page(chromium, reduced_motion="reduce") as opened:
            opened.goto(f"{server.address}/index.html")
            yield opened


def run(page, module, body, argument=None):
    """What a JavaScript expression says of `m`, a module of web/widgets/, and of `x`; `of(name)`
    imports another one."""
    script = (
        "async x => { const of = name => import(`${location.origin}/assets/widgets/${name}.js`);"
        f"const m = await of('{module}'); return {body}; }}"
    )
    return page.evaluate(script, argument)


# What was recorded -----------------------------------------------------------------------------


# What the scripts compute ----------------------------------------------------------------------


CHOOSE = """(async () => {
  const { drawn } = m, logits = Float32Array.from(x.logits);
  return x.us.map(u => drawn(m.choose(logits, u, x.settings), u, id => x.words[id]));
})()"""
ASKED = "m.sources[x.name]().answer(x.question)"
MOUNT = """async name => {
  const place = document.createElement("div");
  document.querySelector("main").append(place);
  await (await import(`${location.origin}/assets/widgets/page.js`)).mount(place, name);
  return place;
}"""


class Letters:
    """A tokenizer whose ids are named by their numbers."""

    def decode(self, ids):
        return f"word {ids[0]}"


def same(found, expected, far):
    """Whether two answers say the same: numbers nearly, a token as its text or as {"text"}."""
    if isinstance(expected, dict) and "text" in expected and isinstance(found, str | None):
        return found == expected["text"]
    if isinstance(expected, dict):
        return all(same(found[name], expected[name], far) for name in expected)
    if isinstance(expected, list | tuple):
        return all(same(one, other, far) for one, other in zip(found, expected, strict=True))
    if isinstance(expected, float):
        return abs(found - expected) <= far * max(1, abs(expected))
    return found == expected


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_choice_is_the_one_of_the_notebook(page, settings):
    logits = 3 * torch.randn(2000, generator=torch.Generator().manual_seed(1))
    us = torch.rand(20, generator=torch.Generator().manual_seed(2))
    words = [Letters().decode([i]) for i in range(len(logits))]
    asked = {"logits": logits.tolist(), "us": us.tolist(), "settings": settings, "words": words}
    learners = sampling.filter_logits, sampling.sample
    for u, found in zip(us, run(page, "choose", CHOOSE, asked), strict=True):
        expected = choice(Letters(), logits[None], u[None], *learners, settings)
        assert same(found, expected, 1e-4)
        other = choice(Letters(), logits[None] / 1.1, u[None], *learners, settings)
        assert not same(found, other, 1e-4) or not settings["temperature"]


def test_the_stepper_of_bpe_is_notebook_1s(page):
    """On prose, code and bytes of most kinds; with each pattern."""
    functions = [solved("01_tokens")[name] for name in ("count_pairs", "merge", "commonest")]
    prose = (ROOT / "llmlib" / "data" / "prose.txt").read_text(encoding="utf-8")
    every = "".join(map(chr, [*range(33, 127), *range(161, 400)])) * 2
    texts = [
        recorded.BPE["text"],
        prose[:600],
        "def f(x):\n\treturn  x + 12345  # IT'S é 語 🦊\n",
        every,
    ]
    for text in texts:
        for pattern in PATTERNS:
            for merges in (0, 1, 25):
                asked = {"text": text, "word": texts[0], "pattern": pattern, "merges": merges}
                question = {"name": "bpe_stepper", "question": asked}
                found = run(page, "page_sources", ASKED, question)
                assert same(found, steps(*functions, **asked), 0)
    source = (ROOT / "solutions" / "01_tokens.py").read_text(encoding="utf-8")
    assert all(json.dumps(recorded.BPE[name]) in source for name in ("text", "word"))


def test_the_serving_calculator_is_notebook_7s(page):
    cache_bytes, step_seconds = (
        solved("07_kv_cache_and_scaling")[name] for name in ("cache_bytes", "step_seconds")
    )
    widget, refused = serving_playground(step_seconds, cache_bytes, H100), 0
    for model in MODELS:
        for bits, cards, batch, context in ((16, 1, 1, 1024), (8, 4, 64, 4096), (4, 16, 1024, 512)):
            asked = {"bits": bits, "cards": cards, "batch": batch, "context": context}
            question = {"name": "serving_playground", "question": asked | {"model": model}}
            expected = widget.answer(question["question"])
            assert same(run(page, "page_sources", ASKED, question), expected, 1e-9)
            refused += expected["step"] is None
    assert 0 < refused < 9


def test_the_clock_turns_as_llmlib_does(page, model):
    q, k = queries_and_keys(model, model.tokenizer.encode(recorded.CAT))
    widget = rope_clock(embeddings.apply_rope, q[16, 0, 1], k[16, 0, 1], model.config.rope_theta)
    for places, pair in (([5, 4], 0), ([60, 0], 31), ([3, 41], 7)):
        asked = {"places": places, "pair": pair}
        found = run(page, "page_sources", ASKED, {"name": "rope_clock", "question": asked})
        assert same(found, widget.answer(asked), 1e-3)


@pytest.mark.parametrize(
    ("before", "now", "locked", "expected"),
    [
        ([5, 4], [30, 4], True, [30, 29]),
        ([30, 29], [30, 12], True, [13, 12]),
        ([5, 4], [30, 4], False, [30, 4]),
        ([30, 4], [30, 5], True, [31, 5]),
        ([5, 4], [0, 4], True, [1, 0]),  # at an end the lock holds
        ([5, 4], [5, 60], True, [60, 59]),
        ([60, 59], [60, 60], True, [60, 59]),
    ],
)
def test_a_locked_distance_is_kept(page, before, now, locked, expected):
    assert run(page, "rope_clock", "m.moved(...x)", [before, now, locked]) == expected


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_shows_its_figures_before_the_model_is_there(page, name):
    place = page.evaluate_handle(MOUNT, name).as_element()
    assert re.search(r"\w.*\d", place.inner_text())
    assert not page.complaints
    place.evaluate("place => place.remove()")


# The same with the model in the page -------------------------------------------------------------


MINE = "The old clock said that it was time. The old clock"


@pytest.fixture(scope="module")
def live(page):
    """The page with the engine started."""
    page.evaluate(
        "async () => (await import(`${location.origin}/assets/widgets/live_run.js`)).startEngine()"
    )
    return page


@pytest.fixture
def widget(live):
    """Mounts a widget and gives it a text."""
    places = []

    def mounted(name):
        handle = live.evaluate_handle(MOUNT, name).as_element()
        places.append(handle)
        handle.evaluate("place => { place.id = 'mounted'; }")
        place = live.locator("#mounted")
        place.locator("textarea").fill(MINE)
        place.get_by_role("button", name="Read it").click()
        return place

    yield mounted
    for each in places:
        each.evaluate("place => place.remove()")
    assert not live.complaints


def greedy(model, text, n):
    ids = model.tokenizer.encode(text)
    return list(generation.generate(model, ids, n))


def dotted(model, ids):
    return [model.tokenizer.decode([i]).replace(" ", "·").replace("\n", "⏎") for i in ids]


def test_live_attention_explorer(widget, model):
    place = widget("attention_explorer")
    ids = model.tokenizer.encode(MINE)
    expect(place.locator(".looking button")).to_have_count(len(ids))
    row = attention_maps(model, model.parts.attention, ids)[0][17, 5, -1]
    under = place.locator(".looking small").all_inner_texts()
    found = [float(each.replace("\u00a0", " ").replace("<", "").split()[0]) for each in under]
    assert near(found, [100 * x for x in row.tolist()], 0.55)
    assert row.max() > 0.3  # a head that looks somewhere
    off = [(17, 5), (17, 6), (3, 2)]
    for layer, number in off:
        place.get_by_label("layer").fill(str(layer))
        place.get_by_label("head", exact=True).fill(str(number))
        place.get_by_label("switch this head off").check()
    expect(place.locator(".found").last).to_contain_text("without 17.5, 17.6, 3.2")
    maps, logits = attention_maps(model, model.parts.attention, ids, off)
    after, before = (output_head.softmax(each[-1]) for each in (logits, model(ids)[0]))
    best = after.topk(5).indices.tolist()
    expect(place.locator(".likely .word").first).to_have_text(dotted(model, best)[0])
    shares = [re.findall(r"[\d.]+", each) for each in place.locator(".number").all_inner_texts()]
    assert near([float(now) for _, now in shares], [100 * after[i].item() for i in best], 0.55)
    assert near([float(was) for was, _ in shares], [100 * before[i].item() for i in best], 0.55)
    assert not near(after[best].tolist(), before[best].tolist(), 0.02)
    place.get_by_role("button", name="All heads on").click()
    expect(place.locator(".found").last).to_contain_text("Switch a head off")
    assert not place.get_by_label("switch this head off").is_checked()


def test_the_stretch_that_u_falls_into_is_the_one_that_llmlib_draws(page):
    shares = torch.tensor([0.2, 0.0, 0.5, 0.3])
    stretches = [{"text": str(i), "share": share} for i, share in enumerate(shares.tolist())]
    us = [0.0, 0.1, 0.25, 0.69, 0.71, 0.99]
    found = run(page, "sampling_lab", "x[1].map(u => m.at(x[0], u))", [stretches, us])
    assert found == sampling.draw(shares.expand(len(us), -1), torch.tensor(us)).tolist()


def test_what_a_step_computes_is_what_the_passes_of_the_loop_are_over(page):
    prompt, last = 4, 5
    found = run(page, "cached_scores", "x.map(step => m.counts(4, step))", list(range(last + 1)))
    for step, counts in enumerate(found):
        seen = [prompt + i for i in range(step + 1)]  # tokens of the passes without a cache
        squares = [n * (n + 1) // 2 for n in seen]
        whole, cached = counts["without"], counts["with"]
        assert (whole["rows"], whole["scores"]) == (seen[-1], squares[-1])
        assert (whole["rowsSoFar"], whole["scoresSoFar"]) == (sum(seen), sum(squares))
        assert cached["rows"] == (1 if step else prompt) and cached["rowsSoFar"] == seen[-1]
        assert cached["scores"] == (seen[-1] if step else squares[0])
        assert cached["scoresSoFar"] == squares[-1]


def test_live_generation_stepper(widget, model):
    place, ids = widget("generation_stepper"), model.tokenizer.encode(MINE)
    n = len(ids)
    expect(place.locator(".cache .reading")).to_have_text(
        dotted(model, ids)
    )  # not the recorded text's
    place.get_by_label("temperature").fill("0")
    for made in range(1, 4):
        place.get_by_role("button", name="Next token").click()
        expect(place.locator(".cache .cached")).to_have_count(n + made - 1)
    boxes = place.locator(".cache span").all_inner_texts()
    assert boxes[n:] == dotted(model, greedy(model, MINE, 4))
    place.get_by_role("button", name="Start again").click()
    expect(place.locator(".cache .reading")).to_have_count(n)


def test_live_neuron_slider(widget, model):
    place, ids = widget("neuron_slider"), model.tokenizer.encode(MINE)
    natural = neuron_strengths_on(model, ids, 29, 1135)[-1].item()
    expect(place.locator(".note").last).to_contain_text("is at")
    for value in (10.0, -4.0):
        place.get_by_label("held at").fill(str(value))
        after = output_head.softmax(neuron_held(model, 29, 1135, value)(ids, last=True)[0, -1])
        best = after.topk(6).indices.tolist()
        expect(place.locator(".likely .word").first).to_have_text(dotted(model, best)[0])
        found = [
            float(each.replace("\u00a0", " ").split("→")[1].replace("<", "").split()[0])
            for each in place.locator(".likely .number").all_inner_texts()
        ]
        assert near(found, [100 * after[i].item() for i in best], 0.55)
    said = re.search(r"is at (-?[\d.]+) by", place.locator(".note").last.inner_text())
    assert abs(float(said[1]) - natural) < 0.1
