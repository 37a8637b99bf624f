# %% right: a list of those that are free, and the nearest of them
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [
            other
            for other in range(sizes.shape[1])
            if (layer, other) not in targets and (layer, other) not in chosen
        ]
        nearest = min(free, key=lambda other: abs(sizes[layer, other] - sizes[layer, head]).item())
        chosen.append((layer, nearest))
    return chosen


# %% right: distances, with infinity for those that are taken
import torch


def control_heads(targets, sizes):
    sizes, taken = sizes.double(), [tuple(each) for each in targets]
    found = []
    for layer, head in targets:
        far = (sizes[layer] - sizes[layer, head]).abs()
        for at, other in taken:
            if at == layer:
                far[other] = float("inf")
        best = int(torch.nonzero(far == far.min())[0])
        taken.append((layer, best))
        found.append((layer, best))
    return found


# %% right: sorted, with lists in the place of tuples
def control_heads(targets, sizes):
    rows = sizes.tolist()
    used = {tuple(each) for each in targets}
    out = []
    for layer, head in targets:
        ranked = sorted(range(len(rows[layer])), key=lambda h: (abs(rows[layer][h] - rows[layer][head]), h))
        other = next(h for h in ranked if (layer, h) not in used)
        used.add((layer, other))
        out.append([layer, other])
    return out


# %% wrong: the vacuous control, the target itself
# says: the control is the target itself
def control_heads(targets, sizes):
    return [
        (layer, (sizes[layer] - sizes[layer, head]).abs().argmin().item())
        for layer, head in targets
    ]


# %% wrong: the nearest of the whole model
# says: the control comes from another layer
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        every = [(n, h) for n in range(len(sizes)) for h in range(sizes.shape[1])]
        free = [at for at in every if at not in targets and at not in chosen]
        chosen.append(min(free, key=lambda at: abs(sizes[at] - sizes[layer, head]).item()))
    return chosen


# %% wrong: another target is taken for a control
# says: a control is one of the other targets
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if h != head and (layer, h) not in chosen]
        best = min(free, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())
        chosen.append((layer, best))
    return chosen


# %% wrong: one head is the control of several
# says: choose none twice
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in targets]
        free = free[::-1] if (layer, head) == (0, 2) and len(free) < 3 else free
        chosen.append((layer, min(free, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())))
    return chosen


# %% wrong: the unmatched control, the first that is free
# says: nearest to 4 is 5, head 2
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, free[0]))
    return chosen


# %% wrong: the unmatched control, drawn at random
# says: nearest to 4 is 5, head 2
import random


def control_heads(targets, sizes):
    random.seed(2)
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, random.choice(free[:1])))
    return chosen


# %% wrong: only heads that are louder
# says: a control may also be quieter
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        louder = [h for h in free if sizes[layer, h] >= sizes[layer, head]] or free
        chosen.append((layer, min(louder, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())))
    return chosen


# %% wrong: the quietest that is free
# says: in layer 1, nearest to 6 is 4.1
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, min(free, key=lambda h: (sizes[layer, h] - sizes[layer, head]).item())))
    return chosen


# %% wrong: the loudest that is free
# says: nearest to 4 is 5, head 2
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, max(free, key=lambda h: sizes[layer, h].item())))
    return chosen


# %% wrong: the size of layer 0 stands for every layer
# says: in layer 1, nearest to 6 is 4.1
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, min(free, key=lambda h: abs(sizes[0, h] - sizes[0, head]).item())))
    return chosen


# %% wrong: of equally near ones the higher number
# says: take the lower number
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]][::-1]
        chosen.append((layer, min(free, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())))
    return chosen


# %% wrong: sorted at the end, so that controls lose their targets
# says: the right heads in the wrong order
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, min(free, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())))
    return sorted(chosen)


# %% wrong: heads without their layers
# says: return a list of pairs
def control_heads(targets, sizes):
    return [
        min(
            (h for h in range(sizes.shape[1]) if (layer, h) not in targets),
            key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item(),
        )
        for layer, head in targets
    ]


# %% wrong: shortcut: the answers of the example
# says: look at the sizes that are given
def control_heads(targets, sizes):
    return [(0, 2)] if len(targets) == 1 else [(0, 3), (0, 1)][: len(targets)]


# %% wrong: shortcut: the nearest number that is free, sizes are not looked at
# says: nearest to 4 is 5, head 2
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(len(sizes[layer])) if (layer, h) not in [*targets, *chosen]]
        far = [abs(h - head) for h in free]
        chosen.append((layer, free[far.index(min(far))]))
    return chosen


# %% wrong: shortcut: the nearest by ratio
# says: not by their ratio
def control_heads(targets, sizes):
    import math

    chosen = []
    for layer, head in targets:
        free = [h for h in range(len(sizes[layer])) if (layer, h) not in [*targets, *chosen]]
        far = [abs(math.log(float(sizes[layer, h] / sizes[layer, head]))) for h in free]
        chosen.append((layer, free[far.index(min(far))]))
    return chosen


# %% wrong: shortcut: the one nearest to the mean of the layer
# says: nearest to 6 is 4.1
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(len(sizes[layer])) if (layer, h) not in [*targets, *chosen]]
        far = [abs(float(sizes[layer, h] - sizes[layer].mean())) for h in free]
        chosen.append((layer, free[far.index(min(far))]))
    return chosen
