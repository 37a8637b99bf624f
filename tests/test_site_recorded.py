"""What is written into the landing page, and recorded for it and for the widgets, is what the model
says."""

import re

import landing_site
import pytest
import torch
from bs4 import BeautifulSoup
from landing_site import WEB, figures, near, percent, plain

from authoring.site import recorded
from exercises.format import notebooks
from llmlib import generation, output_head
from llmlib.demonstrations.layers import head, residual_stream
from llmlib.widgets.surprise_reader import read

pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.verdict("web/**/*", "llmlib/**/*", "solutions/*.py"),
]


PAGE = (WEB / "landing" / "landing.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def model():
    return landing_site.model()


def test_the_recorded_text_is_what_llmlib_generates(model):
    found = figures("recorded")
    prompt = model.tokenizer.encode(found["prompt"])
    assert found["settings"] == recorded.SETTINGS
    new = generation.generate(
        model, prompt, recorded.NEW_TOKENS, **found["settings"], seed=recorded.SEED
    )
    ids = [*prompt, *new]
    assert [each["id"] for each in found["tokens"]] == ids
    assert [each["text"] for each in found["tokens"]] == [model.tokenizer.decode([i]) for i in ids]
    assert found["prompt_length"] == len(prompt)
    spelled = [bytes(each["bytes"]) for each in found["tokens"][: len(prompt)]]
    assert b"".join(spelled).decode() == found["prompt"]


def test_the_recorded_logits_and_the_stream_are_the_models(model):
    found = figures("recorded")
    ids = [each["id"] for each in found["tokens"]]
    logits = model(ids)[0]
    stream = residual_stream(model, ids)
    for step, each in enumerate(found["steps"]):
        at = found["prompt_length"] + step - 1
        best = logits[at].topk(recorded.LIKELIEST)
        assert near([logit for *_, logit in each["likeliest"]], best.values.tolist(), 1e-3)
        assert [i for i, *_ in each["likeliest"]][:5] == best.indices[:5].tolist()
        assert sum(count for _, count in each["others"]) == 49152 - recorded.LIKELIEST
        shares = output_head.softmax(head(model, stream[:, at]))
        for layer, guesses in zip(shares, each["stream"], strict=True):
            assert near([p for _, p in guesses], layer.topk(5).values.tolist(), 1e-3)
        last_words = [text for text, _ in each["stream"][-1]]
        assert last_words == [text for _, text, _ in each["likeliest"][:5]]


def test_the_recorded_vectors_give_the_recorded_logits(model):
    found, inside = figures("recorded"), figures("recorded_inside")
    for step, last in zip(found["steps"], inside["last"], strict=True):
        for i, _, logit in step["likeliest"][: recorded.ROWS]:
            row = torch.tensor(inside["vectors"][str(i)], dtype=torch.float64) / 1000
            product = (row @ torch.tensor(last, dtype=torch.float64)).item() / 1000
            assert abs(product - logit) < 0.1, (i, product, logit)


def test_the_recorded_surprise_is_that_of_the_reader(model):
    found = figures("recorded_widgets")["surprise"]
    expected = read(model, output_head.softmax, found["text"], [0])
    assert near([t["loss"] for t in found["tokens"]], [t["loss"] for t in expected], 1e-3)
    for mine, its in zip(found["tokens"], expected, strict=True):
        assert mine["text"] == its["text"]
        assert [word for word, _ in mine["expected"]] == [w["text"] for w, _ in its["expected"]]
        assert near([p for _, p in mine["expected"]], [p for _, p in its["expected"]], 1e-3)


def test_every_stage_leads_to_an_exercise_of_its_notebook():
    links = BeautifulSoup(PAGE, "html.parser").select(".stage .yours a")
    assert len({link.find_parent("section")["id"] for link in links}) == 7
    for link in links:
        file, number, name = re.fullmatch(
            r"(\w+)\.html#exercise-([\d.]+)-(\w+)", link["href"]
        ).groups()
        notebook = notebooks.load(file)
        assert any(f"Exercise {number} · `{name}`" in cell.source for cell in notebook.cells)
        assert link.select("code")[-1].text == name
        told = re.search(r"notebook (\d)", link.text)
        assert told is None or int(told[1]) == int(file[:2])


def test_what_moves_before_the_scripts_is_what_was_recorded(model):
    found, page = figures("recorded"), BeautifulSoup(PAGE, "html.parser")
    prompt = found["tokens"][: found["prompt_length"]]
    chips = [each.text for each in page.select("#text .chip")]
    assert chips == [each["text"].replace(" ", "·") for each in prompt]
    assert page.select_one("#prompt").text == found["prompt"]
    logits = model(model.tokenizer.encode(found["prompt"]))[0, -1]
    shares = output_head.softmax(logits)
    best = shares.topk(6).indices.tolist()
    for i, row in zip(best, page.select("#next li"), strict=True):
        word = model.tokenizer.decode([i]).replace(" ", "·")
        assert row.select_one(".word").text == word
        assert plain(row.select_one(".number").text) == percent(shares[i].item())
        share = float(re.search(r"--share:([\d.]+)", str(row))[1])
        assert abs(share - (shares[i] / shares.max()).item()) < 0.01
