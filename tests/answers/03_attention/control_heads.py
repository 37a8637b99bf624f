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


# %% right: the nearest by ratio, in the layer or one beside it
import math


def control_heads(targets, sizes):
    targets = [tuple(each) for each in targets]
    chosen = []
    for layer, head in targets:
        near = range(max(0, layer - 1), min(len(sizes), layer + 2))
        pairs = [(n, h) for n in near for h in range(sizes.shape[1])]
        pairs = [each for each in pairs if each not in targets and each not in chosen]
        ratio = [abs(math.log(float(sizes[each] / sizes[layer, head]))) for each in pairs]
        chosen.append(pairs[ratio.index(min(ratio))])
    return chosen


# %% right: any head of the layer that writes about as much, drawn at random
import random


def control_heads(targets, sizes):
    draw, chosen = random.Random(0), []
    for layer, head in targets:
        others = [(layer, h) for h in range(sizes.shape[1])]
        others = [each for each in others if each not in [*targets, *chosen]]
        size = float(sizes[layer, head])
        alike = [each for each in others if 0.7 < float(sizes[each]) / size < 1.4]
        chosen.append(draw.choice(alike or others))
    return chosen


# %% wrong: the vacuous control, the target itself
# says: the control is the target itself
def control_heads(targets, sizes):
    return [
        (layer, (sizes[layer] - sizes[layer, head]).abs().argmin().item())
        for layer, head in targets
    ]


# %% wrong: the nearest of the whole model
# says: a head costs what any head near it costs
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


# %% wrong: one control for two targets of a layer
# says: two targets share a control
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in targets]
        best = min(free, key=lambda h: abs(sizes[layer, h] - sizes[layer, head]).item())
        chosen.append((layer, best))
    return chosen


# %% wrong: the unmatched control, the first that is free
# says: a head costs as much as it writes
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, free[0]))
    return chosen


# %% wrong: the quietest that is free
# says: a head costs as much as it writes
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, min(free, key=lambda h: (sizes[layer, h] - sizes[layer, head]).item())))
    return chosen


# %% wrong: the loudest that is free
# says: a head costs as much as it writes
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(sizes.shape[1]) if (layer, h) not in [*targets, *chosen]]
        chosen.append((layer, max(free, key=lambda h: sizes[layer, h].item())))
    return chosen


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


# %% wrong: shortcut: the nearest number that is free, sizes are not looked at
# says: a head costs as much as it writes
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(len(sizes[layer])) if (layer, h) not in [*targets, *chosen]]
        far = [abs(h - head) for h in free]
        chosen.append((layer, free[far.index(min(far))]))
    return chosen


# %% wrong: shortcut: the one nearest to the mean of the layer
# says: a head costs as much as it writes
def control_heads(targets, sizes):
    chosen = []
    for layer, head in targets:
        free = [h for h in range(len(sizes[layer])) if (layer, h) not in [*targets, *chosen]]
        far = [abs(float(sizes[layer, h] - sizes[layer].mean())) for h in free]
        chosen.append((layer, free[far.index(min(far))]))
    return chosen


# %% wrong: shortcut: the same two heads, whatever the targets
# says: a head costs
def control_heads(targets, sizes):
    return [(0, 0), (0, 1)][: len(targets)]
