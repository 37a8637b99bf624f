"""What notebook 6 says, with its controls."""

import math
import random
from functools import cache
from itertools import cycle

import torch
from claim_runner import central, model, solved
from scipy.stats import binomtest

from llmlib import complete
from llmlib.attention import attention_weights
from llmlib.demonstrations.sampling import (
    OPEN_PROMPTS,
    PEOPLE,
    SOLVED_SUMS,
    STARTS,
    greedy_texts,
    in_a_loop,
    sums,
    years,
)
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
    """“Four draws in ten come from beyond rank 100”

    “Where the nonsense begins depends on the prompt.”

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
    """“The filters of `transformers`, in the same order, keep the same tokens as yours”

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
    """“With RoPE only distances count, so the new positions change nothing”

    “A re-run forgets the beginning; a cache still carries traces of it.”

    The same tokens moved by 37 places; behind a beginning that was dropped.
    """
    ids, head = _ids("The capital of France is a city"), _ids("In a village by the sea. ")
    moved = model().using(position=lambda x, at, theta: apply_rope(x, at + 37, theta))
    shift = (moved(ids) - model()(ids)).abs().max().item()
    dropped = (model()(head + ids)[0, len(head) :] - model()(ids)[0])[1:].abs().max().item()
    assert shift < 1e-3 and dropped > 1
    return f"logits move by {shift:.0e}; computed behind a beginning by {dropped:.1f}"


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
    """“With head 16.0, on which they depend, switched off, the copies of this phrase still become
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


def a_little_penalty_ends_most_loops():
    """“A little penalty ends most loops, not all. One text walks "around the town of Ashwood" until
    the end.”

    “Left alone, each of these six texts runs into a loop within 60 tokens”

    The same texts without a penalty; six more prompts, of which one runs into a loop.
    """
    more = ("She looked at the", "The old man said", "On the way home", "Every day they went")
    more += ("The teacher told the", "At the market I")
    looping = {}
    for penalty in (1.0, 1.1):
        made = greedy_texts(
            model(),
            STARTS + more,
            60,
            lambda z, ids, by=penalty: _mine("repetition_penalty")(z, ids, by),
        )
        looping[penalty] = [start for start, new in made.items() if in_a_loop(new)]
        last = made["He opened the door and"][-24:]
        assert (penalty > 1) == ("around the town of Ashwood" in model().tokenizer.decode(last))
    assert set(looping[1.0]) == {*STARTS, "She looked at the"}
    assert looping[1.1] == ["He opened the door and"]
    return f"{len(looping[1.0])} of 12 loop, with penalty 1.1 {len(looping[1.1])}"


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
    """“The wider search finds that stopping at once beats every text that it has found.”

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


QUESTIONS = (
    "What do bees make?|What is the capital of Japan?|Who wrote Hamlet?|Where do fish live?|How "
    "many legs has a spider?|What colour is grass?|Why is the sea salty?|Who painted the Mona Lisa?"
    "|When do owls sleep?|Which metal is liquid?"
).split("|")


def the_template_has_words_for_every_question():
    """“**Asked in its template, the model has something to say to all ten questions.**”

    The same ten questions asked plainly, with the learner's measurement for both.
    """
    opening, closing = _ids("<|im_start|>user\n"), _ids("<|im_end|>\n<|im_start|>assistant\n")
    asked = [_ids(question) for question in QUESTIONS]
    plain, templated = _mine("empty_answers")(model(), asked, opening, closing, 3, 4)
    assert plain >= 8 and templated == 0
    return f"empty: {plain} of 10 plainly, {templated} of 10 in the template"


@central
def the_stop_token_ends_the_turn_of_the_user():
    """“Plainly, the stop token was no empty answer: it ended the *user's* turn, as it does in
    training. What follows it is a new line, as in the template.”

    “with the usual one the result is the same”

    Ten questions; in the template, with and without its system message, the stop token has next to
    no probability. If it were an answer, nothing would have to follow it.
    """
    stop = model().config.stop_ids[0]
    bare = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    templated = [bare.format(each) for each in QUESTIONS]
    templated += [chat_prompt(model(), each) for each in QUESTIONS]
    plain, most = (_next(texts)[:, stop].tolist() for texts in (QUESTIONS, templated))
    ended = _next([f"{question}<|im_end|>" for question in QUESTIONS])
    newline = ended[:, _ids("\n")[0]].tolist()
    assert min(plain) > 0.02 and max(most) < 1e-4 and min(newline) > 0.95
    return (
        f"stop after the question {min(plain):.2f} to {max(plain):.2f}, in the template at most "
        f"{max(most):.0e}; after the stop a new line {min(newline):.2f} or more"
    )


@central
def no_filter_beats_a_temperature():
    """“No filter beats temperature alone, and none could.”

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


def the_filter_that_keeps_more_wins():
    """“Prompt by prompt the filter that keeps more tokens wins”

    “where it keeps few it loses more than it gains elsewhere. The difference is a few hundredths of
    a nat, and with ten other prompts its interval holds 0.”

    Eighteen prompts and ten others; against the mean difference of zero, which the interval would
    hold if the number kept on average were all that counts.
    """
    others = (
        "On my desk there is a|The museum showed a picture of a|The novel tells the story of a|In "
        "the garden there was a|The newspaper wrote about the|The boy drew a picture of a|For my "
        "birthday I got a|The city is famous for its|The soup was made of|The thief stole a"
    ).split("|")
    told, compare = [], _mine("compare_filters")
    for prompts in (OPEN_PROMPTS, others):
        z = torch.stack([_logits(text) for text in prompts])
        assert _entropy(softmax(z)).min() > 4
        k, m = _mine("top_k")(z, 20), _mine("min_p")(z, 0.1)
        kept = torch.isfinite(m).sum(-1)
        h = min(1.25, math.log(int(kept.min())) - 0.05)
        for row in range(len(z)):
            two = [each[[row, row]] for each in (z, k, m)]
            assert (compare(*two, h)[0] > 0) == (kept[row] < 20)
        mean, low, high = compare(z, k, m, h)
        assert (low > 0) == (prompts is not others) and 0 < mean < 0.1
        assert abs(kept.double().mean() - 20) < 8 and high > 0
        told.append(f"{mean:.3f} [{low:.3f}, {high:.3f}], {kept.double().mean():.1f} tokens")
    return "; ".join(told)


def a_count_near_its_ceiling_is_luck():
    """“one batch says that two settings differ and the next that they do not. The entropy tells the
    two apart in every batch.”

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


@central
def a_constraint_gives_the_form_alone():
    """“Always the right form, and no promise of truth. "Never again." is called positive.”

    “the spider has 8 legs only because its 80 was cut off: a digit is a token, and after " 8"
    nothing but the stop was allowed. With 0 to 99 to choose from, it has 80 again.”

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


def agreement_is_not_truth():
    """“For Einstein the draws agree, and they are right. For Curie the commonest year is wrong. Ada
    Lovelace lived, and her years scatter like those of people who never did. Albert Weinstein never
    lived, and his answers agree more than Curie's.”

    Two seeds for each; two invented people whose years do scatter. Only years are counted.
    """
    told, most, share, often = [], {}, {}, {}
    for name in PEOPLE:
        for seed in (0, 1):
            found = years(model(), name, 40, _mine("draw"), seed)
            often[name, seed] = max(sorted(set(found)), key=found.count)
            most[name, seed] = found.count(often[name, seed])
            share[name, seed] = len(set(found)) / len(found)
        both = " and ".join(f"{most[name, seed]} × {often[name, seed]}" for seed in (0, 1))
        told.append(f"{name} {both}")
    for seed in (0, 1):
        assert often["Albert Einstein", seed] == "1879" and most["Albert Einstein", seed] > 30
        assert often["Marie Curie", seed] != "1867"
        assert most["Albert Weinstein", seed] > most["Marie Curie", seed]
        for name in ("Ada Lovelace", "Elwin Thackeray", "Brunilda Okonsker"):
            assert share[name, seed] > 0.7 > share["Marie Curie", seed]
    return "; ".join(told)


@central
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
    """“Adding two numbers works here; taking away mostly does not. With two or three operations, 24
    problems cannot tell the model from somebody who guesses.”

    One of ten digits by chance; three sets of problems, in each of which more sums are right than
    differences; together, two operations are right less often than one.
    """

    def between(hits, cases):
        return binomtest(hits, cases).proportion_ci(method="wilson")

    told, both = [], []
    for seed in (6, 7, 8):
        rng, right = random.Random(seed), []
        for steps in (1, 2, 3):
            problems = [(text, str(value)) for text, value in sums(steps, 24, rng)]
            p = _next([f"{text} = " for text, _ in problems], SOLVED_SUMS)
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
    """“nurse, librarian and secretary lie above it and carpenter far below it, in both sentences;
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
    """“The probability peaks at 2023 and falls off a cliff after 2024.”

    “Asked in another way, the fall may be gentler, or the peak a year earlier.”

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
