# %% right: join, then decode
def decode(ids, merges):
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")


# %% right: taken apart by recursion
def decode(ids, merges):
    def spell(i):
        return [i] if i < 256 else spell(merges[i - 256][0]) + spell(merges[i - 256][1])

    return str(bytes(b for i in ids for b in spell(i)), "utf-8", "replace")


# %% right: merges undone, newest first
def decode(ids, merges, errors="replace"):
    ids = list(ids)
    for i in reversed(range(len(merges))):
        opened = []
        for each in ids:
            opened += merges[i] if each == 256 + i else [each]
        ids = opened
    return bytearray(ids).decode(errors=errors)


# %% right: an incremental decoder with a final call
import codecs


def decode(ids, merges):
    table = dict(enumerate(vocabulary(merges)))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = ""
    for i in ids:
        text += decoder.decode(table[i])
    return text + decoder.decode(b"", final=True)


# %% wrong: each token decoded by itself
# says: join the bytes of all tokens first
def decode(ids, merges):
    table = vocabulary(merges)
    return "".join(table[i].decode("utf-8", errors="replace") for i in ids)


# %% wrong: a byte taken for a character
# says: a byte alone is not always a character
def decode(ids, merges):
    table = vocabulary(merges)
    return "".join(chr(b) for i in ids for b in table[i])


# %% wrong: invalid bytes raise
# says: UnicodeDecodeError
def decode(ids, merges):
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids).decode("utf-8")


# %% wrong: invalid bytes are dropped
# says: errors="replace"
def decode(ids, merges):
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids).decode("utf-8", errors="ignore")


# %% wrong: the right part first
# says: its left part, then its right part
def decode(ids, merges):
    table = [bytes([b]) for b in range(256)]
    for left, right in merges:
        table.append(table[right] + table[left])
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")


# %% wrong: a token opened once only
# says: merged themselves
def decode(ids, merges):
    data = []
    for i in ids:
        data += merges[i - 256] if i >= 256 else [i]
    return bytes(b % 256 for b in data).decode("utf-8", errors="replace")


# %% wrong: bytes come back
# says: the bytes of H and i
def decode(ids, merges):
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids)


# %% wrong: spaces between tokens
# says: the bytes of H and i
def decode(ids, merges):
    table = vocabulary(merges)
    return " ".join(table[i].decode("utf-8", errors="replace") for i in ids)


# %% wrong: tables kept by the number of merges
# says: keep no table from an earlier
_tt = {}


def decode(ids, merges):
    t = _tt.setdefault(len(merges), vocabulary(merges))
    return b"".join(t[i] for i in ids).decode("utf-8", errors="replace")


# %% wrong: spaces at the ends are dropped
# says: nothing is stripped
def decode(ids, merges):
    t = vocabulary(merges)
    return b"".join(t[i] for i in ids).decode("utf-8", errors="replace").strip()


# %% wrong: an id of 0 is taken for none
# says: 0 is an id like any other
def decode(ids, merges):
    t = vocabulary(merges)
    return b"".join(t[i] for i in ids if i).decode("utf-8", errors="replace")


# %% wrong: read as a text file, which makes one sign of \r\n
# says: nothing is stripped, and
import io


def decode(ids, merges):
    table = vocabulary(merges)
    return io.TextIOWrapper(io.BytesIO(b"".join(table[i] for i in ids)), "utf-8", errors="replace").read()


# %% wrong: a mark at the start is taken for one of byte order
# says: no mark at the start is dropped
def decode(ids, merges):
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids).decode("utf-8-sig", errors="replace")


# %% wrong: accents joined to their letters
# says: no accent joined to its letter
import unicodedata


def decode(ids, merges):
    table = vocabulary(merges)
    return unicodedata.normalize("NFC", b"".join(table[i] for i in ids).decode("utf-8", errors="replace"))


# %% wrong: stops at the first byte that is no UTF-8
# says: the text goes on after them
def decode(ids, merges):
    table = vocabulary(merges)
    data = b"".join(table[i] for i in ids)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data[: error.start].decode("utf-8") + "\ufffd"


# %% wrong: replacement characters in a row made one
# says: 255 and 255 are two
def decode(ids, merges):
    table = vocabulary(merges)
    text = b"".join(table[i] for i in ids).decode("utf-8", errors="replace")
    return regex.sub("\ufffd+", "\ufffd", text)
