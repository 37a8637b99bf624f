"""Plan many texts at once: which request runs when, as a server's scheduler decides."""


def static_batches(lengths: list[int], slots: int):
    """Plan requests of `lengths` new tokens, all there from the start, in batches of `slots`: the
    next batch starts when the longest of this one is done -> [(slot, first step, end), ...]."""
    plan, start = [], 0
    for first in range(0, len(lengths), slots):
        batch = lengths[first : first + slots]
        plan += [(slot, start, start + length) for slot, length in enumerate(batch)]
        start += max(batch)
    return plan


def continuous_batches(lengths: list[int], slots: int):
    """Plan the same requests, but a finished one makes room at once (Yu et al. 2022, *Orca*)."""
    free, plan = [0] * slots, []
    for length in lengths:
        slot = min(range(slots), key=free.__getitem__)
        plan.append((slot, free[slot], free[slot] + length))
        free[slot] += length
    return plan
