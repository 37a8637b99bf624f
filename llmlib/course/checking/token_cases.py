"""Long lists of cases of notebook 1: (what goes in, what comes out, what a learner is told)."""

# A text, and the pieces that GPT-2's pattern makes of it.
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
