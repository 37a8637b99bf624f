# %% right: GPT-2's pattern in one piece
def cut_words(text):
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return regex.findall(pattern, text)


# %% right: compiled, verbose, with finditer
PATTERN = regex.compile(
    r"""
      ' (?: s | t | d | m | ll | ve | re )
    | [ ]? [\p{L}]+
    | [ ]? [\p{N}]+
    | [ ]? [^\s\p{L}\p{N}]+
    | \s+ (?= \s | $ )
    | \s
    """,
    regex.VERBOSE,
)


def cut_words(text):
    return [found.group() for found in PATTERN.finditer(text)]


# %% right: by hand, without a pattern for the text
import unicodedata


def kind_of(char):
    if regex.match(r"\s", char):
        return "space"
    return {"L": "letter", "N": "digit"}.get(unicodedata.category(char)[0], "sign")


def cut_words(text):
    pieces, i = [], 0
    while i < len(text):
        ending = next((e for e in ("'s", "'t", "'d", "'m", "'ll", "'ve", "'re") if text.startswith(e, i)), None)
        if ending:
            end = i + len(ending)
        else:
            start = i + 1 if text[i] == " " and i + 1 < len(text) and kind_of(text[i + 1]) != "space" else i
            kind, end = kind_of(text[start]), start
            while end < len(text) and kind_of(text[end]) == kind:
                end += 1
            if kind == "space" and end < len(text) and end - i > 1:
                end -= 1
        pieces.append(text[i:end])
        i = end
    return pieces


# %% right: a generator that matches at one place after another
def steps(text):
    at = 0
    alternatives = [r"'(?:[sdmt]|ll|ve|re)", r" ?\p{L}+", r" ?\p{N}+", r" ?[^\s\p{L}\p{N}]+", r"\s+(?!\S)", r"\s+"]
    while at < len(text):
        found = next(filter(None, (regex.compile(each).match(text, at) for each in alternatives)))
        yield found.group()
        at = found.end()


def cut_words(text):
    return list(steps(text))


# %% wrong: cut at spaces, which are lost
# says: the space belongs to the word that follows
def cut_words(text):
    return text.split()


# %% wrong: the space goes with the word before it
# says: the space belongs to the word that follows
def cut_words(text):
    return regex.findall(r"\p{L}+ ?|\p{N}+ ?|[^\s\p{L}\p{N}]+ ?|\s+", text)


# %% wrong: letters and digits only
# says: joined, the pieces must be the text
def cut_words(text):
    return regex.findall(r" ?\p{L}+| ?\p{N}+", text)


# %% wrong: \w for letters and digits
# says: digits and letters are pieces of their own
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+", text)


# %% wrong: \w without the digits
# says: the underscore is no letter
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d]+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+", text)


# %% wrong: letters from a to z
# says: letters are those of every script
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+", text)


# %% wrong: signs one by one
# says: signs next to each other stay together
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s+", text)


# %% wrong: no space before a sign
# says: a sign, too, takes one space
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: no space before a number
# says: a number, too, takes one space
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: the endings forgotten
# says: an English ending is one piece
def cut_words(text):
    return regex.findall(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: rule 1 only where a word ends
# says: asks nothing of what follows
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)\b| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: rule 1 only behind a word
# says: nor of what comes before
def cut_words(text):
    return regex.findall(r"(?<=\p{L})'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: any letters after an apostrophe
# says: only the letters that rule 1 names
def cut_words(text):
    return regex.findall(r"'\p{L}+| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: a group that findall returns in place of the match
# says: a group in parentheses makes findall return
def cut_words(text):
    return regex.findall(r"'(s|d|m|t|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: all white space at once
# says: of two spaces before a word the word takes the second
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+", text)


# %% wrong: white space one by one
# says: white space that no visible character follows
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s", text)


# %% wrong: any white space before a word
# says: never a new line
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)|\s?\p{L}+|\s?\p{N}+|\s?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: endings in capitals too
# says: rule 1 takes lower case only
def cut_words(text):
    return regex.findall(r"(?i:'(?:[sdmt]|ll|ve|re))| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


# %% wrong: digits one by one
# says: the digits of a number stay together
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)

# %% wrong: digits by threes, as in GPT-4's pattern
# says: does not cut after three
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)

# %% wrong: curly apostrophes too
# says: the curly one
def cut_words(text):
    return regex.findall(r"['’](?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)

# %% wrong: a space before rule 1 as well
# says: takes no space before its apostrophe
def cut_words(text):
    return regex.findall(r" ?'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)

# %% wrong: an apostrophe is never one of the other signs
# says: goes with it
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}']+| ?'|\s+(?!\S)|\s+", text)


# %% right: character by character, by category
import unicodedata


def cut_words(text):
    out, i, n = [], 0, len(text)

    def kind(c):
        if c.isspace():
            return 0
        k = unicodedata.category(c)[0]
        return 1 if k == "L" else 2 if k == "N" else 3

    while i < n:
        for e in ("'s", "'t", "'d", "'m", "'ll", "'ve", "'re"):
            if text[i:].startswith(e):
                out.append(e)
                i += len(e)
                break
        else:
            j = i + (text[i] == " ")
            if j < n and kind(text[j]):
                k = kind(text[j])
                e = j
                while e < n and kind(text[e]) == k:
                    e += 1
            else:
                e = i
                while e < n and text[e].isspace():
                    e += 1
                if e < n and e - i > 1:
                    e -= 1
            out.append(text[i:e])
            i = e
    return out


# %% wrong: \d for \p{N}
# says: digits are those of every script
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\d+| ?[^\s\p{L}\d]+|\s+(?!\S)|\s+", text)


# %% wrong: digits from 0 to 9
# says: digits are those of every script
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[0-9]+| ?[^\s\p{L}0-9]+|\s+(?!\S)|\s+", text
    )


# %% wrong: letters are capitals and small ones only
# says: letters are those of every script
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?[\p{Lu}\p{Ll}]+| ?\p{N}+| ?[^\s\p{Lu}\p{Ll}\p{N}]+|\s+(?!\S)|\s+",
        text,
    )


# %% wrong: an accent counts as a letter
# says: an accent that is a character of its own
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+", text
    )


# %% wrong: white space is space, tab and new line only
# says: no-break and wide spaces
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^ \t\n\p{L}\p{N}]+|[ \t\n]+(?![^ \t\n])|[ \t\n]+",
        text,
    )


# %% wrong: four endings of seven
# says: rule 1 has seven endings
def cut_words(text):
    return regex.findall(
        r"'(?:[st]|ll|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text
    )


# %% wrong: 've forgotten
# says: rule 1 has seven endings
def cut_words(text):
    return regex.findall(
        r"'(?:[stdm]|ll|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text
    )


# %% wrong: a tab before a word as well
# says: never a tab
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)|[ \t]?\p{L}+|[ \t]?\p{N}+|[ \t]?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text
    )


# %% wrong: new lines one by one
# says: white space of all kinds together
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+| +(?!\S)|\s", text
    )


# %% wrong: all spaces before a sign
# says: before a sign or a number
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| *[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text
    )


# %% wrong: one list for all calls
# says: start a new list inside
_pieces = []


def cut_words(text):
    _pieces.extend(
        regex.findall(
            r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text
        )
    )
    return _pieces


# %% wrong: signs are punctuation, symbols and marks
# says: invisible joiner
def cut_words(text):
    return regex.findall(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[\p{P}\p{S}\p{M}]+|\s+(?!\S)|\s+", text)


# %% wrong: asks first whether a sign means a number
# says: though it means a number
def cut_words(text):
    def kind(c):
        if regex.fullmatch(r"\s", c):
            return "space"
        if c.isnumeric():
            return "digit"
        if c.isalpha():
            return "letter"
        return "sign"

    pieces, i, n = [], 0, len(text)
    while i < n:
        ending = next(
            (e for e in ("'s", "'t", "'d", "'m", "'ll", "'ve", "'re") if text.startswith(e, i)), None
        )
        if ending:
            pieces.append(ending)
            i += len(ending)
            continue
        start = i
        if text[i] == " " and i + 1 < n and kind(text[i + 1]) != "space":
            i += 1
        k, j = kind(text[i]), i
        while j < n and kind(text[j]) == k:
            j += 1
        if k == "space" and j < n and j - i > 1:
            j -= 1
        pieces.append(text[start:j])
        i = j
    return pieces


# %% wrong: letters with capitals, small ones and those without case, no others
# says: and ー as well
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?[\p{Lu}\p{Ll}\p{Lo}]+| ?\p{N}+| ?[^\s\p{Lu}\p{Ll}\p{Lo}\p{N}]+|\s+(?!\S)|\s+",
        text,
    )


# %% wrong: a list of white space written by hand
# says: white space is all that
def cut_words(text):
    W = r"[ \t\n\r\u00a0]"
    return regex.findall(
        rf"'(?:[sdmt]|ll|ve|re)| ?\p{{L}}+| ?\p{{N}}+| ?[^ \t\n\r\u00a0\p{{L}}\p{{N}}]+|{W}+(?![^ \t\n\r\u00a0])|{W}+",
        text,
    )


# %% right: by hand, letters asked for before numbers
def cut_words(text):
    def kind(c):
        if regex.fullmatch(r"\s", c):
            return "space"
        if c.isalpha():
            return "letter"
        if c.isnumeric():
            return "digit"
        return "sign"

    pieces, i, n = [], 0, len(text)
    while i < n:
        ending = next(
            (e for e in ("'s", "'t", "'d", "'m", "'ll", "'ve", "'re") if text.startswith(e, i)), None
        )
        if ending:
            pieces.append(ending)
            i += len(ending)
            continue
        start = i
        if text[i] == " " and i + 1 < n and kind(text[i + 1]) != "space":
            i += 1
        k, j = kind(text[i]), i
        while j < n and kind(text[j]) == k:
            j += 1
        if k == "space" and j < n and j - i > 1:
            j -= 1
        pieces.append(text[start:j])
        i = j
    return pieces


# %% wrong: what nobody sees is no sign
# says: a sign among signs
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}\p{C}]+|\s+(?!\S)|\s+|.", text
    )


# %% wrong: signs take the new lines after them, as in GPT-4's pattern
# says: signs take no new line after them
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+\n*|\s+(?!\S)|\s+", text
    )


# %% wrong: white space ends with the line
# says: over the end of a line
def cut_words(text):
    return regex.findall(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+$|\s+(?=\s)|\s",
        text,
        flags=regex.M,
    )
