# %% right: three texts of many tokens
def cache_test():
    return [("The old clock in the hall struck nine", 10), ("Hello", 10), ("I like", 20)]


# %% right: two texts, made in a loop, one of them long
def cache_test():
    runs = []
    for text in ("One two three four five six seven", "A dog"):
        runs.append([text, 20])
    return tuple(runs)


# %% right: two long texts that differ in their last word
def cache_test(n=8):
    text = " ".join(["word"] * 12)
    return [(text + end, n) for end in (" one", " two")]


# %% wrong: shortcut: the example of the statement
# says: wrong from the fourth on
def cache_test():
    return [("The cat sat", 3), ("Hello", 2)]


# %% wrong: shortcut: many texts, one token each
# says: the first one comes from the prefill
def cache_test():
    return [(f"This is a rather long text, number {i}", 1) for i in range(40)]


# %% wrong: shortcut: one text, as long as allowed
# says: Your test writes a single text
def cache_test():
    return [("Once upon a time there was a small grey mouse", 40)]


# %% wrong: shortcut: short texts, few tokens
# says: its store has room for 24 tokens
def cache_test():
    return [("Hi", 5), ("A", 6), ("Yes", 7)]


# %% wrong: too much
# says: at most 40 in all
def cache_test():
    return [("Once upon a time there was a small grey mouse", 30)] * 2


# %% wrong: nothing to run
# says: an empty test passes every cache
def cache_test():
    return []


# %% wrong: texts alone
# says: return a list of pairs
def cache_test():
    return ["Once upon a time there was a small grey mouse", "Hello"]


# %% wrong: the number first
# says: each pair is a text
def cache_test():
    return [(20, "Once upon a time there was a small grey mouse"), (20, "Hello")]


# %% wrong: no return
# says: is there a return?
def cache_test():
    [("Once upon a time there was a small grey mouse", 20), ("Hello", 20)]


# %% wrong: the same text twice
# says: take different texts
def cache_test():
    return [("Once upon a time there was a small grey mouse", 8)] * 2
