"""What notebook 1's demonstrations measure and need not show."""

import torch

from llmlib.generation import shared_prompt

# The tokens of a text where the longest that fits is always taken, as WordPiece does.


def longest_match(text, spelled):
    """What BPE does not do: at each place take the longest token that fits; `spelled` are the
    bytes of all tokens."""
    data, tokens, known = text.encode("utf-8"), [], set(spelled)
    while data:
        n = next(n for n in range(len(data), 0, -1) if data[:n] in known)
        tokens.append(data[:n].decode())
        data = data[n:]
    return tokens


# What a model writes when it is asked for the letters of a word.

# Five letters each, and each one token at the start of a text, in SmolLM2 as in GPT-2.
WORDS = (
    "apple bread chair water green stone train plant music clock dream heart night glass storm "
    "sugar horse river mouse light house black earth field fruit money north ocean phone plane "
    "radio shirt"
).split()
EXAMPLES = ("paper", "cloud")


def one_token(model, word):
    """The ids of a word as the tokenizer cuts it."""
    return model.tokenizer.encode(word)


def letter_by_letter(model, word):
    """The ids of the same text with an id for each letter."""
    return [i for letter in word for i in model.tokenizer.encode(letter)]


def spell(model, words, write=one_token, examples=EXAMPLES, steps=7):
    """Ask for the letters of each word, after two examples -> what the model writes, one line a
    word: " t a b l e". `write` makes the ids of a word; all words must have equally many."""
    encode = model.tokenizer.encode
    question, answer = encode('The letters of "'), encode('":')
    start = []
    for word in examples:
        start += question + write(model, word) + answer + encode(f" {' '.join(word)}\n")
    start += question
    asked = torch.tensor([write(model, word) + answer for word in words])
    cache, _ = shared_prompt(model, start, len(words), asked.shape[1] + steps)
    written, ids = [], asked
    for _ in range(steps):
        ids = model(ids, cache, last=True)[:, -1].argmax(dim=-1, keepdim=True)
        written.append(ids)
    lines = torch.cat(written, dim=1).tolist()
    return [model.tokenizer.decode(line).partition("\n")[0] for line in lines]


# What a model says when it is asked how often a letter occurs in a word.

ASKED = (
    "r strawberry, o dog, e committee, f giraffe, s mississippi, p apple, s grass, o moon, "
    "t letter, b bubble, z pizza, c cat, m summer, g garden, i river, u music"
)
QUESTIONS = [tuple(each.split()) for each in ASKED.split(", ")]  # [(letter, word), ...]


def line(letter, word, form):
    """The question, up to where the count stands."""
    return f'In "{form(word)}" the letter {letter} occurs '


def counts(model, examples, questions=QUESTIONS, form="".join):
    """The likeliest digit for each (letter, word), after examples of the same kind -> a list of
    digits as text. `form` writes a word: " ".join shows its letters."""
    encode = model.tokenizer.encode
    start = "".join(
        f"{line(letter, word, form)}{word.count(letter)} time{'s' * (word.count(letter) > 1)}.\n"
        for letter, word in examples
    )
    digits = [encode(str(digit))[0] for digit in range(10)]
    before, asked = encode(start), [encode(line(*each, form)) for each in questions]
    longest = max(map(len, asked))
    if before:
        cache, _ = shared_prompt(model, before, len(asked), longest)
    else:
        cache = model.new_cache(len(asked), longest)
    padded = [ids + ids[-1:] * (longest - len(ids)) for ids in asked]  # after the end, unread
    scores = model(torch.tensor(padded), cache)[..., digits]
    ends = torch.tensor([len(ids) - 1 for ids in asked])
    return [str(digit) for digit in scores[range(len(asked)), ends].argmax(dim=-1).tolist()]
