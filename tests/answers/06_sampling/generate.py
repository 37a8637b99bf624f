# %% right: a while loop with all three stops spelled out
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    rng = torch.Generator()
    if seed is not None:
        rng.manual_seed(seed)
    else:
        rng.seed()
    text, made = list(ids), 0
    while made < max_new_tokens:
        if len(text) >= model.config.context:
            break
        logits = model(text)[0, -1]
        token = int(sample(logits[None], torch.rand(1, generator=rng), temperature, top_k, top_p, min_p))
        text.append(token)
        made += 1
        yield token
        if token in model.config.stop_ids:
            break

# %% right: a tensor that grows, yields tensors of one element
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None, **other):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    text = torch.tensor(ids).unsqueeze(0)
    for _ in range(max_new_tokens):
        if text.size(1) == model.config.context:
            return
        new = sample(model(text)[:, -1, :], torch.rand(1, generator=g), temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        text = torch.cat((text, new.unsqueeze(0)), dim=1)
        yield new
        if new.item() in set(model.config.stop_ids):
            return

# %% right: a class with __next__ behind the function
class Writer:
    def __init__(self, model, ids, room, settings, seed):
        self.model, self.ids, self.room, self.settings = model, list(ids), room, settings
        self.generator = torch.Generator().manual_seed(seed) if seed is not None else None
    def __iter__(self):
        return self
    def __next__(self):
        if self.room <= 0 or len(self.ids) >= self.model.config.context:
            raise StopIteration
        picked = sample(self.model(self.ids)[:, -1], torch.rand(1, generator=self.generator), **self.settings).item()
        self.ids.append(picked)
        self.room = 0 if picked in self.model.config.stop_ids else self.room - 1
        return picked

def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    return Writer(model, ids, max_new_tokens, dict(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p), seed)

# %% right: Python's own random numbers, from an object of its own
import random

def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    rng = random.Random(seed)
    limit = min(len(ids) + max_new_tokens, model.config.context)
    def rest(text):
        if len(text) < limit:
            new = sample(model(text)[:, -1], torch.tensor([rng.random()]), temperature, top_k, top_p, min_p).item()
            yield new
            if new not in model.config.stop_ids:
                yield from rest(text + [new])
    return rest(list(ids))

# %% wrong: max_new_tokens counts the prompt
# says: max_new_tokens does not count the prompt
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    while len(ids) < max_new_tokens:
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return

# %% wrong: yields the prompt too
# says: yield the new ids only
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    yield from ids
    for _ in range(max_new_tokens):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]

# %% wrong: shows the model the last token only
# says: the whole text so far
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(max_new_tokens):
        new = sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()
        ids = [new]
        yield new

# %% wrong: reads the logits of the first position
# says: take the logits of the last position
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(max_new_tokens):
        new = sample(model(ids)[:, 0], torch.rand(1), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new

# %% wrong: the stop token is swallowed
# says: it is yielded
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(max_new_tokens):
        new = sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()
        if new in model.config.stop_ids:
            return
        ids = ids + [new]
        yield new

# %% wrong: writes on after the stop token
# says: then nothing more
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(max_new_tokens):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]

# %% wrong: runs past the context
# says: stop when it is full
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(max_new_tokens):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: collects a list first
# says: yield each id as soon as it is picked
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    new = []
    while len(new) < max_new_tokens and len(ids) + len(new) < model.config.context:
        new.append(sample(model(ids + new)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item())
        if new[-1] in model.config.stop_ids:
            break
    return new

# %% wrong: always greedy
# says: two seeds gave the same
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        ids = ids + [model(ids)[0, -1].argmax().item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: one u for the whole text
# says: draw a fresh u at each step
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    u = torch.rand(1, generator=None if seed is None else torch.Generator().manual_seed(seed))
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        ids = ids + [sample(model(ids)[:, -1], u, temperature, top_k, top_p, min_p).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: ignores the seed
# says: the same seed must give the same tokens
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: seeds torch's global generator
# says: use a torch.Generator of your own
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    if seed is not None:
        torch.manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: forgets the filters
# says: leaves one token to draw
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids:
            return

# %% wrong: always one token, even when the context is full
# caught by: hidden
# says: a prompt that fills the context has no room
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    start = len(ids)
    while len(ids) - start < max_new_tokens:
        ids = ids + [sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()]
        yield ids[-1]
        if ids[-1] in model.config.stop_ids or len(ids) >= model.config.context:
            return

# %% wrong: the caller's list grows
# says: the caller's list has grown
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    text = ids
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(text)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        text.append(new)
        yield new
        if new in model.config.stop_ids:
            return

# %% wrong: seed 0 is taken for no seed
# says: seed 0 is a seed too
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = torch.Generator()
    if not seed:
        g.seed()
    else:
        g.manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return

# %% wrong: no seed means seed 0
# says: seed=None means another text each time
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = torch.Generator().manual_seed(seed or 0)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return

# %% wrong: only the first stop token ends the text
# says: each of them ends the text
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if model.config.stop_ids and new == model.config.stop_ids[0]: return

# %% wrong: a stop token in the prompt ends the text
# says: a stop token in the prompt stops nothing
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    g = None if seed is None else torch.Generator().manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        if ids[-1] in model.config.stop_ids: return
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new


# %% wrong: seeds Python's global generator
# says: use a torch.Generator of your own
import random as _r


def generate(
    model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None
):
    if seed is not None:
        _r.seed(seed)
    text = list(ids)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(
            model(text)[:, -1], torch.tensor([_r.random()]), temperature, top_k, top_p, min_p
        ).item()
        text.append(new)
        yield new
        if new in model.config.stop_ids:
            return


# %% wrong: seeds the generator that all share, before the first token
# says: seed a torch.Generator of your own
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    if seed is not None:
        torch.manual_seed(seed)
    numbers = torch.rand(max_new_tokens)
    for i in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(ids)[:, -1], numbers[i : i + 1], temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return


# %% wrong: a new generator at each step
# says: not one per step
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        g = None if seed is None else torch.Generator().manual_seed(seed + len(ids))
        new = sample(model(ids)[:, -1], torch.rand(1, generator=g), temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return


# %% right: all u at once, from a fork of the state that all share
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    room = max(0, min(max_new_tokens, model.config.context - len(ids)))
    if seed is None:
        numbers = torch.rand(room)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            numbers = torch.rand(room)
    text = list(ids)
    for u in numbers[:, None]:
        text.append(sample(model(text)[:, -1], u, temperature, top_k, top_p, min_p).item())
        yield text[-1]
        if text[-1] in model.config.stop_ids:
            return


# %% wrong: the first filter that is given, alone
# says: hand all settings on, not the first
def generate(model, ids, max_new_tokens, temperature=0.0, top_k=None, top_p=None, min_p=None, seed=None):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    ids = list(ids)
    only = {"top_k": top_k} if top_k else {"top_p": top_p} if top_p else {"min_p": min_p}
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        new = sample(model(ids)[:, -1], torch.rand(1, generator=generator), temperature, **only).item()
        ids.append(new)
        yield new
        if new in model.config.stop_ids:
            return
