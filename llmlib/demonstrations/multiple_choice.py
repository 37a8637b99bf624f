"""Questions with four options, each asked with the right one at A, B, C and D."""

from llmlib.demonstrations.next_token import next_probabilities

# The right option comes first.
QUESTIONS = {
    "Which of these is an animal?": "dog chair river bread",
    "Which of these can you eat?": "apple stone window road",
    "What do bees make?": "honey milk paper iron",
    "What is the capital of France?": "Paris London Rome Madrid",
}


def put(question, options, answer=""):
    """A question with its lettered options, and perhaps an answer."""
    rows = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options.split()))
    return f"{question}{rows}\nAnswer:{answer}"


def rotated(questions):
    """Each question four times: the right option at A, B, C and D."""
    texts = []
    for question, options in questions.items():
        options = options.split()
        for place in range(4):
            texts.append(put(question, " ".join(options[4 - place :] + options[: 4 - place])))
    return texts


ASKED = rotated(QUESTIONS)
SOLVED = [
    put("Which of these is a fruit?", "table pear lamp shoe", " B\n\n"),
    put("What do cows give?", "sand glass wool milk", " D\n\n"),
    put("What colour is grass?", "green pink white grey", " A\n\n"),
    put("What is the capital of Italy?", "Oslo Lima Rome Bern", " C\n\n"),
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
