"""The stepper of notebook 1: BPE learns from a text, one merge a click; then a new text is encoded
with the same merges. `web/widgets/bpe.js` gives the same on the page."""

from collections import Counter

import regex

from llmlib.demonstrations.tokens import PATTERNS
from llmlib.plots import leave
from llmlib.plots.tokens import token_spans
from llmlib.widgets.kernel import Refused, Widget

LONGEST, MERGES, SHOWN = 2000, 40, 6  # characters, merges on the slider, pairs in the table
STILL = (0, 1, 2, 6)  # numbers of merges that the still picture shows


def bpe_stepper(count_pairs, merge, commonest, text, word):
    """Show the first merges that are learned from `text`, and `word` encoded with them; below that
    fields for other texts, a choice of patterns and a button that makes the next merge. The
    functions are the notebook's: `count_pairs` and `merge` are the learner's."""

    def answer(asked):
        return steps(count_pairs, merge, commonest, **asked)

    given = {"text": text, "word": word, "patterns": list(PATTERNS), "merges": MERGES}
    asked = {"text": text, "word": word, "pattern": next(iter(PATTERNS))}
    still = _still([answer(asked | {"merges": n}) for n in STILL])
    leave(still, Widget("bpe_stepper", answer, "Your function", **given))


def steps(count_pairs, merge, commonest, text, word, pattern, merges):
    """Where BPE stands on `text` after so many merges: {"pieces": [{"tokens", "times"}], "pairs":
    [{"pair", "count"}], the next one first, "learned", "made": the latest pair or None, "total":
    how many tokens the text is, "rows": `word` from bytes to tokens, [{"tokens", "rank"}]}.
    Refused for texts that are empty or too long."""
    for each in (text, word):
        if not each:
            raise Refused("Type a text first.")
        if len(each) > LONGEST:
            raise Refused(f"The limit is {LONGEST:,} characters: shorten the text.")
    times = Counter(regex.findall(PATTERNS[pattern], text))
    ids = {piece: list(piece.encode("utf-8")) for piece in times}
    spelled, learned = [bytes([b]) for b in range(256)], []
    while counts := _pairs(count_pairs, ids, times):
        best = commonest(counts.items())
        if len(learned) == merges:
            break
        ids = {piece: merge(each, best, 256 + len(learned)) for piece, each in ids.items()}
        spelled.append(spelled[best[0]] + spelled[best[1]])
        learned.append(best)
    named = lambda pair: [_token(spelled[i]) for i in pair]  # noqa: E731
    ranked = sorted(counts, key=lambda pair: (pair != best, -counts[pair]))[:SHOWN]
    return {
        "pieces": [
            {"tokens": [_token(spelled[i]) for i in ids[piece]], "times": n}
            for piece, n in times.items()
        ],
        "pairs": [{"pair": named(pair), "count": counts[pair]} for pair in ranked],
        "learned": len(learned),
        "made": named(learned[-1]) if learned else None,
        "total": sum(len(ids[piece]) * n for piece, n in times.items()),
        "rows": list(_encoding(merge, word, PATTERNS[pattern], learned, spelled)),
    }


def _pairs(count_pairs, ids, times):
    counts = Counter()
    for piece, n in times.items():
        for pair, here in count_pairs(ids[piece]):
            counts[pair] += here * n
    return counts


def _encoding(merge, word, pattern, learned, spelled):
    """`word` as bytes, then after each merge that applies to it, the oldest first."""
    pieces = [list(piece.encode("utf-8")) for piece in regex.findall(pattern, word)]
    rank = None
    while True:
        tokens = [_token(spelled[i]) for piece in pieces for i in piece]
        yield {"tokens": tokens, "rank": rank}
        there = {pair for piece in pieces for pair in zip(piece, piece[1:])}
        rank = next((i for i, pair in enumerate(learned) if pair in there), None)
        if rank is None:
            return
        pieces = [merge(piece, learned[rank], 256 + rank) for piece in pieces]


def _token(data):
    return {"text": data.decode(errors="replace"), "bytes": [*data]}


def _still(shown):
    """What stays where no kernel runs: the text after some merges, then the rows of the word."""
    html, plain = [], []
    for each in shown:
        tokens = [bytes(token["bytes"]) for piece in each["pieces"] for token in piece["tokens"]]
        title = f"Merges so far: {each['learned']}. Tokens: {each['total']}."
        if each["pairs"]:
            (left, right), count = each["pairs"][0]["pair"], each["pairs"][0]["count"]
            title += f" Commonest pair: {left['text']!r} + {right['text']!r}, {count} times."
        html.append(token_spans(title, tokens))
        plain.append(title)
    for row in shown[-1]["rows"]:
        tokens = [bytes(token["bytes"]) for token in row["tokens"]]
        title = "The new text as bytes" if row["rank"] is None else f"after merge {row['rank'] + 1}"
        html.append(token_spans(title, tokens))
        plain.append(f"{title}: {'|'.join(token['text'] for token in row['tokens'])}")
    return {"text/html": "".join(html), "text/plain": "\n".join(plain)}
