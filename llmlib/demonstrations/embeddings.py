"""What notebook 2's demonstrations measure and need not show."""

from itertools import islice

import torch

from llmlib.embeddings import apply_rope
from llmlib.layers import pre_norm_block
from llmlib.tokens import Tokenizer

# A table of two columns that learns to predict the next word from the word before.


def word_pairs(stories, n_word, n_next, each):
    """Which tokens follow the commonest words of `stories` -> (words, now, then): the ids of the
    `n_word` commonest words in small letters, and for up to `each` places of every one of them its
    number in that list, and the number of what follows among the `n_next` commonest tokens."""
    tokenizer = Tokenizer.smollm2()
    ids = torch.tensor([token_id for story in stories for token_id in story.ids])
    common = torch.bincount(ids).argsort(descending=True, stable=True).tolist()
    texts = ((i, tokenizer.decode([i])) for i in common)
    spelt = (i for i, text in texts if text[0] == " " and text[1:].isalpha() and text.islower())
    words = list(islice(spelt, n_word))
    number, following = torch.full((2, max(common) + 1), -1)
    number[words] = torch.arange(n_word)
    following[common[:n_next]] = torch.arange(n_next)
    now, then = number[ids[:-1]], following[ids[1:]]
    now = torch.where(then < 0, -1, now)
    kept = torch.cat([(now == word).nonzero().flatten()[:each] for word in range(n_word)])
    return words, now[kept], then[kept]


def next_word_gradients(vectors, output, then):
    """The loss of vectors [n, d] @ output [d, n_next], which are scores of what comes next, beside
    how common that is, on what came, then [n] -> (loss, its gradient at the vectors, at output)."""
    vectors, output = vectors.detach().requires_grad_(), output.detach().requires_grad_()
    common = torch.bincount(then, minlength=output.shape[1]).add(1).log()
    loss = torch.nn.functional.cross_entropy(vectors @ output + common, then)
    return loss.item(), *torch.autograd.grad(loss, (vectors, output))


# Sums of word vectors, such as king - man + woman: where they land.


def nearest_to_sum(table, plus, minus, other, k):
    """The k tokens nearest to row plus - row minus + row other, each row at length 1 -> their ids,
    the nearest first."""
    unit = table / table.norm(dim=1, keepdim=True)
    return (unit @ (unit[plus] - unit[minus] + unit[other])).topk(k).indices.tolist()


def share_of_sums_right(table, sums, inputs_allowed=False):
    """The share of the sums [(plus, minus, other, answer), …] that land nearest to their answer;
    the three words that went in are left out, unless they are allowed."""
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for some in torch.tensor(sums).split(256):
        *went_in, answers = some.T
        plus, minus, other = (unit[ids] for ids in went_in)
        scores = (plus - minus + other) @ unit.T
        for ids in went_in if not inputs_allowed else ():
            scores[torch.arange(len(some)), ids] = -torch.inf
        right += int((scores.argmax(dim=1) == answers).sum())
    return right / len(sums)


# The vectors of texts' last tokens on their way through the layers.

SENTENCES = {  # word: beginnings of sentences on two sides, each with another word that fits
    " bank": (
        {
            "We sat on the grassy": " lawn",
            "The river flooded its muddy": " field",
            "They walked along the river": " path",
            "The boat drifted to the far": " shore",
        },
        {
            "She put her money in the": " wallet",
            "He asked for a loan from the": " lender",
            "I opened an account at the": " office",
            "The robbers broke into the": " house",
        },
    ),
    " court": (
        {
            "The judge entered the": " room",
            "The lawyer argued the case in": " public",
            "The witness lied to the": " jury",
            "He was sued and had to go to": " prison",
        },
        {
            "The tennis players walked onto the": " field",
            "She dribbled the basketball down the": " floor",
            "After the match they swept the clay": " surface",
            "The team practiced shooting on the indoor": " track",
        },
    ),
    " spring": (
        {
            "The flowers bloom in the": " garden",
            "After the long winter came the": " summer",
            "The farmers plant their seeds in": " rows",
            "The birds return every": " year",
        },
        {
            "The mattress was broken by a loose": " wire",
            "The clock is driven by a metal": " wheel",
            "The toy jumps because of a coiled": " rope",
            "The car's shock absorber has a steel": " rod",
        },
    ),
    " man": (
        {
            "The nurse gave some medicine to the": " patient",
            "The doctor listened to the heart of the": " child",
            "In the hospital bed lay an old": " woman",
            "The surgeon operated on the wounded": " soldier",
        },
        {
            "The policeman arrested the": " driver",
            "In the prison cell sat a young": " thief",
            "The robbery was planned by one": " gang",
            "The jury did not believe the": " witness",
        },
    ),
    " book": (
        {
            "The students opened their math": " exam",
            "In class the teacher read aloud from a": " letter",
            "For the history exam she studied the whole": " chapter",
            "The professor wrote a physics": " paper",
        },
        {
            "Before bed mother read us a fairy": " tale",
            "The wizard cast a spell from his old": " staff",
            "The dragon guarded a magic": " sword",
            "The witch hid her secrets in a": " cave",
        },
    ),
    " water": (
        {
            "She boiled the pasta in hot": " oil",
            "To the soup he added a cup of": " milk",
            "The waiter brought us a glass of": " wine",
            "Rinse the rice with cold": " broth",
        },
        {
            "The ship slowly sank into the": " sea",
            "The fishermen looked down into the": " waves",
            "The captain saw a whale in the": " bay",
            "The sailors fell from the deck into the": " ocean",
        },
    ),
}


def last_vectors(model, word, sides):
    """The texts that `sides` make, every beginning completed by `word` and by its other word ->
    (vectors, words, sides, places): as `vectors_by_layer`, and of each text its last word, its side
    and the number of its sentence."""
    made = [
        (text + last, last, side, 10 * side + place)
        for side, some in enumerate(sides)
        for place, (text, other) in enumerate(some.items())
        for last in (word, other)
    ]
    texts, *described = map(list, zip(*made))
    return vectors_by_layer(model, [model.tokenizer.encode(text) for text in texts]), *described


def vectors_by_layer(model, texts):
    """Of each text, a list of ids, the last token's row in the table, and its vector after each
    layer -> [n_text, n_layer + 1, d_model]."""
    last = torch.tensor([len(ids) - 1 for ids in texts])
    padded = torch.zeros(len(texts), int(last.max()) + 1, dtype=torch.long)
    for row, ids in zip(padded, texts):
        row[: len(ids)] = torch.tensor(ids)  # no token sees what comes after it
    seen = []

    def block(x, **parts):
        if not seen:
            seen.append(x[range(len(texts)), last])
        x = pre_norm_block(x, **parts)
        seen.append(x[range(len(texts)), last])
        return x

    model.using(block=block)(padded, last=True)
    return torch.stack(seen, dim=1)


# What a head's scores say about distance alone.


def queries_and_keys(model, ids):
    """q [n_layer, n_head, seq, head_dim] and k [n_layer, n_kv_head, seq, head_dim] of a text, as
    they are before positions come in."""
    seen = []

    def position(x, positions, theta):
        seen.append(x[0])
        return apply_rope(x, positions, theta)

    model.using(position=position)(ids)
    return torch.stack(seen).split([model.config.n_head, model.config.n_kv_head], dim=1)


def scores_by_distance(turn, q, k, theta, farthest=20):
    """Scores of each query of q with each key of k [n, head_dim], the query 0, 1, … positions after
    the key -> [pairs, farthest + 1]. `turn` is apply_rope."""
    distances = torch.arange(farthest + 1)
    behind = [turn(row.expand(len(distances), -1), 100 + distances, theta) for row in q]
    here = [turn(row[None], torch.tensor([100]), theta)[0] for row in k]
    return torch.stack([rows @ row for rows in behind for row in here]) / q.shape[-1] ** 0.5
