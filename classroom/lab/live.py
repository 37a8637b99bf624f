"""Run the live machine of the start page: a text's tokens, the likeliest next ones, and where two
heads look.

    python -m classroom.lab.live            a JSON string a line -> a JSON object a line
    python -m classroom.lab.live --record   the figure that is shown before anybody has typed

It is a process of its own (`live_process` starts it): the model takes 1 GB, and loading it would
keep JupyterLab's server from answering.
"""

import json
import os
import sys
from typing import Any

import torch

from classroom.lab.start_page import RECORDED
from llmlib import files, pretrained
from llmlib.attention import scaled_dot_product_attention
from llmlib.model import Model

HEADS = {
    "induction": (18, 6),
    "previous": (16, 0),
}  # the best of their kinds: notebook 3 finds them
LONGEST = 32  # tokens; an answer within 300 ms
LETTERS = 400
NEXT = 6
PROMPT = "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs."


class Live:
    """Keep a model and the text that it has read: of the next one only the rest is computed."""

    def __init__(self, model: Model) -> None:
        self.model, self.cache = model, model.new_cache(1, LONGEST)
        self.ids: list[int] = []
        self.shares: dict[str, list[list[float]]] = {name: [] for name in HEADS}

    def look(self, text: str) -> dict[str, Any]:
        """Return {"text", "tokens", "next": [[token, probability], …], "attention": {head: rows}}:
        row i of a head has the i + 1 shares of token i. A token is a text, or where it is a part of
        a character its bytes. {"fault"} with a sentence for a text that is empty or too long."""
        text = text.encode("utf-8", "replace").decode()  # half a character may have been sent
        if not text:
            return {"fault": "Type something, and the model reads it."}
        if len(text) > LETTERS:
            return {"fault": f"This text has {len(text)} letters: write {LETTERS} at most."}
        ids = self.model.tokenizer.encode(text)
        if len(ids) > LONGEST:
            return {"fault": f"This text is {len(ids)} tokens: this page reads {LONGEST} at most."}
        likely = self._read(ids).softmax(-1).topk(NEXT)
        chances = zip(likely.indices.tolist(), likely.values.tolist())
        return {
            "text": text,
            "tokens": [self._token(i) for i in ids],
            "next": [[self._token(i), round(chance, 4)] for i, chance in chances],
            "attention": {
                name: [[round(x, 3) for x in row] for row in rows]
                for name, rows in self.shares.items()
            },
        }

    def _token(self, i: int) -> str | list[int]:
        data = self.model.tokenizer.token_bytes(i)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return [*data]

    def _read(self, ids: list[int]) -> torch.Tensor:
        """Compute the logits [vocab] after `ids`, and their shares."""
        start = len(os.path.commonprefix([self.ids, ids[:-1]]))  # the last one's logits are needed
        self.cache.length, layer = start, -1
        for rows in self.shares.values():
            del rows[start:]

        def watched(q, k, v, mask=None):  # type: ignore[no-untyped-def]
            nonlocal layer
            layer += 1
            for name, (at, head) in HEADS.items():
                if layer == at:  # with the identity as values, attention returns its shares
                    inputs = q[:, [head]], k[:, [head]], torch.eye(k.shape[-2])[None, None]
                    rows = scaled_dot_product_attention(*inputs, mask)[0, 0].tolist()
                    self.shares[name] += [row[: start + i + 1] for i, row in enumerate(rows)]
            return self.model.parts.attention(q, k, v, mask)

        self.ids = []  # in case the model raises
        logits = self.model.using(attention=watched)(ids[start:], self.cache, last=True)[0, -1]
        self.ids = ids
        return logits


def main() -> None:
    """Answer each line of standard input with one of JSON; `--record` writes the first figure
    again."""
    try:
        model = pretrained.load("smollm2")
    except (OSError, ValueError) as error:
        return print(json.dumps({"fault": f"The model cannot be loaded: {error}"}), flush=True)
    live = Live(model)
    if "--record" in sys.argv:
        return files.write(RECORDED, json.dumps(live.look(PROMPT), ensure_ascii=False) + "\n")
    for line in sys.stdin:
        print(json.dumps(live.look(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
