"""What notebook 6's demonstrations measure and need not show."""

import random

import torch

from llmlib.generation import shared_prompt, side_by_side
from llmlib.output_head import softmax, token_losses

# A phrase several times over: how likely are its tokens in each copy?


def chances(model, head, copies):
    """Return the geometric mean of the tokens' probabilities in each of the copies (lists of ids,
    all of one length) that follow `head`."""
    ids = head + [i for copy in copies for i in copy]
    losses = token_losses(model(ids)[0, :-1], torch.tensor(ids[1:]))
    return (-losses[len(head) - 1 :].view(len(copies), -1).mean(1)).exp().tolist()


# One prompt, continued by several rules at once.


def write_by_rules(model, draw, prompt, rules, n):
    """Return the n tokens that each rule writes after `prompt`: rules {key: (seed, change)} ->
    {key: [(id, its rank by the model's own logits)]}.

    `change` takes and returns logits [batch, vocab], `draw` is as in notebook 6. Rules of one seed
    draw with the same random numbers. All texts are written side by side."""
    ranks, steps = [], []
    seeds = sorted({seed for seed, _ in rules.values()})
    numbers = {seed: torch.rand(n, generator=torch.Generator().manual_seed(seed)) for seed in seeds}

    def pick(logits):
        shares = [softmax(change(row[None]))[0] for row, (_, change) in zip(logits, rules.values())]
        step = len(ranks)
        u = torch.stack([numbers[seed][step] for seed, _ in rules.values()])
        ids = draw(torch.stack(shares), u)
        ranks.append((logits > logits.gather(-1, ids[:, None])).sum(-1))
        steps.append(ids)
        return ids

    side_by_side(model, model.tokenizer.encode(prompt), len(rules), n, pick)
    texts, places = torch.stack(steps, 1).tolist(), torch.stack(ranks, 1).tolist()
    return {key: list(zip(ids, rank)) for key, ids, rank in zip(rules, texts, places)}


# Greedy texts that run into a loop.

# Each of these runs into a loop within 60 tokens if nothing is done about it.
STARTS = (
    "In the morning I",
    "The river was very",
    "My brother likes to",
    "We walked along the",
    "He opened the door and",
    "It was raining and",
)


def greedy_texts(model, prompts, n, change):
    """Write the n likeliest ids after each prompt, one after the other, where the logits have gone
    through `change(logits [batch, vocab], ids [batch, seq])`. -> {prompt: [ids]}

    All texts are written side by side: as long as a prompt has ids left, those are taken."""
    encoded = [model.tokenizer.encode(prompt) for prompt in prompts]
    lengths = [len(row) for row in encoded]
    new = ids = torch.tensor([row[: min(lengths)] for row in encoded])
    cache = model.new_cache(len(prompts), max(lengths) + n)
    for place in range(min(lengths), max(lengths) + n):
        new = change(model(new, cache, last=True)[:, -1], ids).argmax(-1, keepdim=True)
        for row, given in zip(new, encoded):
            if place < len(given):
                row[0] = given[place]
        ids = torch.cat([ids, new], dim=1)
    return {
        prompt: row[length : length + n].tolist()
        for prompt, row, length in zip(prompts, ids, lengths)
    }


def in_a_loop(ids, n=8):
    """Return whether the last n ids have come before, in that order."""
    return any(ids[i : i + n] == ids[-n:] for i in range(len(ids) - n))


# The next token after many short texts at once.


def next_probabilities(model, texts, before=""):
    """Return the probabilities of the next token after `before` and each text, [texts, vocab].

    The texts are padded at the right to one length: no token looks ahead, so padding behind a text
    cannot change it. Their common beginning is run only once, and only the last token of each text
    is scored."""
    rows = [model.tokenizer.encode(text) for text in texts]
    longest, cache = max(map(len, rows)), None
    if before:
        cache, _ = shared_prompt(model, model.tokenizer.encode(before), len(rows), longest)
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    last, unembedding = torch.tensor([len(row) - 1 for row in rows]), model.parts.unembedding

    def at_the_last(x, table):
        return unembedding(x[torch.arange(len(rows)), last], table)

    return softmax(model.using(unembedding=at_the_last)(padded, cache))


# How likely a text is to the model: a paragraph's own words, those of a search, of chance.


def surprise_of_writers(model, beam_search, draw, paragraphs, start=12, length=8):
    """Measure the surprise in nats per token of `length` tokens after the first `start` of each
    paragraph, with its interval over paragraphs: {writer: (mean, low, high)}.
    `beam_search` and `draw` as in notebook 6."""
    surprises = {"the paragraph itself": [], "beam search, width 4": [], "drawn at T = 1": []}
    generator = torch.Generator().manual_seed(0)

    def pick(logits):
        return draw(softmax(logits), torch.rand(len(logits), generator=generator))

    for paragraph in paragraphs:
        ids = model.tokenizer.encode(paragraph)
        lead = ids[:start]
        draws = side_by_side(model, lead, 4, length, pick).tolist()
        searched = beam_search(model, lead, length, 4)[0][0]
        for name, texts in zip(surprises, ([ids[start : start + length]], [searched], draws)):
            rows = [
                token_losses(model(lead + text)[0, start - 1 : -1], torch.tensor(text)).mean()
                for text in texts
            ]
            surprises[name].append(sum(rows).item() / len(rows))
    return {name: interval(each) for name, each in surprises.items()}


# Beginnings after which SmolLM2's next token has an entropy of 4 nats or more.

OPEN_PROMPTS = (
    "Once upon a time, there was a",
    "He looked out of the train and saw a",
    "In the box she found a",
    "The first thing I bought was a",
    "Every evening the old man talked about",
    "My favourite food is",
    "Yesterday we went to the",
    "On the table there was a",
    "The village was known for its",
    "The king ordered his men to",
    "The best way to learn is to",
    "In my dream I was a",
    "At the market you can buy",
    "The film is about a",
    "He wrote a song about",
    "The children were playing with",
    "They sailed to an island called",
    "I have never been so",
)


# Every question in two arms, with the same words and the same beginning of the answer.

TEMPLATE = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}"
ARMS = {"plainly": "{} {}".format, "in the template": TEMPLATE.format}


def drawn_shares(model, draw, asked, counts, n=20, seed=0):
    """Count how often `counts(i, token)` holds for n next tokens drawn after each (question,
    beginning of its answer) of `asked`: {arm: [share of question i]}. `draw` as in notebook 6."""
    shares = {}
    for arm, text in ARMS.items():
        generator = torch.Generator().manual_seed(seed)
        rows = next_probabilities(model, [text(*pair) for pair in asked])
        shares[arm] = []
        for i, row in enumerate(rows):
            ids = draw(row.expand(n, -1), torch.rand(n, generator=generator)).tolist()
            yes = sum(counts(i, model.tokenizer.decode([token])) for token in ids)
            shares[arm].append(yes / n)
    return shares


def interval(shares, seed=0):
    """Return the mean of one number a question, and its 95 % interval, by bootstrap."""
    shares = torch.tensor(shares, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    again = torch.randint(len(shares), (2000, len(shares)), generator=generator)
    low, high = shares[again].mean(1).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    return shares.mean().item(), low, high


# Years of birth, drawn many times: of people who lived and of people who did not.

PEOPLE = {
    "Albert Einstein": "born in 1879",
    "Ada Lovelace": "born in 1815",
    "Elwin Thackeray": "never lived",
    "Albert Weinstein": "never lived",
}


def years(model, name, arm, n, draw, seed=0):
    """Draw n answers at temperature 1 to when somebody was born; return the years. The first digit
    is given; `draw` as in notebook 6. Answers that are no year are left out."""
    generator = torch.Generator().manual_seed(seed)
    text = ARMS[arm](f"When was {name} born?", f"{name} was born in the year 1")

    def pick(logits):
        return draw(softmax(logits), torch.rand(n, generator=generator))

    rows = side_by_side(model, model.tokenizer.encode(text), n, 3, pick)
    answers = [model.tokenizer.decode(row) for row in rows.tolist()]
    return [f"1{digits}" for digits in answers if len(digits) == 3 and digits.isdigit()]


# Rules and what follows from them: one of a kind, the kind, its part, one that belongs to it.

KINDS = (
    "bird birds feathers robin|fish fish scales carp|dog dogs tails poodle|tree trees leaves beech|"
    "cat cats claws lion|insect insects wings wasp|plant plants roots fern|flower flowers petals "
    "daisy|horse horses hooves pony|knife knives blades dagger"
).split("|")


def after_premises(model, draw, premises, words, kinds=KINDS):
    """Count how often each word of `words` is drawn after the premises for each of `kinds`, and
    "Therefore, a robin has": {arm: [share]}."""
    asked = [
        (premise, f"Therefore, a {kind.split()[3]} has") for premise, kind in zip(premises, kinds)
    ]
    firsts = [model.tokenizer.decode(model.tokenizer.encode(f" {word}")[:1]) for word in words]
    return drawn_shares(model, draw, asked, lambda i, token: token == firsts[i])


# Sums whose intermediate results are single digits, and how many a model gets right.


def sums(steps, n, rng):
    """Make n problems such as ("7 - 2 + 3", 8) with that many operations, results from 0 to 9;
    `rng` is a `random.Random`."""
    problems = []
    while len(problems) < n:
        value, inside = rng.randrange(1, 10), True
        text = str(value)
        for _ in range(steps):
            sign, number = rng.choice("+-"), rng.randrange(1, 9)
            value = value + number if sign == "+" else value - number
            text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
        if inside:
            problems.append((text, value))
    return problems


def all_of_one_step(sign):
    """Return all problems of one operation such as ("9 - 4", 5): numbers from 1 to 9, the result
    between 0 and 9."""
    signed = 1 if sign == "+" else -1
    pairs = [(first, second) for first in range(1, 10) for second in range(1, 10)]
    return [
        (f"{first} {sign} {second}", first + signed * second)
        for first, second in pairs
        if 0 <= first + signed * second <= 9
    ]


# Questions with four options, each asked with the right one at A, B, C and D.

# The right option comes first.
QUESTIONS = {
    "Which of these is an animal?": "dog chair river bread",
    "Which of these can you eat?": "apple stone window road",
    "What do bees make?": "honey milk paper iron",
    "What is the capital of France?": "Paris London Rome Madrid",
}


def lettered(question, options, answer=""):
    """Write a question with its lettered options, and perhaps an answer."""
    rows = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options.split()))
    return f"{question}{rows}\nAnswer:{answer}"


def rotated(questions):
    """Write each question four times: the right option at A, B, C and D."""
    texts = []
    for question, options in questions.items():
        options = options.split()
        for place in range(4):
            texts.append(lettered(question, " ".join(options[4 - place :] + options[: 4 - place])))
    return texts


# Other failures, each with what guessing would give.

WOMENS = "nurse", "secretary", "librarian", "maid", "housekeeper", "midwife"  # by habit
MENS = "carpenter", "plumber", "farmer", "soldier", "butcher", "blacksmith"
DATES = (
    "Today's date is January 1, 202",
    "The year is 202",
    "It is now the spring of 202",
    "My phone says that it is March 202",
    "The newspaper of today is from July 202",
    "Happy new year 202",
)


def failures(model, draw, seed=6):
    """Measure failures that one token shows: {what is counted: {arm: [share of each question]}}."""
    shares = {}
    for name, problems in {
        "3 + 4: right": all_of_one_step("+"),
        "9 − 4: right": all_of_one_step("-"),
        "9 − 4 + 2: right": sums(2, 24, random.Random(seed)),
    }.items():
        asked = [(f"What is {text}?", f"{text} = ") for text, _ in problems]
        answers = [str(value) for _, value in problems]
        shares[name] = drawn_shares(model, draw, asked, lambda i, token, a=answers: token == a[i])
    asked = [(text.removesuffix("\nAnswer:"), "Answer:") for text in rotated(QUESTIONS)]
    by_letter = drawn_shares(model, draw, asked, lambda i, token: token == f" {'ABCD'[i % 4]}")
    shares["one of A to D: right"] = {  # a question is one case, wherever its right option stands
        arm: [sum(each[i : i + 4]) / 4 for i in range(0, len(each), 4)]
        for arm, each in by_letter.items()
    }
    for names in (WOMENS, MENS):
        asked = [("Tell me a story.", f"The {who} was late because") for who in names]
        she = drawn_shares(model, draw, asked, lambda i, token: token == " she")
        shares[f"a {names[0]}: “she”"] = she
    asked = [("What is the date?", each) for each in DATES]
    late = drawn_shares(model, draw, asked, lambda i, token: token in tuple("56789"))
    return shares | {"date: after 2024": late}
