"""The stepper of notebook 1: BPE learns from a text, one merge a click; then a new text is encoded
with the same merges. `web/widgets/bpe.js` gives the same on the page."""

from collections import Counter

import regex

from llmlib.demonstrations.tokens import PATTERNS
from llmlib.plots import leave
from llmlib.plots.tokens import token_spans
from llmlib.widgets.kernel import Refused, Widget
from llmlib.widgets.merge_tree import as_drawn
from llmlib.widgets.merge_tree import rows as encoding

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
    """Return where BPE stands on `text` after so many merges: {"pieces": [{"tokens", "times"}],
    "pairs": [{"pair", "count"}], the next one first, "learned", "made": the latest pair or None,
    "total": how many tokens the text is, "rows": `word` as `merge_tree.rows` gives it}.
    Refused for texts that are empty or too long."""
    for typed in (text, word):
        if not typed:
            raise Refused("Type a text first.")
        if len(typed) > LONGEST:
            raise Refused(f"The limit is {LONGEST:,} characters: shorten the text.")
    times = Counter(regex.findall(PATTERNS[pattern], text))
    ids = {piece: list(piece.encode("utf-8")) for piece in times}
    spelled, learned = [bytes([b]) for b in range(256)], []
    while counts := _pairs(count_pairs, ids, times):
        best = commonest(counts.items())
        if len(learned) == merges:
            break
        ids = {piece: merge(i, best, 256 + len(learned)) for piece, i in ids.items()}
        spelled.append(spelled[best[0]] + spelled[best[1]])
        learned.append(best)
    named = lambda pair: [as_drawn(spelled[i]) for i in pair]  # noqa: E731
    ranked = sorted(counts, key=lambda pair: (pair != best, -counts[pair]))[:SHOWN]
    return {
        "pieces": [
            {"tokens": [as_drawn(spelled[i]) for i in ids[piece]], "times": n}
            for piece, n in times.items()
        ],
        "pairs": [{"pair": named(pair), "count": counts[pair]} for pair in ranked],
        "learned": len(learned),
        "made": named(learned[-1]) if learned else None,
        "total": sum(len(ids[piece]) * n for piece, n in times.items()),
        "rows": list(encoding(merge, word, learned, PATTERNS[pattern])),
    }


def _pairs(count_pairs, ids, times):
    counts = Counter()
    for piece, n in times.items():
        for pair, inside in count_pairs(ids[piece]):
            counts[pair] += inside * n
    return counts


def _still(shown):
    """Return what stays where no kernel runs: the text after some merges, then the word's rows."""
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
