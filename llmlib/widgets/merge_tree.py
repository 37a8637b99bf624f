"""The merge tree of notebook 1: a text is encoded step by step, the oldest merge first, and a tree
grows over its bytes. `web/widgets/page_sources.js` gives the same on the page."""

import regex

from llmlib.demonstrations.tokens import PATTERNS
from llmlib.plots import image, leave
from llmlib.plots.tokens import merge_tree as picture
from llmlib.widgets.kernel import Refused, Widget

LONGEST = 40  # bytes, each of which is a column of the tree


def merge_tree(merge, tokenizers, text):
    """Show the tree of `text` by the first of `tokenizers`, {name: merges as pairs of ids}; below
    it a slider that grows the tree, and a field for other texts. `merge` is the learner's."""

    def answer(asked):
        data = asked["text"].encode("utf-8")
        if not data:
            raise Refused("Type a text first.")
        if len(data) > LONGEST:
            raise Refused(f"This text has {len(data)} bytes. The limit is {LONGEST}: shorten it.")
        return {"rows": list(rows(merge, asked["text"], tokenizers[asked["name"]]))}

    names = list(tokenizers)
    still = picture(answer({"text": text, "name": names[0]})["rows"])
    leave(image(still, still.alt), Widget("merge_tree", answer, "merge", text=text, names=names))


def rows(merge, text, merges, pattern=PATTERNS["GPT-2"]):
    """Yield `text` as bytes, then after each merge that applies to it, the oldest first:
    {"tokens": [{"text", "bytes"}], "rank": None for the bytes}."""
    spelled = [bytes([b]) for b in range(256)]
    for left, right in merges:
        spelled.append(spelled[left] + spelled[right])
    ranks = {tuple(pair): i for i, pair in enumerate(merges)}
    pieces = [list(piece.encode("utf-8")) for piece in regex.findall(pattern, text)]
    rank = None
    while True:
        tokens = [as_drawn(spelled[i]) for piece in pieces for i in piece]
        yield {"tokens": tokens, "rank": rank}
        neighbours = {pair for piece in pieces for pair in zip(piece, piece[1:])}
        rank = min((ranks[pair] for pair in neighbours if pair in ranks), default=None)
        if rank is None:
            return
        pieces = [merge(piece, merges[rank], 256 + rank) for piece in pieces]


def as_drawn(data):
    """Return the bytes of a token as the page draws them: {"text", "bytes"}."""
    return {"text": data.decode(errors="replace"), "bytes": [*data]}
