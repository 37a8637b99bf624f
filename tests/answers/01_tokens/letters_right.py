# %% right: place by place, a slice that may be empty
def letters_right(answers, words):
    shares = []
    for place in range(len(words[0])):
        hits = [a.split()[place : place + 1] == [w[place]] for a, w in zip(answers, words)]
        shares.append(sum(hits) / len(hits))
    return shares


# %% right: count up word by word, divide at the end
def letters_right(answers, words):
    counts = [0] * len(words[0])
    for answer, word in zip(answers, words):
        for place, (said, letter) in enumerate(zip(answer.split(), word)):
            if said == letter:
                counts[place] += 1
    return [count / len(answers) for count in counts]


# %% right: a matrix of hits, answers x places, and its mean over the answers
import torch


def letters_right(answers, words):
    hits = torch.zeros(len(words), len(words[0]), dtype=torch.float64)
    for row, (answer, word) in enumerate(zip(answers, words)):
        letters = answer.split() + [""] * len(word)
        hits[row] = torch.tensor([float(a == b) for a, b in zip(letters, word)])
    return hits.mean(dim=0).tolist()


# %% right: zip_longest and a helper, a tuple comes back
from itertools import zip_longest


def scored(answer, word):
    return [a == b for a, b in zip_longest(answer.split(), word)][: len(word)]


def letters_right(answers, words):
    columns = zip(*(scored(a, w) for a, w in zip(answers, words)))
    return tuple(sum(column) / len(words) for column in columns)


# %% wrong: all or nothing
# says: not one number for all
def letters_right(answers, words):
    return sum(a.strip() == " ".join(w) for a, w in zip(answers, words)) / len(words)


# %% wrong: all or nothing, the same number at each place
# says: one wrong letter makes only its own place wrong
def letters_right(answers, words):
    whole = sum(a.split()[: len(w)] == list(w) for a, w in zip(answers, words)) / len(words)
    return [whole] * len(words[0])


# %% wrong: the mean over the places of each word
# says: the mean goes over the answers
def letters_right(answers, words):
    return [
        sum(a == b for a, b in zip(answer.split(), word)) / len(word)
        for answer, word in zip(answers, words)
    ]


# %% wrong: numbers of hits, no shares
# says: a share lies between 0 and 1
def letters_right(answers, words):
    counts = [0] * len(words[0])
    for answer, word in zip(answers, words):
        for place, (said, letter) in enumerate(zip(answer.split(), word)):
            counts[place] += said == letter
    return counts


# %% wrong: answers that are too short are left out of the mean
# says: divide by all answers
def letters_right(answers, words):
    shares = []
    for place in range(len(words[0])):
        hits = [
            a.split()[place] == w[place] for a, w in zip(answers, words) if len(a.split()) > place
        ]
        shares.append(sum(hits) / len(hits) if hits else 0.0)
    return shares


# %% wrong: the letter anywhere in the answer
# says: the place counts
def letters_right(answers, words):
    return [
        sum(w[place] in a for a, w in zip(answers, words)) / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: the spaces are dropped, so that a repeated word counts as spelled
# says: a repetition, not a spelling
def letters_right(answers, words):
    return [
        sum(a.replace(" ", "")[place : place + 1] == w[place] for a, w in zip(answers, words))
        / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: the spaces count as letters
# says: cut the answer at its spaces
def letters_right(answers, words):
    return [
        sum(a[place : place + 1] == w[place] for a, w in zip(answers, words)) / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: only the first letter of what stands between spaces
# says: though it begins with the right one
def letters_right(answers, words):
    firsts = [[part[0] for part in a.split()] for a in answers]
    return [
        sum(f[place : place + 1] == [w[place]] for f, w in zip(firsts, words)) / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: too long an answer is wrong everywhere
# says: what comes after the last letter of the word does not count
def letters_right(answers, words):
    return [
        sum(
            len(a.split()) <= len(w) + 1 and a.split()[place : place + 1] == [w[place]]
            for a, w in zip(answers, words)
        )
        / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: capitals and small letters are the same
# says: a capital C is not c
def letters_right(answers, words):
    return [
        sum(a.lower().split()[place : place + 1] == [w[place]] for a, w in zip(answers, words))
        / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: the answers sorted, and so out of order
# says: the first answer is about the first word
def letters_right(answers, words):
    return [
        sum(
            a.split()[place : place + 1] == [w[place]]
            for a, w in zip(sorted(answers), sorted(words))
        )
        / len(words)
        for place in range(len(words[0]))
    ]


# %% wrong: shortcut: the numbers of the example, whatever the answers are
# says: score the answers that are given
def letters_right(answers, words):
    return [1.0, 0.0, 0.5][: len(words[0])]


# %% wrong: shortcut: right until the first wrong letter
# says: judge each place by itself
def letters_right(answers, words):
    shares = [0.0] * len(words[0])
    for answer, word in zip(answers, words):
        for place, (a, b) in enumerate(zip(answer.split(), word)):
            if a != b:
                break
            shares[place] += 1 / len(words)
    return shares


# %% wrong: shortcut: a threshold, each place right or wrong for the whole class
# says: Round nothing
def letters_right(answers, words):
    shares = []
    for place in range(len(words[0])):
        hits = sum(a.split()[place : place + 1] == [w[place]] for a, w in zip(answers, words))
        shares.append(float(hits >= len(words) / 2))
    return shares


# %% wrong: shortcut: how many answers have a letter at the place, right or not
# says: only because it is there
def letters_right(answers, words):
    return [
        sum(len(a.split()) > place for a in answers) / len(words)
        for place in range(len(words[0]))
    ]
