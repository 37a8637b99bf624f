"""What notebook 1's demonstrations measure and need not show."""

import torch

from llmlib.generation import shared_prompt
from llmlib.tokenizer_files import GPT2_SPLIT

# Patterns that cut a text before any merge. GPT-4's is cl100k_base of the package tiktoken; GPT-4
# joins up to three digits, takes any sign before a word with it, and keeps line ends together.
GPT4_SPLIT = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)
PATTERNS = {"GPT-2": GPT2_SPLIT, "GPT-4": GPT4_SPLIT, "none": r"[\s\S]+"}

# The tokens of a text where the longest that fits is always taken, as WordPiece does.


def longest_match(text, spelled):
    """Return the tokens of `text` where the longest that fits is always taken, as BPE does not;
    `spelled` are the bytes of all tokens."""
    data, tokens, vocabulary = text.encode("utf-8"), [], set(spelled)
    while data:
        n = next(n for n in range(len(data), 0, -1) if data[:n] in vocabulary)
        tokens.append(data[:n].decode())
        data = data[n:]
    return tokens


# What a model says when it is asked for the letters of a word.

# Five letters each, and each one token at the start of a text in SmolLM2.
WORDS = (
    "apple bread chair water green stone train plant music clock dream heart night glass storm "
    "sugar horse river mouse light house black earth field fruit money north ocean phone plane "
    "radio shirt"
).split()
EXAMPLES = ("paper", "cloud")


def one_token(model, word):
    """Return the ids of a word as the tokenizer cuts it."""
    return model.tokenizer.encode(word)


def another_token(shift, words=WORDS):
    """Return a writer for `spell` that gives each of `words` the ids of the word `shift` places on
    in the list."""
    others = dict(zip(words, words[shift:] + words[:shift]))
    return lambda model, word: one_token(model, others.get(word, word))


def letter_by_letter(model, word):
    """Return the ids of the same text with an id for each letter."""
    return [i for letter in word for i in model.tokenizer.encode(letter)]


def spell(model, words, write=one_token, examples=EXAMPLES):
    """Ask for the letters of each word, after two examples; before each letter the right ones are
    given -> what the model says, a line for each word: "t a b ? e", where ? is no letter. `write`
    makes the ids of a word; all words must have equally many ids, and equally many letters."""
    encode = model.tokenizer.encode
    question, answer = encode('The letters of "'), encode('":')
    start = []
    for word in examples:
        start += question + write(model, word) + answer + encode(f" {' '.join(word)}\n")
    start += question
    letters = [[encode(f" {letter}")[0] for letter in word] for word in words]
    prompts = [write(model, word) + answer + ids[:-1] for word, ids in zip(words, letters)]
    cache, _ = shared_prompt(model, start, len(words), len(prompts[0]))
    likeliest = model(torch.tensor(prompts), cache)[:, -len(words[0]) :].argmax(dim=-1).tolist()
    return [" ".join(_letter(model.tokenizer.decode([i])) for i in row) for row in likeliest]


def _letter(text):
    """Return a token as a letter: " b" -> "b"; what is none -> "?"."""
    return text[1:] if len(text) == 2 and text[0] == " " and text[1].isalpha() else "?"


# What a model says when it is asked how often a letter occurs in a word.


def line(letter, word):
    """Return the question, up to where the count stands."""
    return f'In "{word}" the letter {letter} occurs '


def counts(model, examples, questions):
    """Return the likeliest digit, as text, for each question (letter, word), after examples of the
    same kind."""
    encode = model.tokenizer.encode
    start = "".join(
        f"{line(letter, word)}{word.count(letter)} time{'s' * (word.count(letter) > 1)}.\n"
        for letter, word in examples
    )
    digits = [encode(str(digit))[0] for digit in range(10)]
    before, prompts = encode(start), [encode(line(*question)) for question in questions]
    longest = max(map(len, prompts))
    cache, _ = shared_prompt(model, before, len(prompts), longest)
    padded = [ids + ids[-1:] * (longest - len(ids)) for ids in prompts]  # after the end, unread
    scores = model(torch.tensor(padded), cache)[..., digits]
    ends = torch.tensor([len(ids) - 1 for ids in prompts])
    return [str(digit) for digit in scores[range(len(prompts)), ends].argmax(dim=-1).tolist()]
