"""What a model writes when it is asked for the letters of a word."""

import torch

from llmlib.generation import shared_prompt

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
