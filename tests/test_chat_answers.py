"""What the chat says at its defaults: the starters' answers are good. The patterns were written
after reading the answers."""

import argparse
import re

import pytest

from classroom import serve_command
from classroom.my_llm import assemble, engine
from classroom.my_llm import cli as my_llm_cli
from llmlib.serve import chat

pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.proof,
    pytest.mark.verdict("llmlib/**/*"),
]
STARTERS = {  # question: what a good answer says
    "What is the capital of France?": r"^The capital of France is Paris\.$",
    "Name three fruits.": r"^1\. \w+\n2\. \w+\n3\. \w+$",
    "Explain what a neuron is in one sentence.": r"^A neuron is .*\.$",
    "What is the water cycle?": r"evaporation.*condensation.*precipitation",
    "Give me three tips for sleeping better.": r"^1\. (?s:.*)\n2\. (?s:.*)\n3\. .*[Ss]leep",
}


@pytest.fixture(scope="module")
def smollm2():
    return engine.load("smollm2")


def answer(model, question, seed=None, **settings):
    ids = chat.prompt_ids(model, [{"role": "user", "content": question}])
    reply = chat.Reply(model, ids, 256, seed, settings, 0)
    return "".join(token.text for token in reply), reply.finish


@pytest.mark.parametrize("question", chat.STARTERS)
def test_a_starter_gets_a_good_answer_that_ends(smollm2, question):
    said, finish = answer(smollm2, question, **serve_command.DEFAULTS)
    assert finish == "stop" and re.search(STARTERS[question], said), said


def test_a_my_llm_py_greets_with_a_sentence_that_makes_sense_and_ends(smollm2):
    """What `llmlib my-llm` runs it on, and its first lines propose."""
    parser = argparse.ArgumentParser()
    my_llm_cli.add_arguments(parser)
    prompt = parser.parse_args([]).prompt
    ids = smollm2.tokenizer.encode(prompt)
    reply = chat.Reply(smollm2, ids, 64, settings={"temperature": 0.0}, likeliest=0)
    said = "".join(token.text for token in reply)
    assert re.fullmatch(r" [^\n]*\.", said), said
    assert reply.finish == "stop" and f'python my_llm.py "{prompt}"' in assemble.HEADER
