# %% right: the formula
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return float("inf")
    return max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth


# %% right: in tensors, text by text
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak, **more):
    caches = torch.full((batch,), float(context * kv_bytes), dtype=torch.float64)
    calculate, read = batch * flops / peak, weight_bytes / bandwidth
    longest = calculate if calculate > read else read
    fits = float(caches.sum()) <= memory - weight_bytes
    return longest + float((caches / bandwidth).sum()) if fits else math.inf


# %% right: a class with helpers
class Machine:
    def __init__(self, memory, bandwidth, peak):
        self.memory, self.bandwidth, self.peak = memory, bandwidth, peak

    def read(self, amount):
        return amount / self.bandwidth


def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    machine, all_caches = Machine(memory, bandwidth, peak), sum(context * kv_bytes for _ in range(batch))
    times = [machine.read(weight_bytes), flops * batch / machine.peak]
    times.sort()
    return times[-1] + machine.read(all_caches) + (0 if weight_bytes + all_caches <= memory else math.inf)


# %% wrong: returns nothing
# says: returned None
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    max(batch * flops / peak, weight_bytes / bandwidth) + batch * context * kv_bytes / bandwidth


# %% wrong: calculating and reading one after the other
# says: take the larger of the two, not their sum
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return batch * flops / peak + weight_bytes / bandwidth + caches / bandwidth


# %% wrong: forgets to read the caches
# says: the caches of all texts must be read as well
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    if weight_bytes + batch * context * kv_bytes > memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth)


# %% wrong: one cache for the whole batch
# says: each text has a cache of its own
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth


# %% wrong: never looks whether it fits
# says: do not fit into 200 bytes: return math.inf
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    return max(batch * flops / peak, weight_bytes / bandwidth) + batch * context * kv_bytes / bandwidth


# %% wrong: only the weights must fit
# says: caches of 110 do not fit into 200 bytes
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    if weight_bytes > memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth) + batch * context * kv_bytes / bandwidth


# %% wrong: exactly full is refused
# says: that fits
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches >= memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth


# %% wrong: calculates for one text only
# says: above that the machine is compute-bound
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(flops / peak, weight_bytes / bandwidth) + caches / bandwidth


# %% wrong: whole seconds by //
# says: divide with /, not with //
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops // peak, weight_bytes // bandwidth) + caches // bandwidth


# %% wrong: the caches are read while the batch is calculated
# says: only the weights are read in the meantime
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / peak, (weight_bytes + caches) / bandwidth)


# %% wrong: a compute-bound step reads no caches
# says: take 6 s on top of the 15 s
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    c, r = batch * flops / peak, weight_bytes / bandwidth
    return c if c > r else r + caches / bandwidth


# %% wrong: reads the weights once for each text
# says: the weights are read once for the whole batch
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / peak, batch * weight_bytes / bandwidth) + caches / bandwidth


# %% wrong: the smaller of the two times
# says: not the smaller
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return min(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth


# %% right: numpy's where, an array of no dimensions
import numpy as np


def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    seconds = np.maximum(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth
    return np.where(weight_bytes + caches > memory, np.inf, seconds)


# %% wrong: bandwidth and peak change places
# says: bytes are divided by bandwidth
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / bandwidth, weight_bytes / peak) + caches / peak


# %% wrong: the machine of the example
# says: take all numbers from the arguments
MACHINE = {"bandwidth": 10, "peak": 20}

def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    weights = weight_bytes / MACHINE["bandwidth"]
    return max(batch * flops / MACHINE["peak"], weights) + caches / MACHINE["bandwidth"]


# %% wrong: the peak of the example
# says: 12 operations a second
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / 20, weight_bytes / bandwidth) + caches / bandwidth


# %% wrong: 2 bytes of cache per token, as in the example
# says: 3 bytes of cache per token
def step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak):
    caches = batch * context * 2
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth
