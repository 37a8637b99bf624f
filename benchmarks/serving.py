"""Eight clients of `llmlib serve`, together and one after the other: SmolLM2, 100 tokens each.

Whole requests, as a client sees them: a question, the chat template around it (36 to 44 tokens),
an answer that streams over HTTP. One after the other, each client has the server for itself.
Together, their answers are one batch (`llmlib.continuous_batching`). The texts are to be the same.

Wall-clock time counts the waiting; CPU time, of the same runs, says how much of it is work.
"""

import http.client
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import Comparison
from llmlib.serve import engine, server

SERVE = "engine scheduler server chat requests responses"
PARTS = "continuous_batching prefix_cache model kv_cache fast/layers fast/attention fast/quantized"
CODE = [f"llmlib/{name}.py" for name in PARTS.split()]
CODE += [f"llmlib/serve/{name}.py" for name in SERVE.split()]
KINDS = ("float32", "int4")
NEW_TOKENS = 100
GOAL = 2.5  # by what factor together is to be faster
QUESTIONS = [
    "Why is the sky blue?",
    "Tell me a story about a fox and a crow.",
    "How does a bicycle stay upright?",
    "Write a letter to a friend who moved to another town.",
    "What did people eat in ancient Rome?",
    "Explain to a child how rain comes about.",
    "Describe a walk through a forest in autumn.",
    "How do I learn to play the piano?",
]


def asked(running, question, new_tokens):
    """(the answer, its number of tokens), as a client reads it chunk by chunk."""
    connection = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=600)
    messages = [{"role": "user", "content": question}]
    body = {"messages": messages, "max_tokens": new_tokens, "temperature": 0, "stream": True}
    body["stream_options"] = {"include_usage": True}
    headers = {"Authorization": f"Bearer {running.token}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    text, count = "", 0
    for line in answer:
        if line.startswith(b"data: {"):
            chunk = json.loads(line[6:])
            text += "".join(each["delta"].get("content", "") for each in chunk["choices"])
            count = chunk.get("usage", {}).get("completion_tokens", count)
    return text, count


def clients(running, at_once, new_tokens, figures):
    """A job in which all questions are asked, `at_once` at a time: tokens a second. It keeps
    (answers, tokens a second, CPU ms a token) in `figures`.
    """

    def run():
        start, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(at_once) as pool:
            answers = list(pool.map(lambda each: asked(running, each, new_tokens), QUESTIONS))
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
        tokens = sum(count for _, count in answers)
        figures.append(([text for text, _ in answers], tokens / took, 1000 * cpu / tokens))
        return tokens / took

    return run


def comparisons(quick):
    new_tokens = 8 if quick else NEW_TOKENS
    for kind in KINDS:
        with server.Server(engine.load("smollm2", kind)) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            figures = {"together": [], "one after the other": []}
            at_once = dict(zip(figures, (len(QUESTIONS), 1)))
            name = f"{len(QUESTIONS)} clients, {new_tokens} tokens each: {kind}"
            yield Comparison(
                name,
                "tokens/s",
                {
                    each: clients(running, number, new_tokens, figures[each])
                    for each, number in at_once.items()
                },
                better="more",
                goals={"one after the other": GOAL},
                repeats=3,
            )
            running.shutdown()
        yield Comparison(
            f"{name}, CPU",
            "CPU ms a token",
            {each: again(figures[each]) for each in figures},
            goals={"one after the other": GOAL},
            repeats=3,
            warm_up=0,
        )
        runs = [texts for each in figures.values() for texts, *_ in each]
        unlike = sum(texts != runs[0] for texts in runs)
        yield Comparison(
            f"answers of {len(QUESTIONS)} clients that depend on the company, {kind}",
            f"of {len(runs)} runs",
            {"llmlib": lambda unlike=unlike: unlike},
            limit=0,
            repeats=1,
            warm_up=0,
        )


def again(figures):
    """A job that returns the measured runs' CPU time a token; the first run was the warm-up."""
    numbers = itertools.count(1)
    return lambda: figures[next(numbers)][2]
