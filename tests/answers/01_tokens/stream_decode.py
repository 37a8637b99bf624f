# %% right: the incremental decoder
def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [decoder.decode(table[i]) for i in ids]


# %% right: a buffer and the error's own words
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        text = ""
        while waiting:
            try:
                text, waiting = text + waiting.decode(), b""
            except UnicodeDecodeError as error:
                text += waiting[:error.start].decode()
                if error.reason == "unexpected end of data":
                    waiting = waiting[error.start:]
                    break
                text, waiting = text + "\ufffd", waiting[error.end:]
        shown.append(text)
    return shown


# %% right: the length stands in a character's first byte
def missing(data):
    """How many bytes at the end of `data` belong to a character that is not whole."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0b11000000:
            length = 2 if byte < 0b11100000 else 3 if byte < 0b11110000 else 4 if byte < 0b11111000 else 0
            return back if length > back else 0
        if byte < 0b10000000:
            return 0
    return 0


def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        cut = len(waiting) - missing(waiting)
        shown.append(waiting[:cut].decode("utf-8", errors="replace"))
        waiting = waiting[cut:]
    return shown


# %% right: a class, and what is new in the whole text
class Stream:
    def __init__(self, merges):
        self.table = vocabulary(merges)
        self.data, self.length = b"", 0

    def push(self, token_id):
        self.data += self.table[token_id]
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        text = decoder.decode(self.data)
        new, self.length = text[self.length:], len(text)
        return new


def stream_decode(ids, merges, stream=None):
    stream = stream or Stream(merges)
    return [stream.push(i) for i in ids]


# %% wrong: each token decoded by itself
# says: half a character was shown
def stream_decode(ids, merges):
    table = vocabulary(merges)
    return [table[i].decode("utf-8", errors="replace") for i in ids]


# %% wrong: unfinished bytes are dropped
# says: é is whole when its second byte has come
def stream_decode(ids, merges):
    table = vocabulary(merges)
    return [table[i].decode("utf-8", errors="ignore") for i in ids]


# %% wrong: all or nothing
# says: show what is whole at once
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        try:
            shown.append(waiting.decode("utf-8"))
            waiting = b""
        except UnicodeDecodeError:
            shown.append("")
    return shown


# %% wrong: the whole text each time
# says: holding only what is new
def stream_decode(ids, merges):
    table = vocabulary(merges)
    return [b"".join(table[i] for i in ids[:n + 1]).decode("utf-8", errors="ignore") for n in range(len(ids))]


# %% wrong: empty strings are left out
# says: first an empty string
def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [text for text in (decoder.decode(table[i]) for i in ids) if text]


# %% wrong: waits forever after an invalid byte
# says: can never become a character
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        try:
            text = waiting.decode("utf-8")
            waiting = b""
        except UnicodeDecodeError as error:
            text = waiting[:error.start].decode("utf-8")
            waiting = waiting[error.start:]
        shown.append(text)
    return shown


# %% wrong: strict about invalid bytes
# says: UnicodeDecodeError
def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")()
    return [decoder.decode(table[i]) for i in ids]


# %% wrong: the rest at the end is forced out
# says: left unfinished at the end
def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [decoder.decode(table[i], final=n + 1 == len(ids)) for n, i in enumerate(ids)]


# %% wrong: one decoder for all calls
# says: start afresh in each call
_decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")


def stream_decode(ids, merges):
    table = vocabulary(merges)
    return [_decoder.decode(table[i]) for i in ids]


# %% wrong: two-byte characters only
# says: all characters that are whole by then
# caught by: hidden
def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    shown = [decoder.decode(table[i]) for i in ids]
    if len(ids) > 8:
        shown = [""] + shown[:-2] + ["".join(shown[-2:])]
    return shown
