"""What notebook 5 says, with its controls."""

import bz2
import math
import random
import zlib
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib import resources

import torch
from claim_runner import THREADS, central, model, solved

from llmlib import data, training
from llmlib.data import make_context_runs
from llmlib.demonstrations.output_head import (
    TRANSLATIONS,
    arithmetic_encode,
    gate_forgotten,
    narrow,
    numerical_gradient,
    train_two_layers,
    two_layer_batch,
    untrained,
)
from llmlib.generation import top_tokens
from llmlib.model import forward
from llmlib.output_head import token_losses

STAR, FRANCE = "Twinkle, twinkle, little", "The capital of France is"
PROMPTS = (STAR, FRANCE, "Dear Mr Alvarez,", "def mean(numbers):")
PROSE = resources.files("llmlib").joinpath("data/prose.txt").read_text("utf-8").strip()
SMALL = frozenset(
    "a an and are as at be been but by can for from has have he her his how if in is it its me my "
    "no not of on or our she so than that the their them then there they this to up was we were "
    "when which who will with would you your".split()
)


def _mine(name):
    return solved("05_output_head")[name]


def _ids(text):
    return model().tokenizer.encode(text)


@cache
def _losses(text, start=True):
    """Loss of each token of a text, nats; with `start`, of the first one, too."""
    ids = ([0] if start else []) + _ids(text)
    return token_losses(model()(ids[:-1])[0], torch.tensor(ids[1:]))


def _bits(text):
    return _losses(text).sum().item() / math.log(2)


@cache
def _last(prompt):
    """The stream at the last position before the final norm, and after it."""
    streams = []

    def block(x, **functions):
        streams.append(model().parts.block(x, **functions))
        return streams[-1]

    model().using(block=block)(_ids(prompt))
    x, m = streams[-1][0, -1], model()
    return x, m.parts.norm(x, *m.weights.norm, m.config.eps)


def _best(x, table=None, n=5):
    table = model().weights.unembedding if table is None else table
    return (x @ table.T).topk(n).indices.tolist()


@central
def everybody_knows_the_star_but_the_model():
    """“A model never says *the* next token. It says how probable each of the 49,152 is”

    The last word of the rhyme, against a prompt whose last word is more sure.
    """
    salt = "The recipe needs two eggs, a cup of flour and a pinch of"
    found = {}
    for prompt in (STAR, salt):
        logits = model()(_ids(prompt), last=True)[0, -1]
        found[prompt] = top_tokens(model(), logits, 1)[0][1:]
        assert logits.shape == (49152,) and torch.softmax(logits, -1).min() > 0
    (star, p), (pinch, q) = found.values()
    assert star == " star" and abs(p - 0.578) < 0.01 and pinch == " salt" and q > 0.95
    return f"' star' {p:.3f}; ' salt' {q:.3f}; no token has probability 0"


@central
def the_halves_of_the_norm():
    """“The **gains** turn $x$: without them other tokens win.”

    “The **division** leaves the direction of $x$ alone, and so the order of the tokens”

    Each half alone, on four prompts.
    """
    (gains,), shared = model().weights.norm, []
    for prompt in PROMPTS:
        stream, normed = _last(prompt)
        whole, divided = _best(normed), _best(stream / stream.square().mean().sqrt())
        assert _best(stream * gains) == whole and _best(stream) == divided
        assert divided[0] != whole[0]
        shared.append(len(set(whole) & set(divided)))
    assert max(shared) <= 1
    return f"of the five likeliest, {shared} are left without the gains; all without the division"


@central
def one_pass_asks_every_question():
    """“*one* pass over a text of $n$ tokens asks $n - 1$ questions at once, each with the true text
    before it”

    Separate passes, one a token; and a model without the mask, where the two differ.
    """
    ids = torch.tensor([_ids("Water boils at one hundred degrees Celsius at sea level.")])
    loss, apart = _mine("cross_entropy"), []
    blind = model().using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    for some in (model(), blind):
        n = ids.shape[1] - 1
        whole = token_losses(some(ids[:, :-1]), ids[:, 1:])[0]
        each = [loss(some(ids[:, : i + 1])[:, -1], ids[:, i + 1]) for i in range(n)]
        apart.append((whole - torch.stack(each)).abs().max().item())
    assert apart[0] < 1e-3 < 0.5 < apart[1]
    return f"{n} losses at most {apart[0]:.0e} apart; without the mask {apart[1]:.1f}"


def padding_counts_only_if_it_is_let():
    """“Forget `ignored`, and the loss still looks like a loss”

    “The padding also goes *through* the model, and does no harm there”

    Each text alone, weighted by its tokens; three pairs of texts.
    """
    loss, found = _mine("cross_entropy"), []
    texts = ("The sun sets in the west.", "She smiled at me.", STAR)
    long = _ids("Water boils at one hundred degrees Celsius at sea level.")
    for text in texts:
        rows = [_ids(text), long]
        alone = torch.cat([_losses(model().tokenizer.decode(row), False) for row in rows])
        padded = torch.tensor([row + [0] * (len(long) - len(row)) for row in rows])
        logits, targets = model()(padded[:, :-1]), padded[:, 1:]
        right = loss(logits, targets.where(targets != 0, -100)).item()
        assert abs(right - alone.mean().item()) < 1e-3
        found.append(loss(logits, targets).item() - right)
    assert all(abs(gap) > 0.3 for gap in found)
    return "padding predicted: off by " + ", ".join(f"{gap:+.2f}" for gap in found) + " nats"


def the_first_position_is_a_sink():
    """“without end-of-text in front " at" costs 9.6 nats, with it 0.4”

    “The model hardly looks at the token that stands there, and its guesses after it are odd”

    40 random tokens: what follows each where it comes first, and after an end-of-text token.
    """
    sentence = "Water boils at one hundred degrees Celsius at sea level."
    at = 2  # Water, boils, at
    bare, started = _losses(sentence, False)[at - 1].item(), _losses(sentence)[at].item()
    assert abs(bare - 9.6) < 0.1 and abs(started - 0.4) < 0.1
    chosen = torch.randint(49152, (40, 1), generator=torch.Generator().manual_seed(0))
    guesses = [
        model()(torch.cat([before, chosen], 1))[:, -1].argmax(-1).unique().numel()
        for before in (chosen[:, :0], torch.zeros_like(chosen))
    ]
    assert guesses[0] <= 3 and guesses[1] > 15
    return (
        f"' at' {bare:.2f} and {started:.2f} nats; after 40 first tokens {guesses[0]} different "
        f"guesses, behind end-of-text {guesses[1]}"
    )


@central
def a_loss_is_a_file_size():
    """“Naming a point in it takes $-\\log_2$ of its length in bits, plus at most two”

    “Seventeen bytes, and the sentence comes back letter for letter.”

    “if the reader's logits are a millionth off, what it reads is another text”

    The sum of the losses, and the same sentence through zlib; the reader's logits changed by a
    millionth.
    """
    softmax = _mine("softmax")
    message = "The bakery on the corner opens at six, but the ovens are lit at three."
    file = arithmetic_encode(message, model(), softmax)
    ids = [0, *_ids(message), 0]
    bits = token_losses(model()(ids[:-1])[0], torch.tensor(ids[1:])).sum().item() / math.log(2)
    assert 8 * len(file) - 8 < bits + 2 and len(file) == 17
    assert len(zlib.compress(message.encode(), 9)) > 60
    head, point = model().parts.unembedding, Fraction(int.from_bytes(file, "big"), 256**17)

    def read_alike(scale):
        """How many tokens a reader gets right whose logits are `scale` times as large."""
        agreed = []
        reader = model().using(unembedding=lambda x, table: scale * head(x, table))

        def choose(n, start, length, ends):
            place = min(max(0, int((point - start) / length * int(ends[-1]))), int(ends[-1]) - 1)
            agreed.append(int(torch.searchsorted(ends, place, right=True)) == ids[n + 1])
            return ids[n + 1]

        narrow(choose, reader, softmax)
        return agreed.index(False) if False in agreed else len(agreed)

    same, off = read_alike(1.0), read_alike(1 + 1e-6)
    assert off < 8 < same == len(ids) - 1
    return f"{bits:.1f} bits of loss, a file of 17 bytes; logits a millionth off: only {off} right"


def the_model_knows_order():
    """“Less than a third of what zlib needs.”

    “Shuffling costs zlib next to nothing; the model knows what follows what, and now needs twice as
    much.”

    “it knows the words, which zlib has to learn from this text”

    Two shuffles of the words; zlib and bz2 beside the model; the letters shuffled inside each word.
    """
    five = "\n\n".join(PROSE.split("\n\n")[:5])
    plain = (
        _bits(five) / 8,
        len(zlib.compress(five.encode(), 9)),
        len(bz2.compress(five.encode())),
    )
    assert plain[0] * 3 < plain[1] and plain[0] * 3 < plain[2]
    ratios = []
    for seed in range(2):
        words = five.split(" ")
        random.Random(seed).shuffle(words)
        mixed = " ".join(words)
        ratios.append(
            (_bits(mixed) / 8 / plain[0], len(zlib.compress(mixed.encode(), 9)) / plain[1])
        )
    assert all(1.8 < m < 2.05 and z < 1.06 for m, z in ratios)
    rng = random.Random(0)
    anagrams = " ".join("".join(rng.sample(word, len(word))) for word in PROSE[:900].split(" "))
    against = [
        _bits(text) / 8 / len(zlib.compress(text.encode(), 9)) for text in (anagrams, PROSE[:900])
    ]
    assert against[0] > 0.8 > 0.4 > against[1]
    return (
        f"{plain[0]:.0f} bytes against zlib's {plain[1]}; shuffled "
        + ", ".join(f"× {m:.2f} and × {z:.2f}" for m, z in ratios)
        + f"; letters shuffled {against[0]:.2f} of zlib's bytes, not {against[1]:.2f}"
    )


def scattered_logits_cost_half_their_variance():
    """“on average over many starts that costs half their variance, here about 0.12 nats”

    “Unshifted targets start near $\\ln V$ as well.”

    “A softmax of a softmax starts at $\\ln V$ and can never come more than 1 nat below it”

    Random logits of three spreads, 1,000 draws each; three untrained models, with the paragraph's
    tokens and with all tokens as targets; a perfect model's softmax, taken twice.
    """
    g, found = torch.Generator().manual_seed(0), []
    for spread in (0.1, 0.48, 1.0):
        logits = spread * torch.randn(1000, 8192, generator=g)
        costs = token_losses(logits, torch.randint(8192, (1000,), generator=g)).mean().item()
        found.append(costs - math.log(8192))
        assert abs(found[-1] - spread**2 / 2) < 3 * spread / math.sqrt(1000)
    ids = torch.tensor([0, *_ids(PROSE.split("\n\n")[1])])
    above = []
    for seed in range(3):
        logits = untrained(model(), seed)(ids[:-1])[0]
        blind = (logits.logsumexp(-1) - logits.mean(-1)).mean().item() - math.log(49152)
        own, unshifted = (
            token_losses(logits, targets).mean().item() - math.log(49152)
            for targets in (ids[1:], ids[:-1])
        )
        assert abs(blind - 0.12) < 0.01 and abs(own) < 0.5 and abs(unshifted) < 0.5
        above.append(f"{own:.2f}, blindly {blind:.2f}, not shifted {unshifted:.2f}")
    perfect = torch.zeros(1, 49152)
    perfect[0, 7] = 1.0
    twice = math.log(49152) - token_losses(perfect, torch.tensor([7])).item()
    assert 0.99 < twice < 1
    return (
        "above ln V: "
        + ", ".join(f"{x:.2f}" for x in found)
        + "; untrained models "
        + "; ".join(above)
        + f"; softmax twice: {twice:.3f}"
    )


def unshifted_targets_are_learned_at_once():
    """“In a model whose layers begin as the identity, as in section 5.7, unshifted targets start
    too low.”

    “They show later: the loss falls towards 0.”

    The same 60 steps with the targets shifted.
    """
    ends = {}
    torch.set_num_threads(1)
    for first in (0, 1):  # 1: shifted
        weights = training.new_weights(_stories()[2], 0)
        optimizer = torch.optim.AdamW(training.tensors(weights), lr=0.006)
        losses = []
        for ids in _windows(60):
            logits = forward(ids[:, :-1], weights, _stories()[2], training.PARTS)
            loss = token_losses(logits, ids[:, first : first + 64]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        ends[first] = losses[0], losses[-1]
    torch.set_num_threads(THREADS)
    (low, copied), (start, learned) = ends[0], ends[1]
    assert low < math.log(512) - 1 and copied < 0.2
    assert abs(start - math.log(512)) < 0.05 and learned > 4
    return (
        f"ln V {math.log(512):.2f}; not shifted {low:.2f}, after 60 steps {copied:.2f}; "
        f"shifted {start:.2f}, {learned:.2f}"
    )


def small_words_are_cheap():
    """“Small words and full stops are cheap, and a word that comes again usually costs less than
    the first time”

    All other words of the ten paragraphs; the same token the first time and again.
    """
    small, other, pairs = [], [], []
    for paragraph in PROSE.split("\n\n"):
        first = {}
        pieces = [model().tokenizer.decode([i]) for i in _ids(paragraph)[1:]]
        for piece, loss in zip(pieces, _losses(paragraph, False).tolist()):
            word = piece.strip().lower()
            (small if word in SMALL | {".", ","} else other).append(loss)
            if word.isalpha() and word not in SMALL:
                if word in first:
                    pairs.append((first[word], loss))
                first.setdefault(word, loss)
    cheap, dear = sum(small) / len(small), sum(other) / len(other)
    before, again = (sum(x) / len(pairs) for x in zip(*pairs))
    assert cheap < 0.5 * dear and again < 0.7 * before and len(pairs) > 30
    fewer = sum(b < a for a, b in pairs)
    assert 0.7 * len(pairs) < fewer < len(pairs)
    return (
        f"small words {cheap:.2f}, others {dear:.2f} nats; {len(pairs)} words that come again: "
        f"{before:.2f}, then {again:.2f}, {fewer} of them less"
    )


def a_few_tokens_carry_the_loss():
    """“A few tokens carry the loss”

    All ten paragraphs, not only the one that is drawn; equal losses would give one half.
    """
    shares = []
    for paragraph in PROSE.split("\n\n"):
        losses = _losses(paragraph).sort(descending=True).values.cumsum(0)
        shares.append(((losses < losses[-1] / 2).sum().item() + 1) / len(losses))
    assert max(shares) < 0.28
    return f"half of the loss on {min(shares):.0%} to {max(shares):.0%} of the tokens"


@central
def per_byte_the_order_is_turned():
    """“**Per byte the order is exactly reversed.**”

    “Write the same Russian in an older code of one byte a letter, and its bits per byte nearly
    double, though the predictions are the same.”

    Total bits for the same content; and sentence by sentence, English is always the cheapest.
    """
    texts = TRANSLATIONS
    bits = {name: _bits(text) for name, text in texts.items()}
    by_byte = {name: bits[name] / len(text.encode()) for name, text in texts.items()}
    others = ("German", "Russian", "Hindi")
    assert sorted(others, key=bits.get) == sorted(others, key=by_byte.get, reverse=True)
    old = bits["Russian"] / len(texts["Russian"].encode("cp1251"))
    assert 1.7 < old / by_byte["Russian"] < 2
    parts = {n: t.replace("।", ".").strip(".").split(". ") for n, t in texts.items()}
    assert all(len(each) == 4 for each in parts.values())
    for i in range(4):
        assert min(texts, key=lambda name: _bits(parts[name][i])) == "English"
    return "; ".join(f"{n} {bits[n]:.0f} bits, {by_byte[n]:.2f} a byte" for n in texts)


@central
def the_gradient_is_what_nudging_says():
    """“*what the model said, minus what was true*”

    Nudging each of 200 logits of the real model, in float64, for three targets.
    """
    z = model()(_ids(FRANCE), last=True)[0, -1].double()
    far = 0.0
    for word in (" Lyon", " Paris", " banana"):
        target = torch.tensor(_ids(word)[:1])
        mine = _mine("logits_gradient")(z[None], target)[0]
        for i in z.topk(199).indices.tolist() + target.tolist():
            up, down = z.clone(), z.clone()
            up[i], down[i] = z[i] + 1e-3, z[i] - 1e-3
            pair = token_losses(torch.stack([up, down]), target.expand(2))
            far = max(far, abs(float(pair[0] - pair[1]) / 2e-3 - mine[i].item()))
    assert far < 1e-6
    return f"at most {far:.0e} apart"


def one_sentence_taught_another_changed():
    """“"The capital of France is the city of" was never trained on, and yet its answer has changed,
    too”

    “Berlin, Rome and the star survive.”

    The same steps towards " Paris", which was the likeliest already.
    """
    questions = ("The capital of Germany is", "The capital of Italy is", STAR)
    changed = {}
    for word in (" Lyon", " Paris"):
        x, table, target = _last(FRANCE)[1], model().weights.unembedding.clone(), _ids(word)[:1]
        for _ in range(30):
            gradient = _mine("logits_gradient")((x @ table.T)[None], torch.tensor(target))[0]
            table -= 3e-4 * torch.outer(gradient, x)
        changed[word] = [
            _best(_last(q)[1], table, 1) != _best(_last(q)[1], n=1)
            for q in (*questions, FRANCE, "The capital of France is the city of")
        ]
    assert changed[" Lyon"] == [False, False, False, True, True]
    assert changed[" Paris"] == [False] * 5
    return "taught Lyon, 2 of 5 answers change; taught Paris, none"


@cache
def _stories():
    """The notebook's stories as two streams of ids, and its settings."""
    stories = [story for story in data.stories("train")[:600] if story.ended]
    unseen = [story for story in data.stories("held_out") if story.ended][:64]
    tokenizer = training.story_tokenizer(stories[:256])
    config = replace(training.tiny_config(64), context=64)
    tokens = training.as_tokens(stories, tokenizer)
    held_out = training.as_tokens(unseen, tokenizer).ids[:2080].view(32, 65)
    return tokens, held_out, config


def _windows(n, seed=0):
    tokens, _, config = _stories()
    g = torch.Generator().manual_seed(seed)
    starts = [torch.randint(len(tokens.ids) - 64, (8, 1), generator=g) for _ in range(n)]
    return [tokens.ids[start + torch.arange(65)] for start in starts]


def _run(n, peak, seed=0, schedule=None, parts=training.PARTS, width=64):
    """(losses, weights) after n steps of the learner's loop, on one thread."""
    config = replace(training.tiny_config(width), context=64)
    weights = training.new_weights(config, seed)
    space = _mine("train").__globals__
    own, space["learning_rate"] = space["learning_rate"], schedule or space["learning_rate"]
    torch.set_num_threads(1)
    try:
        losses = _mine("train")(
            training.tensors(weights),
            lambda ids: forward(ids, weights, config, parts),
            _windows(n, seed),
            peak,
        )
    finally:
        space["learning_rate"] = own
        torch.set_num_threads(THREADS)
    return losses, weights


def your_loop_is_the_library_s():
    """“The same twenty batches through it, and through llmlib's, which uses `torch.optim.AdamW`.”

    The library's own loop, to four digits; the same loop with t held at 1 differs.
    """
    tokens, _, config = _stories()
    mine, my_weights = _run(20, 0.006)
    weights = training.new_weights(config, 0)
    theirs = [loss for _, loss in training.train(weights, config, tokens, 20, 0, peak=0.006)]
    far = max(abs(a - b) for a, b in zip(mine, theirs))
    pairs = zip(training.tensors(my_weights), training.tensors(weights))
    moved = max((a - b).abs().max().item() for a, b in pairs)
    space = _mine("train").__globals__
    right = space["adamw_step"]
    space["adamw_step"] = lambda w, g, m, s, t, *rest: right(w, g, m, s, 1, *rest)
    try:
        wrong, _ = _run(20, 0.006)
    finally:
        space["adamw_step"] = right
    off = max(abs(a - b) for a, b in zip(wrong, theirs))
    assert far < 1e-4 < 0.05 < off and moved < 1e-3
    return f"20 losses at most {far:.0e} apart, weights {moved:.0e}; with a planted bug {off:.2f}"


def adam_amplifies_what_is_rare():
    """“A steady gradient moves the weight by one rate a step, one that keeps changing sign hardly
    at all. **A gradient that comes rarely is amplified**: when it comes, $s$ remembers mostly
    zeros.”

    Sizes 0.001 and 1,000; once in 20, 50 and 100 steps; the same rare gradients with a square that
    never saw the zeros between them.
    """
    kinds = {
        "steady": (1, lambda t: 1),
        "changing sign": (1, lambda t: (-1) ** t),
        "each 20th": (20, lambda t: t % 20 == 0),
        "each 50th": (50, lambda t: t % 50 == 0),
        "each 100th": (100, lambda t: t % 100 == 0),
    }
    step, moved, full = _mine("adamw_step"), {}, {}
    for size in (1e-3, 1e3):
        for name, (every, gradient) in kinds.items():
            for square, into in ((None, moved), (size**2, full)):
                w, m, s = torch.zeros(1), torch.zeros(1), torch.zeros(1)
                for t in range(1, 1001):
                    if square:
                        s = torch.tensor([square])  # as if every step had brought the gradient
                    g = torch.tensor([size * gradient(t)])
                    w, m, s = step(w, g, m, s, t + 1000 * bool(square), 0.1, 0)
                into[size, name] = abs(w.item()) / 0.1 / (1000 / every)
        steady, flipping, *rare = (moved[size, name] for name in kinds)
        assert abs(steady - 1) < 0.01 and flipping < 0.05
        assert min(rare) > 2 and 5 < rare[-1] < 6
        assert max(full[size, name] for name in list(kinds)[2:]) < 1.2
    return (
        "rates for each gradient: "
        + ", ".join(f"{name} {moved[1e-3, name]:.2f}" for name in kinds)
        + f"; with a square that knows no zeros {full[1e-3, 'each 100th']:.2f}"
    )


def gradients_differ_in_size():
    """“Gradients of different weights differ a great deal in size”

    The tensors of one kind in one model, at the same step; their entries' spread is not counted.
    """
    _, held_out, config = _stories()
    _, weights = _run(20, 0.006)
    loss = token_losses(
        forward(held_out[:, :-1], weights, config, training.PARTS), held_out[:, 1:]
    ).mean()
    gradients = torch.autograd.grad(loss, training.tensors(weights))
    sizes = [g.abs().mean().item() for g in gradients]
    assert max(sizes) / min(sizes) > 30
    return f"mean size of a gradient, by tensor: {min(sizes):.1e} to {max(sizes):.1e}"


def one_batch_shows_the_rate_not_the_leak():
    """“A leak from the future passes the test, and so does a text of pure noise”

    The loop as it is, and a rate 100 times as large, which is exposed.
    """
    config, ends = _stories()[2], {}
    g = torch.Generator().manual_seed(5)
    text, noise = _windows(1)[0][:4], torch.randint(512, (4, 65), generator=g)
    leak = replace(training.PARTS, mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    torch.set_num_threads(1)
    for name, batch, peak, parts in (
        ("as it is", text, 0.01, training.PARTS),
        ("rate", text, 1.0, training.PARTS),
        ("leak", text, 0.01, leak),
        ("noise", noise, 0.01, training.PARTS),
    ):
        w = training.new_weights(config, 0)

        def tiny(ids, w=w, parts=parts):
            return forward(ids, w, config, parts)

        ends[name] = _mine("train")(training.tensors(w), tiny, [batch] * 50, peak)[-1]
    torch.set_num_threads(THREADS)
    assert ends["rate"] > 2 and all(ends[name] < 0.3 for name in ("as it is", "leak", "noise"))
    return ", ".join(f"{name} {loss:.2f}" for name, loss in ends.items())


def the_rate_has_a_valley():
    """“The valley lies around 0.01 and is flat over a factor of ten”
    “At a quarter of this width 0.003 is far too small.”

    Rates far to both sides, two other starts and other batches than the notebook's.
    """
    told = []
    for seed in (1, 7):
        ends = {}
        for peak in (0.0001, 0.003, 0.01, 0.03, 1.0):
            losses, _ = _run(30, peak, seed)
            ends[peak] = sum(losses[-10:]) / 10
        valley = [ends[0.003], ends[0.01], ends[0.03]]
        assert max(valley) - min(valley) < 0.25 < ends[1.0] - min(valley)
        assert ends[1.0] < ends[0.0001]
        told.append(", ".join(f"{peak:g}: {loss:.2f}" for peak, loss in ends.items()))
    narrow = [sum(_run(30, peak, 7, width=16)[0][-10:]) / 10 for peak in (0.003, 0.03)]
    assert narrow[0] - narrow[1] > 0.25
    return "; ".join(told)


def large_steps_magnify_rounding():
    """“steps that large magnify the rounding of a last digit”

    Each weight moved by its last digit before the training, up and down: at 0.01, at 0.1 and at 1.
    """
    real, moved = training.new_weights, {}
    for peak in (0.01, 0.1, 1.0):
        ends = []
        for nudge in (0, 2**-23, -(2**-23)):

            def nudged(config, seed):
                weights = real(config, seed)
                with torch.no_grad():
                    for tensor in training.tensors(weights):
                        tensor.mul_(1 + nudge)
                return weights

            training.new_weights = nudged
            try:
                ends.append(sum(_run(30, peak)[0][-10:]) / 10)
            finally:
                training.new_weights = real
        moved[peak] = max(ends) - min(ends)
    assert moved[0.01] < 1e-3 < 2e-3 < moved[0.1] < moved[1.0] and moved[1.0] > 0.01
    return (
        f"the end moves by {moved[0.01]:.0e} at 0.01, by {moved[0.1]:.3f} at 0.1, by "
        f"{moved[1.0]:.2f} at 1"
    )


def frequencies_first_then_what_follows():
    """“**it learns first which tokens are frequent**, whatever stands before them”

    “With 16 times the unigram mixed in, the bigram rule is ahead of your model again.”

    Three starts with other batches, not the notebook's: the distance to the unigram after 20 steps
    and after 240; all held-out stories; the bigram rule as the notebook first counts it.
    """
    tokens, _, config = _stories()
    inputs, targets = make_context_runs.windows(make_context_runs.texts()[1])
    counts = targets != training.IGNORED
    once = torch.bincount(tokens.ids, minlength=512) + 1.0
    once = once / once.sum()
    pairs = torch.zeros(512, 512)
    pairs.index_put_((tokens.ids[:-1], tokens.ids[1:]), torch.ones(len(tokens.ids) - 1), True)

    def rule(w):
        mixed = pairs + w * once
        log_p = (mixed / mixed.sum(1, keepdim=True)).log()
        return token_losses(log_p[inputs], targets.where(counts, 0))[counts].mean().item()

    near, ends = [], []
    for seed in (1, 2, 3):
        early = _run(20, 0.006, seed, lambda step, steps, peak: peak * min(1, (step + 1) / 12))
        for _, weights in (early, late := _run(240, 0.006, seed)):
            with torch.no_grad():
                logits = forward(inputs, weights, config, training.PARTS)
            log_p = torch.log_softmax(logits, -1)
            near.append((log_p.exp() * (log_p - once.log())).sum(-1).mean().item())
        ends.append(token_losses(logits, targets.where(counts, 0))[counts].mean().item())
    assert max(near[::2]) < 0.4 < 1 < min(near[1::2])
    assert rule(16) + 0.03 < min(ends) and max(ends) < rule(1) - 0.02
    assert late is not None
    return (
        "distance to the unigram after 20 steps and 240: "
        + ", ".join(f"{a:.2f}, {b:.2f}" for a, b in zip(near[::2], near[1::2]))
        + "; loss "
        + ", ".join(f"{x:.2f}" for x in ends)
        + f"; bigram {rule(1):.2f}, or {rule(16):.2f}"
    )


@central
def one_seed_can_reverse_a_small_effect():
    """“After 240 steps context helps a little, and in one seed of eight it does not.”

    “**One seed can reverse a small effect.**”

    “After 960 steps all eight agree: context is worth a quarter of a nat.”

    The recorded seeds; a bootstrap over windows within the odd seed, which would
    have called it sure.
    """
    g, found = torch.Generator().manual_seed(0), []
    for steps in (240, 960):
        with_context, alone = make_context_runs.recorded(steps)
        mean, error = _mine("gain_over_seeds")(with_context, alone)
        gains = alone - with_context
        found.append((mean, error, gains.mean(1)))
    (small, unsure, first), (large, sure, later) = found
    assert (first < 0).sum() == 1 and small > 2 * unsure
    assert later.min() > 0.15 and abs(large - 0.25) < 0.05 and large > 10 * sure
    odd = (lambda a, b: (b - a)[first.argmin()])(*make_context_runs.recorded(240))
    draws = torch.randint(len(odd), (1000, len(odd)), generator=g)
    assert (odd[draws].mean(1) < 0).float().mean() > 0.99
    return (
        f"gain {small:.3f} ± {2 * unsure:.3f} after 240 steps, seeds {first.min():.3f} to "
        f"{first.max():.3f}; {large:.3f} ± {2 * sure:.3f} after 960, {later.min():.3f} to "
        f"{later.max():.3f}"
    )


def the_recorded_runs_can_be_made_again():
    """“Its runs and the script that made them are `llmlib/data/context_runs.csv` and
    `make_context_runs.py`.”

    Two of the runs again, after 240 steps; and the first position of each window, where the model
    sees no more than its twin and gains nothing.
    """
    tokens, ids = make_context_runs.texts()
    torch.set_num_threads(1)
    again = [make_context_runs.run(240, 4, reads, tokens, ids) for reads in make_context_runs.READS]
    torch.set_num_threads(THREADS)
    kept = [losses[4].tolist() for losses in make_context_runs.recorded(240)]
    far = max(abs(sum(a) - sum(b)) / len(a) for a, b in zip(again, kept))
    assert far < 0.01
    return f"mean losses at most {far:.4f} apart"


def a_wrong_gradient_trains():
    """“It falls nearly as far. **A loss that falls does not prove that the gradient is right.**”

    “What finds the bug is the table above: nudge one weight and compare.”

    Three seeds; the right gradient with its sign turned, which does raise the loss; the gradient
    for w_in of the planted bug against nudging.
    """
    ids, loss, right = _stories()[0].ids, _mine("cross_entropy"), _mine("backward_by_hand")
    torch.set_num_threads(1)
    ends, off = [], []
    for seed in range(3):
        for backward in (right, gate_forgotten):
            losses = train_two_layers(backward, loss, ids, 200, seed)
            ends.append(sum(losses[-10:]) / 10)
            given = two_layer_batch(ids, seed)
            gradient = backward(*given)[0]
            place = int(
                (gradient - right(*given)[0] if backward is not right else gradient).abs().argmax()
            )
            slope = numerical_gradient(loss, *given, "w_in", place)
            off.append(abs(gradient.view(-1)[place].item() - slope) / gradient.abs().max().item())

    def turned(*given):
        return tuple(-gradient for gradient in right(*given))

    rising = train_two_layers(turned, loss, ids, 5)
    torch.set_num_threads(THREADS)
    start = math.log(512)
    shares = [(start - wrong) / (start - good) for good, wrong in zip(ends[::2], ends[1::2])]
    assert 0.9 < min(shares) and max(shares) < 1 and rising[-1] > rising[0]
    assert max(off[::2]) < 0.01 < 0.1 < min(off[1::2])
    return (
        "of the fall with the right gradient: "
        + ", ".join(f"{share:.0%}" for share in shares)
        + f"; against nudging off by {min(off[1::2]):.0%} of the largest or more, right "
        f"{max(off[::2]):.1%}"
    )


@central
def smollm2_promises_more_than_it_keeps():
    """“on this text the model is **overconfident**”

    “What it pays is more.”

    A bootstrap over the ten paragraphs, not over tokens, which are not independent.
    """
    gaps, extra = [], []
    for paragraph in PROSE.split("\n\n"):
        ids = torch.tensor([0, *_ids(paragraph)])
        p = torch.softmax(model()(ids[:-1])[0], -1)
        hit = (p.argmax(-1) == ids[1:]).float()
        gaps.append((p.amax(-1) - hit).mean().item())
        expected = torch.special.entr(p).sum(-1).mean()
        extra.append((_losses(paragraph).mean() - expected).item())
    rng = random.Random(0)
    lows = []
    for each in (gaps, extra):
        means = sorted(sum(rng.choices(each, k=10)) / 10 for _ in range(2000))
        lows.append(means[50])  # 2.5 %
    assert min(lows) > 0
    return f"gap {sum(gaps) / 10:.3f} (from {lows[0]:.3f}), extra loss {sum(extra) / 10:.2f} nats"


def one_minus_p_makes_a_gambler():
    """“With the logarithm it is smallest at $q = 0.6$.”

    The other loss, 1 - p, over the same forecasts.
    """
    q = torch.linspace(0.001, 0.999, 999)
    log_loss = -(0.6 * q.log() + 0.4 * (1 - q).log())
    linear = 0.6 * (1 - q) + 0.4 * q
    assert abs(q[log_loss.argmin()] - 0.6) < 1e-3 and q[linear.argmin()] == q[-1]
    return f"smallest at {q[log_loss.argmin()]:.3f} with the logarithm, at the edge with 1 - p"
