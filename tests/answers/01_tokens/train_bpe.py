# %% right: every piece by itself
def train_bpe(text, vocab_size):
    pieces = [list(piece.encode()) for piece in split(text)]
    merges = []
    for new_id in range(256, vocab_size):
        counts = {}
        for piece in pieces:
            for pair in zip(piece, piece[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if len(counts) == 0:
            break
        best = commonest(counts.items())
        pieces = [merge(piece, best, new_id) for piece in pieces]
        merges.append(best)
    return merges


# %% right: counts kept up to date
def train_bpe(text, vocab_size):
    words = [(list(word.encode()), n) for word, n in Counter(split(text)).items()]
    counts = Counter()
    for ids, n in words:
        for pair, m in count_pairs(ids):
            counts[pair] += n * m
    merges = []
    while len(merges) < vocab_size - 256 and counts:
        pair = commonest(list(counts.items()))
        new_id = 256 + len(merges)
        for ids, n in words:
            if pair in list(zip(ids, ids[1:])):
                for old, m in count_pairs(ids):
                    counts[old] -= n * m
                ids[:] = merge(ids, pair, new_id)
                for new, m in count_pairs(ids):
                    counts[new] += n * m
        counts = Counter({pair: n for pair, n in counts.items() if n > 0})
        merges.append(pair)
    return merges


# %% right: a recursion over the merges
def train_bpe(text, vocab_size, _words=None, _next=256):
    if _words is None:
        _words = Counter(tuple(piece.encode("utf-8")) for piece in split(text))
    counts = Counter()
    for word, n in _words.items():
        counts.update({pair: n * m for pair, m in count_pairs(list(word))})
    if _next >= vocab_size or not counts:
        return []
    pair = commonest(counts.items())
    shorter = Counter()
    for word, n in _words.items():
        shorter[tuple(merge(list(word), pair, _next))] += n
    return [pair] + train_bpe(text, vocab_size, shorter, _next + 1)


# %% right: a class behind the function, with its own tie rule
class Trainer:
    def __init__(self, text):
        self.pieces = [list(piece.encode("utf-8")) for piece in split(text)]
        self.merges = []

    def age(self, token_id):
        return ord(BYTE_TO_CHAR[token_id]) if token_id < 256 else 1000 + token_id

    def step(self):
        counts = Counter(pair for piece in self.pieces for pair in zip(piece, piece[1:]))
        if not counts:
            return False
        best = sorted(counts, key=lambda pair: (-counts[pair], self.age(pair[0]), self.age(pair[1])))[0]
        self.pieces = [merge(piece, best, 256 + len(self.merges)) for piece in self.pieces]
        self.merges.append(best)
        return True


def train_bpe(text, vocab_size):
    trainer = Trainer(text)
    while 256 + len(trainer.merges) < vocab_size and trainer.step():
        pass
    return trainer.merges


# %% wrong: the commonest pairs of the raw text, counted once
# says: count again after each merge
def train_bpe(text, vocab_size):
    counts = Counter()
    for piece in split(text):
        counts.update(dict(count_pairs(list(piece.encode()))))
    merges = []
    while counts and 256 + len(merges) < vocab_size:
        merges.append(commonest(counts.items()))
        del counts[merges[-1]]
    return merges


# %% wrong: characters instead of bytes
# says: not from its characters
def train_bpe(text, vocab_size):
    pieces, merges = [list(map(ord, piece)) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        counts = Counter()
        for piece in pieces:
            counts.update(dict(count_pairs(piece)))
        if not counts:
            break
        pair = max(counts, key=counts.get)
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: merges reach over pieces
# says: no merge may cross a piece
def train_bpe(text, vocab_size):
    ids, merges = list(text.encode()), []
    while 256 + len(merges) < vocab_size and len(ids) > 1:
        pair = commonest(count_pairs(ids))
        ids = merge(ids, pair, 256 + len(merges))
        merges.append(pair)
    return merges


# %% wrong: vocab_size merges
# says: vocab_size counts the 256 bytes too
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: breaks when the pairs run out
# says: ValueError
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        pair = commonest(Counter(pair for piece in pieces for pair in zip(piece, piece[1:])).items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: each different piece counts once
# says: counts four times
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in dict.fromkeys(split(text))], []
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: a tie goes to the pair that appears first
# says: on a tie let `commonest` decide
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = max(counts, key=counts.get)
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: a pair that occurs once is not merged
# says: occurs only once is merged, too
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts or max(counts.values()) < 2:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: learns only from the first hundred pieces
# says: commonest at that moment
# caught by: hidden
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)[:100]], []
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: a dictionary from pair to id
# says: as a list of pairs
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], {}
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges[pair] = 256 + len(merges)
    return merges


# %% wrong: the counts go on from round to round
# says: count again after each merge, from 0
def train_bpe(text, vocab_size):
    pieces, merges, counts = [list(piece.encode()) for piece in split(text)], [], Counter()
    while 256 + len(merges) < vocab_size:
        for piece in pieces:
            for pair, n in count_pairs(piece):
                counts[pair] += n
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges


# %% wrong: what merge gives back is not kept
# says: and merge in all pieces
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        for piece in pieces:
            merge(piece, pair, 256 + len(merges))
        merges.append(pair)
    return merges


# %% wrong: stops counting at a piece of one byte
# says: go on with the next piece
def train_bpe(text, vocab_size):
    pieces, merges = [list(piece.encode()) for piece in split(text)], []
    while 256 + len(merges) < vocab_size:
        counts = Counter()
        for piece in pieces:
            if len(piece) < 2:
                break
            counts.update(zip(piece, piece[1:]))
        if not counts:
            break
        pair = commonest(counts.items())
        pieces = [merge(piece, pair, 256 + len(merges)) for piece in pieces]
        merges.append(pair)
    return merges

# %% wrong: a pair counts once a piece, however often it stands there
# says: as often as it stands in a piece
def train_bpe(text, vocab_size):
    pieces, merges = [list(p.encode()) for p in split(text)], []
    for new_id in range(256, vocab_size):
        counts = Counter()
        for piece in pieces:
            counts.update({pair for pair, _ in count_pairs(piece)})
        if not counts:
            break
        merges.append(commonest(counts.items()))
        pieces = [merge(piece, merges[-1], new_id) for piece in pieces]
    return merges

# %% wrong: capitals made small first
# says: learn from the text as it is
def train_bpe(text, vocab_size):
    pieces, merges = [list(p.encode()) for p in split(text.lower())], []
    for new_id in range(256, vocab_size):
        counts = Counter()
        for piece in pieces:
            counts.update(dict(count_pairs(piece)))
        if not counts:
            break
        merges.append(commonest(counts.items()))
        pieces = [merge(piece, merges[-1], new_id) for piece in pieces]
    return merges


# %% right: one long list with None between the pieces
def train_bpe(text, vocab_size):
    ids = []
    for piece in split(text):
        ids += [*piece.encode(), None]
    merges = []
    while len(merges) < vocab_size - 256:
        counts = [(p, n) for p, n in count_pairs(ids) if None not in p]
        if not counts:
            break
        merges.append(commonest(counts))
        ids = merge(ids, merges[-1], 255 + len(merges))
    return merges


# %% wrong: merges kept in a mutable default
# says: comes from an earlier call
def train_bpe(text, vocab_size, merges=[]):
    words = [list(p.encode()) for p in split(text)]
    while 256 + len(merges) < vocab_size:
        c = Counter()
        for w in words:
            for p, n in count_pairs(w):
                c[p] += n
        if not c:
            break
        best = commonest(c.items())
        words = [merge(w, best, 256 + len(merges)) for w in words]
        merges.append(best)
    return merges


# %% wrong: words counted outside the function
# says: comes from an earlier call
_words = Counter()


def train_bpe(text, vocab_size):
    _words.update(split(text))
    ids = {w: list(w.encode()) for w in _words}
    merges = []
    while 256 + len(merges) < vocab_size:
        c = Counter()
        for w, t in _words.items():
            for p, n in count_pairs(ids[w]):
                c[p] += n * t
        if not c:
            break
        best = commonest(c.items())
        ids = {w: merge(ids[w], best, 256 + len(merges)) for w in _words}
        merges.append(best)
    return merges


# %% wrong: each pair with its new id
# says: without the new id
def train_bpe(text, vocab_size):
    words = [list(p.encode()) for p in split(text)]
    merges = []
    for new in range(256, vocab_size):
        c = Counter()
        for w in words:
            for p, n in count_pairs(w):
                c[p] += n
        if not c:
            break
        best = commonest(c.items())
        words = [merge(w, best, new) for w in words]
        merges.append((best, new))
    return merges


# %% wrong: ids in one flat list
# says: a tuple of two ids
def train_bpe(text, vocab_size):
    words = [list(p.encode()) for p in split(text)]
    merges = []
    for new in range(256, vocab_size):
        c = Counter()
        for w in words:
            for p, n in count_pairs(w):
                c[p] += n
        if not c:
            break
        best = commonest(c.items())
        words = [merge(w, best, new) for w in words]
        merges += best
    return merges


# %% wrong: counts kept up to date, the left neighbour read from the old list
# says: 256 is its own neighbour
def train_bpe(text, vocab_size):
    words = Counter(split(text))
    ids = {w: list(w.encode("utf-8")) for w in words}
    counts = Counter()
    for w, n in words.items():
        for pair in zip(ids[w], ids[w][1:]):
            counts[pair] += n
    merges = []
    while 256 + len(merges) < vocab_size:
        counts = +counts
        if not counts:
            break
        pair = commonest(counts.items())
        new = 256 + len(merges)
        merges.append(pair)
        for w, n in words.items():
            old, out, i = ids[w], [], 0
            while i < len(old):
                if tuple(old[i : i + 2]) == pair:
                    counts[pair] -= n
                    if i > 0:
                        counts[old[i - 1], pair[0]] -= n
                        counts[old[i - 1], new] += n
                    if i + 2 < len(old):
                        counts[pair[1], old[i + 2]] -= n
                        counts[new, old[i + 2]] += n
                    out.append(new)
                    i += 2
                else:
                    out.append(old[i])
                    i += 1
            ids[w] = out
        del counts[pair]
    return merges


# %% wrong: how often in a piece and how often the piece, added
# says: multiply the two
def train_bpe(text, vocab_size):
    words = Counter(split(text))
    ids = {word: list(word.encode()) for word in words}
    merges = []
    while 256 + len(merges) < vocab_size:
        counts = Counter()
        for word, times in words.items():
            for pair, n in count_pairs(ids[word]):
                counts[pair] += n + times - 1
        if not counts:
            break
        pair = commonest(counts.items())
        ids = {word: merge(ids[word], pair, 256 + len(merges)) for word in words}
        merges.append(pair)
    return merges
