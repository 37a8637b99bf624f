# %% right: a loop, a copy of the list for each place
def corrupted_run(words, others, at):
    prompts = []
    for p in range(at + 1):
        if others[p] != words[p]:
            prompt = list(words)
            prompt[p] = others[p]
            prompts.append(prompt)
    return prompts


# %% right: tuples, from the place in question backwards
def corrupted_run(words, others, at):
    return tuple(
        (*words[:p], others[p], *words[p + 1 :])
        for p in range(at, -1, -1)
        if words[p] != others[p]
    )


# %% right: all replacements, and those that change nothing before the place left out
def corrupted_run(words, others, at):
    prompts = [[*words[:p], others[p], *words[p + 1 :]] for p in range(len(words))]
    return [prompt for prompt in prompts if prompt[: at + 1] != words[: at + 1]]


# %% wrong: the clean run is among them
# says: such a control cannot fail
def corrupted_run(words, others, at):
    return [[*words[:p], others[p], *words[p + 1 :]] for p in range(at + 1)]


# %% wrong: every word that differs, also behind the place
# says: a control that cannot fail
def corrupted_run(words, others, at):
    places = [p for p in range(len(words)) if words[p] != others[p]]
    return [[*words[:p], others[p], *words[p + 1 :]] for p in places]


# %% wrong: only the words before the place in question
# says: a prompt is missing
def corrupted_run(words, others, at):
    places = [p for p in range(at) if words[p] != others[p]]
    return [[*words[:p], others[p], *words[p + 1 :]] for p in places]


# %% wrong: shortcut: the first word that differs, whatever the place
# says: a prompt is missing
def corrupted_run(words, others, at):
    p = next(p for p in range(len(words)) if words[p] != others[p])
    return [[*words[:p], others[p], *words[p + 1 :]]]


# %% wrong: shortcut: one of two places, hard-coded
# says: a prompt is missing
def corrupted_run(words, others, at):
    p = 1 if others[1] != words[1] else 0
    return [[*words[:p], others[p], *words[p + 1 :]]]


# %% wrong: shortcut: no prompt at all
# says: a prompt is missing
def corrupted_run(words, others, at):
    return []


# %% wrong: shortcut: every word at once
# says: change one word only
def corrupted_run(words, others, at):
    return [list(others)]


# %% wrong: all words up to the place at once
# says: change one word only
def corrupted_run(words, others, at):
    return [[*others[: at + 1], *words[at + 1 :]]]


# %% wrong: the word in question, whether or not there is another
# says: a prompt is missing
def corrupted_run(words, others, at):
    return [[*words[:at], others[at], *words[at + 1 :]]]


# %% wrong: a word of its own
# says: must be that of `others`
def corrupted_run(words, others, at):
    return [[*words[:p], "xyz", *words[p + 1 :]] for p in range(at + 1)]


# %% wrong: the same prompt twice
# says: one prompt is there twice
def corrupted_run(words, others, at):
    places = [p for p in range(at + 1) if words[p] != others[p]] * 2
    return [[*words[:p], others[p], *words[p + 1 :]] for p in places]


# %% wrong: texts
# says: each a list of words
def corrupted_run(words, others, at):
    places = [p for p in range(at + 1) if words[p] != others[p]]
    return [" ".join([*words[:p], others[p], *words[p + 1 :]]) for p in places]


# %% wrong: one prompt, and no list around it
# says: return a list of prompts
def corrupted_run(words, others, at):
    p = next(p for p in range(at + 1) if words[p] != others[p])
    return [*words[:p], others[p], *words[p + 1 :]]


# %% wrong: a word left out
# says: needs the same places in both runs
def corrupted_run(words, others, at):
    return [[*words[:at], *words[at + 1 :]]]


# %% wrong: nothing returned
# says: is there a return?
def corrupted_run(words, others, at):
    places = [p for p in range(at + 1) if words[p] != others[p]]


# %% wrong: every occurrence of the word replaced
# says: change one word only
def corrupted_run(words, others, at):
    pairs = [(w, o) for w, o in zip(words[: at + 1], others) if w != o]
    return [[o if x == w else x for x in words] for w, o in pairs]


# %% wrong: the place found by the word
# says: one prompt is there twice
def corrupted_run(words, others, at):
    places = [words.index(w) for w, o in zip(words[: at + 1], others) if w != o]
    return [[*words[:p], others[p], *words[p + 1 :]] for p in places]


# %% wrong: shortcut: the last three places only
# says: a prompt is missing
def corrupted_run(words, others, at):
    places = [p for p in range(max(0, at - 2), at + 1) if words[p] != others[p]]
    return [[*words[:p], others[p], *words[p + 1 :]] for p in places]
