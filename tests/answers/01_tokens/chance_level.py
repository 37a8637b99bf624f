# %% right: all pairs as two lists
def chance_level(answers, words):
    n = len(words)
    pairs = [(answers[i], words[k]) for i in range(n) for k in range(n) if i != k]
    said, others = zip(*pairs)
    return letters_right(list(said), list(others))


# %% right: the words shifted by 1, 2, ..., and the mean of the shares
def chance_level(answers, words):
    shifted = [
        letters_right(answers, words[shift:] + words[:shift]) for shift in range(1, len(words))
    ]
    return [sum(shares) / len(shares) for shares in zip(*shifted)]


# %% right: all n times n, minus the own ones
def chance_level(answers, words):
    n, own = len(words), letters_right(answers, words)
    every = [0.0] * len(own)
    for word in words:
        for place, share in enumerate(letters_right(answers, [word] * n)):
            every[place] += share * n
    return [(a - b * n) / (n * (n - 1)) for a, b in zip(every, own)]


# %% right: counts of letters at each place, without letters_right
from collections import Counter


def chance_level(answers, words):
    n, shares = len(words), []
    for place in range(len(words[0])):
        there, hits = Counter(word[place] for word in words), 0
        for answer, word in zip(answers, words):
            letters = answer.split()
            if place < len(letters):
                hits += there[letters[place]] - (letters[place] == word[place])
        shares.append(hits / (n * (n - 1)))
    return shares


# %% right: shuffles of the words, in which no answer is scored against its own
import random


def chance_level(answers, words):
    rng, scored, others = random.Random(3), [], []
    for _ in range(200 if len(words) > 2 else 20):
        order = list(range(len(words)))
        rng.shuffle(order)
        for i, k in enumerate(order):
            if i != k:
                scored.append(answers[i])
                others.append(words[k])
    return letters_right(scored, others)


# %% right: for each answer fifteen other words, drawn at random
import random


def chance_level(answers, words):
    rng, said, others = random.Random(7), [], []
    for i, answer in enumerate(answers):
        rest = [word for k, word in enumerate(words) if k != i]
        said += [answer] * 15
        others += rng.choices(rest, k=15)
    return letters_right(said, others)


# %% wrong: vacuous, one in 26 whatever the answers
# says: does not look at the answers
def chance_level(answers, words):
    return [1 / 26] * len(words[0])


# %% wrong: vacuous, no letter can fit
# says: never right by luck
def chance_level(answers, words):
    return letters_right(answers, ["?" * len(word) for word in words])


# %% wrong: unmatched, against the word's own letters backwards
# says: ties each answer to its own word
def chance_level(answers, words):
    return letters_right(answers, [word[::-1] for word in words])


# %% wrong: equal words count as its own
# says: tell places apart, not words
def chance_level(answers, words):
    pairs = [(a, other) for a, own in zip(answers, words) for other in words if other != own]
    return letters_right([a for a, _ in pairs], [w for _, w in pairs])


# %% wrong: one mean over pairs and places
# says: a list with a share for each place
def chance_level(answers, words):
    n = len(words)
    pairs = [(answers[i], words[k]) for i in range(n) for k in range(n) if i != k]
    shares = letters_right([a for a, _ in pairs], [w for _, w in pairs])
    return sum(shares) / len(shares)


# %% wrong: the sum over the other words
# says: divide by how many answers you scored
def chance_level(answers, words):
    total = [0.0] * len(words[0])
    for shift in range(1, len(words)):
        shares = letters_right(answers, words[shift:] + words[:shift])
        total = [a + b for a, b in zip(total, shares)]
    return total


# %% wrong: hits, no shares
# says: divide by how many answers you scored
def chance_level(answers, words):
    hits = [0] * len(words[0])
    for i, answer in enumerate(answers):
        for k, word in enumerate(words):
            for place, letter in enumerate(answer.split()[: len(word)]):
                hits[place] += i != k and letter == word[place]
    return hits


# %% wrong: divided by n times n
# says: divide by how many pairs
def chance_level(answers, words):
    n = len(words)
    hits = [0] * len(words[0])
    for i, answer in enumerate(answers):
        for k, word in enumerate(words):
            for place, letter in enumerate(answer.split()[: len(word)]):
                hits[place] += i != k and letter == word[place]
    return [hit / n**2 for hit in hits]


# %% wrong: shortcut: the measurement itself, called the control
# says: ties each answer to its own word
def chance_level(answers, words):
    return letters_right(answers, words)


# %% wrong: shortcut: the answers are not looked at, only how alike the words are
# says: does not look at the answers
def chance_level(answers, words):
    spelled = [" " + " ".join(word) for word in words]
    said, others = [], []
    for i in range(len(words)):
        for k in range(len(words)):
            if i != k:
                said.append(spelled[i])
                others.append(words[k])
    return letters_right(said, others)


# %% wrong: shortcut: one in so many words
# says: does not look at the answers
def chance_level(answers, words):
    return [1 / len(words)] * len(words[0])


# %% wrong: the letters of its own word, shuffled
# says: ties each answer to its own word
def chance_level(answers, words):
    return letters_right(answers, [word[2::-1] + word[3:] for word in words])


# %% wrong: shortcut: one number, the mean of the measurement, at every place
# says: ties each answer to its own word
def chance_level(answers, words):
    shares = letters_right(answers, words)
    return [sum(shares) / len(shares)] * len(shares)


# %% wrong: shortcut: a part of the measurement
# says: the control must give what letters_right gives
def chance_level(answers, words):
    return [share / 3 for share in letters_right(answers, words)]


# %% wrong: how common a letter is anywhere in the words
# says: only at its own place
from collections import Counter


def chance_level(answers, words):
    letters = Counter("".join(words))
    total, n = sum(letters.values()), len(words[0])
    shares = [0.0] * n
    for answer in answers:
        for place, letter in enumerate(answer.split()[:n]):
            shares[place] += letters[letter] / total / len(answers)
    return shares


# %% wrong: by place, its own word included
# says: leave out each answer's own word
from collections import Counter


def chance_level(answers, words):
    n, shares = len(words), []
    for place in range(len(words[0])):
        at_place, hits = Counter(word[place] for word in words), 0
        for answer in answers:
            letters = answer.split()
            hits += at_place[letters[place]] if place < len(letters) else 0
        shares.append(hits / n**2)
    return shares


# %% wrong: shortcut: the next word only
# says: at least ten other words
def chance_level(answers, words):
    return letters_right(answers, words[1:] + words[:1])


# %% wrong: shortcut: the words backwards, so that the one in the middle may meet itself
# says: at least ten other words
def chance_level(answers, words):
    return letters_right(answers, words[::-1])


# %% wrong: shortcut: the next nine words
# says: at least ten other words
def chance_level(answers, words):
    scored, others = [], []
    for shift in range(1, min(len(words), 10)):
        scored += answers
        others += words[shift:] + words[:shift]
    return letters_right(scored, others)


# %% wrong: six other words, drawn at random
# says: at least ten other words
import random


def chance_level(answers, words):
    rng, said, others = random.Random(1), [], []
    for i, answer in enumerate(answers):
        rest = [word for k, word in enumerate(words) if k != i]
        drawn = rng.sample(rest, min(6, len(rest)))
        said += [answer] * len(drawn)
        others += drawn
    return letters_right(said, others)


# %% wrong: each pair once, so that the last answer meets no word
# says: at least ten other words
def chance_level(answers, words):
    n = len(words)
    pairs = [(answers[i], words[k]) for i in range(n) for k in range(i + 1, n)]
    return letters_right([a for a, _ in pairs], [w for _, w in pairs])


# %% right: places looked up one by one, none left out
def chance_level(answers, words):
    total, n = [0] * len(words[0]), 0
    for i, answer in enumerate(answers):
        letters = answer.split()
        for j, word in enumerate(words):
            if i != j:
                n += 1
                for p in range(len(word)):
                    total[p] += p < len(letters) and letters[p] == word[p]
    return [each / n for each in total]
