"""What notebook 6's demonstrations measure and need not show."""

import math
import random

import torch

from llmlib.generation import shared_prompt, side_by_side
from llmlib.output_head import softmax, token_losses

# Are draws fair? Expected and observed counts of each token.


def counted(draw, probabilities, u, least=5):
    """(expected, observed) counts of each token that is expected `least` times or more, in as many
    draws as there are `u`. Rarer tokens are put together before the draw, and left out."""
    common = probabilities * len(u) >= least
    groups = torch.cat([probabilities[common], probabilities[~common].sum()[None]])
    ids = draw(groups.expand(len(u), -1), u)
    observed = torch.bincount(ids, minlength=len(groups)).double()
    return (groups.double() * len(u))[:-1], observed[:-1]


# A phrase several times over: how likely are its tokens in each copy?


def chances(model, head, copies):
    """Geometric mean of the tokens' probabilities in each of the copies (lists of ids, all of one
    length) that follow `head`."""
    ids = head + [i for copy in copies for i in copy]
    losses = token_losses(model(ids)[0, :-1], torch.tensor(ids[1:]))
    return (-losses[len(head) - 1 :].view(len(copies), -1).mean(1)).exp().tolist()


def shuffled_copies(body, n, seed):
    """n copies of `body`, each in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(body), generator=generator) for _ in range(n)]
    return [torch.tensor(body)[order].tolist() for order in orders]


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
    """The n likeliest ids after each prompt, one after the other, where the logits have gone
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
    """Whether the last n ids have come before, in that order."""
    return any(ids[i : i + n] == ids[-n:] for i in range(len(ids) - n))


# The next token after many short texts at once.


def next_probabilities(model, texts, before=""):
    """Probabilities of the next token after `before` and each text: [len(texts), vocab].

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


# Years of birth, drawn many times: of people who lived and of people who did not.

PEOPLE = {
    "Albert Einstein": "born in 1879",
    "Marie Curie": "born in 1867",
    "Ada Lovelace": "born in 1815",
    "Elwin Thackeray": "never lived",
    "Brunilda Okonsker": "never lived",
    "Albert Weinstein": "never lived",
}


def years(model, name, n, draw, seed=0):
    """The years among n answers at temperature 1 to "… was born in the year"; `draw` as in
    notebook 6. Answers that are no year are left out."""
    generator = torch.Generator().manual_seed(seed)
    prompt = model.tokenizer.encode(f"{name} was born in the year")

    def pick(logits):
        return draw(softmax(logits), torch.rand(n, generator=generator))

    rows = side_by_side(model, prompt, n, 5, pick)  # a space and four digits
    said = [model.tokenizer.decode(row).strip() for row in rows.tolist()]
    return [year for year in said if len(year) == 4 and year.isdigit()]


# Sums whose intermediate results are single digits, and how many a model gets right.

SOLVED_SUMS = "2 + 3 = 5\n9 - 4 + 1 = 6\n"


def sums(steps, n, rng):
    """n problems such as ("7 - 2 + 3", 8) with that many operations, all results between 0 and 9;
    `rng` is a `random.Random`."""
    found = []
    while len(found) < n:
        value, inside = rng.randrange(1, 10), True
        text = str(value)
        for _ in range(steps):
            sign, number = rng.choice("+-"), rng.randrange(1, 9)
            value = value + number if sign == "+" else value - number
            text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
        if inside:
            found.append((text, value))
    return found


def arithmetic_scores(model, operations, n, seed):
    """n problems for each number of operations -> {number: [(problem, right or not)]}."""
    rng, found = random.Random(seed), {}
    for steps in operations:
        problems = sums(steps, n, rng)
        p = next_probabilities(model, [f"{text} = " for text, _ in problems], SOLVED_SUMS)
        got = [model.tokenizer.decode([i]).strip() for i in p.argmax(-1).tolist()]
        found[steps] = [(text, g == str(value)) for g, (text, value) in zip(got, problems)]
    return found


def interval(hits, cases):
    """95 % interval of a share, by Wilson: (hits, cases, low, high)."""
    share, z = hits / cases, 1.96
    middle = (share + z**2 / 2 / cases) / (1 + z**2 / cases)
    half = z * math.sqrt(share * (1 - share) / cases + (z / 2 / cases) ** 2)
    half /= 1 + z**2 / cases
    return hits, cases, middle - half, middle + half


# Questions with four options, each asked with the right one at A, B, C and D.

# The right option comes first.
QUESTIONS = {
    "Which of these is an animal?": "dog chair river bread",
    "Which of these can you eat?": "apple stone window road",
    "What do bees make?": "honey milk paper iron",
    "What is the capital of France?": "Paris London Rome Madrid",
}


def lettered(question, options, answer=""):
    """A question with its lettered options, and perhaps an answer."""
    rows = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options.split()))
    return f"{question}{rows}\nAnswer:{answer}"


def rotated(questions):
    """Each question four times: the right option at A, B, C and D."""
    texts = []
    for question, options in questions.items():
        options = options.split()
        for place in range(4):
            texts.append(lettered(question, " ".join(options[4 - place :] + options[: 4 - place])))
    return texts


ASKED = rotated(QUESTIONS)
SOLVED = [
    lettered("Which of these is a fruit?", "table pear lamp shoe", " B\n\n"),
    lettered("What do cows give?", "sand glass wool milk", " D\n\n"),
    lettered("What colour is grass?", "green pink white grey", " A\n\n"),
    lettered("What is the capital of Italy?", "Oslo Lima Rome Bern", " C\n\n"),
]


def picks(model, texts, before):
    """(table [place of the right option][letter picked], the mean probability that the four letters
    hold together) for texts as `rotated` makes them, after `before`."""
    letters = [model.tokenizer.encode(f" {letter}")[0] for letter in "ABCD"]
    p = next_probabilities(model, texts, before)[:, letters]
    table = [[0] * 4 for _ in range(4)]
    for i, choice in enumerate(p.argmax(-1).tolist()):
        table[i % 4][choice] += 1
    return table, p.sum(-1).mean().item()


# Which year a model thinks it is.


def year_probabilities(model, start):
    """{year: probability} for 2000 to 2039 after `start`, which ends in "20". Digits are single
    tokens: a year's probability is that of its third digit times that of its fourth."""
    digits = [model.tokenizer.encode(str(d))[0] for d in range(10)]
    p = next_probabilities(model, [start, *(f"{start}{d}" for d in range(4))])[:, digits]
    both = p[0, :4, None] * p[1:]  # third digit, fourth digit
    return {2000 + i: each for i, each in enumerate(both.flatten().tolist())}
