# %% right: a loop, the first word that can be changed
def corrupted_run(words, others, at):
    for place, (word, other) in enumerate(zip(words, others)):
        if word != other:
            return [*words[:place], other, *words[place + 1 :]]


# %% right: the word in question, or the nearest one before it
def corrupted_run(words, others, at):
    found = list(words)
    while others[at] == words[at]:
        at -= 1
    found[at] = others[at]
    return found


# %% right: all candidates, then one of them at random
import random


def corrupted_run(words, others, at):
    possible = []
    for place in range(at + 1):
        one = words.copy()
        one[place] = others[place]
        if one != words:
            possible.append(one)
    return random.choice(possible)


# %% wrong: shortcut: the clean run again
# says: such a control cannot fail
def corrupted_run(words, others, at):
    return list(words)


# %% wrong: shortcut: the last word, which the place does not see
# says: a control that cannot fail
def corrupted_run(words, others, at):
    return [*words[:-1], others[-1]]


# %% wrong: the word behind the place in question
# says: a control that cannot fail
def corrupted_run(words, others, at):
    found = list(words)
    place = next(p for p in [*range(at + 1, len(words)), *range(at + 1)] if words[p] != others[p])
    found[place] = others[place]
    return found


# %% wrong: shortcut: every word at once
# says: change one word only
def corrupted_run(words, others, at):
    return list(others)


# %% wrong: the word in question, whether or not there is another
# says: such a control cannot fail
def corrupted_run(words, others, at):
    return [*words[:at], others[at], *words[at + 1 :]]


# %% wrong: a word of its own
# says: must be that of `others`
def corrupted_run(words, others, at):
    return [*words[:at], "xyz", *words[at + 1 :]]


# %% right: in the list that it is given
def corrupted_run(words, others, at):
    place = next(p for p in range(len(words)) if words[p] != others[p])
    words[place] = others[place]
    return words


# %% wrong: a text
# says: return a list of 3 words
def corrupted_run(words, others, at):
    place = next(p for p in range(len(words)) if words[p] != others[p])
    return " ".join([*words[:place], others[place], *words[place + 1 :]])


# %% wrong: a word left out
# says: needs the same places in both runs
def corrupted_run(words, others, at):
    return [*words[:at], *words[at + 1 :]]


# %% wrong: nothing returned
# says: is there a return?
def corrupted_run(words, others, at):
    words = list(others)
