"""What notebook 5 says, with its controls."""

import bz2
import contextlib
import io
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


def a_table_of_ids_that_holds_nothing():
    """“Not one of the five holds, and 119 is not even a character in GPT-2's, only one byte of
    one.”

    GPT-2's own tokenizer, and SmolLM2's.
    """
    from llmlib.tokens import Tokenizer

    said = {12: "I", 451: "it", 119: "there", 340: "the", 756: "we"}
    for tokenizer in (Tokenizer.gpt2(), model().tokenizer):
        spelled = {i: tokenizer.token_bytes(i) for i in said}
        assert all(spelled[i].strip() != word.encode() for i, word in said.items())
    assert Tokenizer.gpt2().token_bytes(119) == b"\xbb"
    return "0 of 5 in either vocabulary"


@central
def one_pass_asks_every_question():
    """“So *one* pass over a text of $n$ tokens asks $n - 1$ questions at once, each with the true
    text before it”

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
    """“Forget `ignored`, and the loss looks like a loss, training runs, and the number is wrong”

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


@central
def a_loss_is_a_file_size():
    """“naming a point in it takes $-\\log_2$ of its length, in bits, plus at most two bits more”

    “Seventeen bytes, and the sentence comes back letter for letter.”

    “if the reader's logits are a millionth off, what it reads is another text”

    The sum of the losses, and the same sentence through zlib; the reader's logits changed by a
    millionth.
    """
    space = {"model": model(), "tokenizer": model().tokenizer, "PAD": 0} | solved("05_output_head")
    exec(_cell("def walk(").partition('print("file')[0], space)
    message, file = space["message"], space["file"]
    ids = [0, *_ids(message), 0]
    bits = token_losses(model()(ids[:-1])[0], torch.tensor(ids[1:])).sum().item() / math.log(2)
    assert 8 * len(file) - 8 < bits + 2 and len(file) == 17
    assert len(zlib.compress(message.encode(), 9)) > 60
    head, point = model().parts.unembedding, Fraction(int.from_bytes(file, "big"), 256**17)

    def read_alike(scale):
        """How many tokens a reader gets right whose logits are `scale` times as large."""
        agreed = []
        space["model"] = model().using(unembedding=lambda x, table: scale * head(x, table))

        def choose(n, start, length, ends):
            place = min(max(0, int((point - start) / length * int(ends[-1]))), int(ends[-1]) - 1)
            agreed.append(int(torch.searchsorted(ends, place, right=True)) == ids[n + 1])
            return ids[n + 1]

        space["walk"](choose)
        return agreed.index(False) if False in agreed else len(agreed)

    same, off = read_alike(1.0), read_alike(1 + 1e-6)
    assert off < 8 < same == len(ids) - 1
    return f"{bits:.1f} bits of loss, a file of 17 bytes; logits a millionth off: only {off} right"


def _cell(start):
    from llmlib.course.authoring import notebooks

    return next(c.source for c in notebooks.load("05_output_head").cells if start in c.source)


def the_model_knows_order():
    """“Less than a third of what zlib needs.”

    “shuffling the words costs it next to nothing; the model knows what follows what, and now needs
    twice as much”

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
    """“on average over many starts that costs half their variance”

    “Targets that are not shifted start where they should, too, in this model of 30 layers”

    “For targets drawn blindly these logits do cost 0.12 more than $\\ln V$, as the third line says;
    the rest comes from this paragraph's tokens, which happened to get low logits.”

    “Softmax of a softmax starts at $\\ln V$ and can never come more than 1 nat below it”

    Random logits of three spreads, 1,000 draws each; the notebook's untrained model with the
    paragraph's tokens and with all tokens as targets; a perfect model's softmax, taken twice.
    """
    g, found = torch.Generator().manual_seed(0), []
    for spread in (0.1, 0.48, 1.0):
        logits = spread * torch.randn(1000, 8192, generator=g)
        costs = token_losses(logits, torch.randint(8192, (1000,), generator=g)).mean().item()
        found.append(costs - math.log(8192))
        assert abs(found[-1] - spread**2 / 2) < 3 * spread / math.sqrt(1000)
    space = {name: _mine(name) for name in ("cross_entropy", "next_token_pairs", "softmax")}
    space |= {"model": model(), "tokenizer": model().tokenizer}
    space |= {"paragraphs": PROSE.split("\n\n")}
    space |= {"math": math, "torch": torch, "replace": replace, "reveal": lambda *_, **__: None}
    source = _cell("untrained = replace(")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source.partition("\ndel ")[0], space)
    logits, targets = space["logits"][0], space["targets"][0]
    blind = (logits.logsumexp(-1) - logits.mean(-1)).mean().item() - math.log(49152)
    own = space["losses"]["untrained"].item() - math.log(49152)
    unshifted = space["losses"]["untrained, targets not shifted"].item() - math.log(49152)
    low = (logits.mean(-1) - logits[torch.arange(len(targets)), targets]).mean().item()
    assert abs(blind - 0.12) < 0.005 and abs(own - blind - low) < 1e-3 and low > 0.1
    assert 0 < unshifted < 0.12
    perfect = torch.zeros(1, 49152)
    perfect[0, 7] = 1.0
    twice = math.log(49152) - token_losses(perfect, torch.tensor([7])).item()
    assert 0.99 < twice < 1
    return (
        "above ln V: "
        + ", ".join(f"{x:.2f}" for x in found)
        + f"; the untrained model {own:.2f}, blindly {blind:.2f}, and its tokens' logits {low:.2f} "
        f"below the mean; not shifted {unshifted:.2f}; softmax twice: {twice:.3f}"
    )


def unshifted_targets_are_learned_at_once():
    """“in one whose layers begin as the identity, as in section 5.7, they start too low”

    “copying the input is easy, and the loss falls towards 0”

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
    """“Small words and full stops are cheap, and a word that comes again costs less than the first
    time”

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
    return (
        f"small words {cheap:.2f}, others {dear:.2f} nats; {len(pairs)} words that come again: "
        f"{before:.2f}, then {again:.2f}"
    )


def a_few_tokens_carry_the_loss():
    """“A few tokens carry the loss”

    All ten paragraphs, not only the one that is drawn; equal losses would give one half.
    """
    shares = []
    for paragraph in PROSE.split("\n\n"):
        losses = _losses(paragraph, False).sort(descending=True).values.cumsum(0)
        shares.append(((losses < losses[-1] / 2).sum().item() + 1) / len(losses))
    assert max(shares) < 0.28
    return f"half of the loss on {min(shares):.0%} to {max(shares):.0%} of the tokens"


@central
def per_byte_the_order_is_turned():
    """“**Per byte the order is exactly turned round.**”

    “Write the same Russian in an older code of one byte a letter, and it nearly doubles, though the
    model and its predictions are the same.”

    Total bits for the same content; and sentence by sentence, English is always the cheapest.
    """
    source = _cell("translations = {")
    space = {}
    exec(source[source.index("translations = {") : source.index("print(")], space)
    texts = space["translations"]
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


@torch.no_grad()
def _unseen(weights, **parts):
    _, held_out, config = _stories()
    logits = forward(held_out[:, :-1], weights, config, replace(training.PARTS, **parts))
    return token_losses(logits, held_out[:, 1:]).mean().item()


@cache
def _bigram(w=1):
    """Loss on unseen stories of the bigram rule (w times the unigram mixed in) and the unigram."""
    tokens, held_out, _ = _stories()
    once = torch.bincount(tokens.ids, minlength=512) + 1.0
    pairs = torch.zeros(512, 512)
    pairs.index_put_((tokens.ids[:-1], tokens.ids[1:]), torch.ones(len(tokens.ids) - 1), True)
    rule = pairs + w * once / once.sum()
    rule = (rule / rule.sum(1, keepdim=True)).log()
    x, y = held_out[:, :-1], held_out[:, 1:]
    return token_losses(rule[x], y).mean().item(), -(once / once.sum()).log()[y].mean().item()


@central
def your_loop_is_the_library_s():
    """“The same twenty batches through your loop, and through llmlib's, which uses
    `torch.optim.AdamW`”

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


def adam_moves_by_one_rate():
    """“A weight whose gradient stays about the same moves by about one rate a step, however
    large or small that gradient is; one whose gradient comes rarely moves less, and one whose
    gradient keeps changing sign hardly moves.”

    The same three gradients of sizes 0.001 and 1,000, over 100 steps; rarely: every 20th.
    """
    kinds = {
        "the same": lambda t: 1,
        "changing sign": lambda t: (-1) ** t,
        "rare": lambda t: t % 20 == 0,
    }
    moved = {}
    for size in (1e-3, 1e3):
        for name, gradient in kinds.items():
            w, m, s = torch.zeros(1), torch.zeros(1), torch.zeros(1)
            for t in range(1, 101):
                g = torch.tensor([size * gradient(t)])
                w, m, s = _mine("adamw_step")(w, g, m, s, t, 0.1, 0)
            moved[size, name] = abs(w.item()) / (100 * 0.1)
        steady, flipping, rare = (moved[size, name] for name in kinds)
        assert abs(steady - 1) < 0.01 and flipping < 0.05 and flipping < rare < 0.5
    return "rates a step: " + ", ".join(f"{name} {moved[1e-3, name]:.2f}" for name in kinds)


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
    “at a quarter of this width 0.003 is far too small”

    Rates far to both sides, another start and other batches than the notebook's.
    """
    ends = {}
    for peak in (0.0001, 0.003, 0.01, 0.03, 1.0):
        losses, _ = _run(30, peak, seed=7)
        ends[peak] = sum(losses[-10:]) / 10
    narrow = [sum(_run(30, peak, 7, width=16)[0][-10:]) / 10 for peak in (0.003, 0.03)]
    assert narrow[0] - narrow[1] > 0.25
    valley = [ends[0.003], ends[0.01], ends[0.03]]
    assert max(valley) - min(valley) < 0.25 < ends[1.0] - min(valley) < ends[0.0001] - min(valley)
    return ", ".join(f"{peak:g}: {loss:.2f}" for peak, loss in ends.items())


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

    “**Most of your model's lead over this bigram comes from the tokens before the last.**”

    “with 16 times the unigram mixed in (the last line), the bigram rule is ahead of your model
    again”

    The distance to the rules after 20 steps and after 240, from another start than the notebook's;
    the same training with each token alone; the bigram rule as the notebook first counts it.
    """
    tokens, held_out, config = _stories()
    once = torch.bincount(tokens.ids, minlength=512) + 1.0
    once = (once / once.sum()).log()
    _, early = _run(20, 0.006, 1, lambda step, steps, peak: peak * min(1, (step + 1) / 12))
    _, late = _run(240, 0.006, 1)
    only = {"mask": lambda seq, start=0: torch.eye(seq, dtype=torch.bool)}
    _, solitary = _run(240, 0.006, 1, parts=replace(training.PARTS, **only))
    with torch.no_grad():
        near = []
        for weights in (early, late):
            logits = forward(held_out[:, :-1], weights, config, training.PARTS)
            log_p = torch.log_softmax(logits, -1)
            near.append((log_p.exp() * (log_p - once)).sum(-1).mean().item())
    trained, alone, (bigram, unigram) = _unseen(late), _unseen(solitary, **only), _bigram()
    assert near[0] < 0.4 < 1 < near[1] and trained < alone < unigram - 1
    assert bigram - alone < 0.4 * (bigram - trained)
    smooth = _bigram(16)[0]
    assert smooth + 0.03 < trained < bigram - 0.05
    return (
        f"distance to the unigram {near[0]:.2f} after 20 steps, {near[1]:.2f} after 240; loss "
        f"{trained:.2f}, bigram {bigram:.2f} or {smooth:.2f}, trained with each token alone "
        f"{alone:.2f}"
    )


@central
def smollm2_promises_more_than_it_keeps():
    """“on this text the model is **overconfident**”

    “what it pays is more”

    A bootstrap over the ten paragraphs, not over tokens, which are not independent.
    """
    gaps, extra = [], []
    for paragraph in PROSE.split("\n\n"):
        ids = torch.tensor(_ids(paragraph))
        p = torch.softmax(model()(ids[:-1])[0], -1)
        hit = (p.argmax(-1) == ids[1:]).float()
        gaps.append((p.amax(-1) - hit).mean().item())
        expected = torch.special.entr(p).sum(-1).mean()
        extra.append((_losses(paragraph, False).mean() - expected).item())
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
