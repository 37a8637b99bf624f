# %% right: the oldest pair first
def encode(text, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        while True:
            known = [pair for pair in zip(ids, ids[1:]) if pair in rank]
            if not known:
                break
            best = min(known, key=rank.get)
            ids = merge(ids, best, 256 + rank[best])
        out.extend(ids)
    return out


# %% right: every merge in the order of training
def encode(text, merges):
    pieces = [list(piece.encode("utf-8")) for piece in split(text)]
    for i, pair in enumerate(merges):
        pieces = [merge(piece, pair, 256 + i) for piece in pieces]
    return [i for piece in pieces for i in piece]


# %% right: a recursion, one place at a time
def encode(text, merges, _cache={}):
    rank = {tuple(pair): i for i, pair in enumerate(merges)}

    def shorten(ids):
        best = min(range(len(ids) - 1), key=lambda i: (rank.get(ids[i:i + 2], 10**9), i), default=None)
        if best is None or ids[best:best + 2] not in rank:
            return ids
        return shorten(ids[:best] + (256 + rank[ids[best:best + 2]],) + ids[best + 2:])

    return [i for piece in split(text) for i in shorten(tuple(piece.encode()))]


# %% right: a class with a cache for pieces it has seen
class Encoder:
    def __init__(self, merges):
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.seen = {}

    def piece(self, piece):
        if piece not in self.seen:
            ids = [*piece.encode("utf-8")]
            while len(ids) >= 2:
                ranks = [self.rank.get(pair, float("inf")) for pair in zip(ids, ids[1:])]
                if min(ranks) == float("inf"):
                    break
                at = ranks.index(min(ranks))
                ids[at:at + 2] = [256 + ranks[at]]
            self.seen[piece] = ids
        return self.seen[piece]


def encode(text, merges):
    encoder = Encoder(merges)
    return sum((encoder.piece(piece) for piece in split(text)), [])


# %% wrong: the longest token that fits
# says: nor the longest token that fits
def encode(text, merges):
    table = {token: i for i, token in reversed(list(enumerate(vocabulary_of(merges))))}
    out = []
    for piece in split(text):
        data = piece.encode()
        while data:
            n = next(n for n in range(len(data), 0, -1) if data[:n] in table)
            out.append(table[data[:n]])
            data = data[n:]
    return out


def vocabulary_of(merges):
    table = [bytes([b]) for b in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    return table


# %% wrong: the leftmost pair first
# says: not the leftmost pair
def encode(text, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        while True:
            pair = next((pair for pair in zip(ids, ids[1:]) if pair in rank), None)
            if pair is None:
                break
            ids = merge(ids, pair, 256 + rank[pair])
        out += ids
    return out


# %% wrong: characters instead of bytes
# says: not from characters
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = [ord(char) for char in piece]
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out += ids
    return out


# %% wrong: one round of merging
# says: go on until nothing can be merged
def encode(text, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        known = [pair for pair in zip(ids, ids[1:]) if pair in rank]
        if known:
            best = min(known, key=rank.get)
            ids = merge(ids, best, 256 + rank[best])
        out += ids
    return out


# %% wrong: merges cross pieces
# says: no merge may cross a piece
def encode(text, merges):
    ids = list(text.encode())
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)
    return ids


# %% wrong: ids count from 0
# says: it makes the id 256
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, i)
        out += ids
    return out


# %% wrong: the newest merge first
# says: merge the pair that was learned first
def encode(text, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        while known := [pair for pair in zip(ids, ids[1:]) if pair in rank]:
            best = max(known, key=rank.get)
            ids = merge(ids, best, 256 + rank[best])
        out += ids
    return out


# %% wrong: only the last piece
# says: encode every piece
def encode(text, merges):
    ids = []
    for piece in split(text):
        ids = list(piece.encode())
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
    return ids


# %% wrong: cut at spaces, which are lost
# says: encode every piece
def encode(text, merges):
    out = []
    for word in text.split():
        ids = list(word.encode())
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out += ids
    return out


# %% wrong: only letters are merged
# says: the same ids as the `tokenizers` package
# caught by: hidden
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        if piece.strip().isalpha():
            for i, pair in enumerate(merges):
                ids = merge(ids, pair, 256 + i)
        out += ids
    return out


# %% wrong: each merge in one place of a piece only
# says: more than once
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        for n, pair in enumerate(merges):
            for i in range(len(ids) - 1):
                if (ids[i], ids[i + 1]) == pair:
                    ids = ids[:i] + [256 + n] + ids[i + 2:]
                    break
        out += ids
    return out


# %% wrong: pieces kept without regard to the merges
# says: keep nothing from an earlier call
_cache = {}


def encode(text, merges):
    out = []
    for piece in split(text):
        if piece not in _cache:
            ids = list(piece.encode())
            for i, p in enumerate(merges):
                ids = merge(ids, p, 256 + i)
            _cache[piece] = ids
        out += _cache[piece]
    return out


# %% wrong: ranks made once, in the first call with merges
# says: keep nothing from an earlier call
_rank = {}


def encode(text, merges):
    if not _rank:
        _rank.update({tuple(p): i for i, p in enumerate(merges)})
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        while len(ids) > 1:
            pair = min(zip(ids, ids[1:]), key=lambda p: _rank.get(p, 10**9))
            if pair not in _rank:
                break
            ids = merge(ids, pair, 256 + _rank[pair])
        out += ids
    return out


# %% wrong: ids in a mutable default
# says: start a new list inside
def encode(text, merges, out=[]):
    for piece in split(text):
        ids = list(piece.encode())
        for i, p in enumerate(merges):
            ids = merge(ids, p, 256 + i)
        out += ids
    return out


# %% wrong: the text is stripped first
# says: also at the ends
def encode(text, merges):
    out = []
    for piece in split(text.strip()):
        ids = list(piece.encode())
        for i, p in enumerate(merges):
            ids = merge(ids, p, 256 + i)
        out += ids
    return out


# %% wrong: pairs compared by the bytes that they spell
# says: not what they spell
def encode(text, merges):
    table = [bytes([b]) for b in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    rank = {token: i for i, token in enumerate(table)}
    out = []
    for piece in split(text):
        parts = [bytes([b]) for b in piece.encode()]
        while True:
            options = [(rank[a + b], i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in rank]
            if not options:
                break
            _, i = min(options)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        out += [rank[p] for p in parts]
    return out


# %% wrong: a pair is merged the other way round, too
# says: (b, a) is not the pair (a, b)
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        for i, (a, b) in enumerate(merges):
            ids = merge(merge(ids, (a, b), 256 + i), (b, a), 256 + i)
        out += ids
    return out


# %% wrong: stops at the first merge that does not occur
# says: in which the first does not occur
def encode(text, merges):
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        for i, pair in enumerate(merges):
            shorter = merge(ids, pair, 256 + i)
            if shorter == ids:
                break
            ids = shorter
        out += ids
    return out


# %% wrong: ids counted by the merges that occur
# says: the second merge makes 257
def encode(text, merges):
    out = []
    for piece in split(text):
        ids, new_id = list(piece.encode()), 256
        for pair in merges:
            if pair in list(zip(ids, ids[1:])):
                ids = merge(ids, pair, new_id)
                new_id += 1
        out += ids
    return out


# %% wrong: a piece that repeats is encoded once
# says: is encoded again, in its place
def encode(text, merges):
    out = []
    for piece in dict.fromkeys(split(text)):
        ids = list(piece.encode())
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out += ids
    return out


# %% wrong: accents joined to their letters first
# says: the text as it is
import unicodedata


def encode(text, merges):
    out = []
    for piece in split(unicodedata.normalize("NFC", text)):
        ids = list(piece.encode())
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out += ids
    return out


# %% wrong: a fixed rank for what is no merge
# says: younger than every merge, however many
def encode(text, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    out = []
    for piece in split(text):
        ids = list(piece.encode())
        while len(ids) > 1:
            pair = min(zip(ids, ids[1:]), key=lambda pair: rank.get(pair, 1000))
            if pair not in rank:
                break
            ids = merge(ids, pair, 256 + rank[pair])
        out += ids
    return out


# %% wrong: eats the caller's merges
# says: the caller's list of merges has changed
def encode(text, merges):
    pieces = [list(piece.encode()) for piece in split(text)]
    new_id = 256
    while merges:
        pair = merges.pop(0)
        pieces = [merge(piece, pair, new_id) for piece in pieces]
        new_id += 1
    return [i for piece in pieces for i in piece]
