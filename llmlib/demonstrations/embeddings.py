"""What notebook 2's demonstrations measure and need not show."""

from itertools import islice

import torch

from llmlib.embeddings import apply_rope
from llmlib.layers import pre_norm_block
from llmlib.tokens import Tokenizer

# A table of two columns that learns to predict the next word from the word before.


def word_pairs(stories, n_word, n_next, each):
    """Count which tokens follow the commonest words of `stories` -> (words, followers, now, then):
    the ids of the `n_word` commonest words in small letters and of the `n_next` commonest tokens;
    and for up to `each` places of every word its number in the first list, and the number of the
    token that follows in the second."""
    tokenizer = Tokenizer.smollm2()
    ids = torch.tensor([token_id for story in stories for token_id in story.ids])
    common = torch.bincount(ids).argsort(descending=True, stable=True).tolist()
    texts = ((i, tokenizer.decode([i])) for i in common)
    lower_case = (
        i for i, text in texts if text[0] == " " and text[1:].isalpha() and text.islower()
    )
    words = list(islice(lower_case, n_word))
    number, following = torch.full((2, max(common) + 1), -1)
    number[words] = torch.arange(n_word)
    following[common[:n_next]] = torch.arange(n_next)
    now, then = number[ids[:-1]], following[ids[1:]]
    now = torch.where(then < 0, -1, now)
    places = torch.cat([(now == word).nonzero().flatten()[:each] for word in range(n_word)])
    return words, common[:n_next], now[places], then[places]


def log_frequency(then, n_next):
    """Return the logarithm of how often each of `n_next` tokens comes in `then`, plus 1."""
    return torch.bincount(then, minlength=n_next).add(1).log()


def surplus(rows, output, now, then, row):
    """Return how much more often than the model expects, as shares, each token follows the word of
    one of the rows: [n_next]."""
    came = torch.bincount(then[now == row], minlength=output.shape[1])
    scores = rows[row] @ output + log_frequency(then, output.shape[1])
    return came / came.sum() - torch.softmax(scores, dim=0)


def next_word_gradients(vectors, output, then):
    """Compare vectors [n, d] @ output [d, n_next], which are scores of what comes next beside how
    common that is, with what came, then [n] -> (loss, its gradient at the vectors, at output)."""
    vectors, output = vectors.detach().requires_grad_(), output.detach().requires_grad_()
    scores = vectors @ output + log_frequency(then, output.shape[1])
    loss = torch.nn.functional.cross_entropy(scores, then)
    return loss.item(), *torch.autograd.grad(loss, (vectors, output))


def map_loss(rows, output, now, then):
    """Return the loss of the table `rows` [n_word, d] on the places (now, then)."""
    return next_word_gradients(rows[now], output, then)[0]


def rows_gradient(ids, grad_output, vocab_size):
    """Return the gradient of a table that `ids` [n] were looked up in: [vocab_size, d]."""
    gradient = torch.zeros(vocab_size, grad_output.shape[1])
    return gradient.index_add(0, ids, grad_output)


def train_map(now, then, gradient=rows_gradient, steps=200, rate=5.0, seed=0):
    """Train a table of two columns by subtracting the gradient again and again -> all its states
    [steps + 1, n_word, 2], and those of its output [steps + 1, 2, n_next]."""
    generator, n_word, n_next = torch.Generator().manual_seed(seed), 32, 150
    rows = 0.1 * torch.randn(n_word, 2, generator=generator)
    output = 0.1 * torch.randn(2, n_next, generator=generator)
    states = [(rows, output)]
    for _ in range(steps):
        _, grad_vectors, grad_output = next_word_gradients(rows[now], output, then)
        rows = rows - rate * gradient(now, grad_vectors, n_word)
        output = output - rate * grad_output
        states.append((rows, output))
    return tuple(map(torch.stack, zip(*states)))


# Sums of word vectors, such as king - man + woman: where they land.


def nearest_to_sum(table, plus, minus, other, k):
    """Find the k tokens nearest to row plus - row minus + row other, rows at length 1 -> their ids,
    the nearest first."""
    unit = table / table.norm(dim=1, keepdim=True)
    return (unit @ (unit[plus] - unit[minus] + unit[other])).topk(k).indices.tolist()


def sums_right(table, sums, inputs_allowed=False, subtract=True):
    """Tell which of the sums [(plus, minus, other, answer), …] land nearest to their answer -> a
    list of bools. The three words that went in are left out, unless they are allowed.
    Without `subtract` it is plus + other that must land there."""
    unit, right = table / table.norm(dim=1, keepdim=True), []
    for batch in torch.tensor(sums).split(256):
        *inputs, answers = batch.T
        plus, minus, other = (unit[ids] for ids in inputs)
        scores = (plus - subtract * minus + other) @ unit.T
        for ids in inputs if not inputs_allowed else ():
            scores[torch.arange(len(batch)), ids] = -torch.inf
        right += (scores.argmax(dim=1) == answers).tolist()
    return right


def share_of_sums_right(table, sums, inputs_allowed=False):
    """Return the share of the sums that land nearest to their answer."""
    return sum(sums_right(table, sums, inputs_allowed)) / len(sums)


def bootstrap_gap(pairs, first, first_right, second, second_right, draws=1000):
    """Return the 90 % interval of how much more of the `first` sums are right than of the `second`:
    a bootstrap over the countries. pairs [(country, capital), …], and which sums are right. A sum
    counts as often as its different countries are drawn, times each other."""
    number = {i: n for n, pair in enumerate(pairs) for i in pair}
    generator, gaps = torch.Generator().manual_seed(0), []
    designs = []
    for sums, right in ((first, first_right), (second, second_right)):
        members = torch.zeros(len(sums), len(pairs), dtype=torch.bool)
        for row, ids in zip(members, sums):
            row[[number[i] for i in ids[:3]]] = True
        designs.append((members, torch.tensor(right).float()))
    for _ in range(draws):
        draw = torch.randint(0, len(pairs), (len(pairs),), generator=generator)
        times = torch.bincount(draw, minlength=len(pairs)).float()
        shares = []
        for members, right in designs:
            weights = torch.where(members, times, 1.0).prod(dim=1)
            shares.append((weights @ right / weights.sum()).item())
        gaps.append(shares[0] - shares[1])
    return torch.quantile(torch.tensor(gaps), torch.tensor([0.05, 0.95])).tolist()


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
    """Make the texts of `sides`, every beginning completed by `word` and by its other word ->
    (vectors, words, sides, places): as `vectors_by_layer`, and of each text its last word, its side
    and the number of its sentence."""
    texts_of_sides = [
        (text + last, last, side, 10 * side + place)
        for side, beginnings in enumerate(sides)
        for place, (text, other) in enumerate(beginnings.items())
        for last in (word, other)
    ]
    texts, *labels = map(list, zip(*texts_of_sides))
    return vectors_by_layer(model, [model.tokenizer.encode(text) for text in texts]), *labels


def vectors_by_layer(model, texts):
    """Return, of each text, a list of ids, the last token's row in the table, and its vector after
    each layer: [n_text, n_layer + 1, d_model]."""
    last = torch.tensor([len(ids) - 1 for ids in texts])
    padded = torch.zeros(len(texts), int(last.max()) + 1, dtype=torch.long)
    for row, ids in zip(padded, texts):
        row[: len(ids)] = torch.tensor(ids)  # no token sees what comes after it
    states = []

    def block(x, **parts):
        if not states:
            states.append(x[range(len(texts)), last])
        x = pre_norm_block(x, **parts)
        states.append(x[range(len(texts)), last])
        return x

    model.using(block=block)(padded, last=True)
    return torch.stack(states, dim=1)


# What a head's scores say about distance alone.


def queries_and_keys(model, ids):
    """Return a text's q [n_layer, n_head, seq, head_dim] and k [n_layer, n_kv_head, seq, head_dim]
    before positions come in."""
    states = []

    def position(x, positions, theta):
        states.append(x[0])
        return apply_rope(x, positions, theta)

    model.using(position=position)(ids)
    return torch.stack(states).split([model.config.n_head, model.config.n_kv_head], dim=1)


def scores_by_distance(turn, q, k, theta, farthest=20):
    """Score each query of q with each key of k [n, head_dim], the query 0, 1, … positions after
    the key -> [pairs, farthest + 1]. `turn` is apply_rope."""
    distances = torch.arange(farthest + 1)
    queries = [turn(row.expand(len(distances), -1), 100 + distances, theta) for row in q]
    keys = [turn(row[None], torch.tensor([100]), theta)[0] for row in k]
    return torch.stack([rows @ row for rows in queries for row in keys]) / q.shape[-1] ** 0.5
