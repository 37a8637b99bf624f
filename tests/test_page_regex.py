"""The page's `regex`, which asks the browser's RegExp, finds what the real one finds."""

import json
import random

import pytest
import regex
from test_page_python import FIRST, ask, folder, page  # noqa: F401 - fixtures

from llmlib.tokenizer_files import GPT2_SPLIT, SINGLE_DIGITS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("npm"),
]
PATTERNS = [
    *(GPT2_SPLIT, SINGLE_DIGITS, r"\s+", r"\S+|\s", r"\w+", r"\W", r"\d+", r"\D+", r"\bt\w*"),
    *(r"(?i)THE", r"(?P<first>.)(?P=first)", r"(\w)(\d)?", r"[^\W\d_]+", r"[]x-]+", r"[\p{Lu}\-]"),
    *(r"\p{Han}|\p{IsGreek}", r"\P{L}+", r"\p{^L}+", r"[[:alpha:]]+", r"a{,2}", r"{|}", r"\x41"),
    *("x*", r"\A.", r".\Z", "(?x) t h # the\n e", r"\u00e9|\n", "(?s)a.", r"[\s\d]+", r"(?<=t)h"),
    *(r"<\|.*?\|>", r"^.", r".$", r"(?m)^.", r"(?m).$", r"$"),
]
LETTERS = "the The AaXx-] {}|<|>09٣é猫Ωß🙂🇩\n\t\x0b\u2028\xa0_'s"
CODE = """
import json, regex
found = []
for pattern, text in json.loads({asked!r}):
    row = [regex.findall(pattern, text), regex.split(pattern, text)]
    for find in (regex.search, regex.match, regex.fullmatch):
        found_here = find(pattern, text)
        row.append(found_here and [*found_here.span(), found_here.group()])
    row.append(regex.sub(pattern, "·", text))
    later = regex.compile(pattern).match(text, 2)
    row.append(later and [*later.span()])
    found.append(row)
print(json.dumps(found))
"""


def told(pattern, text):
    """What the real one finds, in the form that CODE prints."""
    row = [regex.findall(pattern, text), regex.split(pattern, text)]
    for find in (regex.search, regex.match, regex.fullmatch):
        found = find(pattern, text)
        row.append(found and [*found.span(), found.group()])
    row.append(regex.sub(pattern, "·", text))
    later = regex.compile(pattern).match(text, 2)
    return [*row, later and [*later.span()]]


def test_it_finds_what_the_real_one_finds(page):  # noqa: F811 - the fixture
    rng = random.Random(7)
    texts = ["".join(rng.choices(LETTERS, k=rng.randrange(0, 14))) for _ in range(400)]
    for pattern in PATTERNS:
        asked = [(pattern, text) for text in rng.sample(texts, 12)]
        [said] = ask(page, FIRST, "merge", CODE.format(asked=json.dumps(asked)))
        assert said["printed"], (pattern, said["message"])
        wanted = json.loads(json.dumps([told(*each) for each in asked]))
        for (_, text), mine, theirs in zip(asked, json.loads(said["printed"]), wanted, strict=True):
            assert mine == theirs, (pattern, text)


def test_every_character_is_of_the_same_class(page):  # noqa: F811 - the fixture
    """Of the basic plane, what both know: Unicode grows."""
    code = """
import regex, zlib
every = "".join(chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000)
for pattern in {patterns!r}:
    print(*(ord(each) for each in regex.findall(pattern, every)[-40:]))
    print(len(regex.findall(pattern, every)))
"""
    patterns = [r"\s", r"\p{Nd}"]
    every = "".join(chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000)
    [said] = ask(page, FIRST, "merge", code.format(patterns=patterns))
    lines = said["printed"].splitlines()
    for pattern, shown in zip(patterns, lines[::2], strict=True):
        known = regex.findall(pattern, every)
        assert [*map(int, shown.split())] == [*map(ord, known[-40:])], pattern


@pytest.mark.parametrize("pattern", ["(", "[a", "a++", r"\Gx", "(?>a)"])
def test_a_pattern_that_it_does_not_know_is_refused(page, pattern):  # noqa: F811 - the fixture
    code = f"import regex\ntry:\n    print(regex.findall({pattern!r}, 'a'))\n"
    code += "except regex.error as error:\n    print('refused:', error)"
    assert ask(page, FIRST, "merge", code)[0]["printed"].startswith("refused: ")
