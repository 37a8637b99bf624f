"""Try the cases of notebook 2's checks: a mistake that learners make, and the message that names
it."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from exercises import check
from llmlib.demonstrations.embeddings import share_of_sums_right

Texts = Sequence[tuple[str, str, int]]  # last word, side, sentence


def refused(embed: Callable, ids: list | int) -> bool:
    """Tell whether embed raises IndexError for these ids."""
    with suppress(Exception):  # an error of another kind is no refusal
        try:
            embed(torch.tensor(ids), torch.zeros(4, 2))
        except IndexError:
            return True
    return False


def exact_slopes(table: Tensor, ids: Tensor) -> Tensor:
    """Return the same slopes by calculus: probability, minus 1 for the token that came."""
    slopes = torch.zeros(table.shape, dtype=torch.float64)
    for now, then in zip(ids.tolist(), ids[1:].tolist()):
        slopes[now] += torch.softmax(table[now].double(), dim=-1)
        slopes[now, then] -= 1
    return slopes / (len(ids) - 1)


def named_rows(rows: int) -> Tensor:
    """Return a matrix whose row i is filled with the number i."""
    return torch.arange(float(rows))[:, None].expand(rows, rows).contiguous()


def check_embed(embed: Callable) -> None:
    """Raise Mistake unless rows follow the ids, and IndexError meets ids that are none."""
    names = torch.eye(4)  # a table in which row i has its 1 in column i

    check.that(
        not refused(embed, [0, 1]),
        "id 0 is a token like others, the first row of the table: it is no error",
    )
    result = embed(torch.tensor([2, 0, 2]), names)
    check.that(result is not None, "embed gave back None: is there a return?")
    check.that(
        not isinstance(result, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of rows",
    )
    check.that(
        list(result.shape) != [4, 3],
        "token 2 is row 2 of the table, and it is a row of the table, not a column",
    )
    check.equal(
        int(embed(torch.tensor([2]), names).flatten().argmax()),
        2,
        "token 2 is row 2 of the table: rows count from 0",
    )
    check.that(
        list(result.shape) != [4],
        "each id gets a vector of its own: do not add them up or average them",
    )
    check.equal(
        [int(row.argmax()) for row in result],
        [2, 0, 2],
        "the ids [2, 0, 2] give rows 2, 0, 2: in the order of the text, a repeated token "
        "as often as it stands there",
    )
    check.that(
        not refused(embed, [2, 3]),
        "a table of 4 rows has the ids 0 to 3: id 3, its last row, is no error, however "
        "many columns there are",
    )
    table = torch.tensor(
        [[0.5, 1.5, 2.5], [10.5, 11.5, 12.5], [20.5, 21.5, 22.5], [30.5, 31.5, 32.5]]
    )
    check.equal(
        list(embed(torch.tensor([3]), table).shape),
        [1, 3],
        "a text of one token is still a text: ids of shape [1] give shape [1, d_model]",
    )
    check.close(
        embed(torch.tensor([3]), table),
        torch.tensor([[30.5, 31.5, 32.5]]),
        "the row comes out as it stands in the table: nothing is scaled",
    )
    check.close(
        embed(torch.tensor([[1, 0, 1], [2, 2, 3]]), table),
        torch.stack([table[[1, 0, 1]], table[[2, 2, 3]]]),
        "ids of shape [2, 3] give vectors of shape [2, 3, d_model]: keep the shape of ids "
        "and add d_model behind it",
    )
    check.that(
        refused(embed, [0, 4]),
        "the table has rows 0 to 3: id 4 must raise IndexError, not pass, and not raise "
        "another error",
    )
    check.that(
        refused(embed, [1, -1, 2]),
        "id -1 is no token: raise IndexError, not another error, and do not count rows "
        "from the end",
    )
    check.that(
        refused(embed, [[0, 1], [2, -4]]),
        "id -4 is no token either, wherever in the batch it stands: raise IndexError",
    )
    single = None
    with suppress(Exception):  # a loop finds no dimension to run along
        single = embed(torch.tensor(2), table)
    check.that(
        single is not None,
        "a single id, torch.tensor(2), has no dimensions, so that a loop over it or its "
        "length raises an error: keep the shape of ids, whatever it is",
    )
    check.close(
        single,
        table[2],
        "a single id, a tensor without dimensions, gives one row: keep the shape of ids, "
        "here [], and add d_model behind it",
    )


def check_nudged_gradient(nudged_gradient: Callable) -> None:
    """Raise Mistake unless each number has the slope that a nudge of it alone gives."""

    zeros, text = torch.zeros(2, 2), torch.tensor([0, 1])
    result = nudged_gradient(zeros.clone(), text)
    check.that(result is not None, "nudged_gradient gave back None: is there a return?")
    check.that(
        not isinstance(result, (list, tuple)),
        "return one tensor: torch.tensor makes one of a list of rows of numbers",
    )
    check.equal(list(result.shape), [2, 2], "one slope for each number: the shape of the table")
    check.that(
        float(result[0].abs().max()) > 1e-2,
        "all slopes are near 0: divide the change of the loss by the size of the nudge; "
        "add it to one number alone (a whole row moved alike changes nothing, and a 0 "
        "multiplied stays 0); and do not nudge by so little that the rounding swallows it "
        "(or are the slopes stored as whole numbers?)",
    )
    check.that(
        float(result[1, 0]) > -1e-2,
        "the slope of the number in row 0, column 1 belongs in row 0, column 1: yours "
        "are turned on their side",
    )
    check.that(
        float(result[0, 0]) < 1e-2 or abs(float(result[0, 1])) > 1e-2,
        "the first number was still nudged when the second one was: take a fresh copy for "
        "each nudge, table.clone(), or put the number back (or was the last column left "
        "out?)",
    )
    check.that(
        float(result[0, 1]) < 0,
        "a larger score of the token that came makes the loss smaller: that slope is "
        "negative (the new loss minus the old one, all other numbers as they were)",
    )
    check.that(
        abs(abs(float(result[0, 1])) - 1) > 0.1,
        "twice too large: between a nudge up and a nudge down lie two nudges",
    )
    check.that(
        abs(float(result[0, 0])) > 1e-2,
        "the score of a token that did not come has a slope, too: nudge every number of "
        "the table, not only those of pairs that stand in the text",
    )
    check.close(
        result,
        torch.tensor([[0.5, -0.5], [0.0, 0.0]]),
        "a table of zeros and the text [0, 1] give [[0.5, -0.5], [0, 0]]: nudge one number "
        "at a time, with all others as they were, by a nudge that is small",
        atol=2e-3,
    )
    table = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0], [-1.0, 2.0, 1.0]])
    text = torch.tensor([0, 1, 0, 2, 0, 1])
    result = nudged_gradient(table.clone(), text)
    check.close(
        result.sum(dim=1),
        torch.zeros(3),
        "each row of slopes sums to 0, since only differences of scores count: has a "
        "number stayed nudged while the next one was, or been set in place of nudged, or "
        "is the nudge so small that float32 rounds it away (0.001 is small enough)?",
        atol=3e-3,
    )
    right = (result - exact_slopes(table, text)).abs() < 2e-3
    check.that(
        bool(right[2].all()) or not bool(right[:2].all()),
        "the last row has slopes, too: token 2 stands in the text, and token 0 follows it",
    )
    check.close(
        result,
        exact_slopes(table, text),
        "a table that is not zero, and a text with repetitions: the slopes are those of "
        "the table you were given",
        atol=2e-3,
    )
    check.close(
        nudged_gradient(torch.zeros(3, 3), torch.tensor([0, 1])),
        torch.tensor([[1 / 3, -2 / 3, 1 / 3], [0] * 3, [0] * 3]),
        "a token that does not stand in the text has a slope, too: its column is nudged",
        atol=2e-3,
    )


def check_embedding_gradient(embedding_gradient: Callable) -> None:
    """Raise Mistake unless the gradients of a token's places are added up in its row."""
    gradient = torch.tensor([[1.0, 2.0, 3.0]])
    result = embedding_gradient(torch.tensor([0]), gradient, 2)
    check.that(result is not None, "embedding_gradient gave back None: is there a return?")
    check.that(
        not isinstance(result, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of rows, torch.tensor of a "
        "list of rows of numbers",
    )
    check.that(
        list(result.shape) != [3, 2],
        "the gradient has the shape of the table, [vocab_size, d_model]; yours is turned "
        "on its side",
    )
    check.that(
        bool((embedding_gradient(torch.tensor([1]), gradient, 2) != 0).any()),
        "all zeros: nothing was added (index_add gives back a new tensor, index_add_ "
        "changes the old one)",
    )
    check.that(
        bool((embedding_gradient(torch.tensor([0]), gradient, 1) != 0).any()),
        "token 0 is a token like others: its row gets its gradient, too",
    )
    check.close(
        embedding_gradient(torch.tensor([0]), gradient, 1),
        gradient,
        "one token, one place: its row gets the gradient as it is (it is a gradient, not a "
        "step downhill: no minus sign, no learning rate)",
    )
    check.close(
        embedding_gradient(torch.tensor([0]), gradient / 4, 1),
        gradient / 4,
        "gradients are decimals: turn the one-hot rows into decimals, not the gradients "
        "into whole numbers",
    )
    check.close(
        embedding_gradient(torch.tensor([1]), gradient, 2),
        torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),
        "token 1's gradient belongs in row 1, the row that token 1 was read from, wherever "
        "in the text it stands",
    )
    check.close(
        embedding_gradient(torch.tensor([1]), gradient, 4),
        torch.tensor([[0.0] * 3, [1.0, 2.0, 3.0], [0.0] * 3, [0.0] * 3]),
        "there is a row for every token of the vocabulary, and it is 0 for those that do "
        "not occur, also behind the largest id",
    )
    two = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    check.close(
        embedding_gradient(torch.tensor([2, 0]), two, 3),
        torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]]),
        "two tokens that stand once each get their gradients as they are: do not divide by "
        "the number of tokens",
    )
    result = embedding_gradient(
        torch.tensor([2, 0, 2]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 4
    )
    check.close(
        result,
        torch.tensor([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0], [0.0, 0.0]]),
        "token 2 stands in two places, and its row gets both gradients: add them, do not "
        "overwrite one by the other, and take their sum, not their mean",
    )
    ids, grads = (
        torch.tensor([[2, 0], [2, 1]]),
        torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]),
    )
    check.close(
        embedding_gradient(ids, grads, 3),
        torch.tensor([[3.0, 4.0], [7.0, 8.0], [6.0, 8.0]]),
        "all texts of a batch read one and the same table: add up over texts as well as "
        "over places",
    )
    check.close(
        embedding_gradient(torch.tensor([[1, 1], [0, 1]]), grads, 2),
        torch.tensor([[5.0, 6.0], [11.0, 14.0]]),
        "in this batch token 1 stands twice in one text and once in the other, and its "
        "row gets all three",
    )
    check.close(
        embedding_gradient(torch.tensor([[[0, 1], [1, 1]]]), grads[None], 2),
        torch.tensor([[1.0, 2.0], [15.0, 18.0]]),
        "ids have any number of dimensions, here three: flatten all of them",
    )


def check_nearest(nearest: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless neighbours are by cosine, and the caller's table is unchanged."""
    # cosines with row 0: itself, 0.995, 0.707, -1, 0.814, 0;
    # row 2 is long, row 4 is close by, row 3 is opposite
    table = torch.tensor(
        [[1.0, 0.0], [5.0, 0.5], [30.0, 30.0], [-1.0, 0.0], [0.7, 0.5], [0.0, 2.0]]
    )
    _check_one_neighbour(nearest, table)
    check.equal(
        nearest(table, 0, 3),
        [1, 4, 2],
        "return a list of the ids, as whole numbers, nearest first; the cosines are 0.995, "
        "0.814 and 0.707",
    )
    check.that(
        not any(isinstance(i, float) for i in nearest(torch.eye(3), 0, 2)),
        "the ids, as whole numbers: 1, not 1.0",
    )
    check.that(
        not any(isinstance(i, Tensor) for i in nearest(torch.eye(3), 0, 2)),
        "a list of ints, not of tensors that hold one number each: .tolist() makes ints",
    )
    check.that(
        nearest(table[[0, 3, 2, 1, 4, 5]], 0, 1) != [1],
        "rows 1 and 3 have changed places, and the answer is the old one: keep nothing "
        "from an earlier call",
    )
    check.close(
        left_alone("nearest", torch.tensor([[3.0, 4.0], [1.0, 0.0]]), 0, 1),
        torch.tensor([[3.0, 4.0], [1.0, 0.0]]),
        "the caller's table has changed: it is the model's own, so work on new tensors",
    )
    _check_equal_directions(nearest)
    _check_cosines(nearest)


def _check_one_neighbour(nearest: Callable, table: Tensor) -> None:
    """Raise Mistake unless the one nearest to row 0 is another row, by cosine: row 1."""
    first = nearest(table, 0, 1)
    check.that(first is not None, "nearest gave back None: is there a return?")
    check.that(
        len(first) == 1,
        "return k neighbours, not counting the token itself: here k is 1, and one id was expected",
    )
    check.that(
        first[0] != 0,
        "a token is not its own neighbour: leave token_id out (and where its row is taken "
        "out of the table, the ids behind it come out one too small)",
    )
    check.that(
        first[0] != 2,
        "token 2 is long, not near: divide the dot product by the lengths of both vectors "
        "(the cosine)",
    )
    short = torch.tensor([[2.0, 0.0], [2.0, 0.2], [0.1, 0.1], [-1.0, 0.0]])
    check.that(
        nearest(short, 0, 1) != [2],
        "token 2 is short, not near: divide by the lengths, not by their squares",
    )
    check.that(
        first[0] != 4,
        "token 4 is close by but points elsewhere: compare directions, not how far apart "
        "the tips are",
    )
    check.that(
        first[0] != 3,
        "token 3 points the opposite way (cosine -1), so it is the farthest: largest "
        "cosine first, with its sign",
    )


def _check_equal_directions(nearest: Callable) -> None:
    """Raise Mistake unless tokens that point alike are neighbours, the token itself left out."""
    twins = torch.tensor([[3.0, 4.0], [6.0, 8.0], [4.0, 3.0]])
    check.equal(
        nearest(twins, 1, 1),
        [0],
        "token 0 points exactly as token 1 does and is its neighbour: leave token_id out "
        "by its id, not by its place",
    )
    neighbours, copies = [], torch.tensor([[3.0, 4.0]] * 4)
    with suppress(ValueError):  # list.remove, where token_id is not in the list
        neighbours = [nearest(copies, i, 1) for i in range(4)]
    check.that(
        [len(ids) for ids in neighbours] == [1, 1, 1, 1],
        "four tokens have the same row, and k is 1: leave out token_id alone, by its id, "
        "and before you take k, since it need not stand among the first k + 1",
    )


def _check_cosines(nearest: Callable) -> None:
    """Raise Mistake unless cosines are right where they are close, 1, negative or -1."""
    check.equal(
        nearest(torch.tensor([[2.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 0, 1),
        [2],
        "the cosines are 0.894 and 0.949: a row's length is the root of the sum of its "
        "squares (norm), not the sum of its sizes",
    )
    check.equal(
        nearest(torch.tensor([[1.0, 1.0, 0.0], [0.42, 0.91, 0.0], [0.66, 0.66, 0.35]]), 0, 1),
        [1],
        "the cosines are 0.938 and 0.935: compare by them, not by the sum of the differences",
    )
    check.equal(
        nearest(torch.tensor([[2.0, 3.0], [4.0, 6.0], [3.0, 2.0]]), 0, 1),
        [1],
        "rounding can make a cosine a little larger than 1, and acos of that is NaN",
    )
    apart = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [-1.0, 3.0]])
    check.equal(
        nearest(apart, 0, 2),
        [2, 1],
        "when all others have negative cosines they are still the neighbours: take "
        "token_id out with -inf, not with 0",
    )
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]])
    check.equal(
        sorted(nearest(opposite, 0, 2)),
        [1, 2],
        "a cosine can be -1: take token_id out with -inf, not with -1",
    )
    points = torch.tensor([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]])
    check.equal(nearest(points, 0, 2), [2, 1], "the order is by cosine, nearest first, not by id")


def two_theories(n: int, seed: int) -> tuple[list[tuple[int, int]], Tensor, Tensor]:
    """Make `n` pairs of ids, and two tables for them: (pairs, any_pair, own_pair). In both each
    capital is its country and one step more, so true sums are right. In `any_pair` the step is all
    there is. In `own_pair` a capital that loses another country lands on a third word."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.combinations(torch.arange(n)).tolist()  # two countries have a word in common
    size = 2 * n + len(shared)
    axes, _ = torch.linalg.qr(torch.randn(size + 1, size + 1, generator=generator))
    countries, step, far = axes[:n], axes[n], axes[n + 1 :]
    capitals = countries + step
    between = torch.stack([(countries[i] + countries[j]) / 2**0.5 + step for i, j in shared])
    place = torch.randperm(size, generator=generator)
    pairs = list(zip(place[:n].tolist(), place[n : 2 * n].tolist()))
    any_pair, own_pair = torch.zeros(2, size, size + 1)
    any_pair[place] = torch.cat([countries, capitals, far[: len(shared)]])
    own_pair[place] = torch.cat([countries, capitals, between])
    return pairs, any_pair, own_pair


def check_control_sums(control_sums: Callable, n: int = 4, seed: int = 0) -> None:
    """Raise Mistake unless the sums come out differently in two tables, and none is missing."""
    pairs, any_pair, own_pair = two_theories(n, seed)
    result = control_sums(list(pairs))
    check.that(result is not None, "control_sums gave back None: is there a return?")
    check.that(
        isinstance(result, (list, tuple)),
        "return the sums themselves, a list of (plus, minus, other, answer)",
    )
    check.that(
        all(isinstance(entry, (list, tuple)) and len(entry) == 4 for entry in result),
        "a sum is four ids: (plus, minus, other, answer)",
    )
    result = [tuple(entry) for entry in result]
    country_of = {capital: country for country, capital in pairs}
    countries = set(country_of.values())
    check.that(
        all(a in country_of and b in countries and c in countries for a, b, c, _ in result),
        "the order is capital, country, other country, answer, and all of them are ids of the "
        "pairs that are given, not places in the list and not those of an earlier call",
    )
    check.that(
        len(result) == len(set(result)), "a sum is in the list twice: list each of them once"
    )
    check.that(len(result) > 0, "no sums at all: too few to decide anything")
    check.that(
        not any(country_of[a] == b for a, b, _, _ in result),
        "a capital less its own country is in your list. Both theories say that such sums are "
        "right, so these cannot tell the theories apart: change what they disagree about",
    )
    under_any, under_own = (share_of_sums_right(table, result) for table in (any_pair, own_pair))
    check.that(
        under_any > 0.1 or under_own > 0.1,
        "a control that cannot come out otherwise: these sums are wrong in both made-up tables, so "
        "they will be wrong whatever is true of SmolLM2. Where would each sum land if any pair "
        "would do? Your answer is another word",
    )
    check.that(
        not any(b == c for _, b, c, _ in result),
        "one country is taken away and added again, and the capital alone is left: such a sum "
        "says nothing about the pair",
    )
    check.that(
        not any(country_of[a] == c for a, _, c, _ in result),
        "the country that is added is that of the capital in the sum. Where any pair would do, the "
        "sum lands on that capital, a word that went in and is ruled out: it can never be right",
    )
    check.that(
        under_any > 0.999 and under_own < 0.001,
        f"of your sums {under_any:.0%} are right where any pair will do and {under_own:.0%} where "
        "it must be its own: a control tells the two apart if all are right in one table "
        "and wrong in the other",
    )
    most = n * (n - 1) * (n - 2)
    check.that(
        len(result) == most,
        f"{len(result)} of the {most} sums that {n} pairs allow: with a sample, luck decides. List "
        "every capital, less every country but its own, plus every third country",
    )
    second_result = control_sums(two_theories(n + 1, seed + 1)[0])
    check.that(
        len(second_result) > 0 and not {tuple(entry) for entry in second_result} == set(result),
        "other pairs gave the same sums: make them of the pairs that are given",
    )
    third_result = control_sums(two_theories(7, seed + 2)[0])
    check.that(
        len({tuple(entry) for entry in third_result}) == 210,
        f"{len(third_result)} of the 210 sums that 7 pairs allow: with a sample, luck decides",
    )


TEXTS = (  # (last word, side, sentence), with "bank" mostly on one side
    *(("bank", "river", place) for place in range(4)),
    ("bank", "money", 4),
    ("lawn", "river", 0),
    ("shore", "river", 7),
    ("wallet", "money", 4),
    ("lender", "money", 5),
    ("office", "money", 6),
)


def made_up_vectors(texts: Texts, amounts: Sequence[float], seed: int = 0) -> Tensor:
    """Make vectors of texts [(word, side, place), …] in which an equal word, side and sentence add
    these three amounts to a cosine, and nothing else does; of all lengths."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.tensor([*amounts, 1 - sum(amounts)]).clamp(min=0).sqrt()
    columns: dict[object, int] = {}
    vectors = torch.zeros(len(texts), 4 * len(texts))
    for row, (n, text) in zip(vectors, enumerate(texts)):
        for kind, (name, amount) in enumerate(zip((*text, n), parts)):
            row[columns.setdefault((kind, name), len(columns))] = amount
    axes, _ = torch.linalg.qr(torch.randn(*[vectors.shape[1]] * 2, generator=generator))
    return vectors @ axes * (0.5 + 3 * torch.rand(len(texts), 1, generator=generator))


def check_word_and_side(word_and_side: Callable, texts: Texts = TEXTS, seed: int = 0) -> None:
    """Raise Mistake unless both numbers are right in made-up worlds, whatever pairs are used."""
    words, sides, places = (list(entry) for entry in zip(*texts))

    def measured(*amounts: float) -> list[float]:
        vectors = made_up_vectors(texts, amounts, seed)
        result = word_and_side(vectors, list(words), list(sides), list(places))
        check.that(result is not None, "word_and_side gave back None: is there a return?")
        result = result.tolist() if isinstance(result, Tensor) else result
        check.that(
            isinstance(result, (list, tuple)) and len(result) == 2,
            "return two numbers: what the same word adds, and what the same side adds",
        )
        return [float(entry) for entry in result]

    check.that(
        max(map(abs, measured(0.0, 0.0, 0.0))) < 0.02,
        "here no two texts have anything in common, and both numbers must be 0: is a text paired "
        "with itself?",
    )
    result = measured(0.6, 0.0, 0.0)
    check.that(
        result[0] > 0.1 or result[1] < 0.5,
        "here the word makes vectors alike and the side does not: the word's number comes first",
    )
    check.that(abs(result[0]) <= 1.2, "a cosine is at most 1: divide each vector by its own length")
    check.that(
        result[0] > -0.1,
        "here equal words make vectors more alike, and your number is negative: the cosine of "
        "pairs with the same word, less that of other pairs",
    )
    check.that(
        abs(result[1]) < 0.02,
        "an unmatched comparison: here the word alone makes vectors alike, and your second number "
        f"says that the side adds {result[1]:.2f}. Pairs of one side have the same word more "
        "often. Compare pairs that differ in their side and in nothing else",
    )
    result = measured(0.0, 0.6, 0.0)
    check.that(
        abs(result[0]) < 0.02,
        "an unmatched comparison: here the side alone makes vectors alike, and your first number "
        f"says that the word adds {result[0]:.2f}. Pairs with the same word have the same side "
        "more often. Compare pairs that differ in their word and in nothing else",
    )
    result = measured(0.0, 0.0, 0.6)
    check.that(
        max(map(abs, result)) < 0.02,
        "here neither the word nor the side matters, only which sentence a text was made from: "
        "leave out pairs from the same sentence, which share more than their side",
    )
    for amounts in ((0.6, 0.0, 0.0), (0.0, 0.6, 0.0), (0.3, 0.2, 0.1), (0.1, 0.3, 0.3)):
        check.close(
            measured(*amounts),
            list(amounts[:2]),
            "in these made-up vectors it is known what an equal word and an equal side add to a "
            "cosine, whatever matched pairs you choose: measure the vectors that are given, and "
            "give differences of cosines",
            atol=0.02,
        )


def check_apply_rope(apply_rope: Callable) -> None:
    """Raise Mistake unless pairs, angles and shapes are right, and distance alone counts."""
    check.that(
        apply_rope(torch.zeros(1, 2), torch.arange(1)) is not None,
        "apply_rope gave back None: is there a return?",
    )
    check.that(
        not isinstance(apply_rope(torch.zeros(1, 2), torch.arange(1)), (list, tuple)),
        "return one tensor: torch.cat sets a list of halves side by side, torch.stack "
        "makes one of a list of rows",
    )
    check.equal(
        list(apply_rope(torch.zeros(4, 3, 3, 6), torch.arange(3)).shape),
        [4, 3, 3, 6],
        "what comes back has the shape of x, whatever stands in front of seq and head_dim",
    )
    _check_turns(apply_rope)
    _check_angles(apply_rope)
    _check_positions(apply_rope)


def _check_turns(apply_rope: Callable) -> None:
    """Raise Mistake unless the right pairs turn, counter-clockwise, by the position."""
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    check.close(
        apply_rope(x.clone(), torch.tensor([0])),
        x,
        "position 0 turns by nothing: x must come back as it was, each number in its old column",
    )
    check.close(
        apply_rope(torch.tensor([[3.0, 4.0]]), torch.tensor([2])).norm(),
        5.0,
        "a turned arrow keeps its length: one of the two sines has a minus sign, and both "
        "formulas use the numbers from before the turn",
    )
    check.close(
        apply_rope(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([1]))[0, 1],
        0.0,
        "column 0 is paired with column 2 = 0 + head_dim/2, not with its neighbour, column 1",
    )
    check.that(
        abs(float(apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([300]))[0, 0]) - 1) > 1e-5,
        "nothing has turned: use the positions that are given, not the number of the row; "
        "here the only row stands at position 300",
    )
    check.that(
        float(apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))[0, 1]) > 0,
        "(1, 0) turned counter-clockwise by 1 radian is (cos 1, sin 1); yours turns "
        "clockwise: the signs are the other way round",
    )


def _check_angles(apply_rope: Callable) -> None:
    """Raise Mistake unless each pair turns by its own angle, whatever theta and head_dim."""
    check.close(
        apply_rope(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([1])),
        torch.tensor([[math.cos(1), 0.0, math.sin(1), 0.0]]),
        "[1, 0, 0, 0] at position 1 is [cos 1, 0, sin 1, 0]: pair 0 is columns 0 and 2, "
        "and turns by 1 radian a position, since i counts from 0",
    )
    check.close(
        apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([100])),
        torch.tensor([[0.0, math.cos(1), 0.0, math.sin(1)]]),
        "pair 1 of head_dim 4 turns by theta^(-2i/head_dim) = 10000^(-2/4) = 0.01 radians "
        "a position, so by 1 radian at position 100",
        atol=1e-4,
    )
    check.close(
        apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([10]), 100.0),
        torch.tensor([[0.0, math.cos(1), 0.0, math.sin(1)]]),
        "use the theta that is given: with theta 100, pair 1 of head_dim 4 turns by 0.1 "
        "radians a position",
        atol=1e-4,
    )
    check.close(
        apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([10])),
        torch.tensor([[0.0, math.cos(0.1), 0.0, math.sin(0.1)]]),
        "the same positions with another theta have other angles: keep nothing of an earlier call",
        atol=1e-4,
    )
    check.close(
        apply_rope(torch.tensor([[0.0, 1, 1, 0, 0, 0]]), torch.tensor([10]), 1000.0),
        torch.tensor([[0.0, math.cos(1), math.cos(0.1), 0.0, math.sin(1), math.sin(0.1)]]),
        "head_dim 6 has three pairs, and all of them turn: with theta 1000 by 1, 0.1 and "
        "0.01 radians a position",
        atol=1e-4,
    )
    check.close(
        apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])),
        torch.tensor([[math.cos(0.5), math.sin(0.5)]]),
        "position 0.5 lies half-way to position 1: do not round positions",
    )


def _check_positions(apply_rope: Callable) -> None:
    """Raise Mistake unless each row has its position, in all heads, and distance alone counts."""
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    check.close(
        apply_rope(x.clone(), torch.tensor([5, 2, 7])),
        torch.tensor([[math.cos(p), math.sin(p)] for p in (5, 2, 7)]),
        "each row turns by its own position, here 5, 2 and 7: do not sort them, nor count "
        "on from the first",
    )
    generator = torch.Generator().manual_seed(0)
    x, positions = torch.randn(2, 3, 3, 6, generator=generator), torch.tensor([0, 1, 2])
    rows = [
        [[apply_rope(x[b, h, [p]].clone(), positions[[p]])[0] for p in range(3)] for h in range(3)]
        for b in range(2)
    ]
    check.close(
        apply_rope(x.clone(), positions),
        torch.stack([torch.stack([torch.stack(rows) for rows in heads]) for heads in rows]),
        "positions run along seq, the last dimension but one; all heads and all texts of a "
        "batch are turned alike, and the shape stays",
    )
    q, k = torch.randn(2, 1, 8, generator=generator)

    def score(m: int, n: int) -> Tensor:
        """Return the score of the query at position m and the key at position n."""
        turned_q = apply_rope(q.clone(), torch.tensor([m]))
        return (turned_q * apply_rope(k.clone(), torch.tensor([n]))).sum()

    check.close(
        score(9, 4),
        score(5, 0),
        "only how far back the key stands counts: positions 9 and 4 give what 5 and 0 give",
        atol=1e-4,
    )


def check_interleaved_to_half_split(interleaved_to_half_split: Callable) -> None:
    """Raise Mistake unless even rows come first, head by head."""

    check.that(
        interleaved_to_half_split(named_rows(8), 1) is not None,
        "interleaved_to_half_split gave back None: is there a return?",
    )
    check.that(
        not isinstance(interleaved_to_half_split(named_rows(8), 1), (list, tuple)),
        "return one tensor: torch.stack makes one of a list of rows, torch.cat of a list of heads",
    )
    check.equal(
        list(interleaved_to_half_split(named_rows(8), 1).shape),
        [8, 8],
        "what comes back has the shape of w, two dimensions: the heads are below one another",
    )
    columns = named_rows(4).T.contiguous()
    check.close(
        interleaved_to_half_split(columns, 1),
        columns,
        "rows move, columns stay: in a matrix of equal rows nothing changes",
    )
    order = [int(row[0]) for row in interleaved_to_half_split(named_rows(8), 1)]
    check.that(
        order != [0, 1, 2, 3, 4, 5, 6, 7],
        "nothing has moved: the pair (0, 1) must end up at places 0 and 0 + head_dim/2",
    )
    check.that(
        order != [0, 4, 1, 5, 2, 6, 3, 7],
        "0 4 1 5 2 6 3 7 is the way back, from half-split to interleaved pairs: here the "
        "even rows come first",
    )
    check.equal(
        order,
        [0, 2, 4, 6, 1, 3, 5, 7],
        "in one head of 8 rows: even rows first, then odd ones, each in rising order",
    )
    check.equal(
        [int(row[0]) for row in interleaved_to_half_split(named_rows(8), 2)],
        [0, 2, 1, 3, 4, 6, 5, 7],
        "two heads of 4 rows: each head is reordered by itself, and no row leaves its head",
    )
    check.equal(
        interleaved_to_half_split(named_rows(8)[:, :6].contiguous(), 2)[:, 0].tolist(),
        [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0],
        "each head has 8 / 2 = 4 rows, those of w divided by n_head; d_model, the "
        "number of columns, may be another (here 6)",
    )
