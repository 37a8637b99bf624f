# %% right: two loops
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    chunk = chunk or len(ids)
    for start in range(0, len(ids), chunk):
        logits = model(torch.tensor([ids[start:start + chunk]]), cache)
    length = len(ids)
    for i in range(max_new_tokens):
        if length >= model.config.context:
            break
        token = pick(logits[:, -1, :])
        length += 1
        yield int(token)
        if int(token) in model.config.stop_ids:
            break
        if i + 1 < max_new_tokens and length < model.config.context:
            logits = model(token.view(1, 1), cache)


# %% right: a queue of parts that the model has not seen
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    size = chunk if chunk is not None else len(ids)
    waiting = [[ids[i:i + size]] for i in range(0, len(ids), size)]
    made = 0
    while made < max_new_tokens and len(ids) + made < model.config.context:
        while waiting:
            logits = model(torch.tensor(waiting.pop(0)), cache)
        new_id = pick(logits[:, -1]).item()
        made += 1
        yield new_id
        if new_id in set(model.config.stop_ids):
            return
        waiting.append([[new_id]])


# %% right: recursion with a helper
def feed(model, cache, ids, size):
    if len(ids) <= size:
        return model(torch.tensor(ids).unsqueeze(0), cache)
    model(torch.tensor(ids[:size]).unsqueeze(0), cache)
    return feed(model, cache, ids[size:], size)


def write(model, cache, logits, left, pick):
    if left <= 0:
        return
    new = pick(logits[:, -1])
    yield new.item()
    if left > 1 and new.item() not in model.config.stop_ids:
        yield from write(model, cache, model(new.reshape(1, 1), cache), left - 1, pick)


def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    logits = feed(model, cache, list(ids), chunk or len(ids))
    yield from write(model, cache, logits, min(max_new_tokens, model.config.context - len(ids)), pick)


# %% right: names the argument `cache`, as the engine does
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache=cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache=cache)


# %% wrong: the whole text again at each step
# says: give it only what is new, the cache has the rest
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    ids = list(ids)
    for _ in range(max_new_tokens):
        new = pick(model(torch.tensor([ids]), cache)[:, -1]).item()
        yield new
        ids.append(new)


# %% wrong: only the last token of the prompt goes in
# says: after the whole prompt has gone in
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    logits = model(torch.tensor([ids[-1:]]), cache)
    for made in range(max_new_tokens):
        new = pick(logits[:, -1])
        yield new.item()
        if made + 1 < max_new_tokens:
            logits = model(new[None], cache)


# %% wrong: reads the logits of the first token
# says: the logits of the prompt's last token (logits[:, -1])
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    logits = model(torch.tensor([ids]), cache)
    for made in range(max_new_tokens):
        new = pick(logits[:, 0])
        yield new.item()
        if made + 1 < max_new_tokens:
            logits = model(new[None], cache)


# %% wrong: makes the whole answer before it hands over the first id
# says: use yield inside the loop
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    new_ids = []
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    for made in range(min(max_new_tokens, model.config.context - len(ids))):
        new = pick(logits[:, -1])
        new_ids.append(new.item())
        if new.item() in model.config.stop_ids:
            break
        if made + 1 < max_new_tokens:
            logits = model(new[None], cache)
    return new_ids


# %% wrong: runs the model once more after the last id
# says: that pass is wasted
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids:
            return
        logits = model(new[None], cache)


# %% wrong: ignores chunk
# says: goes in as passes of [2, 1] tokens
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    logits = model(torch.tensor([ids]), cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: drops what does not fill a chunk
# says: the last chunk, shorter than the others, never went in
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    chunk = chunk or len(ids)
    for i in range(max(1, len(ids) // chunk)):
        logits = model(torch.tensor([ids[i * chunk:(i + 1) * chunk]]), cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: feeds the prompt's last token twice
# says: after the whole prompt has gone in
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    model(torch.tensor([ids]), cache)
    new = torch.tensor(ids[-1:])
    for made in range(max_new_tokens):
        new = pick(model(new[None], cache)[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids:
            return


# %% wrong: swallows the stop id
# says: a stop id is yielded, and then the loop ends
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        if new.item() in model.config.stop_ids:
            return
        yield new.item()
        if made == room:
            return
        logits = model(new[None], cache)


# %% wrong: always makes at least one id
# says: max_new_tokens=0 makes no new id
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    made = 0
    while True:
        new = pick(logits[:, -1])
        yield new.item()
        made += 1
        if new.item() in model.config.stop_ids or made >= max_new_tokens:
            return
        logits = model(new[None], cache)


# %% wrong: forgets the context
# says: a context of 7 holds a prompt of 4 and 3 new ids
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    for made in range(1, max_new_tokens + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == max_new_tokens:
            return
        logits = model(new[None], cache)


# %% wrong: takes the likeliest id, whatever pick says
# says: not for argmax
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = logits[:, -1].argmax(-1)
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: appends to the caller's list
# says: the caller's list `ids` has changed
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for start in range(0, len(ids), chunk or len(ids)):
        logits = model(torch.tensor([ids[start : start + (chunk or len(ids))]]), cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        ids.append(new.item())
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: only the first stop id ends the loop
# says: any of them ends the loop
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    left = min(max_new_tokens, model.config.context - len(ids))
    for part in torch.tensor([ids]).split(chunk or len(ids), 1):
        z = model(part, cache)
    for k in range(left):
        t = pick(z[:, -1])
        yield t.item()
        if k == left - 1 or (model.config.stop_ids and t.item() == model.config.stop_ids[0]): return
        z = model(t[None], cache)


# %% wrong: a stop id at the end of the prompt
# says: a stop id in the prompt stops nothing
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    if ids[-1] in model.config.stop_ids: return
    left = min(max_new_tokens, model.config.context - len(ids))
    for part in torch.tensor([ids]).split(chunk or len(ids), 1):
        z = model(part, cache)
    for k in range(left):
        t = pick(z[:, -1])
        yield t.item()
        if k == left - 1 or t.item() in model.config.stop_ids: return
        z = model(t[None], cache)


# %% wrong: the stop id goes through the model
# says: the stop id went through the model as well
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if made == room:
            return
        logits = model(new[None], cache)
        if new.item() in model.config.stop_ids:
            return


# %% wrong: a pass too many when the context is full
# says: the id that filled the context went through the model as well
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    n = len(ids)
    for made in range(1, max_new_tokens + 1):
        if n >= model.config.context:
            return
        new = pick(logits[:, -1])
        n += 1
        yield new.item()
        if new.item() in model.config.stop_ids or made == max_new_tokens:
            return
        logits = model(new[None], cache)


# %% wrong: the first new id is never a stop id
# says: the very first new id may be a stop id
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if (made > 1 and new.item() in model.config.stop_ids) or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: picks an id from every chunk
# says: call it once for each, and not for the chunks before the last
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
        new = pick(logits[:, -1])
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        new = pick(model(new[None], cache)[:, -1])


# %% wrong: picks from the logits of all positions
# says: call pick with the last logits alone
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits)[0, -1:]
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: one id although the prompt fills the context
# says: a prompt that fills the context
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    if max_new_tokens == 0:
        return
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    made = 0
    while True:
        new = pick(logits[:, -1])
        yield new.item()
        made += 1
        full = made == max_new_tokens or len(ids) + made >= model.config.context
        if full or new.item() in model.config.stop_ids:
            return
        logits = model(new[None], cache)


# %% wrong: yields tensors
# says: yield an int, not a tensor
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: max_new_tokens counts the prompt, too
# says: max_new_tokens counts new ids only
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for part in torch.tensor([ids]).split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context) - len(ids)
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: the prompt goes in token by token
# says: the whole prompt goes in at once
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for i in ids:
        logits = model(torch.tensor([[i]]), cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)


# %% wrong: takes None for a number
# says: chunk is None here, which means the whole prompt in one pass
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    for start in range(0, len(ids), chunk):
        logits = model(torch.tensor([ids[start : start + chunk]]), cache)
    for made in range(min(max_new_tokens, model.config.context - len(ids))):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids:
            return
        logits = model(new[None], cache)
