"""What notebook 2 says, with its controls and with an input on which it is false."""

import argparse
import inspect
from dataclasses import replace
from functools import cache
from importlib import resources

import torch
from claim_runner import central, false_where, model, solved

from exercises.embeddings import two_theories
from llmlib import complete, data
from llmlib.demonstrations.embeddings import (
    SENTENCES,
    bootstrap_gap,
    last_vectors,
    map_loss,
    next_word_gradients,
    queries_and_keys,
    rows_gradient,
    scores_by_distance,
    sums_right,
    train_map,
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
)  # the first nine are those of SHOWN
SHOWN = " Greece England Poland Cuba Ireland Portugal Austria Sweden Norway".split()
PROSE = resources.files("llmlib").joinpath("data/prose.txt").read_text("utf-8")
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
    """“Through the look-up, a row is trained only at places where its token occurs and is followed
    by another.”

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
    """“nudging a token's row moves every place where the token occurs, so the gradients of those
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


@cache
def _places(each=150, shuffled=0):
    """The words' names, and the places of the stories (now, then)."""
    words, _, now, then = word_pairs(data.stories("train"), 32, 150, each)
    if shuffled:
        generator = torch.Generator().manual_seed(shuffled)
        then = then[torch.randperm(len(then), generator=generator)]
    return [model().tokenizer.decode([i]) for i in words], now, then


@central
@false_where("stories whose words are shuffled", shuffled=1)
def words_that_are_used_alike_come_together(shuffled=0):
    """“` she`. Both are used in the same way: what comes after one often comes after the other.”

    Three other starts: she is nearest to he in all. How far apart two words lie on the map, against
    how differently they are used in stories that the map was not made of: rank correlation over all
    pairs of words.
    """
    names, now, then = _places(shuffled=shuffled)
    held = torch.tensor([i for story in data.stories("held_out") for i in story.ids])
    follow = torch.zeros(32, len(_table()))
    for row, name in zip(follow, names):
        row += torch.bincount(held[1:][held[:-1] == _token(name)], minlength=len(row))
    use = (follow / follow.sum(dim=1, keepdim=True)).sqrt()
    first, second = torch.triu_indices(32, 32, 1)
    different = torch.cdist(use, use)[first, second].argsort().argsort().double()
    told, he = [], names.index(" he")
    for seed in (1, 2, 3):
        rows = train_map(now, then, seed=seed)[0][-1]
        apart = torch.cdist(rows, rows).fill_diagonal_(torch.inf)
        assert names[apart[he].argmin()] == " she"
        ranks = apart[first, second].argsort().argsort().double()
        told.append(torch.corrcoef(torch.stack([different, ranks]))[0, 1].item())
    assert min(told) > 0.4
    return "rank correlations " + ", ".join(f"{each:.2f}" for each in told)


@false_where("the words whose followers overlap most", by_map=False)
def dots_side_by_side_need_not_be_used_alike(by_map=True):
    """“some dots lie side by side though their words are used differently.”

    Two other starts: by the overlap of their followers, where among the 31 other words a word's
    neighbour on the map stands.
    """
    _, now, then = _places()
    follow = torch.zeros(32, 150).index_put_((now, then), torch.ones(len(now)), accumulate=True)
    follow = follow / follow.sum(dim=1, keepdim=True)
    overlap = torch.minimum(follow[:, None], follow[None]).sum(dim=-1).fill_diagonal_(-1)
    told = []
    for seed in (1, 2):
        rows = train_map(now, then, seed=seed)[0][-1]
        near = torch.cdist(rows, rows).fill_diagonal_(torch.inf).argmin(dim=1)
        near = near if by_map else overlap.argmax(dim=1)
        ranks = (overlap > overlap.gather(1, near[:, None])).sum(dim=1) + 1
        told.append(int(ranks.max()))
    assert min(told) > 10
    return f"the farthest of such neighbours stand at place {told[0]} and {told[1]} of 31"


@false_where("as many places of both words", each=150)
def the_commoner_word_is_pushed_harder(each=10**6):
    """“**Two words that are followed by the same tokens are pushed towards the same place, and in
    plain gradient descent the commoner word harder.** Here every word has the same number of
    places.”

    All places of the stories, where she is about three times as common as he, two other starts: the
    first step of its row is longer, and in the end the two are nearest to each other.
    """
    names, now, then = _places(each)
    he, she = names.index(" he"), names.index(" she")
    told = []
    for seed in (1, 2):
        path, _ = train_map(now, then, seed=seed)
        steps = (path[1] - path[0]).norm(dim=1)
        told.append((steps[she] / steps[he]).item())
        near = torch.cdist(path[-1], path[-1]).fill_diagonal_(torch.inf)[she].argmin()
        assert near == he and told[-1] > 2
    common = int((now == she).sum()) / int((now == he).sum())
    return (
        f"{common:.1f} times as common, first steps {told[0]:.1f} and {told[1]:.1f} times as long"
    )


@false_where("tokens that come less often than expected", sign=-1)
def a_row_is_pushed_along_what_comes_more_often_than_expected(sign=1):
    """“A row is pushed along the thin arrows of tokens that come more often than the model expects,
    and against those of tokens that come less often.”

    Another start, three depths: the step against the gradient is the sum of the tokens' columns of
    the output, each by its surplus.
    """
    _, now, then = _places()
    path, outputs = train_map(now, then, seed=4)
    worst = 0.0
    for step in (5, 40, 150):
        rows, output = path[step], outputs[step]
        common = torch.bincount(then, minlength=150).add(1).log()
        expected = torch.softmax(rows @ output + common, dim=1)
        came = torch.zeros(32, 150).index_put_((now, then), torch.ones(len(now)), accumulate=True)
        share = came.sum(dim=1, keepdim=True)
        surplus = (came / share - expected) * share / len(now)
        moved = sign * surplus @ output.T
        _, grad_vectors, _ = next_word_gradients(rows[now], output, then)
        gradient = rows_gradient(now, grad_vectors, 32)
        worst = max(worst, ((moved + gradient).norm() / gradient.norm()).item())
    assert worst < 1e-3
    return f"surplus and gradient differ by {worst:.0e} of its length"


@false_where("a step with the gradient", rate=-5.0)
def a_step_lowers_the_loss(rate=5.0):
    """“The loss falls when this number goes up. So a step of training moves it up.”

    Another start, ten steps: the loss falls at each, and each number moves as its nudge says.
    """
    _, now, then = _places()
    path, outputs = train_map(now, then, steps=10, rate=rate, seed=6)
    losses = [map_loss(rows, output, now, then) for rows, output in zip(path, outputs)]
    assert all(after < before for before, after in zip(losses, losses[1:]))
    rows, worst = path[5], 0.0
    step = (path[6] - rows) / rate
    for row, column in ((3, 0), (9, 1), (20, 0)):
        pair = []
        for sign in (1, -1):
            nudged = rows.clone()
            nudged[row, column] += 0.2 * sign
            pair.append(map_loss(nudged, outputs[5], now, then))
        slope = (pair[0] - pair[1]) / 0.4
        worst = max(worst, abs(slope + step[row, column].item()))
    assert worst < 1e-3
    return f"loss {losses[0]:.3f} to {losses[-1]:.3f}"


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
    program code.”

    How few of 2,000 words win their own dot product; a day, a city, a feeling that are not shown.
    """
    rows, decode = rows(), model().tokenizer.decode
    words = _words(seed=8, n=2000)
    share = _find_themselves(rows, words) / len(words)
    found = {
        text: [decode([i]) for i in (rows @ rows[_token(text)]).topk(12).indices.tolist()]
        for text in (" Sunday", " Rome", " sad")
    }
    assert share < 0.15 and " strugg" in found[" Sunday"] and " dissemin" in found[" Sunday"]
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
    """“Opposites are often neighbours: where one occurs, the other usually could”

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


def _top(text):
    counts = torch.bincount(torch.tensor(_ids(text)))
    return counts.argsort(descending=True, stable=True)[:100].tolist()


def _top_of_the_prose():
    return _top(PROSE)


def _top_of_a_program():
    return _top(inspect.getsource(argparse)[:60_000])


@false_where("the commonest tokens of a Python program", common=_top_of_a_program)
def a_few_hundred_lean_the_other_way(common=_top_of_the_prose):
    """“A few hundred, left of the line, do not; most of the commonest tokens of English text are
    among them.”

    The commonest hundred tokens of the prose, which the notebook does not count; of argparse.py.
    """
    along = _table() @ _shared()
    backwards = int((along < 0).sum())
    share = (along[common()] < 0).double().mean().item()
    assert 200 < backwards < 500 and share > 0.5
    return f"{backwards} lean the other way, of the prose's commonest hundred {share:.0%}"


@false_where("the true cosines", folded=False)
def dots_side_by_side_may_point_elsewhere(folded=True):
    """“its height folds 575 directions into one, so two dots side by side may point in quite
    different directions.”

    Monday and dog, happy and dog, and 300 pairs of words: the cosine of their two dots on the page
    is high, and that of their rows is not.
    """
    along = _table() @ _shared()
    page = torch.stack([along, _cleaned().norm(dim=1)], dim=1) if folded else _table()
    page = torch.nn.functional.normalize(page, dim=1)
    words = _words(5, 600)
    first = torch.cat([torch.tensor([_token(" Monday"), _token(" happy")]), words[:300]])
    second = torch.cat([torch.tensor([_token(" dog")] * 2), words[300:]])
    drawn, true = ((rows[first] * rows[second]).sum(dim=1) for rows in (page, _unit()))
    assert drawn[:2].min() > 0.9 > 0.3 > true[:2].max()
    assert drawn.median() > true.median() + 0.3
    return (
        f"Monday and dog: {drawn[0]:.2f} on the page, {true[0]:.2f} in truth; "
        f"words at random: {drawn.median():.2f} and {true.median():.2f}"
    )


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
    """Countries and capitals that the notebook does not show."""
    countries, cities = (text.split() for text in COUNTRIES)
    pairs = [(_token(f" {a}"), _token(f" {b}")) for a, b in zip(countries, cities)]
    return pairs[len(SHOWN) :]


def _true_sums(pairs):
    return [(b, a, c, d) for a, b in pairs for c, d in pairs if a != c]


def _right(table, pairs, sums, inputs_allowed=False):
    """Which of the sums are right, by another way than the notebook's: cosines are added."""
    unit = torch.nn.functional.normalize(table, dim=1)
    cosines = {i: unit @ unit[i] for pair in pairs for i in pair}
    right = []
    for plus, minus, other, answer in sums:
        scores = cosines[plus] - cosines[minus] + cosines[other]
        if not inputs_allowed:
            scores[[plus, minus, other]] = -torch.inf
        right.append(int(scores.argmax()) == answer)
    return right


def _shuffled_rows():
    order = torch.randperm(len(_table()), generator=torch.Generator().manual_seed(0))
    return _table()[order]


@false_where("a table whose rows are shuffled", rows=_shuffled_rows)
def a_third_is_right_once_inputs_are_ruled_out(rows=_table):
    """“With the inputs allowed, hardly any capital is found. Without them about four in ten are
    right.”

    17 other countries; a table whose rows have changed places.
    """
    sums = _true_sums(_pairs())
    allowed, without = (
        sum(_right(rows(), _pairs(), sums, allow)) / len(sums) for allow in (True, False)
    )
    assert allowed < 0.1 and 0.3 < without < 0.5
    return (
        f"of {len(sums)} sums of other countries: {allowed:.1%}, without the inputs {without:.0%}"
    )


def _own_pairs_only():
    pairs, _, own_pair = two_theories(9, 5)
    return own_pair, pairs


@false_where("a made-up table in which only a country's own capital works", made=_own_pairs_only)
def most_of_the_sum_needs_no_true_pair(made=lambda: (_table(), _pairs())):
    """“Yet **most of what works needs no true pair**: a capital minus *another* country is right
    more than half as often.”

    17 other countries, and every sum of them.
    """
    table, pairs = made()
    designs = _true_sums(pairs), solved("02_embeddings")["control_sums"](pairs)
    right = [_right(table, pairs, sums) for sums in designs]
    true, mixed = (sum(some) / len(some) for some in right)
    low, high = bootstrap_gap(pairs, designs[0], right[0], designs[1], right[1])
    assert mixed > 0.5 * true and true > mixed + 0.02 and low > -0.02
    ahead = f"{100 * low:.0f} to {100 * high:.0f} points"
    return f"true pairs {true:.0%}, other pairs {mixed:.0%}, {ahead}"


READERS_COUNTRIES = (
    " Ukraine Iran Iraq Syria Finland Denmark Hungary Belgium Kenya Peru Philippines Afghanistan"
    " Chile Netherlands Scotland Korea Pakistan India Indonesia Switzerland",
    " Kiev Tehran Baghdad Damascus Helsinki Copenhagen Budapest Brussels Nairobi Lima Manila Kabul"
    " Santiago Amsterdam Edinburgh Seoul Islamabad Delhi Jakarta Bern",
)


def _countries(names):
    texts = zip(*(some.split() for some in names))
    ids = [(_ids(f" {country}"), _ids(f" {capital}")) for country, capital in texts]
    return [(*a, *b) for a, b in ids if len(a) == len(b) == 1]


def _shown_countries():
    more = (
        "France Germany Spain Italy China Japan Russia Egypt Canada",
        "Paris Berlin Madrid Rome Beijing Tokyo Moscow Cairo Ottawa",
    )
    return _countries([f"{a} {' '.join(b.split()[:9])}" for a, b in zip(more, COUNTRIES)])


@false_where("the countries that the notebook shows", pairs=_shown_countries)
def a_true_pair_need_not_help(pairs=lambda: _countries(READERS_COUNTRIES)):
    """“With other countries it can” “Some of it needs no difference at all”

    Other countries, chosen before the run: the interval reaches 0, and capital + country, nothing
    subtracted, is right for a part of what the control gets right.
    """
    pairs = pairs()
    designs = _true_sums(pairs), solved("02_embeddings")["control_sums"](pairs)
    right = [_right(_table(), pairs, sums) for sums in designs]
    true, mixed = (sum(some) / len(some) for some in right)
    low, high = bootstrap_gap(pairs, designs[0], right[0], designs[1], right[1])
    plain = sums_right(_table(), designs[0], subtract=False)
    nothing = sum(plain) / len(plain)
    assert low < 0 < high and nothing > 0.3 * mixed
    ahead = f"{100 * low:.0f} to {100 * high:.0f} points"
    return f"{len(pairs)}: true {true:.0%}, other {mixed:.0%}, {ahead}; nothing {nothing:.0%}"


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


@cache
def _vectors(word):
    return last_vectors(model(), word, (SENTENCES | TWO_SENSES | ONE_SENSE)[word])


@cache
def _means(word):
    """The mean cosine of pairs after the last layer, {(same word, same side): mean}."""
    vectors, texts, sides, places = last_vectors(
        model(), word, (SENTENCES | TWO_SENSES | ONE_SENSE)[word]
    )
    unit, cosines = torch.nn.functional.normalize(vectors[:, -1], dim=1), {}
    for i in range(len(texts)):
        for j in range(i):
            if places[i] != places[j]:
                kind = texts[i] == texts[j], sides[i] == sides[j]
                cosines.setdefault(kind, []).append((unit[i] @ unit[j]).item())
    return {kind: sum(some) / len(some) for kind, some in cosines.items()}


@central
@false_where("words with one sense that the notebook shows", words=(" man", " book"))
def the_side_beats_the_word_for_two_senses(words=tuple(TWO_SENSES)):
    """“**After 30 layers a bank by the river is more like a lawn by the river than like a bank with
    money.** The same holds for ` court` and ` spring`.”

    Two words that are not shown, with eight sentences each; words with one sense.
    """
    means = {word.strip(): _means(word) for word in words}
    assert all(mean[False, True] > mean[True, False] + 0.02 for mean in means.values())
    return "; ".join(
        f"{word}: word {mean[True, False]:.2f}, side {mean[False, True]:.2f}"
        for word, mean in means.items()
    )


@false_where("words with one sense that the notebook shows", words=(" man", " book"))
def the_side_counts_more_for_two_senses(words=tuple(TWO_SENSES)):
    """“With all matched pairs, these three words with two senses are above it”

    Two words that are not shown, with eight sentences each; words with one sense. On one side only,
    the word can add as much (ring), so the sentence names its design.
    """
    ends = {word: _word_and_side(word)[-1].tolist() for word in words}
    assert all(side > word + 0.02 for word, side in ends.values())
    return ", ".join(
        f"{text.strip()} {word:.2f} and {side:.2f}" for text, (word, side) in ends.items()
    )


READERS_BAT = (
    {
        "In the dark cave hung a sleeping": " owl",
        "At dusk we saw a furry flying": " animal",
        "The scientist studied the wings of the": " bird",
        "Out of the barn at night flew a": " moth",
    },
    {
        "The hitter swung his wooden": " club",
        "She struck the ball with a heavy": " stick",
        "The coach handed the player a new": " glove",
        "He scored a home run with his old": " helmet",
    },
)


def _triples(vectors, words, sides, places):
    """What the word and the side add by another design: triples of texts that differ in one."""
    unit, n = torch.nn.functional.normalize(vectors, dim=1), len(words)
    cosines, adds = unit @ unit.T, ([], [])
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if len({i, j, k}) < 3 or places[i] in (places[j], places[k]):
                    continue
                if words[i] == words[j] != words[k] and sides[j] == sides[k]:
                    adds[0].append(cosines[i, j] - cosines[i, k])
                if sides[i] == sides[j] != sides[k] and words[j] == words[k]:
                    adds[1].append(cosines[i, j] - cosines[i, k])
    return [torch.stack(some).mean().item() for some in adds]


@false_where("the words that the notebook names", sides=SENTENCES[" bank"], word=" bank")
def not_every_word_with_two_senses_is_above(sides=READERS_BAT, word=" bat"):
    """“others need not be”

    The animal and the club, with eight other sentences than the next claim's, by another design.
    """
    vectors, *labels = last_vectors(model(), word, sides)
    adds, side = _triples(vectors[:, -1], *labels)
    assert side < adds
    return f"{word.strip()}: the word adds {adds:.3f}, the side {side:.3f}"


@false_where("another word, which counts again in the last layer", word=" man")
def the_word_fades_for_bank(word=" bank"):
    """“For ` bank`, the word fades over the layers until it adds little, and the side ends above
    it, after a jump in the last layer.”

    Every depth, by another design than the notebook's solution; it may rise a little on the way.
    """
    vectors, *labels = _vectors(word)
    rows = [_triples(depth, *labels) for depth in vectors.unbind(dim=1)]
    adds, sides = torch.tensor(rows).T
    thirds = [some.mean().item() for some in adds[1:].chunk(3)]
    assert adds[0] > 0.5 and thirds == sorted(thirds, reverse=True) and adds[-1] < 0.05
    assert sides[-1] > adds[-1] and sides[-1] > sides[-2] + 0.03
    return (
        f"{word.strip()}: {adds[0]:.2f}, then by thirds {thirds[0]:.2f}, {thirds[1]:.2f},"
        f" {thirds[2]:.2f}; side {sides[-2]:.2f} to {sides[-1]:.2f} in the last layer"
    )


@false_where("another word with one sense", word=" man")
def the_side_can_lead_for_one_sense(word=" water"):
    """“That is not yet a choice between two senses: for ` water`, which has one, the side can lead
    as well.”

    The measure of section 2.4, on the sentences of ` water`.
    """
    mean = _means(word)
    assert mean[False, True] > mean[True, False] + 0.05
    return f"{word.strip()}: word {mean[True, False]:.2f}, side {mean[False, True]:.2f}"


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
    """“The model's output at ` cat` does not depend on the position of ` cat`.”

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
    """“With a mask and one layer a token knows *which* tokens come before it, not in what order.
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
    """“In the first head nearly *any* query with *any* key scores highest when the key stands one
    position back: the positions decide, not the words. The second head hardly cares about
    distance.”

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
