"""The start page's live machine: what it says of a text, and the process that says it."""

import json
import sys
import threading
from pathlib import Path

import pytest
import torch
from waiting import until

from classroom.lab import live, live_process, start_page
from llmlib import pretrained
from llmlib.attention import causal_mask

pytestmark = [pytest.mark.unit, pytest.mark.verdict("classroom/lab/*", "llmlib/**/*")]
ECHO = """
import json, sys, time
from pathlib import Path
for line in sys.stdin:
    text = json.loads(line)
    if text == "end":
        break
    if text == "slow":
        Path("begun").touch()
        while not Path("go").exists():
            time.sleep(0.01)
    print(json.dumps({"text": text}), flush=True)
"""


@pytest.fixture(scope="module")
def model():
    return pretrained.load("smollm2")


@pytest.fixture
def process(monkeypatch):
    """A live process that repeats what it is asked."""
    monkeypatch.setattr(live_process, "COMMAND", [sys.executable, "-c", ECHO])
    made = live_process.LiveProcess()
    yield made
    made.stop()


def close(said, other):
    """Whether two answers are the same but for the last digits."""
    assert {**said, "next": 0, "attention": 0} == {**other, "next": 0, "attention": 0}
    assert said["next"][0][0] == other["next"][0][0]
    numbers = [[chance for _, chance in each["next"]] for each in (said, other)]
    for head in live.HEADS:
        for each, found in zip((said, other), numbers):
            found += sum(each["attention"][head], [])
    return numbers[0] == pytest.approx(numbers[1], abs=0.01)


@pytest.mark.slow
def test_the_recorded_figure_is_what_the_model_says(model):
    """Its point is there: the induction head looks at what followed the first " Mrs."."""
    recorded = json.loads(start_page.RECORDED.read_text(encoding="utf-8"))
    said = live.Live(model).look(live.PROMPT)
    assert close(recorded, said)
    last = said["attention"]["induction"][-1]
    assert said["tokens"][last.index(max(last))] == said["next"][0][0] == " Qu"


@pytest.mark.slow
def test_what_is_shown_is_what_the_model_computes(model):
    """The probabilities, and each head's shares from its queries and keys, without a cache."""
    said, ids = live.Live(model).look(live.PROMPT), model.tokenizer.encode(live.PROMPT)
    chances = model(ids)[0, -1].softmax(-1).topk(live.NEXT)
    assert [chance for _, chance in said["next"]] == pytest.approx(
        chances.values.tolist(), abs=1e-3
    )
    seen = []

    def watched(q, k, v, mask=None):
        scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~causal_mask(len(ids)), -torch.inf)
        seen.append(scores.softmax(-1)[0])
        return model.parts.attention(q, k, v, mask)

    model.using(attention=watched)(ids)
    for name, (layer, head) in live.HEADS.items():
        rows = seen[layer][head].tolist()
        for i, row in enumerate(said["attention"][name]):
            assert row == pytest.approx(rows[i][: i + 1], abs=1e-3)


@pytest.mark.slow
def test_a_text_that_changes_is_read_as_if_it_were_new(model):
    """Letters are added, taken away, changed in the middle; it is another text; it is the same."""
    reader, prompt = live.Live(model), live.PROMPT
    texts = [prompt[:4], prompt[:30], prompt, prompt, prompt[:21], "Mr" + prompt[3:], "The cat"]
    for text in texts:
        assert close(reader.look(text), live.Live(model).look(text)), text


@pytest.mark.slow
def test_a_part_of_a_character_is_its_bytes(model):
    """U+FFFD is in no text here, so it would be a token that was decoded alone."""
    text = "I like 🦕 and 🧑‍🚀"
    said = live.Live(model).look(text)
    parts = [each for each in said["tokens"] if isinstance(each, list)]
    assert parts and "\ufffd" not in json.dumps(said, ensure_ascii=False)
    spelled = [bytes(t) if isinstance(t, list) else t.encode() for t in said["tokens"]]
    assert b"".join(spelled).decode() == text


@pytest.mark.slow
def test_what_cannot_be_read_is_told_in_one_sentence(model):
    reader = live.Live(model)
    reader.look(live.PROMPT)
    assert reader.look("")["fault"] == "Type something, and the model reads it."
    assert "81 tokens: this page reads 32 at most" in reader.look("a b " * 40)["fault"]
    assert "401 letters: write 400 at most" in reader.look("x" * 401)["fault"]
    assert reader.look("\ud800")["tokens"] == ["?"]
    assert close(reader.look(live.PROMPT), live.Live(model).look(live.PROMPT))


def test_the_process_starts_with_the_first_text_and_again_after_its_end(process):
    assert process.process is None
    assert process.look("ü\n\ud800") == {"text": "ü\n\ud800"}
    first = process.process
    assert process.look("two") == {"text": "two"} and process.process is first
    with pytest.raises(OSError, match="The model has stopped"):
        process.look("end")
    assert process.look("three") == {"text": "three"}
    process.stop()
    assert process.process is None and first.poll() is not None


def test_the_newest_text_wins(process, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers, threads = {}, []

    def ask(text):
        answers[text] = process.look(text)

    for text in ("slow", "older", "newest"):
        before = process.newest
        threads.append(threading.Thread(target=ask, args=[text]))
        threads[-1].start()
        until(lambda: process.newest is not before and Path("begun").exists())
    Path("go").touch()
    for thread in threads:
        thread.join()
    assert answers == {"slow": {"text": "slow"}, "older": None, "newest": {"text": "newest"}}


def test_a_process_that_nobody_asks_is_ended(process, monkeypatch):
    monkeypatch.setattr(live_process, "IDLE", 0.2)
    process.look("start")
    started = process.process
    assert started.wait(300) is not None


def test_a_model_that_is_not_there_is_told(monkeypatch, capsys):
    def missing(name):
        raise FileNotFoundError("no smollm2 here")

    monkeypatch.setattr(pretrained, "load", missing)
    live.main()
    said = json.loads(capsys.readouterr().out)
    assert said == {"fault": "The model cannot be loaded: no smollm2 here"}
