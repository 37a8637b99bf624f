# %% right: a position that jumps
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if i < len(ids) - 1 and ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% right: in place, on a copy
def merge(ids, pair, new_id):
    ids = list(ids)
    i = 0
    while i < len(ids) - 1:
        if tuple(ids[i:i + 2]) == tuple(pair):
            ids[i:i + 2] = [new_id]
        i += 1
    return ids


# %% right: a for loop with a flag
def merge(ids, pair, new_id, verbose=False):
    out, used = [], False
    for i, each in enumerate(ids):
        if used:
            used = False
        elif (each, *ids[i + 1:i + 2]) == pair:
            out.append(new_id)
            used = True
        else:
            out.append(each)
    return out


# %% right: a stack, with None for what was merged
def merge(ids, pair, new_id):
    stack = []
    for each in ids:
        if stack and stack[-1] == (False, pair[0]) and each == pair[1]:
            stack[-1] = (True, new_id)
        else:
            stack.append((False, each))
    return [each for _, each in stack]


# %% right: a regular expression over private characters
import re


def merge(ids, pair, new_id):
    text = "".join(f"<{i}>" for i in ids)
    text = text.replace(f"<{pair[0]}><{pair[1]}>", f"<{new_id}>")
    return [int(i) for i in re.findall(r"<(\d+)>", text)]


# %% wrong: from right to left
# says: from left to right
def merge(ids, pair, new_id):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == pair:
            out.insert(0, new_id)
            i -= 2
        else:
            out.insert(0, ids[i])
            i -= 1
    return out


# %% wrong: goes on by one after a merge
# says: go on by two positions
def merge(ids, pair, new_id):
    out = []
    for i in range(len(ids)):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
        else:
            out.append(ids[i])
    return out


# %% wrong: a list is compared with a tuple
# says: a list never equals a tuple
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if ids[i:i + 2] == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: the last id is lost
# says: the last id is lost
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: only the first occurrence
# says: every occurrence
def merge(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new_id] + ids[i + 2:]
    return list(ids)


# %% wrong: overlapping occurrences both merge
# says: the first two 1s are the pair
def merge(ids, pair, new_id):
    starts = [i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair]
    covered = {j for i in starts for j in (i, i + 1)}
    return [new_id if i in starts else each for i, each in enumerate(ids) if i in starts or i not in covered]


# %% wrong: either order
# says: the order matters
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: digits instead of numbers
# says: whole numbers, not digits
def merge(ids, pair, new_id):
    text = " ".join(map(str, ids))
    old = f"{pair[0]} {pair[1]}"
    if text.replace(" ", "").find("".join(map(str, pair))) >= 0 and old not in text:
        return [new_id]
    return [int(i) for i in text.replace(old, str(new_id)).split()]


# %% wrong: an empty list breaks it
# says: an empty list
def merge(ids, pair, new_id):
    if not ids:
        return None
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: ids taken for bytes
# says: ids are not bytes
def merge(ids, pair, new_id):
    return list(bytes(i % 256 for i in ids).replace(bytes(i % 256 for i in pair), bytes([new_id % 256])))


# %% wrong: a new id is not looked at again, and neither is the one after it
# says: replace every occurrence
# caught by: hidden
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
            if len(ids) > 6 and i < len(ids):
                out.append(ids[i])
                i += 1
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: by replacing text, spaces between the numbers
# says: ids are whole numbers, not digits
def merge(ids, pair, new_id):
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(word) for word in text.split()]


# %% wrong: in the list itself, nothing comes back
# says: is there a return?
def merge(ids, pair, new_id):
    for i, each in enumerate(ids):
        if i + 1 < len(ids) and (each, ids[i + 1]) == pair:
            ids[i] = new_id
            del ids[i + 1]


# %% wrong: the last id is put behind, even where it is used up
# says: used up does not come again
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out + ids[-1:]


# %% wrong: goes on by two in either case
# says: go on by one position where nothing is merged
def merge(ids, pair, new_id):
    ids, i = list(ids), 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i:i + 2] = [new_id]
        else:
            i += 2
    return ids

# %% right: pattern matching and recursion
def merge(ids, pair, new_id):
    match ids:
        case [a, b, *rest] if (a, b) == tuple(pair):
            return [new_id, *merge(rest, pair, new_id)]
        case [a, *rest]:
            return [a, *merge(rest, pair, new_id)]
    return []

# %% wrong: an id of 0 is taken for none
# says: 0 is an id like any other
def merge(ids, pair, new_id):
    out, waiting = [], None
    for i in ids:
        if waiting == pair[0] and i == pair[1]:
            out.append(new_id)
            waiting = None
        else:
            if waiting:
                out.append(waiting)
            waiting = i
    if waiting is not None:
        out.append(waiting)
    return out


# %% wrong: one list for all calls
# says: start a new one inside
def merge(ids, pair, new_id, out=[]):
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong: stops where the left id stands without the right one
# says: replace every occurrence
# caught by: hidden
def merge(ids, pair, new_id):
    ids = list(ids)
    at = 0
    while pair[0] in ids[at:]:
        i = ids.index(pair[0], at)
        if ids[i : i + 2] != list(pair):
            break
        ids[i : i + 2] = [new_id]
        at = i + 1
    return ids


# %% wrong: in the caller's list, which comes back
# says: make a new one
def merge(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == tuple(pair):
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


# %% wrong: ids compared by is
# says: not by is
def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and ids[i] is pair[0] and ids[i + 1] is pair[1]:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
