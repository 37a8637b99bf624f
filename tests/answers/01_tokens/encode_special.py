# %% right: a pattern of all of them, the longest first
def encode_special(text, merges, special):
    names = sorted(special, key=len, reverse=True)
    parts = regex.split("(" + "|".join(map(regex.escape, names)) + ")", text) if names else [text]
    return [i for part in parts for i in ([special[part]] if part in special else encode(part, merges))]


# %% right: place by place
def encode_special(text, merges, special):
    ids, plain, i = [], "", 0
    while i < len(text):
        here = max((token for token in special if text.startswith(token, i)), key=len, default=None)
        if here is None:
            plain += text[i]
            i += 1
        else:
            ids += encode(plain, merges) + [special[here]]
            plain, i = "", i + len(here)
    return ids + encode(plain, merges)


# %% right: recursion at the first special token
def encode_special(text, merges, special):
    places = [(text.find(token), -len(token), token) for token in special if token in text]
    if not places:
        return encode(text, merges)
    at, _, token = min(places)
    rest = text[at + len(token):]
    return [*encode(text[:at], merges), special[token], *encode_special(rest, merges, special)]


# %% right: a class with finditer
class Special:
    def __init__(self, special):
        self.special = dict(special)
        self.pattern = regex.compile("|".join(regex.escape(t) for t in sorted(special, key=lambda t: -len(t))) or r"(?!)")

    def ids(self, text, merges):
        done, out = 0, []
        for found in self.pattern.finditer(text):
            out.extend(encode(text[done:found.start()], merges))
            out.append(self.special[found.group()])
            done = found.end()
        return out + encode(text[done:], merges)


def encode_special(text, merges, special=()):
    return Special(special).ids(text, merges)


# %% wrong: special tokens are text
# says: a special token is one id
def encode_special(text, merges, special):
    return encode(text, merges)


# %% wrong: an empty dictionary is an empty pattern
# says: with no special tokens allowed
def encode_special(text, merges, special):
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, special)) + ")", text):
        ids += [special[part]] if part in special else [*part.encode()]
    return ids


# %% wrong: the text around it is lost
# says: the text before and after it is encoded
def encode_special(text, merges, special):
    found = [special[token] for token in special if token in text]
    return found if found else encode(text, merges)


# %% wrong: not escaped
# says: escape it in a pattern
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids = []
    for part in regex.split("(" + "|".join(special) + ")", text):
        if part:
            ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: in the order of the dictionary
# says: the longer one counts
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, special)) + ")", text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: an id of 0 is taken for none
# says: 0 too
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, sorted(special, key=len)[::-1])) + ")", text):
        ids += [special.get(part)] if special.get(part) else encode(part, merges)
    return ids


# %% wrong: only the first special token
# says: more than once
def encode_special(text, merges, special):
    for token in sorted(special, key=len, reverse=True):
        if token in text:
            before, _, after = text.partition(token)
            return encode(before, merges) + [special[token]] + encode(after, merges)
    return encode(text, merges)


# %% wrong: the text between them in bytes
# says: encoded with all merges
def encode_special(text, merges, special):
    if not special or not any(token in text for token in special):
        return encode(text, merges)
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, sorted(special, key=len)[::-1])) + ")", text):
        ids += [special[part]] if part in special else list(part.encode())
    return ids


# %% wrong: an empty part between two special tokens becomes a space
# says: a special token is one id, and the text before
def encode_special(text, merges, special):
    for token in special:
        text = text.replace(token, f" {token} ")
    return [i for word in text.split() for i in ([special[word]] if word in special else encode(" " + word, merges))] if special and any(token in text for token in special) else encode(text, merges)


# %% wrong: every special token that exists, allowed or not
# says: that is not in the dictionary is text
def encode_special(text, merges, special):
    known = {"<end>": 300} | special
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, sorted(known, key=len)[::-1])) + ")", text):
        ids += [known[part]] if part in known else encode(part, merges)
    return ids


# %% wrong: two passes, so that a special token is looked for inside its neighbours' text
# says: each special token its id
# caught by: hidden
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids = []
    names = sorted(special, key=len, reverse=True)[:4]
    for part in regex.split("(" + "|".join(map(regex.escape, names)) + ")", text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: special tokens looked for among the ids
# says: before anything is merged
def encode_special(text, merges, special):
    ids = encode(text, merges)
    for token in sorted(special, key=len, reverse=True):
        spelled, i = encode(token, merges), 0
        while i < len(ids):
            if ids[i:i + len(spelled)] == spelled:
                ids[i:i + len(spelled)] = [special[token]]
            i += 1
    return ids

# %% wrong: the longest special token of the whole text first, then the next
# says: go from left to right
def encode_special(text, merges, special):
    parts = [text]
    for token in sorted(special, key=len, reverse=True):
        cut = []
        for part in parts:
            if isinstance(part, int):
                cut.append(part)
                continue
            first, *others = part.split(token)
            cut.append(first)
            for other in others:
                cut += [special[token], other]
        parts = cut
    ids = []
    for part in parts:
        ids += [part] if isinstance(part, int) else encode(part, merges)
    return ids


# %% right: the earliest and longest, then the rest
def encode_special(text, merges, special):
    print(text)
    best = None
    for i in range(len(text)):
        c = [t for t in special if t and text.startswith(t, i)]
        if c:
            best = i, max(c, key=len)
            break
    if best is None:
        return encode(text, merges)
    i, t = best
    return [
        *encode(text[:i], merges),
        special[t],
        *encode_special(text[i + len(t) :], merges, special),
    ]


# %% wrong: only | is escaped
# says: not only |
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    pat = (
        "(" + "|".join(t.replace("|", r"\|") for t in sorted(special, key=len, reverse=True)) + ")"
    )
    ids = []
    for part in regex.split(pat, text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: special tokens are taken to stand in angle brackets
# says: whatever they look like
def encode_special(text, merges, special):
    ids = []
    for part in regex.split(r"(<[^<>]*>)", text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: the pattern of the first call
# says: those that this call is given
_pat = {}


def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    pat = _pat.setdefault(
        "p", "(" + "|".join(map(regex.escape, sorted(special, key=len, reverse=True))) + ")"
    )
    ids = []
    for part in regex.split(pat, text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: spaces beside a special token are dropped
# says: nothing is stripped
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    pat = "(" + "|".join(map(regex.escape, sorted(special, key=len, reverse=True))) + ")"
    ids = []
    for part in regex.split(pat, text):
        ids += [special[part]] if part in special else encode(part.strip(), merges)
    return ids


# %% wrong: capitals or not
# says: in other letters it is text
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    pat = "(" + "|".join(map(regex.escape, sorted(special, key=len, reverse=True))) + ")"
    low = {k.lower(): v for k, v in special.items()}
    ids = []
    for part in regex.split(pat, text, flags=regex.I):
        ids += [low[part.lower()]] if part.lower() in low else encode(part, merges)
    return ids


# %% wrong: one list for all calls
# says: start a new list inside
_ids = []


def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    pat = "(" + "|".join(map(regex.escape, sorted(special, key=len, reverse=True))) + ")"
    for part in regex.split(pat, text):
        _ids.extend([special[part]] if part in special else encode(part, merges))
    return _ids


# %% wrong: the new line after a special token is dropped
# says: nothing is stripped
def encode_special(text, merges, special):
    found = [(text.find(t), -len(t), t) for t in special if t in text]
    if not found:
        return encode(text, merges)
    at, _, token = min(found)
    return (
        encode(text[:at], merges)
        + [special[token]]
        + encode_special(text[at + len(token) :].lstrip("\n"), merges, special)
    )


# %% wrong: looks at the last character
# says: IndexError
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids, i, start = [], 0, 0
    tokens = sorted(special, key=len, reverse=True)
    last = text[-1]
    while i < len(text):
        found = next((t for t in tokens if text.startswith(t, i)), None)
        if found:
            ids += encode(text[start:i], merges) + [special[found]]
            i = start = i + len(found)
        else:
            i += 1
    return ids + encode(text[start:], merges)


# %% right: a trie of the special tokens, walked character by character
def encode_special(text, merges, special):
    trie = {}
    for token, number in special.items():
        node = trie
        for c in token:
            node = node.setdefault(c, {})
        node[None] = number
    ids, plain, i = [], "", 0
    while i < len(text):
        node, j, hit = trie, i, None
        while j < len(text) and text[j] in node:
            node = node[text[j]]
            j += 1
            if None in node:
                hit = j, node[None]
        if hit:
            ids += encode(plain, merges)
            ids.append(hit[1])
            plain, i = "", hit[0]
        else:
            plain += text[i]
            i += 1
    return ids + encode(plain, merges)


# %% wrong: the largest id first
# says: longest by its letters, not by its id
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    names = sorted(special, key=special.get, reverse=True)
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, names)) + ")", text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids


# %% wrong: the dictionary from its end
# says: or its place in the dictionary
def encode_special(text, merges, special):
    if not special:
        return encode(text, merges)
    ids = []
    for part in regex.split("(" + "|".join(map(regex.escape, reversed(special))) + ")", text):
        ids += [special[part]] if part in special else encode(part, merges)
    return ids
