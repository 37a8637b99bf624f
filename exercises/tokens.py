"""Try the cases of notebook 1's checks: a mistake that learners make, and the message that names
it."""

import random
from collections.abc import Callable, Iterable

from exercises import check


def check_count_pairs(count_pairs: Callable, ids_after: Callable) -> None:
    """Raise Mistake unless neighbours are counted, overlapping, in order of first appearance."""
    check.that(count_pairs([1, 2]) is not None, "count_pairs gave back None: is there a return?")
    check.that(
        type(count_pairs([1, 2])) is list,
        "return a list of ((a, b), n), not a dictionary: list(counts.items()) makes one",
    )
    check.equal(
        ids_after("count_pairs", [1, 2, 3]),
        [1, 2, 3],
        "the caller's list of ids has changed: leave it as it is",
    )
    once, again = count_pairs([1, 2]), count_pairs([1, 2])
    check.that(
        bool(again == once),
        "the same ids give the same answer in each call: start new counts inside the function",
    )
    check.that(
        len(count_pairs([1, 2, 3])) != 1,
        "one pair of two came back: is the return inside the loop, or the last pair left out?",
    )
    check.equal(
        len(count_pairs([1, 2, 3])),
        2,
        "three ids have two pairs of neighbours, in [1, 2, 3] (1, 2) and (2, 3): nothing "
        "stands right of the last id",
    )
    check.equal(
        count_pairs([1, 2]),
        [((1, 2), 1)],
        "[1, 2] holds one pair, once: an item of the list is a tuple ((a, b), n), in which "
        "(a, b) is a tuple, too",
    )
    check.that(
        count_pairs([4, 3]) != [((1, 2), 1)],
        "this is the answer for an earlier list, just as long: count in each call",
    )
    check.equal(
        len(count_pairs([1, 2, 3, 1, 2])),
        3,
        "(1, 2) stands in [1, 2, 3, 1, 2] twice and is listed once: one item for each "
        "different pair",
    )
    check.equal(
        sorted(count_pairs([97, 97, 97, 98])),
        [((97, 97), 2), ((97, 98), 1)],
        'pairs overlap: "aaab" holds (a, a) twice, once from each of the first two a',
    )
    check.equal(
        sorted(count_pairs([1, 2, 1])),
        [((1, 2), 1), ((2, 1), 1)],
        "(1, 2) and (2, 1) are different pairs: keep the left id on the left",
    )
    check.equal(
        count_pairs([5, 6, 1, 2, 1, 2]),
        [((5, 6), 1), ((6, 1), 1), ((1, 2), 2), ((2, 1), 1)],
        "list the pairs in the order in which they first appear, not by size or by count",
    )
    check.equal(
        count_pairs([1, 2, 1, 3]),
        [((1, 2), 1), ((2, 1), 1), ((1, 3), 1)],
        "the pairs stand as they first appear, and not by where their left id first does: "
        "(2, 1) comes before (1, 3)",
    )
    check.equal(
        count_pairs([0, 0, 7]),
        [((0, 0), 1), ((0, 7), 1)],
        "0 is an id like any other: do not ask whether an id is true",
    )
    check.equal(
        count_pairs([0, 50000]), [((0, 50000), 1)], "ids are not bytes: they go far beyond 255"
    )
    check.equal(
        count_pairs([11, 2, 1, 2]),
        [((11, 2), 1), ((2, 1), 1), ((1, 2), 1)],
        "the end of 11 is no 1, so (1, 2) stands here once: compare ids, not the digits "
        "that they are written in",
    )
    check.equal(
        count_pairs([int("300"), int("300"), int("300")]),
        [((300, 300), 2)],
        "equal ids need not be one object: compare them by ==, not by is",
    )
    check.equal(count_pairs([]), [], "an empty list has no pairs: the answer is []")
    check.equal(count_pairs([7]), [], "a single id has no neighbour: the answer is []")


def check_merge(merge: Callable, ids_after: Callable) -> None:
    """Raise Mistake unless every occurrence is merged, from left to right, each id once."""
    result = merge([1, 2, 3], (1, 2), 9)
    check.that(result is not None, "merge gave back None: is there a return?")
    check.that(
        result != [1, 2, 3],
        "nothing was merged: compare (ids[i], ids[i + 1]) with the pair; a list never "
        "equals a tuple",
    )
    check.that(
        result != [9, 2, 3],
        "the second half of the pair is still there: after a merge go on by two positions",
    )
    check.that(
        result != [9],
        "the last id is lost: when no pair is left, the ids that remain are kept as they are",
    )
    check.equal(result, [9, 3], "(1, 2) becomes the one id 9, and 3 stays")
    check.equal(
        merge([1, 2, 3], (1, 2), 9),
        [9, 3],
        "the same ids give the same list in each call: start a new one inside the function",
    )
    check.equal(
        ids_after("merge", [1, 2, 3], (1, 2), 9),
        [1, 2, 3],
        "the caller's list of ids has changed: make a new one",
    )
    check.equal(
        merge([3, 1, 2], (1, 2), 9),
        [3, 9],
        "the pair may stand at the very end: go on by one position where nothing is "
        "merged, and an id that is used up does not come again",
    )
    check.equal(
        merge([1, 1, 1], (1, 1), 9),
        [9, 1],
        "merge from left to right: in [1, 1, 1] the first two 1s are the pair, the third "
        "is left over",
    )
    check.equal(
        merge([1, 2, 5, 1, 2], (1, 2), 9),
        [9, 5, 9],
        "replace every occurrence of the pair, not only the first",
    )
    check.equal(
        merge([2, 1, 3], (1, 2), 9), [2, 1, 3], "the order matters: (2, 1) is not the pair (1, 2)"
    )
    check.equal(
        merge([1, 3, 2], (1, 2), 9),
        [1, 3, 2],
        "only neighbours are a pair: in [1, 3, 2] a 3 stands between 1 and 2",
    )
    check.equal(
        merge([1, 12, 3], (11, 2), 9),
        [1, 12, 3],
        "ids are whole numbers, not digits: 1, 12 is not 11, 2",
    )
    check.equal(
        merge([11, 2], (1, 2), 9),
        [11, 2],
        "ids are whole numbers, not digits: 11, 2 does not hold the pair 1, 2",
    )
    check.equal(
        merge([1, 25], (1, 2), 9),
        [1, 25],
        "ids are whole numbers, not digits: 1, 25 does not hold the pair 1, 2",
    )
    check.that(
        merge([int("400"), 65], (int("400"), 65), 401) != [400, 65],
        "equal ids need not be one object: compare them by ==, not by is",
    )
    check.equal(
        merge([400, 65], (400, 65), 401), [401], "ids are not bytes: they go far beyond 255"
    )
    check.equal(
        merge([0, 1, 0], (1, 0), 9),
        [0, 9],
        "0 is an id like any other: do not ask whether an id is true",
    )
    check.equal(
        merge([1, 1, 1, 1], (1, 1), 9),
        [9, 9],
        "[1, 1, 1, 1] holds the pair twice without overlap: [9, 9]",
    )
    check.equal(merge([], (1, 2), 9), [], "an empty list stays empty")
    check.equal(merge([1], (1, 2), 9), [1], "a single id is no pair: it stays")


def check_train_bpe(train_bpe: Callable) -> None:
    """Raise Mistake unless the commonest pair of all pieces is merged, again and again."""
    check.that(
        type(train_bpe("aaabdaaabac", 256)) is list,
        "return the merges as a list of pairs, the oldest first (is there a return?)",
    )
    check.equal(
        train_bpe("aaabdaaabac", 256),
        [],
        "vocab_size counts the 256 bytes too: at 256 there is nothing to learn",
    )
    merges = train_bpe("aaabdaaabac", 257)
    check.that(
        merges not in ([((97, 97), 256)], [((97, 97), 4)], [[97, 97]], [97, 97]),
        "each merge is a pair, a tuple of two ids, here (97, 97), without the new id or the count",
    )
    check.equal(merges, [(97, 97)], 'the commonest pair of "aaabdaaabac" is (a, a): 97, 97')
    check.that(
        train_bpe("xyxy", 257) != [(97, 97)],
        'there is no a in "xyxy", so (97, 97) comes from an earlier call: start with new '
        "lists and counts inside the function",
    )
    check.equal(
        train_bpe("zzza", 257),
        [(122, 122)],
        'a pair counts as often as it stands in a piece: (z, z) twice in "zzza", (z, a) once',
    )
    check.equal(
        train_bpe("éé", 257),
        [(195, 169)],
        "start from the UTF-8 bytes of the text, not from its characters: é is 195, 169",
    )
    check.equal(
        train_bpe("ab", 257),
        [(97, 98)],
        "a pair that occurs only once is merged, too, while there is room",
    )
    check.equal(
        train_bpe("AB", 257),
        [(65, 66)],
        "learn from the text as it is: capitals have bytes of their own",
    )
    check.equal(
        train_bpe("cd ab", 257),
        [(97, 98)],
        "all pairs occur once here: on a tie let `commonest` decide",
    )
    check.equal(
        train_bpe("aaabdaaabac", 259),
        [(97, 97), (97, 98), (256, 257)],
        "count again after each merge, from 0, and merge in all pieces; number new tokens "
        "from 256 on: the third merge joins 256 and 257",
    )
    check.equal(
        train_bpe("abababab", 259),
        [(97, 98), (256, 256), (257, 257)],
        "a pair may follow itself: after the first merge 256 is its own neighbour",
    )
    check.equal(
        train_bpe("ab", 300), [(97, 98)], 'stop when no pairs are left: "ab" has one merge to give'
    )
    check.equal(train_bpe("", 300), [], "an empty text has no pairs: no merges")
    check.equal(
        train_bpe("z bc", 257),
        [(98, 99)],
        'a piece of one byte, here "z", has no pairs: go on with the next piece',
    )
    check.equal(
        train_bpe("ab ac ad zz zz zz zz", 257),
        [(122, 122)],
        "a piece that occurs four times counts four times",
    )
    check.equal(
        train_bpe(" zxzx zxzx ab ab ab", 257),
        [(122, 120)],
        "twice in a piece that occurs twice is four times, (z, x) here: multiply the two",
    )
    check.equal(
        train_bpe("a b a b a b", 258),
        [(32, 98), (32, 97)],
        'no merge may cross a piece: split gives "a", " b", " a", ..., so (a, space) is '
        "never a pair",
    )


def check_encode(encode: Callable, ids_after: Callable) -> None:
    """Raise Mistake unless merges go by age, piece by piece, from the bytes."""
    check.equal(encode("Hi", []), [72, 105], "without merges the ids are the bytes of the text")
    check.equal(
        encode("Hi", []),
        [72, 105],
        "the same text has the same ids in each call: start a new list inside the function",
    )
    check.equal(
        encode("é", []),
        [195, 169],
        "start from the UTF-8 bytes, not from characters: é is the two bytes 195, 169",
    )
    check.equal(
        encode("ab", [(97, 98)]), [256], "(97, 98) is the first merge, so it makes the id 256"
    )
    check.equal(
        encode("ab", []),
        [97, 98],
        "with other merges the same text has other ids: keep nothing from an earlier call",
    )
    check.equal(
        encode("ba", [(97, 98)]),
        [98, 97],
        "(b, a) is not the pair (a, b): keep the left id on the left",
    )
    check.equal(
        encode("cd", [(97, 98), (99, 100)]),
        [257],
        "the second merge makes 257, also in a text in which the first does not occur",
    )
    check.equal(
        encode("aaab", [(97, 97), (97, 98), (256, 257)]),
        [258],
        "go on until nothing can be merged: aaab becomes 256, 257 and then 258",
    )
    check.equal(
        encode("abc", [(98, 99), (97, 98)]),
        [97, 256],
        "merge the pair that was learned first, (b, c), not the leftmost pair, nor the "
        "longest token that fits",
    )
    check.equal(
        encode("abc", [(98, 99), (97, 98), (257, 99)]),
        [97, 256],
        "(97, 256) is no merge, though its bytes are those of 258: compare pairs of ids, "
        "not what they spell",
    )
    check.equal(
        encode("aaa", [(97, 97)]),
        [256, 97],
        "merge from left to right: the first two a are the pair",
    )
    check.equal(
        encode("abab", [(97, 98)]),
        [256, 256],
        "a pair may stand in a piece more than once: merge it in every place",
    )
    check.equal(
        encode("ab ab", [(97, 98)]),
        [256, 32, 256],
        "encode every piece of the text, and merge in each",
    )
    check.equal(
        encode("a b", [(97, 32)]),
        [97, 32, 98],
        'no merge may cross a piece: split gives "a" and " b"',
    )
    check.equal(
        encode(" a\n", []),
        [32, 97, 10],
        "spaces and new lines are text, also at the ends: nothing is stripped or replaced",
    )
    check.equal(
        encode(" a a", []),
        [32, 97, 32, 97],
        "a piece that occurs again is encoded again, in its place",
    )
    check.equal(
        encode("e\u0301", []),
        [101, 204, 129],
        "the text as it is: e and an accent that is a character of its own are not made one é",
    )
    check.equal(
        encode("cab", [(0, i) for i in range(9000)] + [(97, 98)]),
        [99, 9256],
        "a pair that is no merge is younger than every merge, however many there are: here "
        "(c, a) is none, and (a, b) is the last of 9,001",
    )
    check.equal(
        ids_after("lambda merges: encode('ab', merges)", [(97, 98)]),
        [(97, 98)],
        "the caller's list of merges has changed: leave it as it is",
    )
    check.equal(encode("", [(97, 98)]), [], "an empty text has no ids")


def check_decode(decode: Callable) -> None:
    """Raise Mistake unless bytes are joined, then decoded; what is no UTF-8 becomes \\ufffd."""
    check.equal(decode([72, 105], [(120, 121)]), "Hi", "72 and 105 are the bytes of H and i")
    check.that(
        decode([256], [(97, 98)]) != "xy",
        "the token 256 is made by the merges of this call: keep no table from an earlier one",
    )
    check.equal(
        decode([256], [(97, 98)]), "ab", "the token 256 spells its left part, then its right part"
    )
    check.equal(
        decode([258, 99], [(97, 97), (97, 98), (256, 257)]),
        "aaabc",
        "a token may be made of tokens that were merged themselves",
    )
    check.equal(
        decode([258], [(97, 98), (256, 99), (257, 100)]),
        "abcd",
        "a token may be made of merged tokens, and those of merged tokens in turn",
    )
    check.equal(
        decode([72, 0, 105], []),
        "H\0i",
        "0 is an id like any other: do not ask whether an id is true",
    )
    check.equal(
        decode([13, 10, 32, 72, 32], []),
        "\r\n H ",
        "spaces and new lines are text, also at the ends: nothing is stripped, and \\r\\n "
        "stays \\r\\n",
    )
    check.equal(
        decode([195, 169], []),
        "é",
        "join the bytes of all tokens first, then decode: a byte alone is not always a character",
    )
    check.equal(
        decode([65, 0xF0, 0x9F], []),
        "A\ufffd",
        'bytes that are no valid UTF-8 become \\ufffd: use errors="replace", and raise nothing',
    )
    check.equal(
        decode([65, 0xFF, 0xFF, 66], []),
        "A\ufffd\ufffdB",
        "the bytes 255 and 255 are two \\ufffd, and the text goes on after them",
    )
    check.equal(
        decode([239, 187, 191, 101, 204, 129], []),
        "\ufeffe\u0301",
        "the text as its bytes spell it: no mark at the start is dropped, and no accent "
        "joined to its letter",
    )
    check.equal(decode([], []), "", "no ids, no text")


def check_stream_decode(stream_decode: Callable) -> None:
    """Raise Mistake unless whole characters come at once, and \\ufffd for one broken off."""
    check.that(
        stream_decode([72, 105], []) != ["", ""],
        "H and i are whole, and nothing was shown: when 0 bytes wait, take care: data[:-0] "
        "is empty, and not all of data",
    )
    check.equal(
        stream_decode([72, 105], []), ["H", "i"], "one string for each id, holding only what is new"
    )
    strings = stream_decode([195, 169], [])
    check.that(
        "\ufffd" not in "".join(strings),
        "half a character was shown as \\ufffd: keep unfinished bytes until the rest has come",
    )
    check.equal(
        strings,
        ["", "é"],
        "é is whole when its second byte has come: first an empty string, then é",
    )
    check.equal(
        stream_decode([195, 169, 240, 159, 153, 130], []),
        ["", "é", "", "", "", "🙂"],
        "an emoji has four bytes: three empty strings, then the emoji",
    )
    check.equal(
        stream_decode([256, 169], [(97, 195)]),
        ["a", "é"],
        "show what is whole at once: the token 256 is an a and the first byte of é, so show the a",
    )
    check.equal(
        stream_decode([257, 169], [(97, 98), (256, 195)]),
        ["ab", "é"],
        "a token may be made of merged tokens, and be longer than two bytes",
    )
    check.equal(
        stream_decode([239, 191, 189], []),
        ["", "", "\ufffd"],
        "\\ufffd can also stand in a text: its bytes 239, 191, 189 are a character like others: "
        "do not strip it, wait for bytes instead",
    )
    check.equal(
        "".join(stream_decode([0xFF, 65, 66], [])),
        "\ufffdAB",
        "the byte 255 can never become a character: it turns into \\ufffd, and the text goes on",
    )
    check.equal(
        stream_decode([65, 0xFF], []),
        ["A", "\ufffd"],
        "a byte from 248 on begins nothing: it turns into \\ufffd at once, also at the end",
    )
    check.equal(
        stream_decode([248, 65], []),
        ["\ufffd", "A"],
        "248 is the first of the bytes that begin nothing: \\ufffd at once, and A is whole",
    )
    check.equal(
        stream_decode([169, 65], []),
        ["\ufffd", "A"],
        "a continuation byte with nothing before it begins no character: \\ufffd at once",
    )
    check.equal(
        stream_decode([195, 65], []),
        ["", "\ufffdA"],
        "a character that is broken off turns into \\ufffd with the id that breaks it",
    )
    check.equal(
        stream_decode([0xE2, 65], []),
        ["", "\ufffdA"],
        "a character that is broken off turns into \\ufffd with the id that breaks it",
    )
    check.equal(
        stream_decode([0xE2, 0x80, 65], []),
        ["", "", "\ufffdA"],
        "a character that is broken off is one \\ufffd, however many of its bytes had come",
    )
    check.equal(
        stream_decode([0xE2, 0x80, 195, 169], []),
        ["", "", "\ufffd", "é"],
        "the byte that breaks a character off may begin the next: 195 waits for 169",
    )
    check.equal(
        stream_decode([226, 128, 166], []),
        ["", "", "…"],
        "128 is a continuation byte, not a character of its own: … is whole with its third byte",
    )
    check.equal(
        stream_decode([65, 0xF0, 0x9F], []),
        ["A", "", ""],
        "bytes left unfinished at the end are dropped: an empty string for each",
    )
    check.equal(
        stream_decode([72], []),
        ["H"],
        "start again in each call: bytes kept in an earlier call must not come back",
    )
    check.equal(stream_decode([], []), [], "no ids, no strings")


PLACES = ("etaoi", "nshrd", "lucmf", "wygpb", "vkxjq")  # letters of each place, the commonest first
SHARES = (8, 4, 2, 1, 1)  # of 16: how common they are there


def words_of_letters(rng: random.Random, n: int, size: int = 5) -> list[str]:
    """Return `n` words with letters of its own for each place, some far commoner than others."""
    return ["".join(rng.choices(place, SHARES)[0] for place in PLACES[:size]) for _ in range(n)]


def commonest_letters(size: int = 5) -> str:
    """Return the answer of a model that names each place's commonest letter, whatever the word."""
    return " ".join(place[0] for place in PLACES[:size])


def spelled(word: str) -> str:
    """Return the answer of a model that knows every letter."""
    return " ".join(word)


def first_letter_only(word: str) -> str:
    """Return the answer of a model that knows how a word begins, and goes on without looking."""
    return " ".join([word[0], *commonest_letters().split()[1 : len(word)]])


def right_by_luck(always: str, words: list[str]) -> list[float]:
    """Return what a model gets right at each place that always writes the same letters."""
    letters = always.split()
    return [
        sum(word[p] == letter for word in words) / len(words) for p, letter in enumerate(letters)
    ]


def check_chance_level(chance_level: Callable) -> None:
    """Raise Mistake unless luck is told from knowledge, by place and apart from the own word."""
    words = words_of_letters(random.Random(20), 300)
    luck = chance_level([spelled(word) for word in words], words)
    check.that(luck is not None, "chance_level gave back None: is there a return?")
    check.that(
        type(luck) in (list, tuple) and len(luck) == 5,
        "return a list with a share for each place in a word, as letters_right does",
    )
    check.that(
        all(0 <= share <= 1 for share in luck),
        "a share lies between 0 and 1: divide by how many answers you scored",
    )
    check.that(
        max(chance_level(["? ? ? ? ?"] * 300, words)) == 0,
        "answers without a single letter are never right by luck: your control does not "
        "look at the answers, so it cannot tell this model from another",
    )
    mirrors = [word[:2] + word[2::-1] for word in words]
    check.that(
        max(chance_level([spelled(word) for word in mirrors], mirrors)) < 0.5,
        "a model that knows every letter looks like luck to your control, so it cannot "
        "tell the two apart: something in it still ties each answer to its own word",
    )
    _check_luck_of_one_answer(chance_level, words)
    check_enough_partners(chance_level, (32, 3))
    _check_short_lists(chance_level)
    luck = chance_level([first_letter_only(word) for word in words], words)
    check.that(
        luck[0] < 0.5, "a model that knows first letters looks like luck to your control there"
    )


def _check_luck_of_one_answer(chance_level: Callable, words: list[str]) -> None:
    """Raise Mistake unless a model that writes the same for every word is right by luck alone."""
    always = commonest_letters()
    luck, shares = chance_level([always] * len(words), words), right_by_luck(always, words)
    check.that(
        max(luck) > 0,
        f"a model that always writes {always} hits letters by luck, and your control gives "
        "0 everywhere: nothing in it could be right, so it cannot show luck",
    )
    anywhere = [share / len(words[0]) for share in shares]
    check.that(
        max(abs(a - b) for a, b in zip(luck, anywhere)) > 0.02,
        "your control counts how common a letter is anywhere in the words: a letter is right "
        "only at its own place",
    )
    check.close(
        luck,
        shares,
        f"a model that always writes {always} is right by luck alone: the control must "
        "give what letters_right gives, and not one number for all models",
        atol=0.05,
    )


def _check_short_lists(chance_level: Callable) -> None:
    """Raise Mistake unless equal words count, and an answer's own word does not."""
    nearly = ["b"] * 30 + ["a"] * 270
    check.close(
        chance_level(["a"] * 300, nearly),
        [0.9],
        "an equal word at another place counts like any other: tell places apart, not words",
        atol=0.09,
    )
    check.close(
        chance_level(["a", "a"], ["a", "a"]),
        [1.0],
        "both answers fit both words here, so luck alone gives 1: divide by how many pairs "
        "you scored",
    )
    apart = ["enlw", "tsuy", "ahcg", "ormp"]
    check.close(
        chance_level([spelled(word) for word in apart], apart),
        [0.0] * 4,
        "no two of these words share a letter at a place, so luck gives 0: leave out each "
        "answer's own word",
    )


def weights_of_partners(chance_level: Callable, n: int, place: int) -> list[float]:
    """Return the weight of each of `n` words in the luck of the answer at `place`.

    Word p has its only "a" at place p, and that answer alone names letters: "a" everywhere.
    """
    words = ["b" * p + "a" + "b" * (n - 1 - p) for p in range(n)]
    answers = ["? " * (n - 1) + "?"] * n
    answers[place] = "a " * (n - 1) + "a"
    return list(chance_level(answers, words))


def check_enough_partners(chance_level: Callable, sizes: Iterable[int]) -> None:
    """Raise Mistake unless the first, middle and last answer meet enough other words."""
    for n in sizes:
        for place in (0, n // 2, n - 1):
            weights = weights_of_partners(chance_level, n, place)
            check.that(
                weights[place] == 0,
                "an answer is scored against its own word: leave out each answer's own word",
            )
            check.that(
                sum(weight > 0 for weight in weights) >= min(10, n - 1),
                "your control is a matter of luck itself: let each answer meet at least ten "
                "other words, or all of them",
            )


Counting = Callable[[str, str], int]


def _always(n: int) -> Counting:
    return lambda letter, word: n


def _by_length(letters: int) -> Counting:
    return lambda letter, word: len(word) // letters


def _by_doubles(letter: str, word: str) -> int:
    return 1 + any(a == b for a, b in zip(word, word[1:]))


def _by_presence(n: int) -> Counting:
    return lambda letter, word: n * (letter in word)


def _by_threshold(letters: int) -> Counting:
    return lambda letter, word: 1 + (len(word) > letters)


NOT_COUNTING: dict[str, Counting] = {
    **{f"says {n} to every question": _always(n) for n in range(10)},
    "says how many letters the word has": _by_length(1),
    **{
        f"says a number for the length of the word (letters / {n}, rounded down)": _by_length(n)
        for n in (2, 3, 4)
    },
    **{
        f"says 2 to long words (more than {n} letters) and 1 to short ones": _by_threshold(n)
        for n in range(2, 12)
    },
    **{f"says {n} if the letter is in the word, and 0 if not": _by_presence(n) for n in (1, 2)},
    "says 2 if a letter stands twice in a row anywhere in the word, and 1 if not": _by_doubles,
}


def share_right(model: Counting, questions: list[tuple[str, str]]) -> float:
    """Return the share of the questions (letter, word) that a made-up model answers right."""
    right = sum(model(letter, word) == word.count(letter) for letter, word in questions)
    return right / len(questions)


def same_for_the_letter(questions: list[tuple[str, str]]) -> float:
    """Return the share that a model gets right by what the same letter's other questions ask for.

    A letter that is asked for once tells it nothing.
    """
    right = 0
    for letter, word in questions:
        others = [w.count(letter) for a, w in questions if a == letter and w != word]
        right += bool(others) and max(sorted(others), key=others.count) == word.count(letter)
    return right / len(questions)


def check_discrimination(questions: list[tuple[str, str]]) -> None:
    """Raise Mistake if a made-up model that does not count gets more than two in three right."""
    shares = {how: share_right(model, questions) for how, model in NOT_COUNTING.items()}
    shares["says one and the same digit for a letter, whatever the word"] = same_for_the_letter(
        questions
    )
    for how, share in shares.items():
        check.that(
            share <= 2 / 3,
            f"your questions cannot discriminate: a model that {how} gets more than two "
            "in three right, and it does not count",
        )


def check_counting_questions(counting_questions: Callable) -> None:
    """Raise Mistake unless no model that does not count answers the 12 or more questions."""
    questions = counting_questions()
    check.that(questions is not None, "counting_questions gave back None: is there a return?")
    check.that(
        type(questions) in (list, tuple)
        and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in questions)
        and all(type(part) is str for pair in questions for part in pair),
        'return a list of pairs of strings, (letter, word), such as ("r", "strawberry")',
    )
    check.that(
        all(
            len(letter) == 1
            and (letter + word).isascii()
            and (letter + word).isalpha()
            and (letter + word).islower()
            for letter, word in questions
        ),
        "a question is one letter and one word, in small letters a to z: the letter first",
    )
    distinct = {tuple(pair) for pair in questions}
    check.that(
        len(distinct) >= 12,
        "ask at least 12 different questions: a question asked again adds nothing",
    )
    check.that(
        all(word.count(letter) <= 9 for letter, word in distinct),
        "the model answers with one digit: no letter may occur more than 9 times",
    )
    check_discrimination(sorted(distinct))


# A text, the pieces that GPT-2's pattern makes of it, and what a learner is told.
CUT_WORDS = [
    (
        "10a",
        ["10", "a"],
        "digits and letters are pieces of their own, even without a space between them, "
        "and the digits of a number stay together",
    ),
    (
        "1984",
        ["1984"],
        "as many digits as there are make one piece: GPT-2 does not cut after three",
    ),
    (
        "Zürich 猫a",
        ["Zürich", " 猫a"],
        "letters are those of every script, not only a to z: \\p{L}",
    ),
    (
        "三日 コーヒー",
        ["三日", " コーヒー"],
        "letters are all that \\p{L} fits: 三, though it means a number, and ー as well",
    ),
    (
        "x_y",
        ["x", "_", "y"],
        "the underscore is no letter, though \\w fits it: it is one of the other signs",
    ),
    (
        "e\u0301e",
        ["e", "\u0301", "e"],
        "an accent that is a character of its own is no letter, though \\w fits it: it is "
        "one of the other signs",
    ),
    (
        "a\u200db",
        ["a", "\u200d", "b"],
        "whatever is no white space, letter or digit is one of the other signs, even an "
        "invisible joiner",
    ),
    (
        "wait... ok!?",
        ["wait", "...", " ok", "!?"],
        "signs next to each other stay together, apart from the letters",
    ),
    (
        "\U0001f469\u200d\U0001f4bb",
        ["\U0001f469\u200d\U0001f4bb"],
        "an emoji may be two with an invisible joiner between them: that is a sign among "
        "signs, and all of them stay together",
    ),
    ("a (b)", ["a", " (", "b", ")"], "a sign, too, takes one space before it"),
    ("at 7", ["at", " 7"], "a number, too, takes one space before it"),
    ("٣½ Ⅷ3", ["٣½", " Ⅷ3"], "digits are those of every script, and ½ and Ⅷ as well: \\p{N}"),
    (
        "It's we'll don't",
        ["It", "'s", " we", "'ll", " don", "'t"],
        "an English ending is one piece with its apostrophe: 's, 't, 'd, 'm, 'll, 've, 're",
    ),
    (
        "I'd I'm I've we're",
        ["I", "'d", " I", "'m", " I", "'ve", " we", "'re"],
        "rule 1 has seven endings, and 'd, 'm, 've and 're are four of them",
    ),
    (
        "l'ete",
        ["l", "'", "ete"],
        "only the letters that rule 1 names take the apostrophe with them",
    ),
    (
        "'sword",
        ["'s", "word"],
        "rule 1 asks nothing of what follows, nor of what comes before: 'sword is 's and word",
    ),
    (
        "IT'S",
        ["IT", "'", "S"],
        "rule 1 takes lower case only: 'S in capitals is an apostrophe and a letter",
    ),
    (
        "don’t",
        ["don", "’", "t"],
        "rule 1 is for the straight apostrophe ': the curly one, ’, is one of the other signs",
    ),
    (
        "a 's",
        ["a", " '", "s"],
        "rule 1 takes no space before its apostrophe: after a space, rule 4 takes both",
    ),
    (
        "b.'\" c",
        ["b", ".'\"", " c"],
        "an apostrophe right after another sign goes with it, as one of the other signs (rule 4)",
    ),
    (
        "a  b",
        ["a", " ", " b"],
        "of two spaces before a word the word takes the second: rule 5 leaves it the last one",
    ),
    (
        "a  (1  7",
        ["a", " ", " (", "1", " ", " 7"],
        "of two spaces before a sign or a number it takes the second, as a word does",
    ),
    ("a   ", ["a", "   "], "white space that no visible character follows is one piece"),
    (
        "a\n\t\n",
        ["a", "\n\t\n"],
        "rule 5 takes white space of all kinds together, new lines as well as spaces",
    ),
    (
        "a\n\nb",
        ["a", "\n", "\n", "b"],
        "a word takes a space before it, never a new line: that one is a piece by rule 6",
    ),
    (
        "a.\nb",
        ["a", ".", "\n", "b"],
        "signs take no new line after them: in a.\\nb it is a piece by rule 6",
    ),
    (
        "a \n b",
        ["a", " \n", " b"],
        "rule 5 takes white space over the end of a line, and leaves its last character "
        "to the word",
    ),
    (
        "a\tb",
        ["a", "\t", "b"],
        "a word takes a space before it, never a tab: that one is a piece by rule 6",
    ),
    (
        "a\xa0\u2003\u2003b",
        ["a", "\xa0\u2003", "\u2003", "b"],
        "white space is all that \\s fits, here no-break and wide spaces, not only spaces,"
        " tabs and new lines",
    ),
    ("", [], "an empty text has no pieces"),
]


def check_cut_words(cut_words: Callable) -> None:
    """Raise Mistake unless the pieces are those of GPT-2's pattern, rule by rule."""
    pieces_of_two = cut_words("two dogs")
    check.that(
        all(type(piece) is str and piece for piece in pieces_of_two or []),
        "a piece is empty or no string: a group in parentheses makes findall return the "
        "group, not the match; write (?:…) for ( … )",
    )
    check.equal(
        pieces_of_two,
        ["two", " dogs"],
        "the space belongs to the word that follows it: an optional space, then letters",
    )
    check.equal(
        cut_words("two dogs"),
        ["two", " dogs"],
        "the same text has the same pieces in each call: start a new list inside the function",
    )
    check.equal(
        "".join(cut_words("2 dogs, 10 bones!")),
        "2 dogs, 10 bones!",
        "joined, the pieces must be the text: some character fits none of your alternatives",
    )
    for text, pieces, why in CUT_WORDS:
        check.equal(cut_words(text), pieces, why)


def check_encode_special(encode_special: Callable) -> None:
    """Raise Mistake unless allowed special tokens become their ids, and all else is text."""
    check.equal(
        encode_special("ab", [(97, 98)], {}),
        [256],
        "with no special tokens allowed the ids are those of `encode`",
    )
    check.equal(
        encode_special("ab", [(97, 98)], {}),
        [256],
        "the same text has the same ids in each call: start a new list inside the function",
    )
    check.equal(
        encode_special("ab", [(97, 98)], {"<end>": 300}),
        [256],
        "a text without special tokens in it has the ids of `encode`",
    )
    check.equal(
        encode_special("ab", [(97, 98)], {"<end>": 300}),
        [256],
        "the same text has the same ids in each call: start a new list inside the function",
    )
    check.equal(
        encode_special("a<end>b", [], {"<end>": 300}),
        [97, 300, 98],
        "a special token is one id, and the text before and after it is encoded",
    )
    check.equal(
        encode_special("a#b", [], {"#": 300}),
        [97, 300, 98],
        "the special tokens are those that this call is given, whatever they look like: "
        "here it is #",
    )
    check.equal(
        encode_special("<end>", [], {}),
        [60, 101, 110, 100, 62],
        "a special token that is not in the dictionary is text like any other",
    )
    check.equal(
        encode_special("<E>", [], {"<e>": 300}),
        [60, 69, 62],
        "<E> is not in the dictionary, which has <e>: in other letters it is text",
    )
    _check_special_names(encode_special)
    _check_text_between(encode_special)


def _check_special_names(encode_special: Callable) -> None:
    """Raise Mistake unless every special token counts, whatever its characters."""
    check.equal(
        encode_special("<end>a<end>", [], {"<end>": 300}),
        [300, 97, 300],
        "special tokens may stand at the start and at the end, and more than once",
    )
    check.equal(
        encode_special("a<|e|>", [], {"<|e|>": 300}),
        [97, 300],
        "the | of a special token stands for itself: escape it in a pattern",
    )
    check.equal(
        encode_special("a[e]", [], {"[e]": 300}),
        [97, 300],
        "every character of a special token stands for itself, here [ and ], not only |: "
        "regex.escape",
    )


def _check_text_between(encode_special: Callable) -> None:
    """Raise Mistake unless the text around special tokens is encoded part by part."""
    check.equal(
        encode_special("ab<end>ab", [(97, 98)], {"<end>": 300}),
        [256, 300, 256],
        "the text between special tokens is encoded with all merges",
    )
    check.equal(
        encode_special("a<x>b", [(97, 98)], {"<x>": 300}),
        [97, 300, 98],
        "no merge reaches over a special token: encode each part by itself",
    )
    check.equal(
        encode_special("a <e>\n b", [], {"<e>": 300}),
        [97, 32, 300, 10, 32, 98],
        "spaces and new lines beside a special token are text: nothing is stripped",
    )
    check.equal(
        encode_special("a <e>", [(32, 60)], {"<e>": 300}),
        [97, 32, 300],
        "find the special tokens in the text, before anything is merged: in the ids they "
        "may be merged with their neighbours",
    )
    check.equal(
        encode_special("<e><f>", [], {"<e>": 300, "<f>": 301}),
        [300, 301],
        "two special tokens in a row: nothing stands between them",
    )
    check.equal(
        encode_special("ab", [], {"a": 300, "ab": 301}),
        [301],
        "where two special tokens begin at the same place, the longer one counts",
    )
    check.equal(
        encode_special("ab", [], {"ab": 300, "a": 301}),
        [300],
        "longest by its letters, not by its id or its place in the dictionary",
    )
    check.equal(
        encode_special("abcd", [], {"ab": 300, "bcd": 301}),
        [300, 99, 100],
        "go from left to right: in abcd ab begins first, and bcd, though longer, is no "
        "longer whole",
    )
    check.equal(
        encode_special("x<e>", [], {"<e>": 0}),
        [120, 0],
        "a special token may have any id, 0 too: ask whether it is in the dictionary",
    )
    check.equal(
        encode_special("", [], {"<e>": 300}),
        [],
        "an empty text has no ids, whatever the dictionary holds",
    )
