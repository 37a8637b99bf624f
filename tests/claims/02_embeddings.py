"""What notebook 2 says, with its controls and with an input on which it is false."""

from dataclasses import replace
from functools import cache

import torch
from claim_runner import central, false_where, model, solved

from llmlib import complete, data
from llmlib.course.checking.embeddings import two_theories
from llmlib.demonstrations.embeddings import (
    SENTENCES,
    last_vectors,
    next_word_gradients,
    queries_and_keys,
    scores_by_distance,
    share_of_sums_right,
    word_pairs,
)
from llmlib.embeddings import apply_rope
from llmlib.layers import pre_norm_block
from llmlib.model import forward

RIVER = (
    "The water in a river flows downhill. It starts as rain or melting snow in the mountains, "
    "gathers in small streams, and the streams meet and become a river, which at last reaches the "
    "sea."
)
BOAT = "My boat is small, and my boat is old, but my boat is the best one here."
PEOPLE = "Two hundred people came to see how the old bridge was taken down on Sunday"
MARKET = "Every morning the market in our town fills with farmers, fruit, noise and dogs."
COUNTRIES = (
    " Greece England Poland Cuba Ireland Portugal Austria Sweden Norway India Iran Iraq Hungary"
    " Denmark Finland Peru Chile Belgium Korea Kenya Syria Ukraine Philippines Scotland Netherlands"
    " Afghanistan",
    " Athens London Warsaw Havana Dublin Lisbon Vienna Stockholm Oslo Delhi Tehran Baghdad Budapest"
    " Copenhagen Helsinki Lima Santiago Brussels Seoul Nairobi Damascus Kiev Manila Edinburgh"
    " Amsterdam Kabul",
)  # none of which the notebook shows
cross_entropy = torch.nn.functional.cross_entropy


def _ids(text):
    return model().tokenizer.encode(text)


def _token(text):
    [token_id] = _ids(text)
    return token_id


def _table():
    return model().weights.embedding


def _unit():
    return torch.nn.functional.normalize(_table(), dim=1)


@cache
def _shared():
    mean = _table().mean(dim=0)
    return mean / mean.norm()


def _without(*directions):
    """The table less what its rows have in some directions, [d_model] each of length 1."""
    directions = torch.stack(directions, dim=1)
    return _table() - _table() @ directions @ directions.T


def _cleaned():
    return _without(_shared())


@cache
def _others():
    """The directions at right angles to the shared one, the largest first: [d_model, d_model]."""
    _, directions = torch.linalg.eigh(_cleaned().T @ _cleaned())
    return directions.flip(1)


def _random_direction():
    direction = torch.randn(576, generator=torch.Generator().manual_seed(1))
    return direction / direction.norm()


@cache
def _words(seed=0, n=1000):
    decode = model().tokenizer.decode
    words = [
        i
        for i in range(len(_table()))
        if (w := decode([i]))[0] == " " and len(w) > 4 and w[1:].isascii() and w[1:].isalpha()
        if w.islower()
    ]
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(words)[order[:n]]


def _find_themselves(rows, words):
    """How many of the words have their largest dot product with themselves."""
    return int(((rows[words] @ rows.T).argmax(dim=1) == words).sum())


def _no_rope(x, positions, theta):
    return x


def _no_mask(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


@central
@false_where("ids that are renumbered without their rows", rows_too=False)
def an_id_is_a_name(rows_too=True):
    """“An id is a **name**, and the model never computes with it.”

    Ids and rows are renumbered together, at random: the logits are renumbered alike and no more.
    """
    table, ids = _table(), torch.tensor(_ids(RIVER))
    new = torch.randperm(len(table), generator=torch.Generator().manual_seed(0))
    old = new.argsort()
    weights = model().weights
    if rows_too:
        weights = replace(weights, embedding=table[old], unembedding=table[old])
    other = replace(model(), weights=weights)(new[ids])[0]
    change = (other[:, new] if rows_too else other).sub(model()(ids)[0]).abs().max().item()
    assert change < 1e-3
    return f"logits move by {change:.0e}"


def _gradient(text, use, place=None):
    """The gradient of a text's loss, or of one place of it, at the table that is used as the
    "embedding" or as the "unembedding" -> [vocab, d_model]."""
    ids, leaf = torch.tensor(_ids(text)), _table().clone().requires_grad_()
    logits = forward(
        ids[None], replace(model().weights, **{use: leaf}), model().config, model().parts
    )[0]
    losses = cross_entropy(logits[:-1].double(), ids[1:], reduction="none")
    [gradient] = torch.autograd.grad(losses.mean() if place is None else losses[place], leaf)
    return gradient


@false_where("the same table at the output", use="unembedding")
def the_look_up_trains_the_rows_that_stand_in_the_text(use="embedding"):
    """“Through the look-up, a row is trained only by places where its token stands and another
    token follows”

    Two sentences that the notebook does not show; the output's use of the table, which gives every
    row a gradient.
    """
    told = []
    for text in (BOAT, MARKET):
        rows = _gradient(text, use).abs().amax(dim=1).nonzero().flatten().tolist()
        assert rows == sorted(set(_ids(text)[:-1]))
        told.append(len(rows))
    return f"rows with a gradient: {told} of {len(_table()):,}"


@false_where("the first place of the token alone", places=1)
def a_row_s_gradient_is_the_sum_over_its_places(places=3):
    """“nudging a token's row moves every place where the token stands, so the gradients of those
    places add up.”

    A word that stands three times, and three columns of its row: the nudge agrees with the sum over
    all places and not with the first.
    """
    ids, table, boat = torch.tensor(_ids(BOAT)), _table(), _token(" boat")

    def loss(vectors):
        parts = model().using(embedding=lambda ids, table: vectors[None]).parts
        logits = forward(ids[None], model().weights, model().config, parts)[0]
        return cross_entropy(logits[:-1].double(), ids[1:])

    vectors = table[ids].requires_grad_()
    [grad] = torch.autograd.grad(loss(vectors), vectors)
    at = (ids == boat).nonzero().flatten()[:places]
    whole = solved("02_embeddings")["embedding_gradient"](ids[at], grad[at], len(table))
    worst = 0.0
    for column in (1, 2, 3):
        pair = []
        for sign in (1, -1):
            nudged = table.clone()
            nudged[boat, column] += sign * 0.01
            with torch.no_grad():
                pair.append(loss(nudged[ids]).item())
        worst = max(worst, abs((pair[0] - pair[1]) / 0.02 - whole[boat, column].item()))
    assert int((ids == boat).sum()) == 3 and worst < 1e-3
    return f"nudge and sum differ by {worst:.0e} at most"


@central
@false_where("stories whose words are shuffled", shuffled=True)
def words_that_are_used_alike_come_together(shuffled=False):
    """“**Two words that are followed by the same tokens get almost the same gradient, so they are
    pushed the same way.**” … “In the shuffled stories there is hardly anything to learn: the loss
    stays where it was, and the neighbours are accidents.”

    Three other starts. How far apart two words lie on the map, against how differently they are
    used in stories that the map was not made of: rank correlation over all pairs of words.
    """
    gradient_of = solved("02_embeddings")["embedding_gradient"]
    words, now, then = word_pairs(data.stories("train"), 32, 150, 150)
    held = torch.tensor([i for story in data.stories("held_out") for i in story.ids])
    follow = torch.zeros(32, len(_table()))
    for row, word in zip(follow, words):
        row += torch.bincount(held[1:][held[:-1] == word], minlength=len(row))
    use = (follow / follow.sum(dim=1, keepdim=True)).sqrt()
    first, second = torch.triu_indices(32, 32, 1)
    different = torch.cdist(use, use)[first, second].argsort().argsort().double()
    told = []
    for seed in (1, 2, 3):
        generator = torch.Generator().manual_seed(seed)
        if shuffled:
            then = then[torch.randperm(len(then), generator=generator)]
        rows = 0.1 * torch.randn(32, 2, generator=generator)
        output = 0.1 * torch.randn(2, 150, generator=generator)
        for _ in range(200):
            _, grad_vectors, grad_output = next_word_gradients(rows[now], output, then)
            rows = rows - 5.0 * gradient_of(now, grad_vectors, 32)
            output = output - 5.0 * grad_output
        apart = torch.cdist(rows, rows)[first, second].argsort().argsort().double()
        told.append(torch.corrcoef(torch.stack([different, apart]))[0, 1].item())
    assert min(told) > 0.4
    return "rank correlations " + ", ".join(f"{each:.2f}" for each in told)


@false_where("the gradient of the look-up", use="embedding")
def the_row_that_came_is_pulled_and_all_others_pushed(use="unembedding"):
    """“At the output *every* row gets a gradient at every place: the row of the token that came is
    pulled towards the last vector, all others are pushed away.”

    Two places of two sentences: what a step against the gradient does to each score.
    """
    seen, told = [], []

    def unembedding(x, table):
        seen.append(x[0])
        return x @ table.T

    for text, place in ((BOAT, 3), (BOAT, 9), (MARKET, 5), (MARKET, 8)):
        model().using(unembedding=unembedding)(_ids(text))
        moves = -(_gradient(text, use, place) @ seen[-1][place])
        came = _ids(text)[place + 1]
        others = torch.arange(len(moves)) != came
        assert moves[came] > 0 and (moves[others] < 0).all()
        told.append(f"{moves[came]:.0f}")
    return f"the score of the token that came rises by {', '.join(told)}, all others fall"


@false_where("cosines, for which rows are divided by their lengths", rows=_unit)
def dot_products_find_other_tokens(rows=_table):
    """“The winners are the beginnings of words such as *struggle* and *disseminate*, and bits of
    program code. Only about one word in thirteen of the vocabulary has its largest dot product with
    itself.”

    All 20,093 words in small letters; a day, a city and a feeling that are not shown.
    """
    rows, decode = rows(), model().tokenizer.decode
    words = _words(n=None)
    share = _find_themselves(rows, words) / len(words)
    found = {
        text: [decode([i]) for i in (rows @ rows[_token(text)]).topk(12).indices.tolist()]
        for text in (" Sunday", " Rome", " sad")
    }
    assert (
        1 / 14 < share < 1 / 12
        and " strugg" in found[" Sunday"]
        and " dissemin" in found[" Sunday"]
    )
    assert {" noqa", " pathlib", "<filename>"} & set(found[" Rome"])
    return f"themselves first: {share:.1%} of {len(words):,}"


SWAPS = (
    ("The water in the pot was", " hot", " cold", ", so we waited."),
    ("He lived in a", " big", " small", " house near the sea."),
    ("The shop is", " open", " closed", " on Sunday mornings."),
    ("The train was", " early", " late", " this morning."),
    ("He was a", " rich", " poor", " man all his life."),
    ("She stood at the", " top", " bottom", " of the stairs."),
)


@false_where("words at random in place of the opposites", opposites=False)
def opposites_are_neighbours(opposites=True):
    """“Opposites are often neighbours: where one stands, the other usually could”

    Six pairs of opposites in sentences: their place among the neighbours, and what the swap costs.
    """
    unit, random = _unit(), _words(11, len(SWAPS)).tolist()
    places, extra = [], []

    def loss(start, word, end):
        ids = torch.tensor([*_ids(start), word, *_ids(end)])
        return cross_entropy(model()(ids)[0, :-1], ids[1:], reduction="sum").item()

    for (start, word, opposite, end), other in zip(SWAPS, random):
        swap = _token(opposite) if opposites else other
        cosines = unit @ unit[_token(word)]
        places.append(int((cosines > cosines[swap]).sum()))
        extra.append(loss(start, swap, end) - loss(start, _token(word), end))
    place, cost = sorted(places)[len(places) // 2], sum(extra) / len(extra)
    assert place < 60 and cost < 3
    return f"an opposite is neighbour {place} and costs the sentence {cost:.1f} nats"


@central
@false_where("the largest of the other directions", direction=lambda: _others()[:, 0])
def one_direction_carries_half_of_the_table(direction=_shared):
    """“That single direction, one of 576, carries half of the table's sum of squares. Without it
    the plain dot product finds the word itself.”

    300 words that the other claims do not have; the largest of the other directions.
    """
    rows, words = _without(direction()), _words(7, 300)
    share = 1 - (rows.square().sum() / _table().square().sum()).item()
    found = _find_themselves(rows, words)
    assert abs(share - 0.5) < 0.01 and found > 297
    return f"{share:.1%} of the squares; without it {found} of 300 find themselves"


@false_where("a direction at random", direction=_random_direction)
def length_is_mostly_along(direction=_shared):
    """“What makes one row longer than another is mostly how far it goes in that one shared
    direction.”

    What the 575 other directions together explain of the squared lengths.
    """
    along = _table() @ direction()
    squares = _table().square().sum(dim=1)
    explained = (along.square().var() / squares.var()).item()
    rest = ((squares - along.square()).var() / squares.var()).item()
    leaning = (along > 0).double().mean().item()
    assert leaning > 0.98 and explained > 0.6 and explained > 4 * rest
    return f"{leaning:.1%} lean its way; variance explained: {explained:.2f}, the rest {rest:.2f}"


@false_where("rows without the shared direction", rows=_cleaned)
def two_tokens_at_random_are_not_at_right_angles(rows=_table):
    """“So two tokens picked at random from the vocabulary have a mean cosine of 0.4.”

    Another draw of 20,000 pairs; words alone.
    """
    unit = torch.nn.functional.normalize(rows(), dim=1)
    generator = torch.Generator().manual_seed(4)
    one, other = torch.randint(0, len(unit), (2, 20_000), generator=generator)
    mean = (unit[one] * unit[other]).sum(dim=1).mean().item()
    words = unit[_words(3, 400)]
    of_words = (words @ words.T)[*torch.triu_indices(400, 400, 1)].mean().item()
    assert 0.35 < mean < 0.45 and of_words > 0.3
    return f"any tokens {mean:.2f}, words {of_words:.2f}"


@cache
def _pairs():
    countries, cities = (text.split() for text in COUNTRIES)
    return [(_token(f" {a}"), _token(f" {b}")) for a, b in zip(countries, cities)]


def _true_sums(pairs):
    return [(b, a, c, d) for a, b in pairs for c, d in pairs if a != c]


def _shuffled_rows():
    order = torch.randperm(len(_table()), generator=torch.Generator().manual_seed(0))
    return _table()[order]


@false_where("a table whose rows are shuffled", rows=_shuffled_rows)
def a_third_is_right_once_inputs_are_ruled_out(rows=_table):
    """“With the inputs allowed, hardly any capital is found. Without them a third of the
    sums are right.”

    26 other countries; a table whose rows have changed places.
    """
    sums = _true_sums(_pairs())
    allowed, without = (share_of_sums_right(rows(), sums, allow) for allow in (True, False))
    assert allowed < 0.1 and 0.25 < without < 0.5
    return (
        f"of {len(sums)} sums of other countries: {allowed:.1%}, without the inputs {without:.0%}"
    )


def _own_pairs_only():
    pairs, _, own_pair = two_theories(9, 5)
    return own_pair, pairs


@central
@false_where("a made-up table in which only a country's own capital works", made=_own_pairs_only)
def most_of_the_sum_needs_no_true_pair(made=lambda: (_table(), _pairs())):
    """“**Most of what works needs no true pair**: over many sums, a capital minus *another*
    country is right only somewhat less often.”

    Ten draws of nine of 26 other countries.
    """
    table, pairs = made()
    control_sums, told = solved("02_embeddings")["control_sums"], []
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        some = [pairs[i] for i in torch.randperm(len(pairs), generator=generator)[:9].tolist()]
        told.append([share_of_sums_right(table, f(some)) for f in (_true_sums, control_sums)])
    true, mixed = torch.tensor(told).mean(dim=0).tolist()
    assert mixed > 0.6 * true
    return f"true pairs {true:.0%}, other pairs {mixed:.0%}"


TWO_SENSES = {
    " bat": (
        {
            "The pitcher threw and he swung the": " club",
            "He hit the ball hard with his": " stick",
            "The player walked up to the plate with a": " glove",
            "For baseball practice bring a ball and a": " helmet",
        },
        {
            "In the dark cave hung a sleeping": " bird",
            "At night the insects were hunted by a": " owl",
            "The vampire turned into a": " wolf",
            "The only mammal that can fly is the": " fox",
        },
    ),
    " ring": (
        {
            "He proposed and gave her a diamond": " necklace",
            "On her finger she wore a gold": " band",
            "The jeweler repaired the wedding": " dress",
            "She lost her engagement": " gift",
        },
        {
            "The boxer was knocked out in the": " fight",
            "The two wrestlers stepped into the": " arena",
            "The champion climbed through the ropes into the": " corner",
            "The referee counted to ten in the": " match",
        },
    ),
}
ONE_SENSE = {
    " dog": (
        {
            "She filled the bowl in the kitchen for her": " cat",
            "On the sofa beside me slept our": " baby",
            "The children played in the living room with their": " toys",
            "Under the dinner table sat the": " kitten",
        },
        {
            "The police officer searched the airport with a": " scanner",
            "The thief was chased down the street by a": " car",
            "At the border the guards used a trained": " team",
            "The detective followed the trail with his": " partner",
        },
    ),
    " car": (
        {
            "The mechanic repaired the engine of the": " bus",
            "In the garage he changed the tires of his": " truck",
            "The dealer sold me a used": " van",
            "At the gas station she filled up her": " motorcycle",
        },
        {
            "The robbers escaped with the money in a": " boat",
            "The spy was followed by a black": " van",
            "The police found the weapon in the": " house",
            "The murderer hid the body in his": " cellar",
        },
    ),
}


@cache
def _word_and_side(word):
    """What word_and_side says at each depth, [31, 2]."""
    sides = (SENTENCES | TWO_SENSES | ONE_SENSE)[word]
    vectors, *described = last_vectors(model(), word, sides)
    measure = solved("02_embeddings")["word_and_side"]
    return torch.tensor([measure(depth, *described) for depth in vectors.unbind(dim=1)])


@central
@false_where("words with one sense that the notebook shows", words=(" man", " book"))
def the_side_counts_more_for_two_senses(words=tuple(TWO_SENSES)):
    """“**For the words with two senses, the side then adds more than the word does.**”

    Two words that are not shown, with eight sentences each; words with one sense.
    """
    ends = {word: _word_and_side(word)[-1].tolist() for word in words}
    assert all(side > word + 0.02 for word, side in ends.values())
    return ", ".join(
        f"{text.strip()} {word:.2f} and {side:.2f}" for text, (word, side) in ends.items()
    )


@false_where("the vectors after eight layers", depth=8)
def in_the_end_the_word_adds_little(depth=30):
    """“In the table only the word counts. Layer by layer the word fades, and in the end it adds
    little.”

    Four words that are not shown, two of them with one sense; the same after eight layers.
    """
    told = []
    for text in (*TWO_SENSES, *ONE_SENSE):
        start, end = _word_and_side(text)[0], _word_and_side(text)[depth]
        assert start[0] > 0.5 and start[1].abs() < 0.05 and end[0] < 0.15 < 0.2 * start[0] + 0.05
        told.append(f"{text.strip()} {start[0]:.2f} to {end[0]:.2f}")
    return "the same word adds: " + ", ".join(told)


@false_where("words with two senses", words=(" bank", " court", " spring", " bat", " ring"))
def one_sense_can_be_either(words=(" man", " book", " water", " dog", " car")):
    """“For words with one sense, either can add more”

    Two words beside the three that are shown; the words with two senses, of which all agree.
    """
    ahead = {word: (_word_and_side(word)[-1] @ torch.tensor([-1.0, 1.0])).item() for word in words}
    assert min(ahead.values()) < 0 < max(ahead.values())
    return ", ".join(f"{word.strip()} {side:+.2f}" for word, side in ahead.items())


@central
@false_where("the mask switched on", parts={"position": _no_rope})
def without_positions_and_mask_a_text_is_a_bag(parts=None):
    """“The model's output at ` cat` does not depend on where ` cat` stands.”

    Three texts that are not shown; the mask alone, with which it does.
    """
    some = model().using(**(parts or {"position": _no_rope, "mask": _no_mask}))
    worst = 0.0
    for text in (RIVER, MARKET, "One two three four five six seven"):
        ids = torch.tensor(_ids(text))
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(3))
        worst = max(worst, (some(ids)[0][order] - some(ids[order])[0]).abs().max().item())
    assert worst < 1e-2
    return f"shuffled alike up to {worst:.0e}"


@false_where("RoPE switched on", position=apply_rope)
def the_mask_shows_order_from_the_second_layer_on(position=_no_rope):
    """“With a mask and one layer a token knows *which* tokens stand before it, not in what order.
    With several layers the mask alone gives the order away. In the first layer each token sums up
    what is before it, so its vector depends on where it stands, and the second layer can read
    that.”

    Two texts, three shuffles of each; with one layer, another token before it. Two layers, where
    after the first each token is given what it was in the other order: nothing is left to read.
    """

    def cut(n):
        layers = model().weights.layers[:n]
        some = replace(model(), weights=replace(model().weights, layers=layers))
        return some.using(position=position)

    def change(ids, others, n):
        return (cut(n)(ids)[0, -1] - cut(n)(others)[0, -1]).abs().max().item()

    def after_two(ids, held=None):
        """The last logits, and what the first layer gave; `held` is given on in its place."""
        gave = []

        def block(x, **parts):
            gave.append(pre_norm_block(x, **parts))
            return held if held is not None and len(gave) == 1 else gave[-1]

        return cut(2).using(block=block)(ids)[0, -1], gave[0]

    found, which, left = {1: [], 2: [], 30: []}, [], 0.0
    for text, other in ((PEOPLE, " river"), (MARKET, " table")):
        ids = torch.tensor(_ids(text))
        which.append(change(ids, torch.cat([ids.new_tensor([_token(other)]), ids[1:]]), 1))
        plain, gave = after_two(ids)
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(ids) - 1, generator=generator).tolist() + [len(ids) - 1]
            for n, some in found.items():
                some.append(change(ids, ids[order], n))
            held, _ = after_two(ids[order], gave[:, order])
            left = max(left, (held - plain).abs().max().item())
    assert max([*found[1], left]) < 1e-2 < 0.05 < min([*found[2], *found[30], *which])
    return (
        f"another token, 1 layer: {min(which):.1g}; another order: "
        + ", ".join(f"{n} layers {max(some):.1g}" for n, some in found.items())
        + f", 2 layers, the first's work kept {left:.1g}"
    )


def _added(x, positions, theta):
    """Positions that are added, computed as in Vaswani et al. 2017."""
    return x + solved("02_embeddings")["sinusoidal_positions"](400, x.shape[-1])[positions]


@central
@false_where("positions that are added", turn=_added)
def only_the_difference_counts(turn=apply_rope):
    """“That one line is RoPE: $q$ and $k$ hold what is in the token's vector, $R$ holds the
    position, and only the *difference* of positions counts.”

    Random queries and keys, pairs of places with the same and with another distance.
    """
    q, k = torch.randn(2, 20, 1, 64, generator=torch.Generator().manual_seed(0))

    def score(m, n):
        return (turn(q, torch.tensor([m]), 1e5) * turn(k, torch.tensor([n]), 1e5)).sum(dim=(1, 2))

    moved = (score(7, 3) - score(307, 303)).abs().max().item()
    other = (score(7, 3) - score(8, 3)).abs().max().item()
    assert moved < 1e-3 < 1 < other
    return f"both moved by 300: {moved:.0e}; one of them moved by 1: {other:.1f}"


@false_where("a head that does not care", head=(18, 6))
def a_head_scores_by_distance(head=(16, 0)):
    """“In the first head nearly *any* query with *any* key scores highest one position back: the
    positions decide, not the words. The second head hardly cares about distance.”

    Three sentences that are not shown; the second head.
    """
    told, flat = [], []
    for text in (PEOPLE, MARKET, RIVER):
        q, k = queries_and_keys(model(), _ids(text))
        for where, found in ((head, told), ((18, 6), flat)):
            some = q[where[0], where[1], 1:], k[where[0], where[1] // 3, 1:]
            scores = scores_by_distance(apply_rope, *some, model().config.rope_theta)
            mean = scores.mean(dim=0)
            spread = (mean.max() - mean.min()).item()
            found.append(((scores.argmax(dim=1) == 1).float().mean().item(), spread))
    assert all(share > 0.95 and spread > 10 for share, spread in told)
    assert all(spread < 2 for _, spread in flat)
    return "; ".join(
        f"at 1 for {share:.0%}, mean scores span {spread:.0f}" for share, spread in told
    )


@false_where("a model that has no table at its output", tied=False)
def rows_that_never_come_end_up_alike(tied=True):
    """“It is pushed away from the last vectors, each time a little, and all such rows are pushed
    the same way. They end up looking alike.”

    A small model, two seeds: the rows of the tokens that do come; a table that serves the look-up
    only, where such a row stays as it was.
    """
    told, dead, vocab, d = [], 10, 40, 16

    def alike(rows):
        unit = torch.nn.functional.normalize(rows, dim=1)
        return ((unit.sum(dim=0).square().sum() - len(rows)) / len(rows) / (len(rows) - 1)).item()

    for seed in (2, 3):
        g = torch.Generator().manual_seed(seed)
        table = torch.randn(vocab, d, generator=g).requires_grad_()
        output = table if tied else torch.randn(vocab, d, generator=g).requires_grad_()
        w = (torch.randn(d, d, generator=g) / d**0.5).requires_grad_()
        start, chain = table.detach().clone(), torch.rand(vocab, vocab, generator=g) ** 6
        chain[:, :dead] = 0  # the first ten never come
        optimizer = torch.optim.Adam([table, w] + [output] * (not tied), lr=0.01)
        for _ in range(200):
            now = torch.randint(dead, vocab, (64,), generator=g)
            then = torch.multinomial(chain[now], 1, generator=g).flatten()
            loss = cross_entropy((table[now] @ w) @ output.T, then)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        after = table.detach()
        never, come = alike(after[:dead]), alike(after[dead:])
        assert alike(start[:dead]) < 0.1 and never > 0.2 > come + 0.1
        told.append(f"{never:.2f} against {come:.2f}")
    return f"mean cosine of rows that never come and that do: {', '.join(told)}"


@false_where("a word with other followers", word="acadacaba")
def nudging_trains_a_table(word="abracadabra"):
    """“In "abracadabra" an *a* is followed by *b* twice and by *c* and *d* once each: one half, one
    quarter, one quarter. Nobody counted; the table followed its loss downhill.”

    Another word of the same letters, for which the table learns other shares.
    """
    letters, nudged = "abcdr", solved("02_embeddings")["nudged_gradient"]
    ids, table = torch.tensor([letters.index(x) for x in word]), torch.zeros(5, 5)
    for _ in range(51):
        table = table - 10.0 * nudged(table, ids)
    found = torch.softmax(table[0], dim=-1)
    assert (found - torch.tensor([0, 0.5, 0.25, 0.25, 0])).abs().max() < 0.03
    return f"{word}: {[round(p, 2) for p in found.tolist()]}"


def _interleaved(x, positions, theta):
    order = torch.arange(x.shape[-1]).view(-1, 2).T.flatten()
    return apply_rope(x[..., order], positions, theta)[..., order.argsort()]


@central
@false_where("the right pairs", position=apply_rope)
def the_wrong_pairing_is_easy_to_miss(position=_interleaved):
    """“This mistake is easy to miss: there is no error, and some answers are still right.” “Move
    the two rows of each pair of $W_q$ and $W_k$ next to each other, and these scores are right
    again.”

    Other capitals, and names to repeat; W_q and W_k put into the other order, which repairs it.
    """
    turn = solved("02_embeddings")["interleaved_to_half_split"]

    def back(w, heads):
        rows = turn(torch.arange(len(w)).float()[:, None], heads).flatten().long()
        return w[rows.argsort()]

    layers = [
        replace(x, q=(back(x.q[0], 9), x.q[1]), k=(back(x.k[0], 3), x.k[1]))
        for x in model().weights.layers
    ]
    wrong = model().using(position=position)
    mended = replace(wrong, weights=replace(wrong.weights, layers=layers))
    ids = torch.tensor(_ids(RIVER))
    right, worse, again = (
        cross_entropy(some(ids)[0, :-1], ids[1:]).item() for some in (model(), wrong, mended)
    )
    dragon = "{0} keeps a dragon. Every morning the dragon greets {1}"
    kept = {
        "The capital of Italy is": " Rome",
        dragon.format("Captain Plimsoll", "Captain"): " Plimsoll",
        dragon.format("Dr. Zanderbeck", "Dr."): " Zanderbeck",
    }
    still = [complete(wrong, prompt, 6).startswith(word) for prompt, word in kept.items()]
    assert still == [True, False, False] and worse > right + 0.3 and abs(again - right) < 1e-3
    return f"loss {right:.2f}, wrong pairs {worse:.2f}, with reordered rows {again:.2f}"


def _drawn_positions(seq, d_model):
    return torch.randn(seq, d_model, generator=torch.Generator().manual_seed(0))


@false_where("position vectors drawn at random", make=_drawn_positions)
def sinusoids_know_the_distance_only(make=None):
    """“The dot product of two rows depends on nothing but how far apart they are”

    Another length and width than the notebook's.
    """
    make = make or solved("02_embeddings")["sinusoidal_positions"]
    rows = make(140, 48).double()
    products = rows @ rows.T
    spread = max(
        (products.diagonal(d).max() - products.diagonal(d).min()).item() for d in range(90)
    )
    assert spread < 1e-3
    return f"products of rows equally far apart differ by {spread:.0e} at most"
