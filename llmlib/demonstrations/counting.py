"""What a model says when it is asked how often a letter occurs in a word."""

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
    before, cache, said = encode(start), model.new_cache(context=200), []
    if before:
        model(before, cache, last=True)
    for letter, word in questions:
        cache.length = len(before)
        scores = model(encode(line(letter, word, form)), cache, last=True)[0, -1]
        said.append(str(scores[digits].argmax().item()))
    return said
