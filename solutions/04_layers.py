# %% [markdown] makes="vectors, 30 layers later" shape="[batch, seq, d_model]"
# # 4 · Layers
#
# Attention is one part of a layer. Here are the other parts, and the loop that makes a model of them.
#
# ![The model as a line, the residual stream, from ids over the table, layer 0 to layer 29 and a last norm to the table again and the logits. One layer is opened: twice a copy leaves the line, goes through a norm and then through attention or the feed-forward, and what comes out is added to the line.](attachment:whole_stack.png)
#
# **You will build** a layer, its norm, its feed-forward, and the whole model. You put your `attend` from notebook 3
# into it, and you train a small model. In between, you follow one fact through the layers of a real model.
#
# **You need** notebooks 1 to 3, and to know that a gradient says how strongly the loss would react to a weight.
#
# **It takes** about 221 minutes. *Further*, after the recap, is extra: about 305 more.

# %% given setup folded="Set-up: torch, and both ends of the model from notebooks 2 and 5"
import math

import torch
from torch.nn.functional import linear

from llmlib.embeddings import embed
from llmlib.output_head import unembed

# %% folded="Set-up: SmolLM2, the pictures, and a story to measure it on"
from llmlib import output_head, pretrained
from classroom.predict import predict, predictions, reveal
from llmlib.demonstrations.layers import (
    STORY,
    head,
    mean_loss,
    residual_stream,
    residual_writes,
)
from llmlib.plots import layers as pictures
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
config, stack = model.config, model.weights.layers
rows, last_norm = model.weights.unembedding, model.weights.norm[0]


def encode(text):
    return torch.tensor(model.tokenizer.encode(text))


def decode(token):
    return model.tokenizer.decode([int(token)])


story_ids = encode(STORY)
as_trained = mean_loss(
    model, story_ids
)  # nats per token; guessing costs ln 49152 = 10.8

# %% [markdown]
# ## The whole stack first
#
# Read the picture from left to right. Each id is looked up in a table, which gives one vector of `d_model` numbers. Then
# come 30 *layers*, or *blocks*, all built the same way. The line that carries the vectors is the **residual stream**. At
# the end the table is used again: the dot product of a vector with every row gives its **logits**, one number for each
# token of the vocabulary. This last step is the *output head*.
#
# A layer has two *sublayers*: attention and the **feed-forward** network, which papers often call the *MLP*. Each reads
# a copy of the stream through a **norm**, which rescales it. We say that a sublayer **writes** what it adds to the
# stream.
#
# We can look before the last layer: the last norm and the table accept a vector from any layer.

# %%
predict(
    "cold",
    "'The opposite of hot is' … After which of the layers 0 to 29 is ' cold' the "
    "likeliest token for the first time?",
    yours=24,
)

# %%
stream = residual_stream(model, encode("The opposite of hot is"))[:, -1]
shares = output_head.softmax(head(model, stream))  # 31 vocab
on_top = shares.argmax(dim=-1) == encode(" cold").item()
first_time = on_top.int().argmax().item() - 1
for n in (0, 1, 11, 21, first_time, first_time + 1, 30):
    best = shares[n].topk(3)
    pairs = (f"{decode(i)!r} {p:.2f}" for p, i in zip(*map(torch.Tensor.tolist, best)))
    print(f"after layer {n - 1:2}:" if n else "from the table:", "   ".join(pairs))
for other in ("The sun sets in the", "The opposite of up is"):
    best = head(model, residual_stream(model, encode(other))[:, -1]).argmax(dim=-1)
    n = (best == best[-1]).int().argmax().item()
    print(f"{other} …{decode(best[-1])}: on top for the first time after layer {n - 1}")
reveal("cold", first_time, within=2)

# %% [markdown] reveals="cold"
# Straight from the table, the vector decodes to the word "is". " cold" comes out on top near the end. Reading the
# stream halfway with the last norm and the table is called the *logit lens* (nostalgebraist 2020). What the lens does
# not show may still be in the stream: the middle layers were not trained to be read this way. Section 4.4 finds more.

# %% [markdown]
# **Drag the layer, or type a sentence of your own.** The strip is one stream, that of the last token, from the table to the
# last layer. Each stretch is a token that stays on top of the lens for a while. What would the model say if it stopped there?

# %%
from llmlib.widgets import stream_slider

stream_slider(model, "The king sat on his throne, and the queen sat on", layer=21)

# %% [markdown]
# ## 4.1 The residual stream
#
# A layer does not replace a vector. It *adds* to it, twice. Build that from the picture at the top.

# %% [markdown]
# ### Exercise 4.1 · `pre_norm_block` · ●●○ · 12 min
#
# Write one layer. It takes the stream `x` `[batch, seq, d_model]` and **four functions**. Each takes and returns a tensor
# of that shape. Call each of the four once.
#
# 1. `attend` reads a copy of the stream that went through `norm_1`. What it writes is added to the stream.
# 2. `feed_forward` reads a copy of the *new* stream, through `norm_2`. What it writes is added, too.
#
# Return the stream in a new tensor: leave `x` as it is. Add with `x + …`, not with `+=`, not even on a copy: in section 4.6
# the gradient goes back through your block, and `+=` writes over numbers that it needs.
#
# **By hand**, with numbers for vectors. Let `norm_1` double, `attend` triple, `norm_2` multiply by five and
# `feed_forward` by seven.
#
# ```
# x                        1
# attention writes         3 · 2 · 1 = 6
# the stream is now        1 + 6 = 7
# the feed-forward writes  7 · 5 · 7 = 245
# the block returns        7 + 245 = 252
# ```
#
# Not allowed: llmlib's own block.
#
# <details><summary>Hint 1</summary>
#
# One line for each sublayer, and both have the same form. In the picture, which two things meet at the "+"?
#
# </details>
# <details><summary>Hint 2</summary>
#
# At the first "+" what attention wrote is added to the old stream. Give the sum a name: the second sublayer reads it,
# and adds to it.
#
# </details>


# %% solution pre_norm_block disallowed=["llmlib.layers.pre_norm_block"]
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    """One layer: x [batch, seq, d_model] -> the same. The four functions take and
    return [batch, seq, d_model]."""
    ### BEGIN SOLUTION
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_2(x))
    ### END SOLUTION


# %% given block_of_matrices folded="Adapter: your block with four matrices for functions"
def block_of_matrices(x, norm_1, attend, norm_2, feed_forward):
    """Your pre_norm_block with four matrices [d_model, d_model] for functions -> (its
    output, the names of the functions called, in order; then "changed" if x was)."""
    calls, before = [], x.clone()

    def times(name, matrix):
        def function(x):
            calls.append(name)
            return linear(x, matrix)

        return function

    out = pre_norm_block(
        x,
        norm_1=times("norm_1", norm_1),
        attend=times("attend", attend),
        norm_2=times("norm_2", norm_2),
        feed_forward=times("feed_forward", feed_forward),
    )
    return out, calls if torch.equal(x, before) else [*calls, "changed"]


# %% given gradients folded="Helper of the checks"
def gradients(function, *inputs):
    """Of the summed squares of what your function of that name returns: the gradient
    for each tensor of numbers among `inputs`, lists of them included -> a list, empty
    where PyTorch finds no way back."""
    leaves = []

    def leaf(value):
        if isinstance(value, (list, tuple)):
            return [leaf(each) for each in value]
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            leaves.append(value.clone().requires_grad_())
            return leaves[-1]
        return value

    try:
        result = eval(function)(*[leaf(each) for each in inputs])
        result = result[0] if isinstance(result, tuple) else result
        loss = result.pow(2).sum()
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
    except RuntimeError:
        return []
    return [torch.zeros(1) if each is None else each for each in found]


# %% test pre_norm_block points=2
import torch

from exercises import check
from exercises import layers as cases

cases.check_pre_norm_block(block_of_matrices, gradients)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(43)
for _batch, _seq, _d in [(1, 3, 4), (2, 5, 6), (3, 1, 8)]:
    _x = torch.randn(_batch, _seq, _d, generator=_g)
    _n1, _a, _n2, _f = (torch.randn(_d, _d, generator=_g) / _d**0.5 for _ in range(4))
    _zero, _one = torch.zeros(_d, _d), torch.eye(_d)
    check.close(
        block_of_matrices(_x.clone(), _n1, _zero, _n2, _zero)[0],
        _x,
        "sublayers that write 0 must leave x as it came: the stream is only added to, "
        "never replaced and never normalised",
    )
    check.close(
        block_of_matrices(_x.clone(), _n1, _a, _n2, _f)[0],
        _x @ ((_one + _f @ _n2) @ (_one + _a @ _n1)).T,
        "the block must return h + feed_forward(norm_2(h)) with h = x + "
        "attend(norm_1(x))",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **A second check, on the real model.** Your block goes into all 30 layers, and we record whatever a sublayer writes. The
# sum of the writes must give the model's own logits.

# %%
france = encode("The capital of France is")
added = residual_writes(model, france, pre_norm_block)
print("what was written:", list(added.shape), "= [1 + 2 * 30, seq, d_model]")
apart = (head(model, added.sum(dim=0)) - model(france)[0]).abs().max().item()
print("the plain sum gives the model's own logits, to within 0.001:", apart < 1e-3)

# %% [markdown]
# **The final stream is a sum of 61 vectors**: the table's, and two for each layer. Each term, however,
# depends on the sum before it.
#
# ![Above, three layers in a chain: each replaces the vector. Below, a thick line runs past three layers; each reads from it and adds to it.](attachment:add_or_replace.png)
#
# Without the "+" a layer would *replace* the vector. *Further* builds such a stack, and shows what goes wrong in it.

# %% [markdown]
# ## 4.2 Norms: each sublayer reads a normalised copy
#
# ![A sketch. Three arrows of the stream, short, middle and long, each in another direction. A norm under each hands down a copy, which keeps the direction; the three copies have the same length.](attachment:norm_copy.png)
#
# From the table to the last layer the stream's vectors become hundreds of times as long, and they turn. So each sublayer
# reads a *normalised* copy, and the stream itself stays as it is. The copies all have the same length, before the norm's
# weight scales their entries. What if the norms did not divide?

# %%
predict(
    "division",
    "SmolLM2's norms keep their learned weights, but no longer divide. Its loss on the "
    "story is then …",
    {
        "A": "a little higher",
        "B": "higher than that of guessing, 10.8 nats",
        "C": "no number at all",
    },
    yours="C",
)

# %%
from llmlib.demonstrations.layers import without_division

no_division = model.using(norm=lambda x, weight, eps: x * weight)
broken = mean_loss(no_division, story_ids)
print(f"as it is {as_trained:.2f}, without division {broken:.2f}")
for name in ("norm_1", "norm_2", "the last norm"):
    loss = mean_loss(without_division(model, name), story_ids)
    print(f"without division in {name:13} alone {loss:6.2f}")
reveal("division", "C" if math.isnan(broken) else "B" if broken > 10.8 else "A")

# %% [markdown] reveals="division"
# `nan` means "not a number": something overflowed. `norm_1` alone is enough, and `norm_2` alone. Behind `norm_2`
# stands the feed-forward: each of its neurons multiplies two numbers that grow with its input (section 4.3). Hand a
# feed-forward a copy 200 times as large, and it writes about 40,000 times as much. The next layer reads that.

# %% [markdown]
# Two norms are common. *RMSNorm* divides a vector by its root mean square. *LayerNorm*, the norm of GPT-2, first
# subtracts the mean of the vector's entries, and adds a bias at the end. You write RMSNorm, which Llama and SmolLM2
# use. LayerNorm is in *Further*, which also shows models that put a norm on the stream itself. $\epsilon$, in code `eps`, is
# a tiny number that keeps us from dividing by zero.

# %% [markdown]
# ### Exercise 4.2 · `rms_norm` · ●○○ · 11 min
#
# Write RMSNorm (Zhang & Sennrich 2019), the norm of Llama. Divide each vector by its *root mean square*, the root of
# the mean of its squares, with `eps` inside the root. Then multiply by `weight`. No mean is subtracted; there is no bias.
#
# `x` is `[..., d_model]`, `weight` is `[d_model]`, the result is a new tensor like `x`, with its `dtype`; leave both as
# they are. Compute with tensors: a number taken out by `.item()` or `.tolist()` lets no gradient back.
#
# **By hand**, with weight 1:
#
# ```
# x               [1, 7]
# squares         [1, 49]
# their mean      25
# if eps is 0     [1, 7] / √(25 + 0) = [0.2, 1.4]
# if eps is 11    [1, 7] / √(25 + 11) = [1/6, 7/6]
# ```
#
# Not allowed: torch's and llmlib's own RMSNorm.
#
# <details><summary>Hint 1</summary>
#
# Three steps: square and take the mean; take the root; divide. What must the mean keep so that the division fits?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mean is not subtracted, not even inside the root, and no bias is added. What is averaged are the squares of x
# itself.
#
# </details>


# %% solution rms_norm disallowed=["torch.nn.functional.rms_norm", "llmlib.layers.rms_norm"]
def rms_norm(x, weight, eps=1e-5):
    """RMSNorm over the last dimension: x [..., d_model] over its root mean square,
    times weight [d_model]."""
    ### BEGIN SOLUTION
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight
    ### END SOLUTION


# %% given left_alone folded="Helper of the checks"
def left_alone(function, x, *more):
    """`x` after your function of that name has worked on it."""
    before = repr(more)
    eval(function)(x, *more)
    if repr(more) != before:
        raise ValueError(
            f"{function} has changed what it was given: leave the caller's tensors "
            "as they are"
        )
    return x


# %% test rms_norm points=2
import torch

from exercises import check
from exercises import layers as cases

cases.check_rms_norm(rms_norm, left_alone, gradients)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1004)
for _shape in [(7,), (5, 6), (3, 2, 12), (2, 2, 3, 5)]:
    _x, _w = (
        torch.randn(_shape, generator=_g) * 3 + 1,
        torch.randn(_shape[-1], generator=_g),
    )
    check.close(
        rms_norm(_x, torch.ones(_shape[-1]), 0.0),
        torch.nn.functional.rms_norm(_x, _shape[-1:], None, 0.0),
        "with weight 1 and eps 0, RMSNorm only divides each vector by its root mean "
        "square",
        atol=1e-4,
    )
    for _eps in (1e-5, 0.5):
        check.close(
            rms_norm(_x, _w, _eps),
            torch.nn.functional.rms_norm(_x, _shape[-1:], _w, _eps),
            f"the result differs from torch's RMSNorm for x of shape {list(_shape)} "
            f"and eps = {_eps}",
            atol=1e-4,
        )
### END HIDDEN TESTS

# %%
yours = model.using(norm=rms_norm)
apart = (yours(france) - model(france)).abs().max().item()
print("a second check, in SmolLM2: the same logits to within 0.001:", apart < 1e-3)

# %% [markdown]
# ## 4.3 The feed-forward
#
# Attention moves information *between* tokens. The feed-forward works on each token by itself. It consists of many
# **neurons**, 1,536 in each layer of SmolLM2. Here is one of them.
#
# ![One neuron. The token's copy has a dot product with a row of w_gate, which goes through SiLU, and one with a row of w_up. The product of the two numbers is the neuron's activation. It multiplies a column of w_down, and that is added to the stream.](attachment:one_neuron.png)
#
# The two rows decide *when* a neuron is active. The column is the fixed vector that it then adds. The number in
# between, the neuron's **activation**, says how much of the column is added, and with which sign.
#
# ![Left: ReLU is flat below zero and straight above; GELU and SiLU follow it closely, smoothly, and dip a little below zero. Right: SiLU of a gate times three other numbers; where the gate is strongly negative all three products are near zero.](attachment:three_bends.png)
#
# SiLU is an *activation function*, a function with a bend: $\text{SiLU}(z) = z \cdot \text{sigmoid}(z)$, where
# $\text{sigmoid}(z) = 1 / (1 + \exp(-z))$. The first of the two numbers is the *gate*: after SiLU, it says how much of the
# second one passes. A feed-forward of such neurons is called *SwiGLU* (Shazeer 2020).

# %% [markdown]
# ### Exercise 4.3 · `swiglu` · ●●○ · 15 min
#
# Write Llama's feed-forward. The gate is `w_gate` times x, and goes through SiLU. `w_up` times x is the value that the gate
# scales: the two are multiplied neuron by neuron, and `w_down` leads back to `d_model`.
#
# ||shape|
# |---|---|
# |`x`|`[..., d_model]`|
# |`w_gate`, `w_up`|`[d_mlp, d_model]`|
# |`w_down`|`[d_model, d_mlp]`|
# |returns|`[..., d_model]`|
#
# There are no biases. Weights are stored `[out, in]`: row i of `w_gate` belongs to neuron i. `linear(x, w)`, imported at the
# top, is `x @ w.T`. As in 4.1, a gradient goes back through your function: no `detach`, and nothing written over in place.
#
# **By hand**, with numbers for matrices. The second gate is shut:
#
# ```
# x              1                          1
# w_gate         1                          -100
# w_up, w_down   -100, 3                    -100, 3
# SiLU           SiLU(1) = 0.7311           SiLU(-100) = 0
# neuron         0.7311 · (-100) = -73.11   0
# result         3 · (-73.11) = -219.3      0
# ```
#
# Not allowed: torch's SiLU, and llmlib's own `swiglu`. `torch.sigmoid` is allowed.
#
# <details><summary>Hint 1</summary>
#
# Compute the gate and what passes separately: both are linear maps of the same `x`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Only one of the two goes through SiLU. SiLU needs its argument twice, so give the gate a name first.
#
# </details>


# %% solution swiglu disallowed=["torch.nn.functional.silu", "llmlib.layers.swiglu"]
def swiglu(x, w_gate, w_up, w_down):
    """Llama's feed-forward: x [..., d_model] -> the same. w_gate and w_up [d_mlp,
    d_model], w_down [d_model, d_mlp]."""
    ### BEGIN SOLUTION
    gate = linear(x, w_gate)
    return linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down)
    ### END SOLUTION


# %% test swiglu points=2
import torch

from exercises import check
from exercises import layers as cases

cases.check_swiglu(swiglu, gradients)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1046)
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [
        torch.randn(s, generator=_g) / _d**0.5
        for s in ((_d_mlp, _d), (_d_mlp, _d), (_d, _d_mlp))
    ]
    _x = torch.randn(_shape, generator=_g)
    check.close(
        swiglu(_x, *_weights),
        cases.swiglu_by_torch(_x, *_weights),
        "the result differs from torch's SiLU-gated feed-forward",
        atol=1e-4,
    )
check.close(
    swiglu(torch.ones(1), cases.number(-1000), cases.number(2), cases.number(1)),
    [0.0],
    "a gate of -1000 is shut, not NaN",
)
### END HIDDEN TESTS

# %% [markdown]
# Most of SmolLM2's weights are in the feed-forward:
#
# ![SmolLM2's weights drawn to scale: one block for the table, beside it thirty thin columns, the layers; in each the lower quarter is attention, the upper three quarters the feed-forward.](attachment:weights_to_scale.png)

# %% [markdown]
# ## 4.4 What carries the answer?
#
# " Paris" is read from the last token, but only the country says that it is Paris. After each layer, which token's vector
# holds that fact? To learn what *carries* an answer you must intervene. *Activation patching* (Meng et al. 2022) copies **one
# vector** of a clean run into a corrupted run, at one layer and one position, and lets the rest of the model run on. If the
# answer changes, that vector carried it.
#
# ![Two runs. Clean: "The capital of France is". Corrupted: "The capital of Italy is". One vector of the clean run, above "France" halfway up, is copied to the same place of the corrupted run, which then runs on: Paris or Rome?](attachment:patching.png)

# %%
predict(
    "patch",
    "Copy one vector from the France run into the Italy run. In the first layers only "
    "the vector at the country changes the answer. After which of the layers 0 to 29 "
    "is it the vector at 'is', the last token, that does?",
    yours=12,
)

# %% [markdown]
# ### Experiment 4.4 · `patch_map` · ●●● · 45 min
#
# Patch every place, one at a time, and say how much of the clean answer comes back.
#
# ||shape||
# |---|---|---|
# |`clean`, `corrupted`|`[n_states, seq, d_model]`|the streams of both runs: state `i` is what layer `i` reads, the last one what the last layer leaves|
# |`rest`|a function|`rest(i, x)` runs on from state `i` with streams `x` `[batch, seq, d_model]` and returns scores `[batch]`|
# |returns|`[n_states, seq]`|entry `[i, p]`: *recovered*, if only position `p` of state `i` is clean|
#
# *Recovered* is the score on a scale where the corrupted run stands at 0 and the clean run at 1. Leave both streams as
# they are.
#
# **By hand.** There are two tokens, of one number each, and one layer, which adds token 0 to token 1. The score is
# twice the final token 1.
#
# |run|state 0, before the layer|state 1, after it|score|recovered|
# |---|---|---|---|---|
# |clean|`3, 0`|`3, 3`|6||
# |corrupted|`1, 0`|`1, 1`|2||
# |token 0 of state 0 patched|`3, 0`|`3, 3`|6|1|
# |token 1 of state 0 patched|`1, 0`|`1, 1`|2|0|
# |token 0 of state 1 patched|`1, 0`|`3, 1`|2|0|
# |token 1 of state 1 patched|`1, 0`|`1, 3`|6|1|
#
# The map is `[[1, 0], [0, 1]]`.
#
# <details><summary>Hint 1</summary>
#
# Every patch starts from a fresh copy of the corrupted state. Which single entry of it do you overwrite?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The `seq` patches of one state can run as one batch: row `p` is the corrupted state with position `p` replaced.
# `corrupted[i].repeat(seq, 1, 1)` makes the copies. One run at a time is right, too, and slower.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The two ends of the scale are the scores that `clean` and `corrupted` give, both run on from the same state. What maps
# the lower end to 0 and the upper one to 1?
#
# </details>


# %% solution patch_map disallowed=[]
def patch_map(clean, corrupted, rest):
    """Activation patching: clean, corrupted [n_states, seq, d_model], rest(i, x [batch,
    seq, d_model]) -> scores [batch] -> recovered [n_states, seq]."""
    ### BEGIN SOLUTION
    n_states, seq, _ = clean.shape
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    recovered, every = [], torch.arange(seq)
    for i in range(n_states):
        x = corrupted[i].repeat(seq, 1, 1)
        x[every, every] = clean[i]
        recovered.append((rest(i, x) - low) / (high - low))
    return torch.stack(recovered)
    ### END SOLUTION


# %% given patch_map_of_matrices folded="Adapter: your patch_map on small layers with a nonlinearity"
def patch_map_of_matrices(clean, corrupted, moves, readout):
    """Your patch_map on a stack of layers: each adds relu(moves[i] [seq, seq] @ x) to
    its x [..., seq, d_model]; the score is the last token · readout [d_model]. clean
    and corrupted [seq, d_model] are what goes in."""

    def states(x):
        found = [x]
        for move in moves:
            found.append(found[-1] + (move @ found[-1]).clamp(min=0))
        return torch.stack(found)

    def rest(i, x):
        if not isinstance(x, torch.Tensor) or x.dim() != 3:
            raise ValueError(
                "rest(i, x) takes streams x [batch, seq, d_model]: a single one is "
                "x[None]"
            )
        for move in moves[i:]:
            x = x + (move @ x).clamp(min=0)
        return x[:, -1] @ readout

    given = states(clean), states(corrupted)
    kept = [each.clone() for each in given]
    found = patch_map(*given, rest)
    if not all(map(torch.equal, given, kept)):
        raise ValueError(
            "a stream of the two runs has changed: patch a copy, or the next patch "
            "finds the last one still in place"
        )
    return found


# %% test patch_map points=4
import torch

from exercises import check
from exercises import layers as cases

cases.check_patch_map(patch_map_of_matrices)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1045)
for _seq, _d, _n in ((1, 2, 1), (3, 5, 0), (5, 2, 4)):
    _made, _maps = cases.runs_to_patch(_seq, _d, _n, _g)
    check.close(
        patch_map_of_matrices(*_made),
        _maps["right"],
        f"recovered is wrong for {_n} layers, {_seq} tokens and d_model {_d}",
        atol=2e-3,
    )
    _same = (torch.cat([_made[1][:-1], _made[0][-1:]]), *_made[1:])
    _got = patch_map_of_matrices(*_same)
    check.close(
        _got[0, :-1],
        torch.zeros(_seq - 1),
        "where both prompts have the same token, a patch before layer 0 changes "
        "nothing: 0",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** The score is the logit of " Paris" minus that of " Rome". Below the map: the same
# for ten pairs of countries, and for a question of another kind.


# %%
from llmlib.demonstrations.layers import (
    CAPITALS,
    capital_prompt,
    city_id,
    country_pairs,
    rest_of_model,
)

prompts = torch.stack([encode(capital_prompt(c)) for c in CAPITALS])
batch = residual_stream(model, prompts)  # 31 10 5 d_model
streams = dict(zip(CAPITALS, batch.unbind(1)))


def patched(right, wrong, first=0, end=31):
    """Your patch_map for two countries, from state `first` up to state `end`."""
    cities = (city_id(model, CAPITALS[country]) for country in (right, wrong))
    rest = rest_of_model(model, *cities, first)
    return patch_map(streams[right][first:end], streams[wrong][first:end], rest)


recovered = patched("France", "Italy")
words = ["The", "capital", "of", "France", "is"]
show(pictures.patch_map(recovered, words))
arrived = (recovered[:, -1] > 0.5).int().argmax().item() - 1
around = arrived, arrived + 2  # state n is what layer n - 1 leaves
ten = torch.stack([patched(*pair, *around) for pair in country_pairs()])  # 10 2 5
print("ten pairs, recovered: lowest, mean, highest")
for i, n in enumerate((arrived - 1, arrived)):
    for p, name in ((3, "the country"), (4, "is")):
        shares = ten[:, i, p]
        three = (f"{r:6.2f}" for r in (shares.min(), shares.mean(), shares.max()))
        print(f"after layer {n}, at {name:12}", *three)
opposites = [encode(f"The opposite of {word} is") for word in ("hot", "big")]
rest = rest_of_model(model, *(model(ids)[0, -1].argmax().item() for ids in opposites))
shares = patch_map(*(residual_stream(model, ids) for ids in opposites), rest)[:, -1]
shown = (*range(arrived - 2, arrived + 1), 29)
four = (f"after layer {n} {shares[n + 1]:.2f}" for n in shown)
print("the opposite of hot, not of big, at is:", "  ".join(four))
reveal("patch", arrived, within=2)

# %% [markdown] reveals="patch"
# **In these ten pairs the fact reaches the last token in a single layer, 23.** Before it, the vector at the country decides
# nearly everything. After it, the vector at the last token does. It is not the layer of every fact: about half
# of the opposite of "hot" comes in layer 22, and the rest over the layers after it. *Further* has a sentence in which a country
# takes two steps.
#
# The ends of the map were certain: at the table only the country differs, and after the last layer only "is" is read. The 0
# at "The", "capital" and "of" was certain, too. Up to the country both runs are the same, so the patch copies a vector onto
# itself. Such a 0 does not say that a word carries nothing. The finding is where the map changes, and how suddenly.

# %% [markdown]
# ## 4.5 The loop: your model
#
# ![A chain from ids over embed, pre_norm_block, rms_norm and unembed to the logits. An arrow loops over pre_norm_block: for every layer, with its own weights.](attachment:the_loop.png)
#
# You have every part. Only the loop is missing.

# %% [markdown]
# ### Exercise 4.5 · `forward` · ●●● · 34 min
#
# Write the whole model: ids in, logits out.
#
# ||shape||
# |---|---|---|
# |`ids`|`[batch, seq]`|whole numbers|
# |`table`|`[vocab, d_model]`|used at both ends|
# |`layers`|a list, one entry for each layer; leave it as it is|five tensors: the weights of `norm_1` and `norm_2`, `[d_model]` each, then `w_gate`, `w_up`, `w_down`|
# |`final_norm`|`[d_model]`|weight of the last norm|
# |`attend`|a function|`attend(i, x)`: what the attention of layer `i` writes for `x` `[batch, seq, d_model]`|
# |`eps`|a number|the eps of every norm|
# |returns|`[batch, seq, vocab]`|the logits|
#
# Norms are RMSNorm, the feed-forward is SwiGLU, the block is that of 4.1: use your own functions. `embed(ids, table)` looks
# ids up. `unembed(x, table)` takes each vector's dot product with every row of the table.
#
# Your block hands its four functions `x` alone, and your norm also needs a weight and `eps`. Python's `lambda` makes a
# function of `x` alone out of it: `lambda x: rms_norm(x, norm_1, eps)`.
#
# **By hand**, without any layers and with `eps` 0:
#
# ```
# table         [[1, 7], [5, 5]]
# final_norm    [1, 1]
# ids           [[0]]
# looked up     [1, 7]
# normalised    [0.2, 1.4]
# its logits    0.2 · 1 + 1.4 · 7 = 10
#               0.2 · 5 + 1.4 · 5 = 8
# result        [[[10, 8]]]
# ```
#
# Not allowed: llmlib's own model, and torch's RMSNorm and SiLU.
#
# <details><summary>Hint 1</summary>
#
# Follow the picture: look up; for each layer, the block; the last norm; the dot products with the table's rows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `for i, (norm_1, norm_2, w_gate, w_up, w_down) in enumerate(layers):`. Your block needs four functions of `x` alone, a
# `lambda` for each.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Two of the four are your norm with different weights, one is `attend` with the layer's number, one your feed-forward
# with three matrices. What the block returns is what the next round starts from.
#
# </details>


# %% solution forward disallowed=["llmlib.model.forward", "llmlib.layers.pre_norm_block", "llmlib.layers.rms_norm", "llmlib.layers.swiglu", "torch.nn.functional.rms_norm", "torch.nn.functional.silu"]
def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    """The whole model: ids [batch, seq] -> logits [batch, seq, vocab]. layers: (norm_1,
    norm_2, w_gate, w_up, w_down) of each; attend(i, x) is what attention i writes."""
    ### BEGIN SOLUTION
    x = embed(ids, table)
    for i, (norm_1, norm_2, w_gate, w_up, w_down) in enumerate(layers):
        x = pre_norm_block(
            x,
            norm_1=lambda x: rms_norm(x, norm_1, eps),
            attend=lambda x: attend(i, x),
            norm_2=lambda x: rms_norm(x, norm_2, eps),
            feed_forward=lambda x: swiglu(x, w_gate, w_up, w_down),
        )
    return unembed(rms_norm(x, final_norm, eps), table)
    ### END SOLUTION


# %% given forward_with_matrices folded="Adapter: your forward with matrices for attention"
def forward_with_matrices(ids, table, layers, final_norm, matrices, *eps):
    """Your forward, with one matrix [d_model, d_model] a layer for attention ->
    (logits, the numbers of the layers whose attention was called, in order)."""
    calls = []

    def attend(i, x):
        if not isinstance(x, torch.Tensor):
            raise TypeError("call attend(i, x): the layer's number, then its input")
        calls.append(i)
        return linear(x, matrices[i % len(matrices)])

    given = list(layers)
    logits = forward(ids, table, layers, final_norm, attend, *eps)
    if [*map(id, layers)] != [*map(id, given)]:
        raise ValueError("the caller's list `layers` has changed: leave it as it is")
    return logits, calls


# %% test forward points=4
import torch

from exercises import check
from exercises import layers as cases

with cases.parts_first(
    rms_norm=lambda: cases.check_rms_norm(rms_norm, left_alone, gradients),
    swiglu=lambda: cases.check_swiglu(swiglu, gradients),
    pre_norm_block=lambda: cases.check_pre_norm_block(block_of_matrices, gradients),
):
    cases.check_forward(forward_with_matrices, gradients)
### BEGIN HIDDEN TESTS
for _seed, (_n, _d, _m, _v, _shape) in enumerate(
    ((1, 4, 6, 5, (1, 1)), (2, 6, 5, 20, (3, 7)), (5, 10, 16, 9, (1, 12)))
):
    _parts = cases.random_model(_n, _d, _m, _v, 1490 + _seed)
    _g = torch.Generator().manual_seed(_seed)
    _ids = torch.randint(_v, _shape, generator=_g)
    _got, _calls = forward_with_matrices(_ids, *_parts, 1e-3)
    check.equal(_calls, list(range(_n)), "attend(i, x) is called once in each layer")
    check.close(
        _got,
        cases.logits_by_torch(_ids, *_parts, 1e-3),
        f"the logits differ from torch's for {_n} layers and ids of shape "
        f"{list(_shape)}",
        atol=2e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** SmolLM2's weights go into your `forward`, together with the `attend` that you wrote in notebook 3.
# The library `transformers` runs the same weights with its own code.

# %%
from classroom.engine_check import reference
from classroom.other_notebook import function_from
from llmlib.demonstrations.layers import MISTAKES, Reference

attend = function_from("03_attention", "attend")
runs = Reference(model, story_ids[:44], reference(model.folder))
yours = runs.compare(forward, attend)
print("the logits of both are equal to within 0.01:", yours[1] < 0.01)

# %% [markdown]
# **That is a language model, and you wrote everything between the look-up and the last dot products.** How much do
# equal ids alone prove? Plant four mistakes: a last norm that does not divide, an eps that is too large, norms
# that round, and a feed-forward that writes too little. Each version continues three prompts by 12 ids.

# %%
predict("planted", "How many of the four mistakes change any of these ids?", yours=2)

# %%
exposed = 0
print(f"{'':32}same ids   logits apart   loss")
with_mistakes = {name: runs.compare(f, attend) for name, f in MISTAKES.items()}
for name, (same, apart, cost) in {"yours": yours, **with_mistakes}.items():
    exposed += not all(same)
    print(f"{name:32}{sum(same)} of 3  {apart:14.1f} {cost:9.2f}")
reveal("planted", exposed, within=0)

# %% [markdown] reveals="planted"
# None of them. Without its division the last norm multiplies all logits of a token by one positive number: the likeliest
# token stays the same on every prompt. The others move the logits a little, too little for these ids. Other prompts may
# expose them. **To check a model, compare its logits, not its ids.**

# %% [markdown]
# ## 4.6 Your model learns
#
# Now take an untrained model with two layers, 48 numbers per token, and a vocabulary of single letters. Your `forward`
# and your `attend` read stories and guess each next letter. The gradient of the loss goes back through all that you
# wrote.

# %%
from llmlib.data import stories
from llmlib.demonstrations.layers import Letters, tiny_model

texts = (stories("train")[:300], stories("held_out")[:40])
letters = Letters(*("\n".join(story.text for story in part) for part in texts))


def train(with_attention=True, steps=400):
    """Train a tiny model -> (its losses, the function ids -> logits)."""
    ends, matrices = tiny_model(len(letters.alphabet))
    parameters = [*ends[1][0], *ends[1][1], ends[0], ends[2], *sum(matrices, [])]
    optimizer = torch.optim.Adam(parameters, lr=3e-3, fused=True)

    def run(ids):
        return forward(
            ids, *ends, lambda i, x: with_attention * attend(x, *matrices[i], 4, 4)
        )

    losses = []
    for step in range(steps):
        batch = letters.batch(step)
        logits = run(batch[:, :-1])  # batch seq vocab
        loss = output_head.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, run


# %%
predict(
    "letters",
    "A second model is trained without attention: it writes 0. What is the lowest loss "
    "on unseen stories that this model could reach?",
    {
        "A": "that of the first model, only later",
        "B": "that of a table: how common each letter is",
        "C": "that of a table: how common each letter is after the letter before",
    },
    yours="C",
)

# %%
torch.set_num_threads(1)  # products this small are faster on one
trained = {"with your attend": train(), "without attention": train(False)}
torch.set_num_threads(2)
unseen = letters.batch(0, size=200, held_out=True)
single, pair = letters.table_losses(unseen)
tables = {"table: each letter": single, "table: letter before": pair}
curves = {name: losses for name, (losses, _) in trained.items()}
show(pictures.learning(curves, tables))
scores = []
for name, (_, run) in trained.items():
    with torch.no_grad():
        logits = run(unseen[:, :-1]).flatten(0, 1)
    scores.append(output_head.cross_entropy(logits, unseen[:, 1:].flatten()).item())
    print(f"{name:20} loss on unseen stories {scores[-1]:.2f}")
close = abs(scores[1] - pair) < 0.1
reveal("letters", "C" if close else "B" if scores[1] > single - 0.1 else "A")

# %% [markdown] reveals="letters"
# Without attention each letter is seen alone, so the best possible guess is the table of letter pairs, and that is where
# the model stops. **Only attention brings in earlier letters.**
#
# (The curves are losses on the training stories, the dashed lines on the unseen ones. Compare the dashed lines with the
# printed losses.)
#
# Let the first model write:

# %% tags=["nbval-ignore-output"]
ids, generator = letters.encode("The "), torch.Generator().manual_seed(1)
for _ in range(100):
    with torch.no_grad():
        shares = output_head.softmax(
            trained["with your attend"][1](ids[None, -48:])[0, -1]
        )
    ids = torch.cat([ids, torch.multinomial(shares, 1, generator=generator)])
print(repr("".join(letters.alphabet[i] for i in ids)))

# %% [markdown]
# It begins to spell words. A few seconds of training do not make sentences; notebook 7 trains a larger one.

# %% [markdown]
# ## Recap
#
# - A model is a running sum: each layer adds to it twice, the head reads it once.
# - A norm divides what a sublayer reads by its size, on a copy: the stream itself is left alone (*pre-norm*).
# - Each neuron of the feed-forward adds one fixed vector, times its activation, which may be negative.
# - Only an intervention shows what carries the answer. Ask of each: could it have come out otherwise?
# - Some mistakes never show in the likeliest ids. Compare logits.
#
# **Next:** the last vector becomes probabilities, and we measure how wrong they are: notebook 5, the output head.
#
# ## Questions to think about
#
# 1. Multiply every vector that is looked up, and every write of SmolLM2, by 2. What happens to the logits?
# 2. Your tiny model has two layers. Without attention, would ten layers reach a lower loss?
# 3. Twice the layers, or √2 times `d_model`: both about double the parameters in the blocks. Which gives the longer chain
#    of operations that each wait for the one before?
#
# <details><summary>Answers</summary>
#
# 1. Nothing, up to `eps`. Every reader of the stream divides by its length, so a factor in all of it cancels. The writes
#    of a real layer would not double by themselves, for the same reason.
# 2. No. However deep, it sees one letter, and nothing beats a table of letter pairs at that.
# 3. Twice the layers doubles the chain. The width leaves it as it is: a wide model has more operations that can be done
#    at the same time.
#
# </details>
#
# ## To read
#
# <details><summary>The papers behind this notebook</summary>
#
# - The block: Vaswani et al. 2017, [1706.03762](https://arxiv.org/abs/1706.03762). The "+": He et al. 2015,
#   [1512.03385](https://arxiv.org/abs/1512.03385). What is lost without it: Dong et al. 2021,
#   [2103.03404](https://arxiv.org/abs/2103.03404); Noci et al. 2022, [2206.03126](https://arxiv.org/abs/2206.03126).
# - Norms: Ba et al. 2016, [1607.06450](https://arxiv.org/abs/1607.06450); Zhang & Sennrich 2019,
#   [1910.07467](https://arxiv.org/abs/1910.07467). Where they stand: Xiong et al. 2020,
#   [2002.04745](https://arxiv.org/abs/2002.04745); Liu et al. 2020, [2004.08249](https://arxiv.org/abs/2004.08249).
# - Feed-forwards: Hendrycks & Gimpel 2016, [1606.08415](https://arxiv.org/abs/1606.08415); Shazeer 2020,
#   [2002.05202](https://arxiv.org/abs/2002.05202), whose last line explains their success by "divine benevolence"; Geva
#   et al. 2021, [2012.14913](https://arxiv.org/abs/2012.14913).
# - Looking inside: Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*; nostalgebraist 2020,
#   *interpreting GPT: the logit lens*; Vig et al. 2020, [2004.12265](https://arxiv.org/abs/2004.12265), and Meng et al.
#   2022, [2202.05262](https://arxiv.org/abs/2202.05262), on patching; Lad et al. 2024,
#   [2406.19384](https://arxiv.org/abs/2406.19384); Tenney et al. 2019, [1905.05950](https://arxiv.org/abs/1905.05950).
# - Shapes: Radford et al. 2019 (GPT-2); Brown et al. 2020, [2005.14165](https://arxiv.org/abs/2005.14165); Grattafiori
#   et al. 2024, [2407.21783](https://arxiv.org/abs/2407.21783); Press & Wolf 2016,
#   [1608.05859](https://arxiv.org/abs/1608.05859).
#
# </details>

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal,
# with the mistake that each failing check names. Both count the exercises that give points.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Nothing later needs these pieces, and they give no points. Each stands by itself.
#
# ### Who wrote " Paris"? · 55 min
#
# At the end the stream is a sum of 61 vectors. A logit is a dot product of the normalised sum with a row of the table. So
# a logit is a sum as well, with one term for each write. Computing these terms is called *direct logit attribution*; the
# idea is in Elhage et al. (2021).

# %% [markdown]
# ### Experiment 4.6 · `attribution` · ●●● · 25 min
#
# The stream of one token is the sum of its writes. RMSNorm, then a dot product with `direction`, give a logit. Split
# that logit into one term for each write.
#
# ||shape||
# |---|---|---|
# |`writes`|`[n, d_model]`|what was added to one token's stream|
# |`direction`|`[d_model]`|a row of the table, or a difference of rows|
# |`weight`, `eps`|`[d_model]`, a number|of the final RMSNorm|
# |returns|`[n]`|the terms; their sum is the logit|
#
# Leave the three tensors as they are.
#
# **By hand**, with weight 1 and `eps` 0:
#
# ```
# writes             [1, 0] and [0, 7]
# direction          [10, 1]
# sum of writes      [1, 7]
# root mean square   5
# normalised         [0.2, 1.4]
# logit              10 · 0.2 + 1 · 1.4 = 3.4
# first term         10 · 1 / 5 = 2
# second term        1 · 7 / 5 = 1.4
# result             [2, 1.4]
# ```
#
# <details><summary>Hint 1</summary>
#
# The model normalises once, at the end. What does that norm divide by: something of each write, or something of their
# sum?
#
# </details>
# <details><summary>Hint 2</summary>
#
# That divisor is one number, the same for all terms. All that remains of the norm is a multiplication, entry by entry.
# It can be done to `direction` as well as to the write.
#
# </details>


# %% solution attribution disallowed=[]
def attribution(writes, direction, weight, eps=1e-5):
    """Each write's part of one logit: writes [n, d_model], direction and weight
    [d_model] -> [n]. The terms add up to rms_norm(sum of the writes) · direction."""
    ### BEGIN SOLUTION
    final = writes.sum(dim=0)
    scale = torch.sqrt(final.pow(2).mean() + eps)
    return writes @ (weight * direction) / scale
    ### END SOLUTION


# %% test attribution points=0
import torch

from exercises import check
from exercises import layers as cases

cases.check_attribution(attribution, left_alone)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1048)
for _n, _d, _eps in ((1, 4, 1e-5), (5, 7, 0.3), (61, 24, 1e-5)):
    _writes = torch.randn(_n, _d, generator=_g) * 3
    _to, _w = torch.randn(_d, generator=_g), torch.randn(_d, generator=_g)
    _got = attribution(_writes, _to, _w, _eps)
    check.equal(tuple(_got.shape), (_n,), "give one term for each write")
    check.close(
        _got.sum(),
        torch.nn.functional.rms_norm(_writes.sum(0), (_d,), _w, _eps) @ _to,
        f"the terms must add up to the logit, with eps = {_eps} inside the root",
        atol=1e-3,
    )
    _norm = (_writes.sum(0).pow(2).mean() + _eps).sqrt()
    check.close(
        _got,
        (_writes * _w) @ _to / _norm,
        "a write's term is its own dot product with weight · direction, over the norm "
        "of the sum",
        atol=1e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** A logit by itself says little. How much larger is it than *another*: the logit of " London", or
# the mean of all logits?

# %%
predict(
    "writes",
    "Does a single write supply more than half of the lead of ' Paris'?",
    {
        "A": "yes, whatever it is compared with",
        "B": "no, it is built up by many",
        "C": "yes compared with ' London', no compared with the mean",
    },
    yours="C",
)

# %%
paris, london = (city_id(model, city) for city in ("Paris", "London"))
questions = {
    "logit(Paris) − logit(London)": rows[paris] - rows[london],
    "logit(Paris) − mean logit": rows[paris] - rows.mean(dim=0),
}
at_last = added[:, -1]  # 61 d_model: what was written to the last token
terms = {
    name: attribution(at_last, direction, last_norm, config.eps)
    for name, direction in questions.items()
}
show(pictures.running_sums(terms))
most = []
for name, each in terms.items():
    which, share = each.argmax().item(), (each.max() / each.sum()).item()
    sublayer = "attention" if which % 2 else "feed-forward"
    print(
        f"{name} = {each.sum():.2f}: most from {sublayer} {(which - 1) // 2}, "
        f"{share:.0%}"
    )
    most.append(share > 0.5)
reveal("writes", "A" if all(most) else "C" if most[0] else "B")

# %% [markdown] reveals="writes"
# One attention sublayer writes nearly three quarters of Paris's lead over London. Many writes together lift Paris above
# the *average* token, and this sublayer writes less than a fifth of that. **The answer depends on what you compare
# with.** (Such a share can exceed 100 %, as some writes cancel others.)

# %% [markdown]
# **Written or needed?** Attention in layer 23 wrote the largest term for " Paris". Its head 4 looks at the country. For ten
# capitals, compare two shares of the same *lead*, the logit of the right city minus the mean of all ten: the share that layer
# 23's attention *wrote*, and the share that is *lost* when head 4 is switched off. The control switches off each other head
# of the layer.

# %%
from llmlib.demonstrations.layers import leads_without_heads

city_rows = {c: rows[city_id(model, CAPITALS[c])] for c in CAPITALS}
order = [(23, 4), *((23, h) for h in range(9) if h != 4)]
whole, *without = leads_without_heads(model, order, list(CAPITALS))
lost = 1 - torch.stack(without) / whole  # 9 10
print("            written   lost without head 4   without another head, at most")
for i, (country, row) in enumerate(city_rows.items()):
    wrote = residual_writes(model, encode(capital_prompt(country)))[:, -1]
    direction = row - sum(city_rows.values()) / len(city_rows)
    each = attribution(wrote, direction, last_norm, config.eps)
    share = each[47] / each.sum()
    shares = (f"{s:19.0%}" for s in (lost[0, i], lost[1:, i].max()))
    print(f"{CAPITALS[country]:10} {share:8.0%}", *shares)

# %% [markdown]
# Only for Budapest do the two columns agree; they differ most for Rome. The first counts the writes of all nine heads. And
# head 4 also changes what later layers write, and attribution credits those layers with it. **Attribution says what was written.
# Only an intervention says what is lost without it.**
#
# ### Two hops · 15 min
#
# In section 4.4 the fact reached the last token in one step. Is it always one? Let the sentence begin with the country.

# %%
predict(
    "hops",
    "'France is a country in Europe. Its capital is' … After layer 15, halfway, which "
    "vector brings back most?",
    {
        "A": "the one at 'France', as before",
        "B": "the one at the word after it, 'is'",
        "C": "the one at the last token",
    },
    yours="A",
)

# %%
cities = [city_id(model, CAPITALS[country]) for country in ("France", "Italy")]


def two_runs(start):
    """The streams of a sentence about France and of the same about Italy."""
    sentence = start + "{} is a country in Europe. Its capital is"
    texts = (sentence.format(country) for country in ("France", "Italy"))
    return [residual_stream(model, encode(text)) for text in texts]


recovered = patch_map(*two_runs(""), rest_of_model(model, *cities))
first_words = "France is a country in Europe . Its capital is"
show(pictures.patch_map(recovered, first_words.split()))
print("after layer 15, recovered at   the country   the next word   the last token")
for start, p in (("", 0), ("Everybody knows that ", 4)):
    halfway = (states[16:17] for states in two_runs(start))
    [shares] = patch_map(*halfway, rest_of_model(model, *cities, 16))
    three = (f"{shares[i]:13.2f}" for i in (p, p + 1, -1))
    print(f"{start or '(nothing in front)':26}", *three)
most = recovered[16].argmax().item()
reveal("hops", {0: "A", 1: "B"}.get(most, "C"))

# %% [markdown] reveals="hops"
# **Here the fact takes two hops.** Around layer 10 most of it passes from "France" to the "is" beside it, and in layer 23
# from there to the last token. With three words in front it waits at "France" again. So the *place* decides: here "France" is
# the first token of the text, the sink of notebook 3, and its content soon turns up at the next token.

# %% [markdown]
# ### Could it have come out otherwise? · 28 min
#
# In the first map of section 4.4 "The", "capital" and "of" are 0 everywhere, and had to be. Can " capital" carry something?

# %%
predict(
    "capital",
    "Take a corrupted run in which ' capital' can carry something. When does the "
    "vector at 'is' bring back more than half?",
    {"A": "from layer 23 on, as for the country", "B": "later", "C": "earlier"},
    yours="A",
)

# %% [markdown]
# ### Experiment 4.7 · `corrupted_run` · ●●○ · 15 min
#
# Find the corrupted runs. You get a clean prompt, one other word for each place, and the place in question. Return **every**
# prompt in which **one** word has been replaced and the patch at this place can bring something back. Whether it does is up
# to the model.
#
# |||
# |---|---|
# |`words`|the clean prompt, a list of words; leave it as it is|
# |`others`|as many words: `others[p]` may take the place of `words[p]`; in some places it is the same word|
# |`at`|the place whose vector will be patched, counted from 0|
# |returns|a list of prompts, each a list of words; in any order, none twice|
#
# There is always at least one.
#
# **By hand**, with one prompt that works and one that does not:
#
# ```
# words             ["The", "sky", "is"]
# others            ["The", "sea", "was"]
# at                1
#
# corrupted             ["The", "sea", "is"]        ["The", "sky", "was"]
# at "sky", clean       what is made of The sky     what is made of The sky
# at "sky", corrupted   what is made of The sea     what is made of The sky
#
# result            [["The", "sea", "is"]]
# ```
#
# <details><summary>Hint 1</summary>
#
# A patch copies one vector over another. When is that sure to change nothing?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which words does a token see in a decoder (notebook 3)?
#
# </details>


# %% solution corrupted_run disallowed=[]
def corrupted_run(words, others, at):
    """Every prompt with one of `words` replaced by that of `others` in its place, for
    which a patch at place `at` can bring something back -> a list of lists of words."""
    ### BEGIN SOLUTION
    places = [p for p in range(at + 1) if words[p] != others[p]]
    return [words[:p] + [others[p]] + words[p + 1 :] for p in places]
    ### END SOLUTION


# %% test corrupted_run points=0
from exercises import layers as cases

cases.check_corrupted_run(corrupted_run, ["The", "sky", "is"], ["One", "sea", "was"], 1)
cases.check_corrupted_run(corrupted_run, ["The", "sky", "is"], ["One", "sky", "was"], 1)
cases.check_corrupted_run(corrupted_run, ["The", "sky", "is"], ["The", "sea", "was"], 2)
twice, others = ["the", "cat", "and", "the", "dog"], ["a", "cat", "and", "a", "fox"]
cases.check_corrupted_run(corrupted_run, twice, others, 3)
### BEGIN HIDDEN TESTS
import random

_random = random.Random(46)
for _ in range(20):
    _n = _random.randint(2, 9)
    _words, _at = [f"w{i}" for i in range(_n)], _random.randrange(_n)
    _others = [_random.choice((w, w.upper())) for w in _words]
    _one = _random.randint(0, _at)
    _others[_one] = _words[_one].upper()
    cases.check_corrupted_run(corrupted_run, _words, _others, _at)
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** The score is now the logit of the clean run's likeliest token minus that of the corrupted run's.
# The map is that of the run that asks for the currency.

# %%
words = ["The", "capital", "of", "France", "is"]
both = corrupted_run(words, ["A", "currency", "of", "Italy", "was"], at=1)
runs = [(words, yours) for yours in sorted(map(list, both))]
for country, asked in (("France", "language"), ("Japan", "currency")):
    clean = ["The", "capital", "of", country, "is"]
    runs.append((clean, ["The", asked, *clean[2:]]))
halves = []
for pair in runs:
    texts = [encode(" ".join(each)) for each in pair]
    answers = [model(ids)[0, -1].argmax().item() for ids in texts]
    rest = rest_of_model(model, *answers)
    recovered = patch_map(*(residual_stream(model, ids) for ids in texts), rest)
    halves.append((recovered[:, -1] > 0.5).int().argmax().item() - 1)
    print(f"{' '.join(pair[1])} …{decode(answers[1])}", end="")
    print(f"   not{decode(answers[0])}: half at 'is' after layer {halves[-1]}")
    if pair[1] == ["The", "currency", *words[2:]]:
        show(pictures.patch_map(recovered, words))
print(f"for the country it was layer {arrived}")
early, late = max(halves) < arrived, min(halves) > arrived
reveal("capital", "C" if early else "B" if late else "A")

# %% [markdown] reveals="capital"
# A control that cannot fail says nothing. Where the question is another, " capital" carries nearly everything at first, and
# hands it over. (Where the run begins with "A", " capital" starts at 0: it must first read the "A".)
#
# **Something of the question reaches the last token earlier than the country does**, after layers 13 to 16. These runs do not
# say what: the fact that is asked for, or only that a name comes next. None of the other answers is a name.

# %% [markdown]

# ### LayerNorm · 25 min
#
# The norm of GPT-2 subtracts the mean before it divides. A vector's *variance* is the mean of its entries' squared distances
# from their mean.

# %% [markdown]
# ### Exercise 4.8 · `layer_norm` · ●●○ · 12 min
#
# Write LayerNorm (Ba et al. 2016), the norm of GPT-2. For each vector on its own, over the **last** dimension:
#
# $$\text{layer\_norm}(x) = \frac{x - \text{mean}(x)}{\sqrt{\text{var}(x) + \epsilon}} \cdot \text{weight} + \text{bias}$$
#
# ||shape|
# |---|---|
# |`x`|`[..., d_model]`|
# |`weight`, `bias`|`[d_model]`|
# |`eps`|a number|
# |returns|like `x`, in a new tensor; leave all inputs as they are|
#
# The variance divides the sum of squares by `d_model`, not by `d_model - 1`.
#
# **By hand**, with weight 1 and bias 0:
#
# ```
# x              [1, 3]
# mean           2
# minus mean     [-1, 1]
# variance       (1 + 1) / 2 = 1
# if eps is 0    [-1, 1] / √(1 + 0) = [-1, 1]
# if eps is 3    [-1, 1] / √(1 + 3) = [-0.5, 0.5]
# ```
#
# Not allowed: torch's and llmlib's own layer norms, and torch's group, instance and batch norms.
#
# <details><summary>Hint 1</summary>
#
# `x.mean(dim=-1)` loses the last dimension, so it cannot be subtracted from `x`. `keepdim=True` keeps it, with length
# 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Subtract the mean once and keep the result: both the variance and the fraction need it. `x.var()` divides by
# `d_model - 1` unless told otherwise.
#
# </details>


# %% solution layer_norm disallowed=["torch.nn.functional.layer_norm", "llmlib.layers.layer_norm"]
def layer_norm(x, weight, bias, eps=1e-5):
    """LayerNorm over the last dimension: x [..., d_model] -> the same; weight and bias
    [d_model]."""
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.pow(2).mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias
    ### END SOLUTION


# %% test layer_norm points=0
import torch

from exercises import check
from exercises import layers as cases

cases.check_layer_norm(layer_norm, left_alone)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1004)
for _shape in [(7,), (5, 6), (3, 2, 12), (2, 2, 3, 5)]:
    _d = _shape[-1]
    _x, _w, _b = (
        torch.randn(_shape, generator=_g) * 3 + 1,
        torch.randn(_d, generator=_g),
        torch.randn(_d, generator=_g),
    )
    _plain = layer_norm(_x, torch.ones(_d), torch.zeros(_d), 0.0)
    check.close(
        layer_norm(_x + 7, torch.ones(_d), torch.zeros(_d), 0.0),
        _plain,
        "a constant added to every entry must not change the result: subtract the mean "
        "first",
        atol=1e-4,
    )
    check.close(
        layer_norm(_x / 8, torch.ones(_d), torch.zeros(_d), 0.0),
        _plain,
        "an eighth of the vector must give the same result: divide by the root of the "
        "variance",
        atol=1e-4,
    )
    for _eps in (1e-5, 0.5):
        check.close(
            layer_norm(_x, _w, _b, _eps),
            torch.nn.functional.layer_norm(_x, (_d,), _w, _b, _eps),
            f"the result differs from torch's LayerNorm for x of shape {list(_shape)} "
            f"and eps = {_eps}",
            atol=1e-4,
        )
### END HIDDEN TESTS

# %% [markdown]
# **In a plane.** Take vectors of two numbers. Where does RMSNorm put them, and where does LayerNorm? Think before you run.

# %%
from llmlib.demonstrations.layers import BEES

generator = torch.Generator().manual_seed(2)
points = torch.randn(18, 2, generator=generator) * 2 + torch.tensor([0.8, 0.3])
centred = layer_norm(points, torch.ones(2), torch.zeros(2), 0.0)
show(pictures.norm_map(points, rms_norm(points, torch.ones(2), 0.0), centred))
centring = model.using(
    norm=lambda x, w, eps: layer_norm(x, w, torch.zeros_like(w), eps)
)
for name, text in {"story": STORY, "bees": BEES}.items():
    pair = (mean_loss(each, encode(text)) for each in (model, centring))
    print("{}: loss with RMSNorm {:.2f}, with LayerNorm {:.2f}".format(name, *pair))
vectors = residual_stream(model, story_ids)[2:25, 1:]  # after layers 1 to 23
share = vectors.mean(-1).pow(2) / vectors.pow(2).mean(-1) * config.d_model
low, high = share.mean(-1).aminmax()
print(f"in the mean's direction, after layers 1 to 23: {low:.1f} to {high:.1f}")

# %% [markdown]
# RMSNorm forgets the length and keeps the direction: all points land on a circle. LayerNorm also removes the mean, and with
# it one whole direction, the one in which all entries are equal. In a plane only a sign is left: two points.
#
# On the story, in these layers, the mean's direction holds less than an average one, which would hold 1. Subtracting the mean
# costs these two texts at most a third of a nat, though the model was never trained for it.
#
# ### GPT-2's feed-forward · 20 min
#
# The older kind has no gate: it is a matrix, an activation function, and a matrix back. Without the function in between, one
# matrix could replace both.

# %% [markdown]
# ### Exercise 4.9 · `mlp` · ●●○ · 11 min
#
# Write GPT-2's feed-forward: a linear map up to `d_mlp` neurons, GELU, a linear map back. GPT-2 was trained with this
# form of GELU:
#
# $$\text{gelu}(z) = \tfrac{1}{2}\, z \left(1 + \tanh\left(\sqrt{2/\pi}\;(z + 0.044715\, z^3)\right)\right)$$
#
# ||shape|
# |---|---|
# |`x`|`[..., d_model]`|
# |`w_in`, `b_in`|`[d_mlp, d_model]`, `[d_mlp]`|
# |`w_out`, `b_out`|`[d_model, d_mlp]`, `[d_model]`|
# |returns|`[..., d_model]`|
#
# Weights are stored `[out, in]`: row i of `w_in` makes neuron i. `linear(x, w, b)`, imported at the top, is
# `x @ w.T + b`.
#
# **By hand**, with both biases 0:
#
# ```
# x            [10, 1]
# w_in         [[0, 1], [0, 0]]
# w_out        [[2, 0], [0, 2]]
# neurons      [1, 0]
# gelu(1)      0.5 · (1 + tanh(0.7979 · 1.0447)) = 0.8412
# after GELU   [0.8412, 0]
# result       [1.6824, 0]
# ```
#
# Not allowed: torch's and llmlib's own GELU and `mlp`. `torch.tanh` is allowed.
#
# <details><summary>Hint 1</summary>
#
# Three steps: up, GELU, down. GELU works on each number by itself; write it as a function of its own if you like.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `math.sqrt` and `math.pi` for the constant; `z**3` works on tensors. Watch which bracket the 1 stands in.
#
# </details>


# %% solution mlp disallowed=["torch.nn.functional.gelu", "llmlib.layers.gelu", "llmlib.layers.mlp"]
def mlp(x, w_in, b_in, w_out, b_out):
    """GPT-2's feed-forward: x [..., d_model] -> d_mlp neurons -> GELU (tanh form) ->
    [..., d_model]. w_in [d_mlp, d_model], w_out [d_model, d_mlp]."""
    ### BEGIN SOLUTION
    z = linear(x, w_in, b_in)
    z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    return linear(z, w_out, b_out)
    ### END SOLUTION


# %% test mlp points=0
import torch

from exercises import check
from exercises import layers as cases

cases.check_mlp(mlp)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1045)
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [
        torch.randn(s, generator=_g) / _d**0.5
        for s in ((_d_mlp, _d), (_d_mlp,), (_d, _d_mlp), (_d,))
    ]
    _x = torch.randn(_shape, generator=_g)
    check.close(
        mlp(_x, *_weights),
        cases.mlp_by_torch(_x, *_weights),
        "the result differs from torch's linear, GELU, linear",
        atol=1e-4,
    )
check.close(
    cases.bent(mlp, 100.0, -100.0),
    [100.0, 0.0],
    "large numbers must not become NaN, and 100 must stay 100: torch.tanh does not "
    "overflow, exp does; clip nothing",
)
### END HIDDEN TESTS

# %% [markdown]
# GPT-2's own weights are not here, but a small model of its kind with random weights is enough to test functions.
# `transformers` makes one and runs it, and the engine runs it with your functions. Then the same for Llama.

# %%
from llmlib.demonstrations.layers import logits_apart
from llmlib.layers import layer_norm as layer_norm_of_llmlib

gpt2 = dict(norm=layer_norm_of_llmlib, mlp=mlp, block=pre_norm_block)
llama = dict(norm=rms_norm, mlp=swiglu, block=pre_norm_block)
for family, parts in (("gpt2", gpt2), ("llama", llama)):
    print(family, "logits equal to within 0.001:", logits_apart(family, parts) < 1e-3)

# %% [markdown]
# ### One neuron, held by hand · 40 min
#
# "The doctor said that" … she? he? One neuron of the last layer moves it. Which tokens does its column raise?

# %%
NEURON = 1135  # of layer 29; found below, among 1,536
d_mlp = stack[0].mlp[0].shape[0]


def in_words(vector, n=4):
    """The tokens whose logits a write raises most."""
    best = ((rows - rows.mean(dim=0)) @ (vector * last_norm)).topk(n).indices
    return " ".join(decode(i).strip() for i in best)


doctor = encode("The doctor said that")
print("its column raises:", in_words(stack[29].mlp[2][:, NEURON]))

# %%
predict(
    "neuron",
    "Switch this neuron off (hold it at 0). p(' she') after 'The doctor said that' …",
    {"A": "rises", "B": "hardly changes", "C": "falls"},
    yours="A",
)

# %%
import random

from llmlib.demonstrations.layers import (
    held_in_last_layer,
    neuron_held,
    neuron_strengths_on,
)
from llmlib.widgets import neuron_slider


def logits_with(ids, value):
    return neuron_held(model, 29, NEURON, value)(ids, last=True)[0, -1]


def next_tokens(neurons, values):
    return output_head.softmax(held_in_last_layer(model, doctor, neurons, values))


she, he = (encode(word).item() for word in (" she", " he"))
free = output_head.softmax(model(doctor)[0, -1])[she].item()
off, ten = next_tokens(NEURON, [0.0, 10.0])[:, she].tolist()
print(f"p(' she') left alone {free:.2f}, held at 0 {off:.2f}, held at 10 {ten:.2f}")
others = next_tokens(random.Random(1).sample(range(d_mlp), 20), 10.0)[:, she]
print(
    f"20 random neurons held at 10: between {others.min():.2f} and {others.max():.2f}"
)
natural = neuron_strengths_on(model, story_ids, 29, NEURON)
values = torch.linspace(-20, 20, 41)
held = next_tokens(NEURON, values)  # 41 vocab
curves = {w: held[:, encode(w).item()].tolist() for w in (" she", " her", " he")}
show(
    pictures.neuron_turned(
        values.tolist(), curves, (natural.min().item(), natural.max().item())
    ),
    widget=neuron_slider(logits_with, model.tokenizer, "The doctor said that", 10.0),
)
reveal("neuron", "A" if off > 1.2 * free else "C" if off < 0.8 * free else "B")

# %% [markdown] reveals="neuron"
# Its activation is *negative* here: it writes *minus* "she" and holds " she" *down*. Without it " she" is likelier. Held at
# 10, far above any of its own activations in the story, it lifts " she" to 0.63, and no random neuron comes near that. **A
# neuron's column alone does not tell you what the neuron does: the sign of its activation counts, too.** To find out,
# intervene: type another text below the picture and move the slider.

# %% [markdown]
# **Which neuron writes most?** How was this one found (Geva et al. 2021)? First see what each neuron writes.

# %% [markdown]
# ### Experiment 4.10 · `neuron_writes` · ●●○ · 12 min
#
# Take your `swiglu` apart: return what each neuron writes, instead of the sum.
#
# ||shape|
# |---|---|
# |`x`, `w_gate`, `w_up`, `w_down`|as in `swiglu`|
# |returns|`[..., d_mlp, d_model]`: row n is what neuron n writes|
#
# The sum over neurons is `swiglu(x, w_gate, w_up, w_down)`.
#
# **By hand**, with two neurons:
#
# ```
# x          [1]
# w_gate     [[1], [100]]
# w_up       [[-100], [2]]
# w_down     [[3, 5]]
#
#            its activation             writes
# neuron 0   SiLU(1) · (-100) = -73.11  3 · (-73.11)
# neuron 1   SiLU(100) · 2 = 200        5 · 200
#
# result     [[-219.3], [1000]]
# ```
#
# Not allowed: torch's SiLU, and llmlib's own `swiglu`.
#
# <details><summary>Hint 1</summary>
#
# The first half is the same as in `swiglu`: an activation for each neuron. Each of them multiplies *its own column* of
# `w_down`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# In which shape are the columns of `w_down` the rows that you return? And what shape must the numbers have to multiply
# whole rows?
#
# </details>


# %% solution neuron_writes disallowed=["torch.nn.functional.silu", "llmlib.layers.swiglu"]
def neuron_writes(x, w_gate, w_up, w_down):
    """SwiGLU taken apart: x [..., d_model] -> [..., d_mlp, d_model], what each neuron
    writes; the sum over neurons is swiglu(x, w_gate, w_up, w_down)."""
    ### BEGIN SOLUTION
    gate = linear(x, w_gate)
    neurons = gate * torch.sigmoid(gate) * linear(x, w_up)
    return neurons[..., None] * w_down.T
    ### END SOLUTION


# %% test neuron_writes points=0
import torch

from exercises import check
from exercises import layers as cases

cases.check_neuron_writes(neuron_writes)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1047)
for _shape, _d_mlp in [((4,), 9), ((3, 6), 6), ((2, 3, 5), 8)]:
    _d = _shape[-1]
    _x = torch.randn(_shape, generator=_g)
    _weights = [
        torch.randn(s, generator=_g) for s in ((_d_mlp, _d), (_d_mlp, _d), (_d, _d_mlp))
    ]
    _f = torch.nn.functional
    _neurons = _f.silu(_f.linear(_x, _weights[0])) * _f.linear(_x, _weights[1])
    check.close(
        neuron_writes(_x, *_weights),
        torch.einsum("...n,dn->...nd", _neurons, _weights[2]),
        "row n must be neuron n's number times its column of w_down",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** "The doctor said that" … she? he? The difference of their two rows of the table is a direction.
# Which neuron of the last layer writes most along it, for or against?

# %%
from llmlib.demonstrations.layers import mlp_inputs

final = residual_writes(model, doctor)[:, -1].sum(dim=0)
last = stack[29].mlp
wrote = neuron_writes(mlp_inputs(model, doctor)[29, -1], *last)  # d_mlp d_model
to_she = wrote @ (last_norm * (rows[she] - rows[he])) / final.pow(2).mean().sqrt()
for i in to_she.abs().topk(4).indices.tolist():
    print(
        f"layer 29 neuron {i:4}: {to_she[i]:5.2f}   column: {in_words(last[2][:, i])}"
    )

# %% [markdown]
# The first one stands out, and its term is negative. It is the neuron that you held.
#
# ### From the first decoder to Llama · 12 min
#
# ![Two layers. Pre-norm: the norm stands on the side branch, before the sublayer. Post-norm: the norm stands on the thick line itself, behind the plus.](attachment:norm_off_or_on.png)
#
# Your block is *pre-norm*: each norm works on a copy, and the stream is left alone. In the first transformer (Vaswani et
# al. 2017) the norm came after each "+", on the stream itself: *post-norm*. SmolLM2 cannot show which of the two is better:
# its weights fit the wiring in which they were trained.
#
# ![Three columns. The 2017 decoder: masked self-attention, attention to the encoder, and a ReLU MLP each branch off the stream and are added back, then a LayerNorm stands on the stream. GPT-2: a LayerNorm stands on each branch, before attention and before the GELU MLP. Llama 3: the same with RMSNorm, attention with RoPE and grouped queries, and SwiGLU.](attachment:three_blocks.png)
#
# Read each column upwards. The transformer of 2017 translated: a third sublayer looked at the vectors that an *encoder* had
# made of the sentence in the other language. GPT (2018) dropped it, and GPT-2 moved the norms off the stream. After that:
#
# ||GPT-2 (2019)|Llama 3 (2024), SmolLM2|why|
# |---|---|---|---|
# |norm|LayerNorm|RMSNorm|centring can be left out|
# |positions|a learned table|RoPE, in every layer|RoPE enters a score only as distance|
# |heads|own keys and values each|groups share them|less to keep (notebook 7)|
# |feed-forward|GELU, two matrices|SwiGLU, three|a lower loss for the same parameters (Shazeer 2020)|
# |biases|in every layer|none|not needed|
# |head|tied|tied in small models|in SmolLM2-135M the table is a fifth of the model|
#
# ### How many layers do models have? · 37 min
#
# All layers of a model have one shape, so the number of its parameters follows from the configuration.

# %%
from llmlib.demonstrations.layers import SHAPES

for name, (_, shape) in SHAPES.items():
    print(f"{name:15} {shape['n_layer']:4} layers of d_model {shape['d_model']:6}")

# %% [markdown]
# ### Exercise 4.11 · `count_parameters` · ●●● · 27 min
#
# Count a model's parameters. `family` is `"gpt2"` or `"llama"`; `tied` says whether the output head uses the embedding
# table again; `context` is the longest text.
#
# |part|shape|in GPT-2|in Llama|
# |---|---|---|---|
# |embedding table|`[vocab_size, d_model]`|yes|yes|
# |position table|`[context, d_model]`|yes|no|
# |two norms a layer, one at the end|`[d_model]`|weight, bias|weight|
# |q|`[n_head · head_dim, d_model]`|and a bias|no bias|
# |k and v, each|`[n_kv_head · head_dim, d_model]`|and a bias|no bias|
# |o|`[d_model, n_head · head_dim]`|and a bias|no bias|
# |feed-forward||`w_in`, `b_in`, `w_out`, `b_out`|`w_gate`, `w_up`, `w_down`|
# |output head|`[vocab_size, d_model]`|nothing if `tied`|the same|
#
# A bias has as many numbers as its matrix has rows. Return a whole number. `n_head · head_dim` need not be `d_model`.
#
# **By hand**, a tied Llama of one layer:
#
# ```
# vocab_size = 10, d_model = 4, d_mlp = 5
# n_head = 2, n_kv_head = 1, head_dim = 2
#
# table           10 · 4 = 40
# two norms       4 + 4 = 8
# q, o            16 each
# k, v            8 each
# feed-forward    3 · 5 · 4 = 60
# final norm      4
# together        160
# ```
#
# <details><summary>Hint 1</summary>
#
# Write one number for each row of the table (`norm`, `attention`, `feed_forward`, …), then add: everything per layer
# times `n_layer`, plus what stands outside the layers.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Give the two widths `n_head * head_dim` and `n_kv_head * head_dim` names. All four attention matrices have one of them
# on one side and `d_model` on the other.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Check yourself with the example: set `n_layer` to 0 and see what remains. Which parts are outside the layers, and which
# of them does `tied` touch?
#
# </details>


# %% solution count_parameters disallowed=[]
def count_parameters(
    family,
    vocab_size,
    context,
    n_layer,
    d_model,
    d_mlp,
    n_head,
    n_kv_head,
    head_dim,
    tied=True,
):
    """The number of parameters of a "gpt2" or "llama" model -> int."""
    ### BEGIN SOLUTION
    q, kv = n_head * head_dim, n_kv_head * head_dim
    attention = d_model * (q + kv + kv) + q * d_model
    if family == "gpt2":
        positions = context * d_model
        norm = 2 * d_model
        attention += q + kv + kv + d_model
        feed_forward = (d_model + 1) * d_mlp + (d_mlp + 1) * d_model
    else:
        positions = 0
        norm = d_model
        feed_forward = 3 * d_model * d_mlp
    tables = vocab_size * d_model * (1 if tied else 2) + positions
    return tables + n_layer * (norm + attention + norm + feed_forward) + norm
    ### END SOLUTION


# %% test count_parameters points=0
from exercises import check
from exercises import layers as cases

cases.check_count_parameters(count_parameters)
### BEGIN HIDDEN TESTS
import random
import torch
import transformers

_random = random.Random(47)
for _ in range(3):
    _heads, _groups, _dim, _layers = (
        _random.choice((1, 2, 3)),
        _random.choice((1, 2)),
        _random.choice((2, 4, 6)),
        _random.randint(1, 3),
    )
    _d, _mlp, _vocab, _context, _tied = (
        _random.randint(3, 9),
        _random.randint(3, 20),
        _random.randint(5, 30),
        _random.randint(4, 40),
        _random.random() < 0.5,
    )
    with torch.device("meta"):
        _model = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=_vocab,
                hidden_size=_d,
                intermediate_size=_mlp,
                num_hidden_layers=_layers,
                num_attention_heads=_heads * _groups,
                num_key_value_heads=_heads,
                head_dim=_dim,
                tie_word_embeddings=_tied,
                pad_token_id=None,
            )
        )
    check.equal(
        count_parameters(
            "llama",
            _vocab,
            _context,
            _layers,
            _d,
            _mlp,
            _heads * _groups,
            _heads,
            _dim,
            _tied,
        ),
        sum(p.numel() for p in _model.parameters()),
        f"llama: transformers counts otherwise for d_model {_d}, d_mlp {_mlp}, "
        f"{_layers} layers, {_heads * _groups} heads of {_dim} on {_heads} key/value "
        f"heads, vocab_size {_vocab}, tied {_tied}",
    )
    with torch.device("meta"):
        _model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=_vocab,
                n_positions=_context,
                n_embd=_heads * _dim,
                n_inner=_mlp,
                n_layer=_layers,
                n_head=_heads,
                tie_word_embeddings=_tied,
                bos_token_id=None,  # GPT-2's own, 50256, would be no id here
                eos_token_id=None,
            )
        )
    check.equal(
        count_parameters(
            "gpt2",
            _vocab,
            _context,
            _layers,
            _heads * _dim,
            _mlp,
            _heads,
            _heads,
            _dim,
            _tied,
        ),
        sum(p.numel() for p in _model.parameters()),
        f"gpt2: transformers counts otherwise for d_model {_heads * _dim}, d_mlp "
        f"{_mlp}, {_layers} layers, context {_context}, vocab_size {_vocab}, tied "
        f"{_tied}",
    )
### END HIDDEN TESTS

# %%
from llmlib.demonstrations.layers import shape_of, stored_parameters

smollm2 = shape_of(config, d_mlp)
print(f"SmolLM2: {count_parameters('llama', **smollm2):,} by formula,", end=" ")
print(f"{stored_parameters(model.weights):,} stored")
models = {"SmolLM2-135M": ("llama", smollm2), "GPT-2 small": SHAPES["GPT-2 small"]}
shares = {}
for name, (family, shape) in models.items():
    total = count_parameters(family, **shape)
    tables = count_parameters(family, **{**shape, "n_layer": 0})
    no_mlp = count_parameters(family, **{**shape, "d_mlp": 0})
    parts = (tables, no_mlp - tables, total - no_mlp)
    shares[name] = dict(zip(("tables", "attention", "feed-forward"), parts))
show(pictures.parameter_shares(shares))
for name in ("GPT-3", "Llama 3.1 405B"):
    family, shape = SHAPES[name]
    sizes = [
        count_parameters(family, **{**shape, "n_layer": n}) / 1e9
        for n in (shape["n_layer"], 40)
    ]
    print(f"{name}: {sizes[0]:.0f} billion, with 40 layers {sizes[1]:.0f}")

# %% [markdown]
# You will read that models have 12 to 40 layers. Cut to 40 layers, both of these would lose more than half of their
# parameters.
#
# ### Why the "+"? · 48 min
#
# Without the "+" a layer would *replace* the vector. Compare *fresh* stacks: their weights are random, as before any
# training.

# %%
predict(
    "plus",
    "Fresh stacks of 12 layers, with norms but without '+'. What is wrong with them "
    "before any training?",
    {
        "A": "the vectors shrink until little is left of them",
        "B": "all tokens end up with nearly the same vector",
        "C": "numbers overflow",
    },
    yours="A",
)


# %%
from llmlib.demonstrations.layers import fresh_start, run_stack, tokens_alike


def no_plus(x, norm_1, attend, norm_2, feed_forward):
    return feed_forward(norm_2(attend(norm_1(x))))


wirings = {"without +": no_plus, "with +": pre_norm_block}
alike = {name: tokens_alike(block, 48).tolist() for name, block in wirings.items()}
show(pictures.alike(alike))
layers, x, *_ = fresh_start(12, seed=0)
size = run_stack(x, layers, no_plus)[-1].pow(2).mean().sqrt()
print(f"without '+', 12 layers: cosine {alike['without +'][12]:.2f}, size {size:.1f}")
overflow, alone = not size.isfinite(), alike["without +"][12] < 0.9
reveal("plus", "C" if overflow else "A" if alone else "B")

# %% [markdown] reveals="plus"
# After a few layers without "+" the tokens are almost alike: attention averages them (Dong et al. 2021), and the
# feed-forward adds to the effect. Their size tells us nothing here, because every sublayer reads through a norm. With
# "+" the tokens grow alike too, but far more slowly. **The "+" keeps each token's own vector in the sum.**

# %% [markdown]
# Could a stack without "+" learn? Before any training, measure how strongly the loss reacts to its weights.

# %%
predict(
    "fades",
    "12 fresh layers. For which matrix of the last layer does removing '+' shrink the "
    "gradient over a hundredfold?",
    {
        "A": "w_out, the second matrix of the feed-forward",
        "B": "w_q, which makes attention's queries",
        "C": "both",
        "D": "neither",
    },
    yours="C",
)

# %% [markdown]
# ### Experiment 4.12 · `gradient_lengths` · ●●○ · 22 min
#
# Measure the length of the loss's gradient for each matrix of each layer.
#
# |||
# |---|---|
# |`loss`|a function: `loss(layers)` is one number, a tensor of shape `[]`|
# |`layers`|`layers[i][j]` is matrix `j` of layer `i`; leave them as they are, with no gradient on them|
# |returns|`[n_layer, n_matrices]`: each length is the root of the sum of the gradient's squares|
#
# `torch.autograd.grad(number, tensors)` returns the gradients of `number` for a list of tensors, if they had
# `requires_grad_()` before the number was computed. A gradient has the shape of its tensor.
#
# **By hand.** One layer of two matrices. The loss is the sum of the first one's squares, plus five times the second one's
# entry.
#
# ```
# matrices    [[3, 4]]             [[1]]
# gradients   [[6, 8]]             [[5]]
# lengths     √(36 + 64) = 10      5
# result      [[10, 5]]
# ```
#
# <details><summary>Hint 1</summary>
#
# Make the same list of lists of *copies* that require a gradient, and compute the loss from those.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `grad` wants one flat list. `sum(lists, [])` joins a list of lists. What shape must the flat list of lengths get back
# at the end?
#
# </details>


# %% solution gradient_lengths disallowed=[]
def gradient_lengths(loss, layers):
    """Length of the loss's gradient for each matrix: loss(layers) is a number, layers a
    list of lists of tensors -> [n_layer, n_matrices]."""
    ### BEGIN SOLUTION
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    gradients = torch.autograd.grad(loss(copies), sum(copies, []))
    lengths = torch.stack([gradient.norm() for gradient in gradients])
    return lengths.view(len(layers), -1)
    ### END SOLUTION


# %% given gradient_lengths_of_made_loss folded="Adapter: your gradient_lengths on a loss with known gradients"
def gradient_lengths_of_made_loss(layers, pulls):
    """Your gradient_lengths for the loss "sum of pulls[i][j] * entries of layers[i][j],
    plus half the sum of all squares, plus a twentieth of the squared sum of all
    entries", whose gradients are pulls[i][j] + layers[i][j] + a tenth of that sum:
    called twice, the second result."""

    def loss(layers):
        pairs = [pair for many in zip(layers, pulls) for pair in zip(*many)]
        squares = sum((pull * w).sum() + w.pow(2).sum() / 2 for w, pull in pairs)
        return squares + sum(w.sum() for w, _ in pairs) ** 2 / 20

    before = [[w.clone() for w in layer] for layer in layers]
    found = [gradient_lengths(loss, layers) for _ in range(2)]
    for layer, old in zip(layers, before):
        for w, was in zip(layer, old):
            if w.grad is not None or w.requires_grad or not torch.equal(w, was):
                raise ValueError(
                    "the caller's matrices have changed, or carry a gradient now: "
                    "work on copies, w.clone(), or the next measurement adds to this "
                    "one"
                )
    return found[1]


# %% test gradient_lengths points=0
import torch

from exercises import check
from exercises import layers as cases

cases.check_gradient_lengths(gradient_lengths_of_made_loss)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1046)
for _n, _shapes in ((1, ((3, 3),)), (4, ((2, 3), (3, 2), (1, 6))), (2, ((5,), (1, 1)))):
    _layers, _pulls, _true = cases.made_loss(_n, _shapes, _g)
    check.close(
        gradient_lengths_of_made_loss(_layers, _pulls),
        cases.lengths(_true),
        f"the lengths are wrong for {_n} layers of {len(_shapes)} matrices",
        atol=1e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# **In fresh stacks.** Three wirings, three seeds. The control is `w_v`: it belongs to the same attention as `w_q`.


# %%
from llmlib.demonstrations.layers import MATRICES, fresh_stack_loss


def post_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))


def lengths_by_layer(block):
    """Your gradient_lengths, the mean over three seeds -> {matrix: [12]}."""
    stacks = [fresh_stack_loss(block, seed, 12) for seed in range(3)]
    found = torch.stack([gradient_lengths(loss, layers) for layers, loss in stacks])
    return dict(zip(MATRICES, found.mean(dim=0).T))


torch.set_num_threads(1)  # little to share in products this small
wirings = {
    "pre-norm": pre_norm_block,
    "post-norm": post_norm_block,
    "without +": no_plus,
}
found = {name: lengths_by_layer(block) for name, block in wirings.items()}
torch.set_num_threads(2)
shown = ("w_q", "w_v", "w_out")
show(
    pictures.gradient_lengths(
        {m: {name: each[m] for name, each in found.items()} for m in shown}
    )
)
kept = [
    (found["without +"][m][-1] / found["pre-norm"][m][-1]).item()
    for m in ("w_out", "w_q")
]
print(f"last layer, without '+' over with it: w_out {kept[0]:.1f}, w_q {kept[1]:.5f}")
fades = tuple(each < 0.01 for each in kept)
reveal("fades", {(1, 0): "A", (0, 1): "B", (1, 1): "C", (0, 0): "D"}[fades])

# %% [markdown] reveals="fades"
# **In the last layer the gradient of `w_q` shrinks over a hundredfold without "+".** The gradients of `w_v` in the same layer
# and of the feed-forward do not. Once the tokens are alike, attention averages equal vectors, and any shares give the same average. So the loss
# hardly depends on which token looks where (Noci et al. 2022). Post-norm lies between.

# %% [markdown]
# ### Leaving layers out · 10 min
#
# In a residual stream a layer can simply be left out: the rest goes on. Which layer would the model miss most?

# %%
predict(
    "costly", "Which of the layers 0 to 29 costs most when it is left out?", yours=0
)

# %%
from llmlib.demonstrations.layers import BEES, FACTS, losses_without_layers

costs = {}
for name, text in {"story": STORY, "facts": FACTS, "bees": BEES}.items():
    all_30, *removed = losses_without_layers(model, encode(text)[:44])
    costs[name] = [each - all_30 for each in removed]
show(pictures.layer_costs(costs))
for name, each in costs.items():
    told = (f"layer {i}: {each[i]:+z.1f}  " for i in (0, 1, 11, 23, 29))
    print(f"{name:6}", *told)
reveal("costly", max(range(30), key=lambda i: costs["story"][i]), within=0)

# %% [markdown] reveals="costly"
# In all three texts layers 0 and 1 cost most, and layers 11 and 29 much. For the others, the cost depends on the text:
# layer 23, which brings in the country, costs nothing in the story and more than half a nat in the text full of facts. So
# one text does not tell you which layers can be spared.

# %% [markdown]
# ### Early syntax, late meaning? · 15 min
#
# You will read that early layers do syntax and late ones meaning; Tenney et al. (2019) found such an order in BERT. Ask
# SmolLM2 with a **probe**: is the vector of a sentence's *last* word closer to the mean of one kind or of the other?
#
# - *word class*: "He bought an expensive **watch**" or "They all wanted to **watch**"
# - *meaning*: a **bank** for money or a bank of a river
#
# It learns from sentences like these and is tested on others. In most of the verb sentences the word before is "to". So
# the probe may read only what the words before suggest. Among the tests are verbs after "must", and nouns after "to", as in
# "They prefer silence to **talk**".

# %%
from llmlib.demonstrations.layers import (
    AFTER_MUST,
    AFTER_THE,
    AFTER_TO,
    MONEY,
    NOUNS,
    RIVER,
    VERBS,
    called_second,
    last_words,
)

nouns, verbs, money, river = (
    last_words(model, texts) for texts in (NOUNS, VERBS, MONEY, RIVER)
)
must, the, to = (
    called_second(nouns, verbs, last_words(model, texts))
    for texts in (AFTER_MUST, AFTER_THE, AFTER_TO)
)
curves = {
    "verbs after “must”": must,
    "nouns after “the”": [100 - each for each in the],
    "nouns after “to”": [100 - each for each in to],
    "bank, either meaning": [
        (100 - each + right) / 2
        for each, right in zip(
            called_second(money[:, :6], river[:, :6], money[:, 6:]),
            called_second(money[:, :6], river[:, :6], river[:, 6:]),
        )
    ],
}
show(pictures.told_apart(curves))

# %% [markdown]
# After layer 1 the probe seems to know the class: it is right for all verbs after "must" and all nouns after "the". But it calls
# nearly all nouns after "to" verbs, for most of the stack. So would anybody who must decide at that word. **These tests do
# not show whether the probe reads the class itself, or what the words before suggest.**
#
# The meaning of *bank* seems readable early, too, but these sentences are full of money or water: again the words before
# suggest it. So the picture shows no order from syntax to meaning, and refutes none.
