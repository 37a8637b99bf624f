"""What a model says when it is asked how often a letter occurs in a word."""

import torch

from llmlib.generation import shared_prompt

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
