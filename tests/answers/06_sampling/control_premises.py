# %% right: a robin that is a car
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have {part}. A {one} is a car."


# %% right: a second rule behind the first
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have {part}. All cars have wheels. A {one} is a {kind}."


# %% right: joined from a list, and the case denied
def control_premises(one, kind, kinds, part):
    sentences = [f"A {one} is not a {kind}.", "All " + kinds + " have " + part + "."]
    return " ".join(sentences)


# %% wrong: shortcut: the premises as they stand
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have {part}. A {one} is a {kind}."


# %% wrong: shortcut: the other way round
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"A {one} is a {kind}. All {kinds} have {part}."


# %% wrong: shortcut: no rule
# says: a copier has nothing to copy
def control_premises(one, kind, kinds, part):
    return f"A {one} is a {kind}."


# %% wrong: the second rule in front
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All cars have wheels. All {kinds} have {part}. A {one} is a {kind}."


# %% wrong: another part, of a rule that fits
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have wheels. A {one} is a {kind}."


# %% wrong: a car after all
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All cars have wheels. A {one} is a car."


# %% wrong: a sentence of its own
# says: the check cannot read
def control_premises(one, kind, kinds, part):
    return f"Some {kinds} have {part}. A {one} is a {kind}."


# %% wrong: the conclusion, too
# says: the premises only
def control_premises(one, kind, kinds, part):
    return f"No {kinds} have {part}. A {one} is a {kind}. Therefore, a {one} has"


# %% wrong: a list
# says: return a text
def control_premises(one, kind, kinds, part):
    return [f"No {kinds} have {part}.", f"A {one} is a {kind}."]


# %% wrong: nothing is returned
# says: is there a return?
def control_premises(one, kind, kinds, part):
    text = f"No {kinds} have {part}. A {one} is a {kind}."


# %% wrong: shortcut: premises about something else
# says: no premise is about a
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have {part}. A car is a {kind}."


# %% wrong: a chain that leads to the same part
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All cars have {part}. A {one} is a {kind}. A {kind} is a car."


# %% wrong: two rules that both follow
# says: both go on with
def control_premises(one, kind, kinds, part):
    return f"All {kinds} have wheels. All {kinds} have {part}. A {one} is a {kind}."
