"""The tokens of a text where the longest that fits is always taken, as WordPiece does."""


def longest_match(text, spelled):
    """What BPE does not do: at each place take the longest token that fits; `spelled` are the
    bytes of all tokens."""
    data, tokens, known = text.encode("utf-8"), [], set(spelled)
    while data:
        n = next(n for n in range(len(data), 0, -1) if data[:n] in known)
        tokens.append(data[:n].decode())
        data = data[n:]
    return tokens
