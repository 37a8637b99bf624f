"""What notebook 6 says, with its controls, on prompts, names and kinds that it does not show."""

import math
import random
from functools import cache

import torch
from claim_runner import central, false_where, model, proof_only, solved

from exercises.check import Mistake
from exercises.sampling import check_control_copies
from llmlib.demonstrations.sampling import (
    ARMS,
    STARTS,
    TEMPLATE,
    after_premises,
    chances,
    failures,
    greedy_texts,
    in_a_loop,
    interval,
    next_probabilities,
    surprise_of_writers,
    years,
)
from llmlib.generation import chat_prompt
from llmlib.output_head import log_softmax, softmax

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


def _next(texts):
    return next_probabilities(model(), texts)


@central
@false_where("the temperature as it is", t=1.0)
def temperature_lifts_a_tail_of_nonsense(t=1.5):
    """“Four draws in ten come from beyond rank 100”

    The same prompt at T = 1, of which less than half as much comes from there; two more prompts.
    """
    beyond = {}
    for text in (FRANCE, "The capital of Poland is", "The opposite of hot is"):
        z = _logits(text).sort(descending=True).values
        beyond[text] = softmax(_mine("apply_temperature")(z, t))[100:].sum().item()
        assert softmax(z)[100:].sum() < beyond[text] / 2
    assert abs(beyond[FRANCE] - 0.43) < 0.03 and min(beyond.values()) > 0.2
    return ", ".join(f"{text!r} {share:.2f}" for text, share in beyond.items())


def a_thin_tail_spoils_many_texts():
    """“with one per cent of nonsense at each step, nearly a fifth of all texts of twenty tokens
    hold some”

    By drawing: 4,000 texts; with a tenth of a per cent one text in fifty.
    """
    g = torch.Generator().manual_seed(6)
    bad = [(torch.rand(4000, 20, generator=g) < p).any(1).double().mean() for p in (0.01, 0.001)]
    assert 0.16 < bad[0] < 0.2 and bad[1] < 0.04
    return f"{bad[0]:.3f}, and {bad[1]:.3f}"


@central
def engines_disagree_on_the_order():
    """“So "temperature 1.5, min-p 0.1" may mean something else in another engine”

    “Top-k does not care about the order, since temperature keeps the ranking.”

    Top-k keeps the same tokens in either order; three prompts.
    """
    told = []
    for text in (FRANCE, "My neighbour keeps a", TRAIN):
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


OTHER_PHRASES = (
    " She put the kettle on and sat down.",
    " The old train to Leeds was late again.",
    " Nine blue foxes sold me a violin.",
)


@central
@false_where("the words in another order each time", again=False)
def copies_are_read_off(again=True):
    """“In both arms the phrase rises to about 0.9, and copies without a common order stay low.”

    “Here a nonsense order rises as high, from a lower start.”

    Three other phrases, in both arms; the same tokens in a new order each time.
    """
    told = []
    for before in ("It was late.", TEMPLATE.format("How was your day?", "It was late.")):
        head = _ids(before)
        for phrase in OTHER_PHRASES:
            mixed = _mine("control_copies")(_ids(phrase), 6, 1)
            rising = [_ids(phrase)] * 6 if again else mixed
            plain, control, one = (
                chances(model(), head, copies) for copies in (rising, mixed, [mixed[0]] * 6)
            )
            assert plain[-1] > plain[0] + 0.3 and plain[-1] > 0.5 and max(control) < 0.3
            assert one[-1] > 0.5 and one[0] < plain[0] + 0.01
            told.append(f"{plain[0]:.2f} to {plain[-1]:.2f}, mixed {max(control):.2f}")
    return "; ".join(told)


def every_accepted_control_stays_low():
    """“Your copies stay below even that, unless the line above says otherwise.”

    Designs that share a stretch of order, on four phrases in both arms: what the check accepts
    stays below 0.3, and what it refuses can rise above.
    """

    def shuffled(body, n, seed, fixed=0):
        rng = random.Random(seed)
        return [body[:fixed] + rng.sample(body[fixed:], len(body) - fixed) for _ in range(n)]

    designs = {
        "shuffled": shuffled,
        "first two fixed": lambda *how: shuffled(*how, fixed=2),
        "first three fixed": lambda *how: shuffled(*how, fixed=3),
        "the phrase last": lambda body, n, seed: [*shuffled(body, n - 1, seed), body],
        "reversed in turn": lambda body, n, seed: n // 2 * [body[::-1], body],
    }
    most = {True: 0.0, False: 0.0}
    for before in ("It was late.", TEMPLATE.format("How was your day?", "It was late.")):
        for phrase in OTHER_PHRASES:
            for design in designs.values():
                body = _ids(phrase)
                try:
                    check_control_copies(design, body, 6, 1)
                    accepted = True
                except Mistake:
                    accepted = False
                rising = max(chances(model(), _ids(before), design(body, 6, 1)))
                most[accepted] = max(most[accepted], rising)
    assert most[True] < 0.3 < most[False]
    return f"accepted at most {most[True]:.2f}, refused up to {most[False]:.2f}"


@central
@proof_only
def agreement_is_not_truth():
    """“For Einstein the draws agree in both arms, and they are right. The years of the two who
    never lived scatter. Ada Lovelace lived: in the template about half of the draws agree on a
    year, and it is wrong.”

    Two other seeds; another who lived, Isaac Newton, and another who did not.
    """
    told = []
    for seed in (1, 2):
        for name, truth in {
            "Albert Einstein": "1879",
            "Isaac Newton": "1643",
            "Ada Lovelace": "1815",
            "Elwin Thackeray": "",
            "Brunilda Okonsker": "",
        }.items():
            for arm in ARMS:
                found = years(model(), name, arm, 40, _mine("draw"), seed)
                most = max(sorted(set(found)), key=found.count)
                share = found.count(most) / len(found)
                if name in ("Albert Einstein", "Isaac Newton"):
                    assert most == truth and share > 0.5
                elif not truth:
                    assert share < 0.2 and len(set(found)) > 25
                elif arm == "in the template":
                    assert share > 0.4 and most != truth
                if seed == 1:
                    told.append(f"{name} {arm} {share:.0%} {most}")
    return "; ".join(told)


OTHER_KINDS = [
    "car cars wheels taxi",
    "bee bees stings bumblebee",
    "cow cows horns yak",
    "chair chairs legs stool",
    "shirt shirts sleeves blouse",
    "cup cups handles mug",
    "boat boats sails yacht",
    "snake snakes fangs adder",
]


@false_where("premises without a rule", rule="")
def the_step_of_logic_is_partly_a_copy(rule="All {} have {}. "):
    """“With "No" the part still comes often, in both arms, where a reasoner would not write it.
    In the template " no" comes instead in some draws, and hardly ever after "All"”

    Eight other kinds, 40 draws each; without a rule the part does not come.
    """
    shares = {}
    for word in ("All", "No"):
        premises, parts = [], []
        for each in OTHER_KINDS:
            kind, kinds, part, one = each.split()
            start = rule.format(kinds, part).replace("All", word)
            premises.append(f"{start}A {one} is a {kind}.")
            parts.append(part)
        for name, words in ((word, parts), (f"{word}, no", ["no"] * len(parts))):
            found = after_premises(model(), _mine("draw"), premises, words, OTHER_KINDS)
            shares[name] = {arm: interval(each)[0] for arm, each in found.items()}

    assert min(shares["All"].values()) > 0.2 and min(shares["No"].values()) > 0.1
    (_, said), (_, unsaid) = shares["No, no"].values(), shares["All, no"].values()
    assert said > 0.05 > 2 * unsaid
    return "; ".join(
        f"{arm}: All {shares['All'][arm]:.2f}, No {shares['No'][arm]:.2f}, "
        + f"“no” {shares['All, no'][arm]:.2f}, {shares['No, no'][arm]:.2f}"
        for arm in ARMS
    )


def wheels_come_without_a_rule_as_well():
    """“But wheels come about as often after "The shop sells wheels.", which is no rule.”

    Feathers and eight other kinds; without a sentence that names them they do not come.
    """
    named = {}
    for name, second in {
        "a rule": "All birds have feathers. ",
        "no rule": "The shop sells feathers. ",
        "not named": "",
    }.items():
        premises = []
        for each in OTHER_KINDS:
            kind, kinds, part, one = each.split()
            premises.append(f"All {kinds} have {part}. {second}A {one} is a {kind}.")
        words = ["feathers"] * len(premises)
        arms = after_premises(model(), _mine("draw"), premises, words, OTHER_KINDS)
        named[name] = [interval(each)[0] for each in arms.values()]
    for rule, other, never in zip(*named.values()):
        assert rule > 0.1 and other > rule / 2 and never < 0.02
    return "; ".join(f"{name} {a:.2f}, {b:.2f}" for name, (a, b) in named.items())


def more_failures():
    """“Of all sums such as 3 + 4 and all differences such as 9 − 4, more draws are right in the
    template. With two operations, fewer than one draw in five is right in either arm”

    “In the template it mostly does, is right no more often than by guessing”

    “" she" comes more often after a nurse and five other occupations that are thought of as women's
    than after a carpenter and five that are thought of as men's”

    Other draws, and other problems of two operations; the gain of the template problem by problem,
    with its interval.
    """
    found = failures(model(), _mine("draw"), seed=7)
    mean = {name: [interval(each)[0] for each in arms.values()] for name, arms in found.items()}
    for name in ("3 + 4: right", "9 − 4: right"):
        gains = [form - plain for plain, form in zip(*found[name].values())]
        assert len(gains) > 30 and interval(gains)[1] > 0.05
    assert max(mean["9 − 4 + 2: right"]) < 0.2 and max(mean["one of A to D: right"]) < 0.4
    for she, he in zip(mean["a nurse: “she”"], mean["a carpenter: “she”"]):
        assert she > he + 0.1
    return "; ".join(f"{name} {plain:.2f}, {form:.2f}" for name, (plain, form) in mean.items())


@central
@proof_only
def a_little_penalty_ends_most_loops():
    """“In these 60 tokens a little penalty ends most of the loops, not all. One text walks "around
    the town of Ashwood" until the end.”

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
    """“The paragraphs' own words are about as unlikely as drawn ones, or more, and far less likely
    than those of beam search.”

    Four paragraphs by others, of news, law, letters and science, at another place of the text.
    """
    texts = (
        "The council voted on Tuesday to close the ferry between the two islands after a survey "
        "found that its hull had rusted through in three places, said the harbour master.",
        "A tenant who leaves before the end of the term shall pay the rent of one month unless "
        "another tenant has been found to whom the owner can have no reasonable objection.",
        "Dear Ruth, the parcel came this morning with the jam unbroken, and we ate half of it at "
        "once on the kitchen floor, because the chairs had already gone to the new house.",
        "When the ice melts earlier, the kelp gets more light in spring, and urchins that graze on "
        "it move into shallower water, where otters find them more easily than before.",
    )
    found = surprise_of_writers(model(), _mine("beam_search"), _mine("draw"), texts, 9, 10)
    human, searched, drawn = (mean for mean, _, _ in found.values())
    assert human - searched > 1 and human > drawn - 0.2
    return ", ".join(f"{name} {mean:.2f}" for name, (mean, _, _) in found.items())


def a_wide_beam_says_nothing():
    """“The wider search finds that stopping at once is likelier than any other text that it has
    seen.”

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
    "Name three fruits.|What is the capital of Peru?|Who wrote Faust?|Where do owls sleep?|How "
    "many wings does a bee have?|What colour is snow?|Why is the sky blue?|Who painted "
    "Guernica?|When do bats fly?|Which metal is light?"
).split("|")


def the_template_has_words_for_every_question():
    """“**Asked in its template, no search returned the empty answer.**”

    Ten other questions, asked plainly as well, with the learner's measurement for both.
    """
    opening, closing = _ids("<|im_start|>user\n"), _ids("<|im_end|>\n<|im_start|>assistant\n")
    asked = [_ids(question) for question in QUESTIONS]
    plain, templated = _mine("empty_answers")(model(), asked, opening, closing, 3, 4)
    assert plain >= 8 and templated == 0
    return f"empty: {plain} of 10 plainly, {templated} of 10 in the template"


def the_stop_token_follows_a_bare_question():
    """“The stop token is likely after a bare question, and very unlikely in the template. So it is
    after a question and a new line, too, where no turn has begun: how a text ends matters.”

    “with the usual one the result is the same”

    Ten other questions; in the template, with and without its system message.
    """
    stop = model().config.stop_ids[0]
    templated = [TEMPLATE.format(each, "") for each in QUESTIONS]
    templated += [chat_prompt(model(), each) for each in QUESTIONS]
    plain, most = (_next(texts)[:, stop].tolist() for texts in (QUESTIONS, templated))
    ended = _next([f"{each}\n" for each in QUESTIONS])[:, stop].tolist()
    assert min(plain) > 0.02 and sum(plain) > 0.2 * len(plain) and max(most) < 1e-3
    assert max(ended) < min(plain) and sum(ended) < 0.05 * sum(plain)
    return (
        f"stop after the question {min(plain):.2f} to {max(plain):.2f}, in the template at most "
        f"{max(most):.0e}"
    )


def no_filter_beats_a_temperature():
    """“No filter beats temperature alone, and none could”

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


def which_filter_is_ahead_depends_on_the_prompt():
    """“Prompt by prompt the filter that keeps more tokens is ahead”

    Ten other prompts, one by one, at another entropy: the filter that keeps more is ahead.
    """
    others = (
        "On my desk there is a|The museum showed a picture of a|The novel tells the story of a|In "
        "the garden there was a|The newspaper wrote about the|The boy drew a picture of a|For my "
        "birthday I got a|The city is famous for its|The soup was made of|The thief stole a"
    ).split("|")
    compare, z = _mine("compare_filters"), _next(others).log()
    k, m = _mine("top_k")(z, 20), _mine("min_p")(z, 0.1)
    kept = torch.isfinite(m).sum(-1)
    h = min(1.1, math.log(int(kept.min())) - 0.05)
    ahead = []
    for row in range(len(z)):
        two = [each[[row, row]] for each in (z, k, m)]
        ahead.append(compare(*two, h)[0] > 0)
        assert ahead[-1] == (kept[row] < 20)
    assert {*ahead} == {True, False}
    return f"top-k 20 ahead in {sum(ahead)} of {len(ahead)}"


def a_constraint_gives_the_form_alone():
    """“Always the right form, and no promise of truth. And masking is not choosing. " New York"
    comes since " New" is the likeliest first token of the three names, though " Delhi" is likelier
    as a whole.”

    Eight reviews: unconstrained at most one has the form; of the constrained not all are true. Of
    three cities the one that comes is less likely, as a whole, than another.
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
    true = sum(words.index(each) == truth for each, truth in zip(bound, reviews.values()))
    assert sum(free) <= 1 and all(each in words for each in bound) and true < 8
    prompt, scores = _ids("The capital of India is"), {}
    for city in (" New York", " Delhi"):
        ids = _ids(city)
        log_p = log_softmax(model()(prompt + ids)[0, len(prompt) - 1 : -1])
        scores[city] = log_p.gather(-1, torch.tensor(ids)[:, None]).sum().item()
    assert scores[" Delhi"] > scores[" New York"] + 1
    first = {i: _next(["The capital of India is"])[0, _ids(i)[0]] for i in (" New", " Delhi")}
    assert first[" New"] > first[" Delhi"]
    return f"form: free {sum(free)} of 8, constrained 8; true {true}; {scores}"
