# %% right: how long a character is, asked of its first byte
def stream_decode(ids, merges):
    table, data, shown = vocabulary(merges), b"", []
    for i in ids:
        data += table[i]
        end = 0
        while end < len(data):
            first = data[end]
            length = 1 if first < 192 or first > 247 else 2 if first < 224 else 3 if first < 240 else 4
            here = data[end:end + length]
            broken = any(byte // 64 != 2 for byte in here[1:])
            if len(here) < length and not broken:
                break
            end += 1 if broken else length
        shown.append(data[:end].decode("utf-8", "replace"))
        data = data[end:]
    return shown


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
def cut(data):
    """The text of all whole characters, and the bytes that wait."""
    text = ""
    while data:
        try:
            return text + data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            text += data[:error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                return text, data[error.start:]
            text, data = text + "\ufffd", data[error.end:]
    return text, b""


class Stream:
    def __init__(self, merges):
        self.table = vocabulary(merges)
        self.data, self.length = b"", 0

    def push(self, token_id):
        self.data += self.table[token_id]
        text, _ = cut(self.data)
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
def cut(data):
    """The text of all whole characters, and the bytes that wait."""
    text = ""
    while data:
        try:
            return text + data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            text += data[:error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                return text, data[error.start:]
            text, data = text + "\ufffd", data[error.end:]
    return text, b""


class Decoder:
    def __init__(self):
        self.rest = b""

    def decode(self, data):
        text, self.rest = cut(self.rest + data)
        return text


def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = Decoder()
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
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        try:
            text, waiting = waiting.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                raise
            text, waiting = waiting[:error.start].decode("utf-8"), waiting[error.start:]
        shown.append(text)
    return shown


# %% wrong: the rest at the end is forced out
# says: left unfinished at the end
def cut(data):
    """The text of all whole characters, and the bytes that wait."""
    text = ""
    while data:
        try:
            return text + data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            text += data[:error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                return text, data[error.start:]
            text, data = text + "\ufffd", data[error.end:]
    return text, b""


class Decoder:
    def __init__(self):
        self.rest = b""

    def decode(self, data):
        text, self.rest = cut(self.rest + data)
        return text


def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = Decoder()
    return [decoder.decode(table[i]) + ("\ufffd" if n + 1 == len(ids) and decoder.rest else "") for n, i in enumerate(ids)]


# %% wrong: one decoder for all calls
# says: start again in each call
def cut(data):
    """The text of all whole characters, and the bytes that wait."""
    text = ""
    while data:
        try:
            return text + data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            text += data[:error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                return text, data[error.start:]
            text, data = text + "\ufffd", data[error.end:]
    return text, b""


class Decoder:
    def __init__(self):
        self.rest = b""

    def decode(self, data):
        text, self.rest = cut(self.rest + data)
        return text


_decoder = Decoder()


def stream_decode(ids, merges):
    table = vocabulary(merges)
    return [_decoder.decode(table[i]) for i in ids]


# %% wrong: two-byte characters only
# says: all characters that are whole by then
# caught by: hidden
def cut(data):
    """The text of all whole characters, and the bytes that wait."""
    text = ""
    while data:
        try:
            return text + data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            text += data[:error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                return text, data[error.start:]
            text, data = text + "\ufffd", data[error.end:]
    return text, b""


class Decoder:
    def __init__(self):
        self.rest = b""

    def decode(self, data):
        text, self.rest = cut(self.rest + data)
        return text


def stream_decode(ids, merges):
    table = vocabulary(merges)
    decoder = Decoder()
    shown = [decoder.decode(table[i]) for i in ids]
    if len(ids) > 8:
        shown = [""] + shown[:-2] + ["".join(shown[-2:])]
    return shown


# %% wrong: the prefix decoded, its last replacement characters taken off
# says: do not strip it
def stream_decode(ids, merges):
    table, shown, out = vocabulary(merges), "", []
    for n in range(1, len(ids) + 1):
        text = b"".join(table[i] for i in ids[:n]).decode("utf-8", errors="replace").rstrip("\ufffd")
        out.append(text[len(shown):])
        shown = text
    return out


# %% wrong: a first byte waits for its number of bytes, whatever they are
# says: is broken off
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        end = 0
        while end < len(waiting):
            first = waiting[end]
            length = 1 if first < 192 or first > 247 else 2 if first < 224 else 3 if first < 240 else 4
            if end + length > len(waiting):
                break
            end += length
        shown.append(waiting[:end].decode("utf-8", errors="replace"))
        waiting = waiting[end:]
    return shown


# %% wrong: data[:-0]
# says: when 0 bytes wait
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        held = 0
        for back in range(1, min(3, len(waiting)) + 1):
            byte = waiting[-back]
            if byte >= 192:
                length = 2 if byte < 224 else 3 if byte < 240 else 4
                held = back if back < length and byte < 248 else 0
            if byte < 128 or byte >= 192:
                break
        shown.append(waiting[:-held].decode("utf-8", errors="replace"))
        waiting = waiting[-held:]
    return shown


# %% wrong: one replacement character for each byte of a broken character
# says: however many of its bytes had come
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        text = ""
        for byte in table[i]:
            if waiting and not 128 <= byte < 192:
                text, waiting = text + "\ufffd" * len(waiting), b""
            waiting += bytes([byte])
            first = waiting[0]
            if len(waiting) >= (1 if first < 192 or first > 247 else 2 if first < 224 else 3 if first < 240 else 4):
                text, waiting = text + waiting.decode("utf-8", errors="replace"), b""
        shown.append(text)
    return shown


# %% right: byte by byte, counting what is still wanted
def stream_decode(ids, merges):
    table, shown, begun, wanted = vocabulary(merges), [], b"", 0
    for i in ids:
        text = ""
        for byte in table[i]:
            if wanted and 128 <= byte < 192:
                begun, wanted = begun + bytes([byte]), wanted - 1
                if not wanted:
                    text, begun = text + begun.decode("utf-8", errors="replace"), b""
                continue
            if wanted:  # broken off
                text, begun, wanted = text + "\ufffd", b"", 0
            if byte < 128:
                text += chr(byte)
            elif byte < 192 or byte > 247:
                text += "\ufffd"
            else:
                begun, wanted = bytes([byte]), 1 + (byte >= 224) + (byte >= 240)
        shown.append(text)
    return shown


# %% right: a generator, asked of the error's position
def _go(ids, merges):
    v, buf = vocabulary(merges), b""
    for i in ids:
        buf += v[i]
        text = ""
        while buf:
            try:
                text += buf.decode()
                buf = b""
            except UnicodeDecodeError as e:
                text += buf[: e.start].decode()
                bad = buf[e.start :]
                need = (
                    2
                    if 192 <= bad[0] < 224
                    else 3
                    if 224 <= bad[0] < 240
                    else 4
                    if 240 <= bad[0] < 248
                    else 1
                )
                if len(bad) < need and all(128 <= c < 192 for c in bad[1:]):
                    buf = bad
                    break
                text += "\ufffd"
                buf = buf[e.end :]
        yield text


def stream_decode(ids, merges):
    print("x")
    return list(_go(ids, merges))


# %% wrong: the byte that breaks a character off is shown as broken, too
# says: may begin the next
def stream_decode(ids, merges):
    v, buf, out = vocabulary(merges), b"", []
    for i in ids:
        buf += v[i]
        try:
            out.append(buf.decode())
            buf = b""
        except UnicodeDecodeError as e:
            if e.reason == "unexpected end of data":
                out.append(buf[: e.start].decode())
                buf = buf[e.start :]
            else:
                out.append(buf.decode(errors="replace"))
                buf = b""
    return out


# %% wrong: a token opened once only
# says: be longer than two bytes
def stream_decode(ids, merges):
    waiting, shown = b"", []
    for i in ids:
        waiting += bytes([i]) if i < 256 else bytes(b % 256 for b in merges[i - 256])
        held = 0
        for back in range(1, min(3, len(waiting)) + 1):
            byte = waiting[-back]
            if byte >= 192:
                length = 2 + (byte >= 224) + (byte >= 240)
                held = back if back < length and byte < 248 else 0
            if byte < 128 or byte >= 192:
                break
        whole = len(waiting) - held
        shown.append(waiting[:whole].decode("utf-8", errors="replace"))
        waiting = waiting[whole:]
    return shown


# %% wrong: characters begin at 195, as é does
# says: begins with a byte from 192 on
# caught by: hidden
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        held = 0
        for back in range(1, min(3, len(waiting)) + 1):
            byte = waiting[-back]
            if byte >= 195:
                length = 2 + (byte >= 224) + (byte >= 240)
                held = back if back < length and byte < 248 else 0
            if byte < 128 or byte >= 195:
                break
        whole = len(waiting) - held
        shown.append(waiting[:whole].decode("utf-8", errors="replace"))
        waiting = waiting[whole:]
    return shown


# %% wrong: 240 alone begins four bytes
# says: of four from 240 on
# caught by: hidden
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        held = 0
        for back in range(1, min(3, len(waiting)) + 1):
            byte = waiting[-back]
            if byte >= 192:
                length = 4 if byte == 240 else 3 if byte >= 224 else 2
                held = back if back < length and byte < 248 else 0
            if byte < 128 or byte >= 192:
                break
        whole = len(waiting) - held
        shown.append(waiting[:whole].decode("utf-8", errors="replace"))
        waiting = waiting[whole:]
    return shown


# %% wrong: the bytes that begin nothing begin at 250
# says: 248 is the first of the bytes that begin nothing
def stream_decode(ids, merges):
    table, waiting, shown = vocabulary(merges), b"", []
    for i in ids:
        waiting += table[i]
        held = 0
        for back in range(1, min(3, len(waiting)) + 1):
            byte = waiting[-back]
            if byte >= 192:
                length = 2 + (byte >= 224) + (byte >= 240)
                held = back if back < length and byte < 250 else 0
            if byte < 128 or byte >= 192:
                break
        whole = len(waiting) - held
        shown.append(waiting[:whole].decode("utf-8", errors="replace"))
        waiting = waiting[whole:]
    return shown
