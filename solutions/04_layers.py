# %% [markdown] makes="vectors, 30 layers later" shape="[batch, seq, d_model]"
# # 4 · Layers
#
# **You will build** what stands around attention, and then the whole model. The block that adds to the residual
# stream (exercise 4.1), two norms (4.2, 4.3), a way to ask which part of the model wrote an answer (4.4), the
# feed-forward networks of GPT-2 and Llama (4.5, 4.6), a look at their single neurons (4.7), a count of all parameters
# (4.8); and last `forward`, the loop over the layers that *is* the model (4.9). It says what `transformers` says.
#
# **You need** notebooks 1 to 3: ids, embeddings, RoPE, attention. In two places something is trained or about to be:
# there you need to know that a gradient says how strongly the loss would react to a weight, no more.
#
# **It takes** about two hours and a half, 105 minutes of them at the nine exercises.

# %% given setup
import math

import torch
from torch.nn.functional import linear

from llmlib.embeddings import embed
from llmlib.output_head import unembed

# %% [markdown]
# ## The whole stack first
#
# Everything in this notebook has its place in one picture.

# %%
from llmlib import attention, output_head, pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.plots import layers as pictures
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
config = model.config
show(
    pictures.whole_stack(config),
    alt="From left to right: ids, the table, then along a thick line, the residual "
    "stream, layer 0, layer 1, and so on to layer 29, a final norm; the table again, "
    "logits. "
    "Below, one layer opened: twice a copy leaves the line, goes through a norm and "
    "through attention or the feed-forward, and what comes out is added to the line.",
)

# %% [markdown]
# Read it from left to right. Each id is looked up in a table: one vector of `d_model` = 576 numbers a token. Then come
# 30 *layers* (or *blocks*), counted from 0, all of the same form. The shape never changes on the way; the line that
# carries it is called the **residual stream**. After layer 29 one more norm, and the same table, read backwards (the *output head*, in short the head; attention's heads are something else), turns
# each vector into **logits**: a number for each of the 49,152 tokens (notebook 5).
#
# Inside a layer there are two *sublayers*. Attention (notebook 3) is one, the **feed-forward** network (*MLP* in papers and in code) is the other.
# Each reads a copy of the stream through a **norm** (section 4.2: it gives the copy a fixed size; in notebook 2 a norm was a length), and adds what it **writes** (papers say its *output*).
#
# (SmolLM2-135M has 135 million parameters, most of them rounded to four bits before they came to you; notebook 7 says
# how. Do not expect wisdom; the form is that of models a thousand times its size.)
#
# What happens on the way? Nothing forces us to run all 30 layers: the final norm and the head will read whatever
# arrives. That is the *logit lens* (nostalgebraist 2020).

# %%
predict(
    "cold",
    "'The opposite of hot is' … After which of the layers 0 to 29 is ' cold' the "
    "likeliest token for the first time?",
    yours=24,
)

# %%
from dataclasses import replace


def with_layers(layer_list):
    """The same model with these layers only."""
    return replace(model, weights=replace(model.weights, layers=layer_list))


stack = model.weights.layers
prompt = "The opposite of hot is"
ids = model.tokenizer.encode(prompt)
first_time = None
print(f"{prompt!r}, if the model stops ...")
for n in range(31):
    logits = with_layers(stack[:n])(ids, last=True)  # of the last token only
    shares = output_head.softmax(logits[0, -1])
    best = shares.topk(3)
    words = [model.tokenizer.decode([i]) for i in best.indices.tolist()]
    if words[0] == " cold" and first_time is None:
        first_time = n - 1
    if n in (0, 1, 6, 11, 16, 21, 26, 27, 28, 29, 30):
        where = "before layer 0:" if n == 0 else f"after layer {n - 1:2}:"
        pairs = (f"{w!r} {p:.2f}" for w, p in zip(words, best.values.tolist()))
        print(f"{where:16}", "   ".join(pairs))
reveal("cold", first_time, within=2)

# %% [markdown]
# Before layer 0 the vector *is* the word "is", and the table reads it back. For most of the stack nothing readable
# stands there but spaces and punctuation. " cold" surfaces near the end. By the last cell of this notebook you will
# have written every operation between those rows.

# %% [markdown]
# ## 4.1 The residual stream
#
# **Claim.** No layer replaces a vector. Each layer *adds* to it, twice. You can build that from the picture.

# %% [markdown]
# ### Exercise 4.1 · `pre_norm_block` · ●●○ · 10 min
#
# Write one layer, as the lower half of the picture shows it. It takes the stream `x` of shape `[batch, seq, d_model]`
# and **four functions**; each takes a tensor of that shape and returns one. Weights, heads and masks are inside them.
# Call each of the four once.
#
# 1. `attend` reads a copy of the stream that went through `norm_1`. What it writes is added to the stream.
# 2. `feed_forward` reads a copy of the *new* stream, through `norm_2`. What it writes is added, too.
#
# It returns the stream, `[batch, seq, d_model]`, in a new tensor: leave `x` as it is, the cells below still read it.
#
# **By hand**, with numbers for vectors. Let `norm_1` double, `attend` triple, `norm_2` multiply by 5, `feed_forward`
# by 7. From x = 1, attention writes 3 · 2 · 1 = 6 and the stream is 1 + 6 = 7. The feed-forward writes 7 · 5 · 7 = 245
# and the block returns 7 + 245 = 252.
#
# Off limits: llmlib's own block.
#
# <details><summary>Hint 1</summary>
#
# Two lines, one for each sublayer, and both have the same form. In the picture, which two things meet at the "+"?
#
# </details>
# <details><summary>Hint 2</summary>
#
# At the first "+" the stream as it was, `x`, meets what attention wrote, `attend(norm_1(x))`. Keep the sum: it is what
# the second sublayer reads.
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


# %% given block_of_matrices
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


# %% test pre_norm_block points=2
import torch
from llmlib.course import check

_x, _m = torch.ones(1, 1, 1), [torch.full((1, 1), float(n)) for n in (0, 2, 3, 5, 7)]
_nothing, _two, _three, _five, _seven = _m
_got = block_of_matrices(_x.clone(), _two, _nothing, _five, _nothing)[0]
check.that(_got is not None, "pre_norm_block gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, the stream: torch.stack makes one of a list",
)
check.close(
    _got,
    _x,
    "sublayers that write 0 must leave x as it came: the stream is only added to, "
    "never replaced and never normalised",
)
check.close(
    block_of_matrices(_x.clone(), _two, _three, _five, _nothing)[0],
    7 * _x,
    "attention writes attend(norm_1(x)) = 3 · 2 · 1 = 6 and the stream becomes 1 + 6",
)
check.close(
    block_of_matrices(_x.clone(), _two, _nothing, _five, _seven)[0],
    36 * _x,
    "the feed-forward writes feed_forward(norm_2(x)) = 7 · 5 · 1 = 35 and the stream "
    "becomes 1 + 35",
)
check.close(
    block_of_matrices(_x.clone(), _two, _three, _five, _seven)[0],
    252 * _x,
    "feed_forward reads the stream after attention has written to it: 7 + 7 · 5 · 7 = "
    "252",
)
_calls = block_of_matrices(_x.clone(), _two, _three, _five, _seven)[1]
check.that(
    "changed" not in _calls,
    "the caller's x has changed, and the stream before the layer is still needed: "
    "write x = x + …, which makes a new tensor, not x += …",
)
check.equal(
    sorted(_calls),
    ["attend", "feed_forward", "norm_1", "norm_2"],
    "each of the four functions is called once: keep what attend wrote, do not call it "
    "again",
)
check.equal(
    _calls,
    ["norm_1", "attend", "norm_2", "feed_forward"],
    "the functions are called in the wrong order: each norm comes before its "
    "sublayer, and attention before the feed-forward",
)
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
# **On the real model.** Your block goes into all 30 layers, and two lines around it note what each sublayer writes.
# That makes 61 tensors: the embedding, and 2 · 30 writes. If the claim is true, their plain sum, through the final
# norm and the head, gives the model's own logits.


# %%
def writes(model, ids):
    """The embedding, then what each sublayer adds: [1 + 2 * n_layer, seq, d_model]."""
    added = []

    def noted(sublayer):
        def run(x):
            added.append(sublayer(x))
            return added[-1]

        return run

    def block(x, norm_1, attend, norm_2, feed_forward):
        if not added:
            added.append(x)
        return pre_norm_block(x, norm_1, noted(attend), norm_2, noted(feed_forward))

    model.using(block=block)(ids, last=True)  # nobody reads the logits: one will do
    return torch.cat(added)


france = model.tokenizer.encode("The capital of France is")
added = writes(model, france)
print("what was written:", list(added.shape), "= [1 + 2 * 30, seq, d_model]")
final = added.sum(dim=0)  # seq d_model


def head(x):
    """The final norm, and the table read backwards: x [seq, d_model] -> logits."""
    x = model.parts.norm(x, *model.weights.norm, config.eps)
    return unembed(x, model.weights.unembedding)


apart = (head(final) - model(france)[0]).abs().max().item()
print("the plain sum gives the model's own logits, to within 0.001:", apart < 1e-3)

# %% [markdown]
# **The whole depth of the model is a sum of 61 vectors.** (What each write *contains* depends on the sum before it:
# that is where depth comes from.)
#
# Here is that sum as a river, for the last token of "The capital of France is". At each layer attention flows in from
# above, the feed-forward from below, all drawn to one scale. A few writes are put into words: the two or three tokens
# whose logits a write raises most.

# %%
table = model.weights.unembedding - model.weights.unembedding.mean(dim=0)


def in_words(vector, n=3):
    """The tokens whose logits a write raises most."""
    best = (table @ (vector * model.weights.norm[0])).topk(n).indices.tolist()
    return " ".join(model.tokenizer.decode([i]).strip() for i in best)


lengths = added[:, -1].norm(dim=-1)  # 61
stream = added[:, -1].cumsum(dim=0)[::2]  # 31 d_model: after the table, each layer
told = {("attention", n): in_words(added[1 + 2 * n, -1]) for n in (23, 27)}
told["feed-forward", 24] = in_words(added[2 + 2 * 24, -1], 2)
show(
    pictures.river(
        stream.norm(dim=-1).tolist(),
        lengths[1::2].tolist(),
        lengths[2::2].tolist(),
        told,
        end="Paris",
    ),
    alt="A river that starts as a thread at the table and is broad at layer 29. Blue "
    "bars of attention flow in from above, hatched orange ones of the feed-forward "
    "from below; the largest come in layers 24 and 29. Attention in layer 23 says "
    "France French Breton, in layer 27 the city capital; the feed-forward of layer 24 "
    "says capitals.",
)
for (sublayer, layer), word in told.items():
    print(f"{sublayer} of layer {layer} writes: {word}")
grown = stream.norm(dim=-1)
print(
    f"length {grown[0]:.1f} after the table, {grown[30]:.0f} after layer 29: "
    f"{grown[30] / grown[0]:.0f} times as long"
)
[paris] = model.tokenizer.encode(" Paris")
taken_out = [final[-1] - added[1 + 2 * n : 3 + 2 * n, -1].sum(dim=0) for n in range(30)]
chance = output_head.softmax(head(torch.stack([final[-1], *taken_out])))[:, paris]
early, late = chance[1:12], chance[28:31]
print(f"p(' Paris') {chance[0]:.2f}; with one layer's writes taken out of the sum:")
print(f"  one of the layers 0 to 10: {early.min():.2f} to {early.max():.2f}", end=", ")
print(f"one of 27 to 29: {late.min():.2f} to {late.max():.2f}")

# %% [markdown]
# Two things to keep. The river *grows*: what layer 1 wrote is small beside what layer 29 writes. And in a few places
# the flow can be read: layer 23 brings "France" to the last token, layer 24 adds "capitals", layer 27 "the city". The
# other writes are not put into words here. The table hardly reads at all what early layers wrote: take the writes of any one of the
# layers 0 to 10 out of the final sum, and p(" Paris") hardly moves. Later *layers* do need some of them, those of
# layers 0 and 1 above all: section 4.9 leaves whole layers out.
#
# ### Why the "+" at all?
#
# Without it a layer would *replace* the vector, as most layers did before 2015. He et al. (2015) found that plain stacks
# get worse when they get deeper, even on the data they are trained on, and that adding the input back cures it. Leave
# the "+" out, first in SmolLM2, then in fresh stacks: random weights, each matrix keeping the size of what passes through
# it.

# %%
predict(
    "plus",
    "Fresh stacks of 12 layers without '+'. What goes wrong at the start?",
    {
        "A": "gradients fade: the first layer's is a hundredth of the last one's",
        "B": "all tokens end up with nearly the same vector",
        "C": "numbers overflow",
    },
    yours="A",
)


# %%
def no_plus(x, norm_1, attend, norm_2, feed_forward):
    return feed_forward(norm_2(attend(norm_1(x))))


story = (
    "In the spring my grandmother planted beans along the garden wall. Every morning "
    "she carried two cans of water from the pump, and every evening she counted the "
    "leaves. The first year the frost came late and killed them all. The second year "
    "the rabbits ate what the frost had left. She did not give up. She bought a roll "
    "of wire, built a fence, and waited."
)
story_ids = torch.tensor(model.tokenizer.encode(story))


def loss(model, ids=story_ids):
    """Mean of -log p(next token) over the text, in nats (notebook 5). Guessing evenly
    among 49,152 tokens costs ln 49152 = 10.8."""
    return torch.nn.functional.cross_entropy(model(ids[:-1])[0], ids[1:]).item()


as_trained = loss(model)


def fresh(depth, generator, d_model=64, strength=1.0):
    """Random weights: for each layer w_qkv, w_o, w_in, w_out. `strength` scales what
    both sublayers write."""

    def matrix(rows, columns, size=1.0):
        weights = torch.randn(rows, columns, generator=generator) / columns**0.5
        return (size * weights).requires_grad_()

    d = d_model
    return [
        [matrix(3 * d, d), matrix(d, d, strength), matrix(4 * d, d)]
        + [matrix(d, 4 * d, strength)]
        for _ in range(depth)
    ]


def run_fresh(x, weights, block, n_head=4, alone=False, bend=torch.relu):
    """x [batch, seq, d_model] through a fresh stack -> the stream after 0, 1, ...
    layers. With `alone`, each token may look at itself only; `bend` stands between
    the feed-forward's two matrices."""

    def norm(x):
        return torch.nn.functional.layer_norm(x, x.shape[-1:])

    states = [x]
    for w_qkv, w_o, w_in, w_out in weights:

        def attend(x):
            heads = attention.split_heads(linear(x, w_qkv), 3 * n_head)
            q, k, v = heads.chunk(3, dim=1)
            if alone:
                return linear(attention.merge_heads(v), w_o)
            mixed = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True
            )
            return linear(attention.merge_heads(mixed), w_o)

        def feed_forward(x):
            return linear(bend(linear(x, w_in)), w_out)

        states.append(block(states[-1], norm, attend, norm, feed_forward))
    return states


def at_the_start(depth, block, seeds=3, strength=1.0, d_model=64, **how):
    """A fresh stack -> (mean cosine between tokens at the end, size of the stream by
    layer, gradient of w_out by layer), means over seeds."""
    likeness, sizes, gradients, seq, vocab = [], [], [], 32, 100
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        weights = fresh(depth, generator, d_model, strength)
        x = torch.randn(2, seq, d_model, generator=generator)
        states = run_fresh(x, weights, block, **how)
        end = torch.nn.functional.normalize(states[-1].detach(), dim=-1)
        likeness.append((end @ end.mT)[:, ~torch.eye(seq, dtype=torch.bool)].mean())
        sizes.append(torch.stack([s.detach().pow(2).mean().sqrt() for s in states]))
        out = torch.nn.functional.layer_norm(states[-1], (d_model,))
        out = linear(out, torch.randn(vocab, d_model, generator=generator) / 8)
        targets = torch.randint(vocab, (2, seq), generator=generator)
        output_head.cross_entropy(out, targets).backward()
        gradients.append(torch.stack([w[3].grad.norm() for w in weights]))
    return tuple(torch.stack(t).mean(0) for t in (likeness, sizes, gradients))


print(f"SmolLM2: loss {as_trained:.1f}", end=", ")
print(f"without '+' {loss(model.using(block=no_plus)):.1f}\n")
torch.set_num_threads(1)  # little to share in products this small
print("fresh    cosine between tokens at the end               size of the gradient,")
print("stacks   with +      without +           without +, tanh  first and last layer")
print("layers           mixed    alone      mixed    alone      with +     without +")
ways = [{}, {"alone": True}, {"bend": torch.tanh}, {"bend": torch.tanh, "alone": True}]
for depth in (2, 6, 12):
    with_it = at_the_start(depth, pre_norm_block)
    without, *others = (at_the_start(depth, no_plus, **how) for how in ways)
    row = f"{depth:>6}"
    for likeness, _, _ in (with_it, without, *others):
        row += f"{likeness:z9.2f}"  # z: no minus before 0.00
    for _, _, gradient in (with_it, without):
        row += f"  {gradient[0]:5.2f} {gradient[-1]:4.2f}"
    print(row)
torch.set_num_threads(2)
reveal("plus", "B" if without[0] > 0.95 and gradient[0] > gradient[-1] / 100 else "A")

# %% [markdown]
# The gradients are fine: nothing fades. What is lost is *which token is which*: after 12 layers without "+" the tokens
# have nearly the same vector (Dong et al. 2021). Is that because attention mixes them? In the columns "alone" each
# token looks at itself only. With ReLU they become alike even so, but more slowly: 0.43 after 2 layers, not 0.87, and
# 0.91 after 12. That is the doing of ReLU, $\max(0, z)$ between the feed-forward's matrices: put tanh in its place, and tokens that are alone stay apart, whereas those that are mixed
# become alike all the same. So mixing is enough to lose the tokens, and ReLU, whose results are never negative, draws
# them together as well. **The "+" keeps each token's own vector in the sum.** In section 4.4 you will see what a stack
# whose tokens are all alike can learn.

# %% [markdown]
# ## 4.2 Norms: every sublayer reads a copy of fixed size
#
# **Claim.** The stream becomes hundreds of times as long on its way up. So each sublayer reads a *normalised* copy.
# The stream itself stays as it is. What would a sublayer make of an input 200 times as large? Measure it in layer 1:

# %%
grows = {}


def enlarged(x, norm_1, attend, norm_2, feed_forward):
    if len(grows) == 1:  # layer 1
        a, b = norm_1(x), norm_2(x + attend(norm_1(x)))
        grows["attention"] = (attend(200 * a).norm() / attend(a).norm()).item()
        grows["the feed-forward"] = (
            feed_forward(200 * b).norm() / feed_forward(b).norm()
        ).item()
    grows.setdefault("layer 0", 0)
    return pre_norm_block(x, norm_1, attend, norm_2, feed_forward)


model.using(block=enlarged)(story_ids)
for name in ("attention", "the feed-forward"):
    print(f"input x 200: {name} of layer 1 writes {grows[name]:,.0f} times as much")

# %% [markdown]
# Attention writes 232 times as much, and a few hundred times in other layers: its shares still sum to 1, whatever the
# scores. The feed-forward of SmolLM2 multiplies two numbers that both grow (section 4.5), so it writes 40,000 times as
# much, and the next layer reads that.

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
no_division = model.using(norm=lambda x, weight, eps: x * weight)
broken = loss(no_division)
print(f"{len(story_ids)} tokens; as it is {as_trained:.2f}, without {broken:.2f}")
reveal("division", "C" if math.isnan(broken) else "B" if broken > 10.8 else "A")

# %% [markdown]
# `nan`, "not a number", is what a computer makes of ∞ − ∞, for one, after an overflow.
#
# There are two usual norms. Both take one vector $x$ of $d$ = `d_model` numbers. Its *mean* is $\frac{1}{d}\sum x_i$; its
# *variance* is the mean of the squared distances from the mean; $\epsilon$ (`eps`) is a tiny number, here 0.00001,
# that keeps us from dividing by 0.

# %% [markdown]
# ### Exercise 4.2 · `layer_norm` · ●●○ · 10 min
#
# Write LayerNorm (Ba et al. 2016), the norm of GPT-2. For each vector on its own, over the **last** dimension:
#
# $$\text{layer\_norm}(x) = \frac{x - \text{mean}(x)}{\sqrt{\text{var}(x) + \epsilon}} \cdot \text{weight} + \text{bias}$$
#
# | | shape | |
# |---|---|---|
# | `x` | `[..., d_model]` | any number of dimensions in front; leave it as it is, the stream goes on with it |
# | `weight`, `bias` | `[d_model]` | learned; they start as ones and zeros; leave them as they are, too |
# | `eps` | a number | keeps the root away from 0 |
# | returns | like `x` | |
#
# The variance here is the *mean* of the squared distances from the mean: their sum divided by `d_model`, not by
# `d_model - 1`.
#
# **By hand.** `x = [1, 3]`, `eps = 0`, weight 1, bias 0: the mean is 2, the distances are −1 and 1, the variance is
# (1 + 1) / 2 = 1, so the result is `[-1, 1]`. With `eps = 3` the root becomes √(1 + 3) = 2 and the result
# `[-0.5, 0.5]`.
#
# Off limits: torch's and llmlib's own layer norms, and torch's group, instance and batch norms.
#
# <details><summary>Hint 1</summary>
#
# `x.mean(dim=-1)` loses the last dimension, so it cannot be subtracted from `x`. `keepdim=True` keeps it, with length
# 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compute `centred = x - mean` once: the variance is the mean of `centred ** 2`. (`x.var()` divides by `d_model - 1`
# unless told otherwise.)
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


# %% given left_alone
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


# %% test layer_norm points=2
import torch
from llmlib.course import check

_ones, _zeros = torch.ones(4), torch.zeros(4)
_x = torch.tensor([1.0, 2.0, 3.0, 6.0])
_got = layer_norm(torch.full((4,), 5.0), _ones, _zeros, 1e-5)
check.that(_got is not None, "layer_norm gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, like x: torch.stack makes one of a list",
)
check.that(
    not isinstance(_got, torch.Tensor) or not _got.isnan().any(),
    "[5, 5, 5, 5] gave NaN, 0 / 0: eps must be added to the variance, inside the root",
)
check.close(_got, _zeros, "[5, 5, 5, 5] must become zeros: subtract the mean first")
check.close(
    left_alone("layer_norm", torch.tensor([[1.0, 3.0]]), torch.ones(2), torch.zeros(2)),
    torch.tensor([[1.0, 3.0]]),
    "the caller's x has changed: it is the residual stream, so work on new tensors",
)
_flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
check.close(
    layer_norm(_flat, _ones, _zeros, 1e-5),
    torch.zeros(2, 2, 4),
    "each vector is normalised on its own: mean and variance run over the last "
    "dimension only",
)
check.equal(
    list(layer_norm(torch.zeros(1, 1, 4), _ones, _zeros).shape),
    [1, 1, 4],
    "the result has the shape of x, also where a dimension is 1: drop no dimension",
)
check.close(
    layer_norm(10 * _x, _ones, _zeros, 0.0),
    layer_norm(_x, _ones, _zeros, 0.0),
    "ten times the vector must give the same result: divide by the root of the "
    "variance, not by the variance",
)
_got = layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 0.0)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got[..., -1].max() - 5**-0.5) > 1e-3,
    "the variance is the mean of the squared distances from the mean, not of the "
    "squares of x",
)
check.close(
    _got,
    [-1.0, 1.0],
    "the variance is the mean of the squares: divide their sum by d_model, not by "
    "d_model - 1",
)
check.close(
    layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 3.0),
    [-0.5, 0.5],
    "eps stands inside the root, added to the variance",
)
check.close(
    layer_norm(torch.tensor([0.001, 0.003]), torch.ones(2), torch.zeros(2)),
    [-0.001 / 1.1e-5**0.5, 0.001 / 1.1e-5**0.5],
    "left out, eps is 1e-5: keep the default of the first line",
)
check.close(
    layer_norm(
        torch.tensor([1.0, 3.0]),
        torch.tensor([2.0, 10.0]),
        torch.tensor([100.0, 1000.0]),
        0.0,
    ),
    [98.0, 1010.0],
    "after the division comes times weight, then plus bias, entry by entry",
    atol=1e-3,
)
check.close(
    layer_norm(torch.tensor([10001.0, 10003.0]), torch.ones(2), torch.zeros(2), 0.0),
    [-1.0, 1.0],
    "large entries drown their variance in rounding: subtract the mean before you "
    "square, not the square of the mean afterwards",
)
_g = torch.Generator().manual_seed(4)
_x, _w, _b = (
    torch.randn(2, 3, 8, generator=_g),
    torch.randn(8, generator=_g),
    torch.randn(8, generator=_g),
)
check.close(
    layer_norm(_x, _w, _b, 1e-5),
    torch.nn.functional.layer_norm(_x, (8,), _w, _b, 1e-5),
    "the result differs from torch's LayerNorm",
)
### BEGIN HIDDEN TESTS
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
# ### Exercise 4.3 · `rms_norm` · ●○○ · 5 min
#
# Write RMSNorm (Zhang & Sennrich 2019), the norm of Llama: divide each vector by the root of the mean of its squares
# (its *root mean square*, RMS), with `eps` inside the root, then multiply by `weight`. No mean is subtracted, and there
# is no bias.
#
# `x` is `[..., d_model]`, `weight` is `[d_model]`, the result is a new tensor like `x`; leave both as they are.
#
# **By hand.** `x = [1, 7]`, `eps = 0`, weight 1: the squares are 1 and 49, their mean is 25, its root is 5: the result
# is `[0.2, 1.4]`. With `eps = 11` the root is √36 = 6.
#
# Off limits: torch's and llmlib's own RMSNorm.
#
# <details><summary>Hint 1</summary>
#
# It is your `layer_norm` with two things taken out.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mean is not subtracted, and there is no bias. What each vector is divided by is
# `torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)`.
#
# </details>


# %% solution rms_norm disallowed=["torch.nn.functional.rms_norm", "llmlib.layers.rms_norm"]
def rms_norm(x, weight, eps=1e-5):
    """RMSNorm over the last dimension: x [..., d_model] over its root mean square,
    times weight [d_model]."""
    ### BEGIN SOLUTION
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight
    ### END SOLUTION


# %% test rms_norm points=2
import torch
from llmlib.course import check

_one = torch.ones(2)
_got = rms_norm(torch.zeros(2), _one, 1e-5)
check.that(_got is not None, "rms_norm gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, like x: torch.stack makes one of a list",
)
check.close(
    _got, torch.zeros(2), "a vector of zeros must stay zeros: eps keeps 0 / 0 away"
)
check.close(
    left_alone("rms_norm", torch.tensor([[1.0, 7.0]]), _one),
    torch.tensor([[1.0, 7.0]]),
    "the caller's x has changed: it is the residual stream, so work on new tensors",
)
_near, _far = (
    rms_norm(torch.tensor([1.0, 3.0]), _one, 0.0),
    rms_norm(torch.tensor([11.0, 13.0]), _one, 0.0),
)
check.that(
    (_near - _far).abs().max() > 0.1,
    "[1, 3] and [11, 13] must not give the same result: RMSNorm does not subtract the "
    "mean",
)
check.close(
    rms_norm(torch.tensor([10.0, 70.0]), _one, 0.0),
    rms_norm(torch.tensor([1.0, 7.0]), _one, 0.0),
    "ten times the vector must give the same result: divide by the root of the mean "
    "square",
)
_got = rms_norm(torch.tensor([1.0, 7.0]), _one, 0.0)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got[..., -1].max() - 7 / 4) > 1e-3,
    "square first, then take the mean: this is the square of the mean",
)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got[..., -1].max() - 7 / 3) > 1e-3,
    "this divides by the standard deviation: RMSNorm subtracts no mean, not even in "
    "the denominator",
)
check.close(
    _got, [0.2, 1.4], "the root is taken of the mean of the squares, not of their sum"
)
check.close(
    rms_norm(torch.tensor([1.0, 7.0]), _one, 11.0),
    [1 / 6, 7 / 6],
    "eps stands inside the root, added to the mean square",
)
check.close(
    rms_norm(torch.tensor([0.001, 0.007]), _one),
    [0.001 / 3.5e-5**0.5, 0.007 / 3.5e-5**0.5],
    "left out, eps is 1e-5: keep the default of the first line",
)
check.close(
    rms_norm(torch.tensor([1.0, 7.0]), torch.tensor([10.0, 100.0]), 0.0),
    [2.0, 140.0],
    "after the division comes times weight, entry by entry",
    atol=1e-3,
)
_flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
check.close(
    rms_norm(_flat, torch.ones(4), 1e-6),
    torch.ones(2, 2, 4),
    "each vector is normalised on its own: the mean runs over the last dimension only",
)
check.equal(
    list(rms_norm(torch.zeros(1, 1, 4), torch.ones(4)).shape),
    [1, 1, 4],
    "the result has the shape of x, also where a dimension is 1: drop no dimension",
)
_g = torch.Generator().manual_seed(4)
_x, _w = torch.randn(2, 3, 8, generator=_g), torch.randn(8, generator=_g)
check.close(
    rms_norm(_x, _w, 1e-5),
    torch.nn.functional.rms_norm(_x, (8,), _w, 1e-5),
    "the result differs from torch's RMSNorm",
)
### BEGIN HIDDEN TESTS
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


# %% [markdown]
# ### What the two norms do to a plane
#
# Take points of the plane, so `d_model` = 2. RMSNorm moves each point along its ray from the origin. Where do they all
# land? And with LayerNorm? Think before you run.

# %%
generator = torch.Generator().manual_seed(2)
points = torch.randn(18, 2, generator=generator) * 2 + torch.tensor([0.8, 0.3])
show(
    pictures.norm_map(
        points,
        rms_norm(points, torch.ones(2), 0.0),
        layer_norm(points, torch.ones(2), torch.zeros(2), 0.0),
    ),
    alt="Eighteen points, each joined to its image. Left, RMSNorm: every point moves "
    "along its ray onto the circle of radius 1.41. Right, LayerNorm: all land on "
    "(-1, 1) or (1, -1), on either side of the diagonal of equal entries.",
)

# %% [markdown]
# RMSNorm forgets the length and keeps the direction: a circle of radius √d = 1.41. LayerNorm removes the mean first,
# and with it one whole direction, the one in which all entries are equal. Of two dimensions that leaves one, and of
# one dimension only the sign: two points. Of 576 dimensions it leaves 575. Does that direction matter to SmolLM2?

# %%
every_token = writes(model, story_ids).cumsum(dim=0)[::2]  # 31 seq d_model
share = every_token.mean(dim=-1) ** 2 / every_token.pow(2).mean(dim=-1)  # 31 seq
print(
    f"in the all-equal direction lies {100 * share.mean():.2f} % of the squared length "
    f"on average; one direction of 576 is {100 / 576:.2f} %"
)
centring = model.using(
    norm=lambda x, weight, eps: layer_norm(x, weight, torch.zeros_like(weight), eps)
)
print(
    f"loss with RMSNorm {as_trained:.2f}, with LayerNorm in its place "
    f"{loss(centring):.2f}, and no training in between"
)
yours = model.using(norm=rms_norm)
apart = (yours(france) - model(france)).abs().max().item()
print("SmolLM2 with your rms_norm: the same logits, to within 0.001:", apart < 1e-3)

# %% [markdown]
# Almost nothing lies there, so subtracting it hardly matters, even to a model never trained for it. That is the
# paper's argument for RMSNorm: the re-scaling does the work, the re-centring can be left out.
#
# ### What the last division decides
#
# Look at the very last norm, in front of the head. Take away its division, keep its weights.

# %%
predict(
    "argmax",
    "For what percentage of the tokens does the likeliest next token stay the same?",
    yours=100,
)

# %%
final = every_token[-1, :-1]  # what the last norm reads: seq d_model
undivided = final * model.weights.norm[0]
favourite = head(final).argmax(-1)
for name, x in (("no division", undivided), ("no final norm", final)):
    logits = unembed(x, model.weights.unembedding)
    same = (logits.argmax(-1) == favourite).float().mean().item()
    cost = output_head.cross_entropy(logits, story_ids[1:])
    print(f"{name:14} loss {cost:6.1f}, same favourite {100 * same:3.0f} %")
    if name == "no division":
        reveal("argmax", 100 * same, within=1)

# %% [markdown]
# All of them. The division multiplies all logits of a token by one positive number: it cannot change their order, only
# how sure the model is, and here it is so sure of everything that the loss is 91. (Take the learned weights away as
# well, and the order goes, too.) Remember this for the end: **there are mistakes that the likeliest token never
# shows**.
#
# ## 4.3 Who wrote " Paris"?
#
# The end is a sum of 61 vectors, the embedding and 60 writes (from here on "61 writes", in short), and a logit is a dot
# product of the final, normalised vector with one row of the table. So a logit is itself a sum of 61 numbers, once we know what the norm divided by. This is *direct logit
# attribution* (Elhage et al. 2021), and you can write it.

# %% [markdown]
# ### Exercise 4.4 · `attribution` · ●●● · 15 min
#
# The stream of one token is the sum of its writes. RMSNorm, then a dot product with `direction`, give a logit. Split
# that logit into one term for each write.
#
# | | shape | |
# |---|---|---|
# | `writes` | `[n, d_model]` | what was added to one token's stream, in order; leave all three tensors as they are |
# | `direction` | `[d_model]` | a row of the table, or the difference of two rows |
# | `weight` | `[d_model]` | of the final RMSNorm |
# | `eps` | a number | of the final RMSNorm |
# | returns | `[n]` | the terms; their sum is the logit |
#
# **By hand.** Two writes, `[1, 0]` and `[0, 7]`; `direction = [10, 1]`, weight 1, `eps` 0. The sum is `[1, 7]`, its
# root mean square 5, so the norm makes `[0.2, 1.4]` of it and the logit is 10 · 0.2 + 1 · 1.4 = 3.4. The first write's
# term is 10 · 1 / 5 = 2, the second's 1 · 7 / 5 = 1.4: the result is `[2, 1.4]`.
#
# torch has no ready-made attribution to forbid here; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# The model normalises once, at the end. What does that norm divide by: something of each write, or something of their
# sum?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Add up the writes; the root of their sum's mean square (`eps` inside) is one number, the same for all terms. A
# write's term is its dot product with `weight * direction`, over that number.
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


# %% test attribution points=2
import torch
from llmlib.course import check

_writes = torch.tensor([[1.0, 0.0], [0.0, 7.0]])
_to, _ones = torch.tensor([10.0, 1.0]), torch.ones(2)
check.close(
    left_alone("attribution", 2 * _writes, _to.clone(), 2 * _ones, 0.0),
    2 * _writes,
    "the caller's writes have changed: work on new tensors",
)
_got = attribution(_writes, _to, _ones, 0.0)
check.that(_got is not None, "attribution gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor), "return the terms as one tensor of shape [n]"
)


def _is(want):
    return (
        isinstance(_got, torch.Tensor)
        and tuple(_got.shape) == (2,)
        and torch.allclose(_got.float(), torch.tensor(want), atol=1e-3)
    )


check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (),
    "that is the whole logit: give one term for each write, without adding them up",
)
check.that(not _is([2.0, 3.4]), "these are sums so far: give each write's own term")
check.that(
    not _is([10.0, 7.0]),
    "nothing was divided: the final norm divides by the root mean square of the sum",
)
check.that(
    not _is([10 * 2**0.5, 2**0.5]),
    "each write was normalised by itself: the model divides once, by the root mean "
    "square of the sum of all writes",
)
check.that(
    not _is([10 / 50**0.5, 7 / 50**0.5]),
    "divide by the root of the mean square of the sum, not by its length",
)
check.close(
    _got,
    [2.0, 1.4],
    "the example by hand: the sum [1, 7] has the root mean square 5, so the terms are "
    "10 · 1 / 5 and 1 · 7 / 5",
)
check.close(
    attribution(_writes, torch.tensor([-10.0, 1.0]), _ones, 0.0),
    [-2.0, 1.4],
    "a write may lower the logit: with direction [-10, 1] the first term is -2; each "
    "keeps its own sign and size, no share of the logit",
)
check.close(
    attribution(_writes, _to, torch.tensor([3.0, 10.0]), 0.0),
    [6.0, 14.0],
    "the norm's weight multiplies each entry before the dot product",
    atol=1e-4,
)
check.close(
    attribution(_writes, _to, _ones, 11.0),
    [10 / 6, 7 / 6],
    "eps is added to the mean square, inside the root",
)
check.close(
    attribution(_writes / 1000, _to, _ones),
    [0.01 / 3.5e-5**0.5, 0.007 / 3.5e-5**0.5],
    "left out, eps is 1e-5: keep the default of the first line",
)
_g = torch.Generator().manual_seed(48)
_writes = torch.randn(9, 16, generator=_g)
_to, _w = torch.randn(16, generator=_g), torch.randn(16, generator=_g)
check.close(
    attribution(_writes, _to, _w).sum(),
    torch.nn.functional.rms_norm(_writes.sum(0), (16,), _w, 1e-5) @ _to,
    "the terms must add up to the logit, rms_norm(sum of the writes) · direction",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
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
# ### On the real model: the answer depends on the question
#
# The logit of " Paris" by itself says little. It becomes a question when we say *compared with what*: " London",
# another city? Or the mean of all 49,152 logits?

# %%
predict(
    "writes",
    "Does one write bring more than half of the answer ' Paris'?",
    {
        "A": "yes, whatever it is compared with",
        "B": "no, it is built up by many",
        "C": "yes compared with ' London', no compared with the mean",
    },
    yours="C",
)

# %%
paris, london = (model.tokenizer.encode(word)[0] for word in (" Paris", " London"))
rows = model.weights.unembedding
questions = {
    "logit(Paris) − logit(London)": rows[paris] - rows[london],
    "logit(Paris) − mean logit": rows[paris] - rows.mean(dim=0),
}
at_last = added[:, -1]  # 61 d_model
terms = {
    name: attribution(at_last, to, model.weights.norm[0], config.eps)
    for name, to in questions.items()
}
shares = []
for name, each in terms.items():
    top = each.topk(4).indices.tolist()
    listed = (
        f"{'attention' if i % 2 else 'feed-forward'} {(i - 1) // 2} ({each[i]:.2f})"
        for i in top
    )
    shares.append((each.max() / each.sum()).item())
    early = each[: 1 + 2 * 23].sum()  # the table, and layers 0 to 22
    print(f"{name}: {each.sum():.2f}, of which {', '.join(listed)}")
    print(f"  before layer 23: {early:.2f}")
logits = model(france)[0, -1]
print(f"the model's own: {logits[paris] - logits[london]:.2f}", end=" and ")
print(f"{logits[paris] - logits.mean():.2f}")
towns = "London Berlin Rome Tokyo Madrid Vienna Moscow Athens Cairo Dublin Lisbon"
towns += " Prague"
cities = [model.tokenizer.encode(f" {city}")[0] for city in towns.split()]
to = rows[paris] - rows[cities].mean(dim=0)
each = attribution(at_last, to, model.weights.norm[0], config.eps)
print(f"logit(Paris) − mean of {len(cities)} other cities: {each.sum():.2f},", end=" ")
print(f"of which attention 23 ({each[1 + 2 * 23]:.2f})")
show(
    pictures.running_sums(terms),
    alt="Two panels by layer. Top, Paris against London: below zero up to layer 22, "
    "then attention in layer 23 adds 3 of 4. Bottom, Paris against the mean logit: "
    "the sum grows slowly to 6 by layer 22, attention in layer 23 adds about 3 of 19, "
    "and many writes of the last layers add the rest.",
)
over = [share > 0.5 for share in shares]
reveal("writes", "A" if all(over) else "C" if over[0] else "B")

# %% [markdown]
# Paris *or London*: one attention sublayer writes nearly three quarters of that. Paris or *any token* is the work of
# many, and this one brings less than a fifth; Paris or *another city* lies between. All are true: a contrast always
# measures what it contrasts. Of the choice between the two cities nothing is there before layer 23; of the lead over
# the mean, three tenths are.
#
# ### The one head
#
# Layer 23 has nine heads. Attribution says what was written, not what is needed: for that, switch heads off, one at a
# time, and ask for four capitals.

# %%
predict(
    "head",
    "p(' Paris') is 0.77. What is left of it without the head of the nine that matters "
    "most?",
    yours=0.4,
)

# %%
import random
from itertools import cycle


def without(layer, head):
    """The model with one head switched off: its output is 0."""
    layer_numbers = cycle(range(config.n_layer))

    def attend(q, k, v, mask=None):
        out = attention.scaled_dot_product_attention(q, k, v, mask)
        if next(layer_numbers) == layer:
            out[:, head] = 0
        return out

    return model.using(attention=attend)


capitals = {"France": " Paris", "Germany": " Berlin", "Italy": " Rome"}
capitals["Japan"] = " Tokyo"
asked = [model.tokenizer.encode(f"The capital of {land} is") for land in capitals]
answers = [model.tokenizer.encode(city)[0] for city in capitals.values()]


def probabilities(some_model):
    """How probable the four capitals are after their prompts, one batch -> [4]."""
    logits = some_model(torch.tensor(asked), last=True)[:, -1]  # 4 vocab
    found = output_head.softmax(logits)
    return found[torch.arange(4), answers]


whole = probabilities(model)
in_23 = torch.stack([probabilities(without(23, head)) for head in range(9)])
worst = in_23[:, 0].argmin().item()
elsewhere = [(n, h) for n in range(30) for h in range(9) if n != 23]
others = random.Random(0).sample(elsewhere, 8)
controls = torch.stack([probabilities(without(*each)) for each in others])
controls = torch.cat([controls, in_23[[h for h in range(9) if h != worst]]])
show(
    pictures.one_head(
        {
            "the whole model": whole.tolist(),
            f"without layer 23 head {worst}": in_23[worst].tolist(),
        },
        controls,
        [f"{land}: {city.strip()}" for land, city in capitals.items()],
    ),
    alt="Bars for Paris, Berlin, Rome and Tokyo. The whole model: 0.77, 0.80, 0.38, "
    "0.70; without layer 23 head 4: 0.14, 0.15, 0.04, 0.31. Small circles, other "
    "heads switched off one at a time, lie within 0.15 of the whole model's bars, far "
    "above the second ones.",
)
looks = attention.attention_maps(model, france)[23, worst, -1]
words = [model.tokenizer.decode([i]) for i in france]
print(f"layer 23 head {worst} looks:", end=" ")
print("  ".join(f"{w!r} {s:.2f}" for w, s in zip(words, looks.tolist())))
print(f"lowest of {len(controls)} other heads switched off, for Paris:", end=" ")
print(f"{controls[:, 0].min():.2f}")
for n, h in ((0, 4), (11, 7)):
    left = zip(capitals.values(), probabilities(without(n, h)).tolist())
    print(f"without layer {n} head {h}:", *(f"{city} {p:.2f}" for city, p in left))
reveal("head", in_23[worst, 0], within=0.1)

# %% [markdown]
# One head of the nine here, and of 270 in all. It looks at the country with nine tenths of its attention, and its sublayer writes "France French
# Breton" into the last token. Without it Paris and Berlin fall to less than a fifth of what they had, Rome to a ninth;
# Tokyo loses more than half. None of the 16 others, the rest of this layer and eight drawn from elsewhere, does anything like it. Here attribution, attention map and
# intervention agree. Only the third of them proves that the head is needed. It does not prove that no other is:
# without head 4 of layer 0 Paris falls to 0.21, too, and without head 7 of layer 11 Tokyo falls to 0.36.

# %% [markdown]
# ## 4.4 Before or after?
#
# Your block is *pre-norm*: the norms stand **off** the stream, and one more follows after the last layer. Vaswani et
# al. wrote it otherwise in 2017, and many explanations, the tutorial this course grew out of among them, still do:
#
#     x = layer_norm(x + attention(x))
#     x = layer_norm(x + feed_forward(x))
#
# Add, then normalise: *post-norm*. The norm stands **on** the stream. Rewire SmolLM2 like that, with all its weights:


# %%
def post_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))


post_norm = model.using(block=post_norm_block)
favourites = post_norm(france)[0, -1].topk(5).indices.tolist()
print(f"loss as trained {as_trained:.2f}, rewired to post-norm {loss(post_norm):.1f}")
print("its five favourite tokens:", [model.tokenizer.decode([i]) for i in favourites])

# %% [markdown]
# Far beyond the 10.8 of blind guessing: these weights were trained in the other wiring. It does *not* show that
# post-norm is bad; the original transformer was trained that way. So look at both *before* any training, in the fresh
# stacks of section 4.1: how large is the stream on its way up, and how strongly would the loss react to the
# feed-forward's last matrix, `w_out`, in each layer?

# %%
depths = (2, 6, 12, 24, 48)
kinds = {"post-norm": post_norm_block, "pre-norm": pre_norm_block}
torch.set_num_threads(1)
measured = {
    name: {depth: at_the_start(depth, block, seeds=2) for depth in depths}
    for name, block in kinds.items()
}
torch.set_num_threads(2)
show(
    pictures.signal_and_gradient(
        {
            name: {depth: each[1:] for depth, each in by_depth.items()}
            for name, by_depth in measured.items()
        }
    ),
    alt="Four panels, post-norm left and pre-norm right. Top: post-norm's stream keeps "
    "size 1, pre-norm's grows with depth. Bottom: in the last layers post-norm's "
    "gradients lie between 1.2 and 1.7 at any depth, in the first layers of 24 and 48 "
    "they are smaller; pre-norm's fall along the stack and with its depth.",
)
print("layers                  ", "".join(f"{depth:8}" for depth in depths))
print("gradient of the last layer's w_out")
for name, by_depth in measured.items():
    ends = (f"{by_depth[depth][2][-1]:8.2f}" for depth in depths)
    print(f"  {name:22}", "".join(ends))
pre = measured["pre-norm"]
print(
    f"  {'pre-norm · √layers':22}",
    "".join(f"{pre[depth][2][-1] * depth**0.5:8.2f}" for depth in depths),
)
print("cosine between tokens at the end")
for name, by_depth in measured.items():
    alike = (f"{by_depth[depth][0]:8.2f}" for depth in depths)
    print(f"  {name:22}", "".join(alike))

# %% [markdown]
# Post-norm resets the stream to size 1 after every layer. Pre-norm lets it grow, like √layers: independent writes add
# up as random steps do. The final norm divides by that size, so the gradient of the last layer shrinks like 1/√layers:
# here the product stays between 1.2 and 1.8 while the depth grows 24-fold and the gradient falls to a quarter (from
# other starts to a fifth). In post-norm it does not shrink at all. This is what Xiong et al. (2020) proved and measured.
#
# The last two rows show something else. In post-norm each write is of the same order of size as the stream it joins, up
# to the last layer, so what came in shrinks again and again, and deep stacks end like those without "+": all tokens
# alike.
#
# ### A race
#
# What can such stacks learn? Train five of them, 12 layers of width 32, on 4,000 letters of prose: guess the next
# letter. A *warm-up* (steps that start near 0 and grow) is the usual advice for post-norm. The last
# runner is post-norm with one change: at the start, everything a sublayer writes is a twentieth as large.

# %%
predict(
    "race",
    "12 layers, post-norm. What makes it learn as well as pre-norm in 60 steps?",
    {
        "A": "smaller writes at the start",
        "B": "a warm-up over 40 steps",
        "C": "nothing is needed",
    },
    yours="B",
)

# %%
from collections import Counter

from llmlib.data import __file__ as data_file

text = open(data_file.replace("__init__.py", "prose.txt"), encoding="utf-8").read()
letters = sorted(set(text))
letter_ids = torch.tensor([letters.index(letter) for letter in text])


def train(block, depth=12, strength=1.0, warm_up=0, steps=60, d_model=32, seq=32):
    """Train a fresh stack to guess the next letter -> its loss at each step."""
    generator = torch.Generator().manual_seed(0)
    weights = fresh(depth, generator, d_model, strength)
    sizes = (len(letters), seq, len(letters))
    tables = [torch.randn(n, d_model, generator=generator) for n in sizes]
    tables[2] /= d_model**0.5
    tables = [each.requires_grad_() for each in tables]
    embedding, places, unembedding = tables
    optimizer = torch.optim.Adam(sum(weights, tables), fused=True)
    found = []
    for step in range(steps):
        rate = 3e-3 * min(1, (step + 1) / warm_up) if warm_up else 3e-3
        optimizer.param_groups[0]["lr"] = rate
        starts = torch.randint(len(text) - seq - 1, (4, 1), generator=generator)
        batch = letter_ids[starts + torch.arange(seq + 1)]
        x = run_fresh(embedding[batch[:, :-1]] + places, weights, block)[-1]
        x = torch.nn.functional.layer_norm(x, (d_model,))
        logits = linear(x, unembedding).flatten(0, 1)
        cost = torch.nn.functional.cross_entropy(logits, batch[:, 1:].flatten())
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        found.append(cost.item())
    return found


torch.set_num_threads(1)
runners = {
    "pre-norm": train(pre_norm_block),
    "no +": train(no_plus),
    "post-norm": train(post_norm_block),
    "post-norm, warm-up": train(post_norm_block, warm_up=40),
    "post-norm, writes / 20": train(post_norm_block, strength=0.05),
}
short = train(post_norm_block, depth=2)
small = at_the_start(12, post_norm_block, seeds=2, strength=0.05)[0]
torch.set_num_threads(2)
counts = torch.tensor([n / len(text) for n in Counter(text).values()])
chance = -(counts * counts.log()).sum().item()
ends = {name: sum(found[-10:]) / 10 for name, found in runners.items()}
for name, end in ends.items():
    print(f"{name:24} loss at the end {end:.2f}")
print(f"{'post-norm, 2 layers':24} loss at the end {sum(short[-10:]) / 10:.2f}")
print(f"{'only how common letters are':24} {chance:.2f}")
print("12 layers of post-norm before training, cosine between tokens", end=" ")
print(f"{measured['post-norm'][12][0]:.2f}, with writes / 20 {small:.2f}")
show(
    pictures.race(runners, chance, "only how common letters are"),
    alt="Loss against training steps. Pre-norm, and post-norm with small writes, fall "
    "to 2.6; post-norm with and without warm-up and the stack without + stop at 2.9, "
    "the dashed line of a model that knows only how common each letter is.",
)
good = {name for name, end in ends.items() if end < chance - 0.2}
answer = "C" if "post-norm" in good else "B" if "post-norm, warm-up" in good else "A"
reveal("race", answer)

# %% [markdown]
# The losers stop at the same line: they know how common each letter is, and nothing of what stands before. Tokens that
# are all alike cannot say more. With 2 layers post-norm learns; with 12 a warm-up does not help here, and smaller
# writes do: with them the tokens start apart, as their cosine shows. Liu et al. (2020) argue along these lines: what
# makes deep post-norm fragile is how strongly each layer's write counts, not the size of its gradients. (One small
# race. BERT-large, 24 layers of post-norm, was trained with a warm-up of 10,000 steps, Devlin et al. 2018; pre-norm
# models have one as well, for reasons that 60 steps do not show.)
#
# GPT-2, GPT-3, Llama and SmolLM2 are pre-norm. It has a price: in a deep stack each single layer changes the stream by
# less and less. Section 4.9 shows how little some layers do. Newer models try a third place, a norm on what a sublayer
# *writes* (section 4.10).

# %% [markdown]
# ## 4.5 The feed-forward
#
# **Claim.** Attention moves information *between* positions; the feed-forward works on each position alone. It widens
# the vector to `d_mlp` numbers, called **neurons** (in code often `hidden`), bends each (that function is the *activation*), and narrows it again. The bend is what makes it more
# than a matrix: two linear maps in a row are one linear map.
#
# ReLU, the bend of the first transformer, is max(0, z). GELU (GPT-2) multiplies z by the share of a bell curve that
# lies below z. SiLU multiplies it by sigmoid(z) = 1 / (1 + exp(−z)). Both are smooth, and both dip below zero.
#
# A *gated* unit has two numbers for each neuron. One (`w_gate` times x), through SiLU, is a gate; the other (`w_up` times x) is what passes. SwiGLU
# (Shazeer 2020) is such a unit.

# %%
z = torch.linspace(-5, 5, 201)
up = (-1, 0.5, 2)
silu = torch.nn.functional.silu(z)
show(
    pictures.activations(
        z,
        {"ReLU": z.clamp(min=0), "GELU": torch.nn.functional.gelu(z), "SiLU": silu},
        up,
        [silu * u for u in up],
    ),
    alt="Left: ReLU, GELU and SiLU close to zero; GELU dips to -0.17 near -0.75, SiLU "
    "to -0.28 near -1.3, ReLU not at all. Right: SiLU(z) times w_up x for three "
    "values of w_up x; a strongly negative gate shuts all of them.",
)

# %% [markdown]
# The exact bell-curve share needs the error function erf. GPT-2 was trained with a formula that comes close
# without it:
#
# $$\text{gelu}(z) = \tfrac{1}{2}\, z \left(1 + \tanh\left(\sqrt{2/\pi}\;(z + 0.044715\, z^3)\right)\right)$$

# %% [markdown]
# ### Exercise 4.5 · `mlp` · ●●○ · 10 min
#
# Write GPT-2's feed-forward: a linear map up to `d_mlp` neurons, GELU *in the form above*, a linear map back.
#
# | | shape |
# |---|---|
# | `x` | `[..., d_model]` |
# | `w_in`, `b_in` | `[d_mlp, d_model]`, `[d_mlp]` |
# | `w_out`, `b_out` | `[d_model, d_mlp]`, `[d_model]` |
# | returns | `[..., d_model]` |
#
# Weights are stored `[out, in]`, as `torch.nn.Linear` does: row i of `w_in` makes neuron i. `linear(x, w, b)`, imported
# at the top, is `x @ w.T + b`.
#
# **By hand.** For z = 1 the argument of tanh is 0.7979 · 1.0447 = 0.8336, tanh of it is 0.6824, and gelu(1) = 0.5 · 1 ·
# 1.6824 = 0.8412. Now d_model = d_mlp = 2, `x = [10, 1]`, `w_in = [[0, 1], [0, 0]]`, `w_out` twice the identity, biases
# 0: neuron 0 reads x's second entry, so the neurons are `[1, 0]`, after GELU `[0.8412, 0]`, and the result is
# `[1.6824, 0]`.
#
# Off limits: torch's and llmlib's own GELU and `mlp`. `torch.tanh` is allowed.
#
# <details><summary>Hint 1</summary>
#
# Three steps: up, bend, down. The bend works on each number by itself; write it as a function of its own if you like.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `math.sqrt` and `math.pi` for the constant; `z**3` works on tensors. Keep `1 +` *inside* the bracket that `0.5 * z`
# multiplies.
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


# %% test mlp points=2
import torch
from llmlib.course import check

_zero, _none, _one = torch.zeros(2, 2), torch.zeros(2), torch.eye(2)


def _bent(*values):
    """What your mlp makes of single numbers: all weights are 1, no biases."""
    n = len(values)
    zero = torch.zeros(n)
    return mlp(torch.tensor(values), torch.eye(n), zero, torch.eye(n), zero)


_got = mlp(torch.tensor([3.0, 4.0]), _zero, _none, _zero, torch.tensor([-1.0, 2.0]))
check.that(_got is not None, "mlp gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, like x: torch.stack makes one of a list",
)
check.close(
    _got,
    [-1.0, 2.0],
    "after w_out only b_out is added, with no activation: zero weights give b_out "
    "itself",
)
check.equal(
    list(mlp(torch.zeros(1, 1, 2), _zero, _none, _zero, _none).shape),
    [1, 1, 2],
    "the result has the shape of x, also where a dimension is 1: drop no dimension",
)
check.close(
    _bent(10.0, -10.0),
    [10.0, 0.0],
    "between the two linear maps stands GELU, half of z times (1 + tanh …): 10 stays "
    "10 and -10 becomes 0",
    atol=1e-3,
)
_x = torch.tensor([5.0, 10.0])
_swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
check.close(
    mlp(_x, _swap, _none, _one, _none),
    [10.0, 0.0],
    "weights are [out, in]: row i of w_in makes neuron i, so x @ w_in.T",
    atol=1e-3,
)
check.close(
    mlp(_x, _one, _none, _swap, _none),
    [10.0, 0.0],
    "weights are [out, in]: row i of w_out makes output i, so neurons @ w_out.T",
    atol=1e-3,
)
_got = _bent(-1.0)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got.sum() - 0.0) > 1e-3,
    "the activation is ReLU, which gives 0 for -1: GELU bends smoothly and gives "
    "-0.159",
)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got.sum() + 0.2689) > 1e-3,
    "the activation is SiLU, which gives -0.269 for -1: GELU gives -0.159",
)
check.close(
    mlp(torch.zeros(2), _one, torch.tensor([10.0, -10.0]), _one, _none),
    [10.0, 0.0],
    "b_in is added before GELU",
    atol=1e-3,
)
_z = torch.tensor([-2.5, -2.0, 2.0, 2.5])
_got = mlp(_z, torch.eye(4), torch.zeros(4), torch.eye(4), torch.zeros(4))
_exact = torch.nn.functional.gelu(_z)
check.that(
    not (
        isinstance(_got, torch.Tensor)
        and _got.shape == _exact.shape
        and torch.allclose(_got.float(), _exact, atol=2e-5)
    ),
    "close, but GPT-2's weights were trained with the tanh form, not with the exact "
    "erf",
)
check.close(
    _got,
    torch.nn.functional.gelu(_z, approximate="tanh"),
    "inside tanh stands √(2/π) times (z + 0.044715 z³): check the root, the constant "
    "and the cube",
    atol=1e-5,
)
_g = torch.Generator().manual_seed(45)
_weights = [torch.randn(s, generator=_g) for s in ((12, 3), (12,), (3, 12), (3,))]


def _reference(x, w_in, b_in, w_out, b_out):
    hidden = torch.nn.functional.gelu(
        torch.nn.functional.linear(x, w_in, b_in), approximate="tanh"
    )
    return torch.nn.functional.linear(hidden, w_out, b_out)


_x = torch.randn(2, 5, 3, generator=_g)
check.close(
    mlp(_x, *_weights),
    _reference(_x, *_weights),
    "the result differs from torch's linear, GELU, linear",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [
        torch.randn(s, generator=_g) / _d**0.5
        for s in ((_d_mlp, _d), (_d_mlp,), (_d, _d_mlp), (_d,))
    ]
    _x = torch.randn(_shape, generator=_g)
    check.close(
        mlp(_x, *_weights),
        _reference(_x, *_weights),
        "the result differs from torch's linear, GELU, linear",
        atol=1e-4,
    )
check.close(
    _bent(100.0, -100.0),
    [100.0, 0.0],
    "large numbers must not become NaN, and 100 must stay 100: torch.tanh does not "
    "overflow, exp does; clip nothing",
)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4.6 · `swiglu` · ●●○ · 10 min
#
# Write Llama's feed-forward, the gated one: the gate is SiLU of `w_gate` times x, what passes is `w_up` times x, the
# two are multiplied neuron by neuron, and `w_down` narrows the result.
#
# | | shape |
# |---|---|
# | `x` | `[..., d_model]` |
# | `w_gate`, `w_up` | `[d_mlp, d_model]` |
# | `w_down` | `[d_model, d_mlp]` |
# | returns | `[..., d_model]` |
#
# There are no biases; weights are `[out, in]` again, and SiLU(z) = z · sigmoid(z).
#
# **By hand**, with numbers for matrices: x = 1, `w_gate` = 1, `w_up` = −100, `w_down` = 3. SiLU(1) = 1 · 0.7311, times
# −100 is −73.11, times 3 is −219.3. With `w_gate` = −100 instead, the gate is shut, SiLU(−100) = 0, and the result is 0
# whatever `w_up` is.
#
# Off limits: torch's SiLU, and llmlib's own `swiglu`. `torch.sigmoid` is allowed.
#
# <details><summary>Hint 1</summary>
#
# Compute the gate and what passes separately: both are linear maps of the same `x`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `gate = linear(x, w_gate)`; its SiLU is `gate * torch.sigmoid(gate)`. Only the gate is bent.
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
from llmlib.course import check

_x = torch.ones(1)


def _number(n):
    return torch.full((1, 1), float(n))


_got = swiglu(_x, _number(0), _number(5), _number(1))
check.that(_got is not None, "swiglu gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, like x: torch.stack makes one of a list",
)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got.sum() - 5.0) > 1e-3,
    "gate and w_up x are multiplied, not added: a gate of 0 lets nothing through",
)
_both = swiglu(_x, _number(1), _number(-1), _number(1))
check.that(
    not isinstance(_both, torch.Tensor) or abs(_both.sum() + 0.1966) > 1e-3,
    "SiLU went on both: w_up x passes as it is, negative numbers too",
)
check.that(
    not isinstance(_got, torch.Tensor) or abs(_got.sum() - 1.0) > 1e-3,
    "x itself is in the result: return only what the feed-forward adds to x",
)
check.close(
    _got,
    [0.0],
    "a gate of 0 lets nothing through: SiLU(z) is z · sigmoid(z), and sigmoid alone "
    "would give 0.5",
)
check.close(
    swiglu(_x, _number(2), _number(0), _number(1)),
    [0.0],
    "the gate multiplies w_up x: where that is 0, so is the result",
)
check.close(
    swiglu(_x, _number(-100), _number(1), _number(1)),
    [0.0],
    "SiLU goes on the gate: a very negative w_gate x shuts it, whatever w_up x is",
)
check.close(
    swiglu(_x, _number(-100), _number(-1), _number(1)),
    [0.0],
    "SiLU goes on the gate alone, before it is multiplied by w_up x: the product of "
    "two negatives must not open it",
)
check.close(
    swiglu(_x, _number(1), _number(-100), _number(1)),
    [-73.11],
    "SiLU(1) is 0.7311 and times w_up x = -100 that is -73.11 (a GELU gate gives "
    "-84.1)",
    atol=0.01,
)
check.close(
    swiglu(_x, _number(1), _number(-100), _number(3)),
    [-219.32],
    "w_down comes last: 3 times -73.11",
    atol=0.01,
)
check.close(
    swiglu(_x, _number(100), _number(2), _number(1)),
    [200.0],
    "a gate of 100 lets 100 through, not NaN: torch.sigmoid is safe, exp(100) "
    "overflows",
    atol=1e-3,
)
_x, _all, _one = torch.tensor([0.0, 100.0]), torch.ones(2, 2), torch.eye(2)
_swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
check.close(
    swiglu(_x, _swap, _all, _one),
    [1e4, 0.0],
    "weights are [out, in]: x @ w_gate.T",
    atol=1e-2,
)
check.close(
    swiglu(_x, _all, _swap, _one),
    [1e4, 0.0],
    "weights are [out, in]: x @ w_up.T",
    atol=1e-2,
)
check.close(
    swiglu(_x, _one, _all, _swap),
    [1e4, 0.0],
    "weights are [out, in]: hidden @ w_down.T",
    atol=1e-2,
)
_g = torch.Generator().manual_seed(46)


def _reference(x, w_gate, w_up, w_down):
    linear = torch.nn.functional.linear
    return linear(torch.nn.functional.silu(linear(x, w_gate)) * linear(x, w_up), w_down)


_x = torch.randn(2, 5, 3, generator=_g)
_weights = [torch.randn(s, generator=_g) for s in ((7, 3), (7, 3), (3, 7))]
check.close(
    swiglu(_x, *_weights),
    _reference(_x, *_weights),
    "the result differs from torch's SiLU-gated feed-forward",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [
        torch.randn(s, generator=_g) / _d**0.5
        for s in ((_d_mlp, _d), (_d_mlp, _d), (_d, _d_mlp))
    ]
    _x = torch.randn(_shape, generator=_g)
    check.close(
        swiglu(_x, *_weights),
        _reference(_x, *_weights),
        "the result differs from torch's SiLU-gated feed-forward",
        atol=1e-4,
    )
check.close(
    swiglu(torch.ones(1), _number(-1000), _number(2), _number(1)),
    [0.0],
    "a gate of -1000 is shut, not NaN",
)
### END HIDDEN TESTS


# %% [markdown]
# **On the real model.** Three matrices need not cost more than two: GPT-2 has `d_mlp` = 4 · `d_model` and two of them,
# 8 · d_model² numbers; three of the same total are each 8/3 · `d_model` wide.

# %%
d_mlp = model.weights.layers[0].mlp[0].shape[0]
print(f"loss with your swiglu {loss(model.using(mlp=swiglu)):.2f}, as it is", end=" ")
print(f"{as_trained:.2f}")
print(f"SmolLM2: {d_mlp} / {config.d_model} = {d_mlp / config.d_model:.4f} = 8/3")

# %% [markdown]
# ## 4.6 What a single neuron does
#
# More than half of SmolLM2 is feed-forward. What is in there? Look at one neuron at a time (Geva et al. 2021). Its rows
# of `w_gate` and `w_up` decide *when* it speaks: they are its **key**, compared with what the token carries. Its column of
# `w_down` is *what* it says: a **value** (named after attention's, but never computed from a token), a vector of `d_model` numbers, always the same, written louder or softer, or
# with the opposite sign. The feed-forward is the sum of 1,536 such small writes.

# %% [markdown]
# ### Exercise 4.7 · `neuron_writes` · ●●○ · 10 min
#
# Take your `swiglu` apart: return what each neuron writes, instead of the sum.
#
# | | shape |
# |---|---|
# | `x`, `w_gate`, `w_up`, `w_down` | as in `swiglu` |
# | returns | `[..., d_mlp, d_model]`: row n is what neuron n writes |
#
# The sum over neurons is `swiglu(x, w_gate, w_up, w_down)`.
#
# **By hand.** x = `[1]`, two neurons: `w_gate = [[1], [100]]`, `w_up = [[-100], [2]]`, `w_down = [[3, 5]]`. Neuron 0 is
# at SiLU(1) · (−100) = −73.11 and writes 3 times that, −219.3. Neuron 1 is at 100 · 2 = 200 and writes 5 · 200 = 1000.
# So the result is `[[-219.3], [1000]]`.
#
# Off limits: torch's SiLU, and llmlib's own `swiglu`.
#
# <details><summary>Hint 1</summary>
#
# The first half is the same as in `swiglu`: a number for each neuron. Each of them multiplies *its own column* of
# `w_down`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w_down.T` is `[d_mlp, d_model]`: row n is what neuron n says. To multiply each row by one number, that number needs
# a last dimension of length 1: `neurons[..., None]`.
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


# %% test neuron_writes points=2
import torch
from llmlib.course import check

_one = torch.ones(1)
_weights = (
    torch.tensor([[1.0], [100.0]]),
    torch.tensor([[-100.0], [2.0]]),
    torch.tensor([[3.0, 5.0]]),
)
_got = neuron_writes(_one, *_weights)
check.that(_got is not None, "neuron_writes gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return the neurons' writes as one tensor [..., d_mlp, d_model]",
)


def _is(*want):
    want = torch.tensor(want)[:, None]
    return (
        isinstance(_got, torch.Tensor)
        and _got.shape == want.shape
        and torch.allclose(_got.float(), want, atol=0.05)
    )


check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1,),
    "that is the sum, swiglu itself: keep the neurons apart, one row each",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (2,),
    "these are the neurons' numbers: multiply each by its column of w_down",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1, 2),
    "neurons and d_model are the wrong way round: row n is what neuron n writes",
)
check.that(not _is(-300.0, 1000.0), "the gate must go through SiLU")
check.that(
    not _is(3 * 0.7310586, 500.0),
    "the gate alone is not the neuron: it multiplies w_up x",
)
check.close(
    _got,
    torch.tensor([[-219.3176], [1000.0]]),
    "the example by hand: neuron 0 is at -73.11 and writes 3 times that, neuron 1 is "
    "at 200 and writes 5 times that",
    atol=0.01,
)
_x = torch.tensor([1.0, 0.0])
_weights = (
    torch.full((2, 2), 100.0),
    torch.eye(2),
    torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
)
check.close(
    neuron_writes(_x, *_weights),
    torch.tensor([[100.0, 300.0], [0.0, 0.0]]),
    "neuron 0 writes along column 0 of w_down, [1, 3], not along its row",
    atol=0.01,
)
_g = torch.Generator().manual_seed(47)
_x = torch.randn(2, 5, 3, generator=_g)
_weights = [torch.randn(s, generator=_g) for s in ((7, 3), (7, 3), (3, 7))]
_f = torch.nn.functional
_got = neuron_writes(_x, *_weights)
check.equal(
    tuple(_got.shape),
    (2, 5, 7, 3),
    "a batch of tokens gives [batch, seq, d_mlp, d_model]",
)
check.close(
    _got.sum(dim=-2),
    _f.linear(
        _f.silu(_f.linear(_x, _weights[0])) * _f.linear(_x, _weights[1]), _weights[2]
    ),
    "the sum over neurons must be what swiglu writes",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
for _shape, _d_mlp in [((4,), 9), ((3, 6), 6), ((2, 3, 5), 8)]:
    _d = _shape[-1]
    _x = torch.randn(_shape, generator=_g)
    _weights = [
        torch.randn(s, generator=_g) for s in ((_d_mlp, _d), (_d_mlp, _d), (_d, _d_mlp))
    ]
    _neurons = _f.silu(_f.linear(_x, _weights[0])) * _f.linear(_x, _weights[1])
    check.close(
        neuron_writes(_x, *_weights),
        torch.einsum("...n,dn->...nd", _neurons, _weights[2]),
        "row n must be neuron n's number times its column of w_down",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### Find a neuron
#
# "The doctor said that" … she? he? The difference of the two logits has a direction. Take the last layer, whose writes
# nobody reads but the final norm and the table. Which of its 1,536 neurons writes most along that direction, for or
# against? As in `attribution`, the term of a neuron is what it writes, times the direction, over what the final norm
# divides by.


# %%
def read_by_mlp(model, ids):
    """What each layer's feed-forward reads -> [n_layer, seq, d_model]."""
    seen = []

    def watching(x, *weights):
        seen.append(x[0])
        return swiglu(x, *weights)

    model.using(mlp=watching)(ids, last=True)
    return torch.stack(seen)


doctor = model.tokenizer.encode("The doctor said that")
she, he = (model.tokenizer.encode(word)[0] for word in (" she", " he"))
final = writes(model, doctor)[:, -1].sum(dim=0)  # the last token's, after layer 29
to_she = model.weights.norm[0] * (rows[she] - rows[he]) / final.pow(2).mean().sqrt()
last = stack[29].mlp
wrote = neuron_writes(read_by_mlp(model, doctor)[29, -1], *last)  # d_mlp d_model
each = wrote @ to_she  # d_mlp
strongest = each.abs().topk(4).indices.tolist()
for n in strongest:
    print(f"layer 29 neuron {n:4}: {each[n]:5.2f}   says: {in_words(last[2][:, n], 4)}")
found = (29, strongest[0])

# %% [markdown]
# The first one stands out. Its value is as plain as a dictionary entry: her, she, herself. But its term is
# *negative*: here it writes *minus* "she". So what does it do?

# %%
predict(
    "neuron",
    "Switch this neuron off (hold it at 0). p(' she') after 'The doctor said that' …",
    {"A": "rises", "B": "hardly changes", "C": "falls: it is the 'she' neuron"},
    yours="A",
)


# %%
def held(neuron, value):
    """The model with one neuron, (layer, n), held at `value` at the last token; None
    leaves it alone."""
    layer_numbers = cycle(range(config.n_layer))

    def feed_forward(x, w_gate, w_up, w_down):
        out = swiglu(x, w_gate, w_up, w_down)
        if next(layer_numbers) == neuron[0] and value is not None:
            says, last = w_down[:, neuron[1]], x[:, -1]
            gate = linear(last, w_gate[neuron[1]][None])
            now = gate * torch.sigmoid(gate) * linear(last, w_up[neuron[1]][None])
            out[:, -1] += (value - now) * says
        return out

    return model.using(mlp=feed_forward)


def p_she(neuron, value, ids=doctor):
    logits = held(neuron, value)(ids, last=True)[0, -1]
    return output_head.softmax(logits)[she].item()


layer, n = found


def on_text(ids):
    """The number that the neuron has at each token, when left alone: [seq]."""
    x = read_by_mlp(model, ids)[layer]
    gate, up = (linear(x, w[n : n + 1])[:, 0] for w in stack[layer].mlp[:2])
    return gate * torch.sigmoid(gate) * up


natural = on_text(story_ids)
print(f"layer {layer} neuron {n}: in the story between {natural.min():.1f}", end=" ")
print(f"and {natural.max():.1f}; lowest before:", end=" ")
low = natural[:-1].topk(4, largest=False).indices.tolist()
print([model.tokenizer.decode([story_ids[i + 1].item()]) for i in low])
paragraphs = text.strip().split("\n\n")
crown = "The {0} rose early and went into the garden. The {0} cut three of the roses."
for about, said in (
    ("a woman", paragraphs[8]),  # of the prose above
    ("no woman", paragraphs[3]),
    ("a queen", crown.format("queen")),
    ("a king", crown.format("king")),
):
    lowest = on_text(model.tokenizer.encode(said)).min()
    print(f"in a text about {about}, {said[:15]!r} ..., not below {lowest:.1f}")
print("p(' she'):", end=" ")
free, off, ten = (p_she(found, value) for value in (None, 0.0, 10.0))
print(f"left alone {free:.2f}, held at 0 {off:.2f}, held at 10 {ten:.2f}")
draw = random.Random(1)
chosen = [draw.randrange(d_mlp) for _ in range(20)]
# nobody reads the last layer's writes but the head, so the sum will do, with no new run
instead = final - wrote[chosen] + 10 * last[2].T[chosen]  # 20 d_model
randoms = output_head.softmax(head(instead))[:, she]
print(f"20 random neurons of layer {layer}, held at 10: p(' she') between", end=" ")
print(f"{randoms.min():.2f} and {randoms.max():.2f}")
reveal("neuron", "A" if off > 1.2 * free else "C" if off < 0.8 * free else "B")

# %% [markdown]
# It is a *brake*. In the story it is hardly ever above zero. Two of its four lowest places stand right before "she", the
# other two where "she" has no chance; what they share is a story in which "she" would fit. In texts about a man or about
# nobody it stays above −5; a queen brings it down, and (not shown) so does a ship that is called *she*. Without it "she" is likelier.
# Held at 10, a number it does not reach by itself, it moves " she" from 0.08 to 0.63, and no random neuron moves it far.
# **What a neuron's value says is not yet what the neuron does**; for that you have to turn it.

# %%
from llmlib.widgets import neuron_slider

others = final - wrote[n]  # the sum will do here, too
values = torch.linspace(-20, 20, 41)
turned = output_head.softmax(head(others + values[:, None] * last[2][:, n]))
words = (" she", " her", " he", " the")
curves = {word: turned[:, model.tokenizer.encode(word)[0]].tolist() for word in words}
show(
    pictures.neuron_turned(
        values.tolist(), curves, (natural.min().item(), natural.max().item())
    ),
    widget=neuron_slider(
        lambda ids, value: held(found, value)(ids)[0, -1],
        model.tokenizer,
        "The doctor said that",
        10.0,
    ),
    alt="Probability of the next token while the neuron is held between -20 and 20. "
    "she rises from 0 to 0.15 at 0 and 0.68 near 15, her to 0.34 at 20; he and the "
    "fall above 0. A grey band from -20 to 0 marks the neuron's numbers in the story.",
)

# %% [markdown]
# Type another text below the picture ("My brother told me that"), move the slider, and see what one number of 46,080
# can do.

# %% [markdown]
# ## 4.7 The stack, and what it weighs
#
# All layers have the same shape; only their weights differ. So the number of parameters follows from ten entries of
# the configuration: `vocab_size` tokens; `context`, the longest text; `n_layer`; `d_model`; `d_mlp` neurons; `n_head`
# query heads of `head_dim` numbers; `n_kv_head` key/value heads (notebook 3: fewer than `n_head` where queries are
# grouped); the family; and whether the head is *tied*, which means that it uses the embedding table again (Press &
# Wolf 2016).

# %% [markdown]
# ### Exercise 4.8 · `count_parameters` · ●●● · 15 min
#
# Count a model's parameters from its configuration. `family` is `"gpt2"` or `"llama"`, `tied` is `True` or `False`, the
# rest are whole numbers:
#
# | part | shape | in GPT-2 | in Llama |
# |---|---|---|---|
# | embedding table | `[vocab_size, d_model]` | yes | yes |
# | position table | `[context, d_model]` | yes | no: RoPE has no parameters |
# | per layer: two norms | | weight and bias, `[d_model]` each | weight only |
# | q | `[n_head · head_dim, d_model]` | and a bias | no bias |
# | k and v, each | `[n_kv_head · head_dim, d_model]` | and a bias each | no bias |
# | o | `[d_model, n_head · head_dim]` | and a bias `[d_model]` | no bias |
# | feed-forward | | `w_in`, `b_in`, `w_out`, `b_out` | `w_gate`, `w_up`, `w_down` |
# | final norm, once | | weight and bias | weight only |
# | output head | `[vocab_size, d_model]` | costs nothing where `tied` is true: the embedding table is used again | the same |
#
# A bias has as many numbers as its matrix has rows. The function returns a whole number. Count `head_dim` as given: in
# a few models `n_head · head_dim` is not `d_model`.
#
# **By hand.** A Llama with `vocab_size` 10, `d_model` 4, `d_mlp` 5, `n_head` 2, `n_kv_head` 1, `head_dim` 2, one layer,
# tied: the table has 10 · 4 = 40; the two norms 4 + 4 = 8; q 4 · 4 = 16, k and v 2 · 4 each = 16, o 16; the
# feed-forward 3 · 5 · 4 = 60; the final norm 4. Together 40 + 8 + 48 + 60 + 4 = 160.
#
# torch has no ready-made count to forbid here; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Write one number for each row of the table (`norm`, `attention`, `feed_forward`, …), then add: everything per layer
# times `n_layer`, plus what stands outside the layers.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `q = n_head * head_dim` and `kv = n_kv_head * head_dim`, the four attention matrices have `d_model * (q + kv +
# kv) + q * d_model` numbers, and GPT-2's four biases `q + kv + kv + d_model`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Layers: `n_layer * (2 * norm + attention + feed_forward)`. Do not forget the final `norm`, and `vocab_size * d_model`
# more if not `tied`.
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


# %% test count_parameters points=2
from llmlib.course import check

_small = dict(
    vocab_size=10,
    context=8,
    n_layer=1,
    d_model=4,
    d_mlp=5,
    n_head=2,
    n_kv_head=1,
    head_dim=3,
)


def _extra(family, **change):
    """How many parameters more the small model has with this change."""
    return count_parameters(family, **{**_small, **change}) - count_parameters(
        family, **_small
    )


check.that(
    count_parameters("llama", **_small) is not None,
    "count_parameters gave back None: is there a return?",
)
check.that(
    not isinstance(count_parameters("llama", **_small), float),
    "the number of parameters is a whole number, not a float",
)
for _family in ("gpt2", "llama"):
    check.equal(
        _extra(_family, vocab_size=11),
        4,
        f"{_family}: one more token costs one row of d_model = 4: a tied head is not "
        "counted again",
    )
    check.equal(
        _extra(_family, tied=False),
        40,
        f"{_family}: an untied head is one more table of vocab_size · d_model",
    )
check.equal(
    _extra("gpt2", context=9),
    4,
    "gpt2: one more position costs one row of its position table",
)
check.equal(
    _extra("llama", context=9), 0, "llama: RoPE has no table, so context costs nothing"
)
check.equal(
    _extra("gpt2", d_mlp=6),
    9,
    "gpt2: one more hidden column costs a row of w_in, a number of b_in and a column "
    "of w_out",
)
check.equal(
    _extra("llama", d_mlp=6),
    12,
    "llama: SwiGLU has three matrices, so one more hidden column costs 3 · d_model",
)
check.equal(
    _extra("llama", n_kv_head=2),
    24,
    "llama: k and v have n_kv_head heads: one more costs 2 · head_dim rows of d_model",
)
check.equal(
    _extra("llama", n_head=3),
    24,
    "llama: q and o have n_head heads of head_dim columns: one more costs 2 · head_dim "
    "· d_model",
)
check.equal(
    _extra("gpt2", n_head=3, n_kv_head=2),
    57,
    "gpt2: one more head adds 4 · head_dim · d_model weights and 3 · head_dim biases",
)
check.equal(
    count_parameters("llama", **{**_small, "n_layer": 0}),
    44,
    "llama without layers: the table of 40 and the final norm's 4",
)
check.equal(
    count_parameters("gpt2", **{**_small, "n_layer": 0}),
    80,
    "gpt2 without layers: tables of 40 and 32, and the final norm's weight and bias",
)
check.equal(
    _extra("llama", n_layer=2),
    140,
    "llama: a layer is 72 in attention, 60 in SwiGLU and 2 norms of 4",
)
check.equal(
    _extra("gpt2", n_layer=2),
    153,
    "gpt2: a layer is 72 + 16 in attention, 40 + 9 in the mlp and 2 norms of 8",
)
_gpt2 = dict(
    vocab_size=50257,
    context=1024,
    n_layer=12,
    d_model=768,
    d_mlp=3072,
    n_head=12,
    n_kv_head=12,
    head_dim=64,
)
_smollm2 = dict(
    vocab_size=49152,
    context=8192,
    n_layer=30,
    d_model=576,
    d_mlp=1536,
    n_head=9,
    n_kv_head=3,
    head_dim=64,
)
check.equal(
    count_parameters("gpt2", **_gpt2),
    124_439_808,
    "GPT-2 small is known to have 124,439,808 parameters",
)
check.equal(
    count_parameters("llama", **_smollm2),
    134_515_008,
    "SmolLM2-135M is known to have 134,515,008 parameters",
)
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


# %% [markdown]
# **On the real model.** Count what is really stored, and see where it sits.

# %%
gpt2_small = dict(
    vocab_size=50257,
    context=1024,
    n_layer=12,
    d_model=768,
    d_mlp=3072,
    n_head=12,
    n_kv_head=12,
    head_dim=64,
)
smollm2 = dict(
    vocab_size=config.vocab_size,
    context=config.context,
    n_layer=config.n_layer,
    d_model=config.d_model,
    d_mlp=d_mlp,
    n_head=config.n_head,
    n_kv_head=config.n_kv_head,
    head_dim=config.head_dim,
)
stored = sum(
    tensor.numel()
    for layer in model.weights.layers
    for part in (
        layer.norm_1,
        layer.q,
        layer.k,
        layer.v,
        layer.o,
        layer.norm_2,
        layer.mlp,
    )
    for tensor in part
    if tensor is not None
)
stored += model.weights.embedding.numel() + model.weights.norm[0].numel()
print(
    f"SmolLM2: {count_parameters('llama', **smollm2):,} by formula, {stored:,} stored"
)
print(f"GPT-2:   {count_parameters('gpt2', **gpt2_small):,} by formula")


def parts(family, c):
    """The same total, cut into three: tables, attention, feed-forward (the norms, less
    than a thousandth of it, are counted with the first two)."""

    def count(**change):
        return count_parameters(family, **{**c, **change})

    tables = count(n_layer=0)
    no_mlp = count(d_mlp=0)
    return {
        "tables": tables,
        "attention": no_mlp - tables,
        "feed-forward": count() - no_mlp,
    }


show(
    pictures.parameter_shares(
        {
            "SmolLM2-135M": parts("llama", smollm2),
            "GPT-2 small": parts("gpt2", gpt2_small),
        }
    ),
    alt="Stacked bars: share of parameters in tables, attention and feed-forward. "
    "GPT-2 small: 31.7, 22.8 and 45.5; SmolLM2: 21.0, 19.8 and 59.2 percent.",
)


# %% [markdown]
# More than half of SmolLM2 is feed-forward, and a fifth is one table.
#
# ### How many layers do models have?

# %%
predict("layers", "GPT-3 has 175 billion parameters. How many layers?", yours=96)


# %%
def gpt(n_layer, d_model, n_head, context):
    return "gpt2", dict(
        vocab_size=50257,
        context=context,
        n_layer=n_layer,
        d_model=d_model,
        d_mlp=4 * d_model,
        n_head=n_head,
        n_kv_head=n_head,
        head_dim=d_model // n_head,
    )


def llama(n_layer, d_model, d_mlp, n_head):
    return "llama", dict(
        vocab_size=128256,
        context=131072,
        n_layer=n_layer,
        d_model=d_model,
        d_mlp=d_mlp,
        n_head=n_head,
        n_kv_head=8,
        head_dim=128,
        tied=False,
    )


shapes = {
    "GPT-2 small": gpt(12, 768, 12, 1024),
    "GPT-2 XL": gpt(48, 1600, 25, 1024),
    "GPT-3": gpt(96, 12288, 96, 2048),
    "Llama 3.1 8B": llama(32, 4096, 14336, 32),
    "Llama 3.1 405B": llama(126, 16384, 53248, 128),
}
for name, (family, shape) in shapes.items():
    billions = count_parameters(family, **shape) / 1e9
    with_40 = count_parameters(family, **{**shape, "n_layer": 40}) / 1e9
    print(
        f"{name:15} {shape['n_layer']:4} layers of {shape['d_model']:6}: "
        f"{billions:8.3f} billion"
        + (f"   (with 40 layers: {with_40:.1f})" if shape["n_layer"] > 40 else "")
    )
reveal("layers", shapes["GPT-3"][1]["n_layer"], within=5)


# %% [markdown]
# "12 to 40" is a figure one reads. GPT-2 XL already had 48 layers, GPT-3 has 96 and Llama 3.1 405B has 126. With 40,
# GPT-3 would not have its 175 billion parameters, nor Llama its 405. (Shapes: Radford et al. 2019; Brown et al. 2020;
# Grattafiori et al. 2024.)

# %% [markdown]
# ## 4.8 Where the arithmetic goes
#
# A *FLOP* is one floating-point operation. A matrix product `[a, b] @ [b, c]` takes a·b·c multiplications and as many
# additions: 2·a·b·c FLOPs. So each weight of a matrix costs 2 FLOPs per token, however long the text. Only the two
# products *inside* attention (queries with keys, shares with values) depend on the length `seq`: in every
# head `[seq, head_dim] @ [head_dim, seq]` and `[seq, seq] @ [seq, head_dim]`, 2 · head_dim · seq² FLOPs each, so
# 2 · 2 · n_head · head_dim · seq² in a layer.
#
# Is the sum right? torch counts the FLOPs of a real run's matrix products.

# %%
from torch.utils.flop_counter import FlopCounterMode

from llmlib.model import forward as engine_forward


def flops(seq, c):
    """FLOPs of one run over seq tokens by part. Norms and bends are left out:
    they are no matrix products."""
    q, kv, d, n = (
        c["n_head"] * c["head_dim"],
        c["n_kv_head"] * c["head_dim"],
        c["d_model"],
        c["n_layer"],
    )
    return {
        "feed-forward": 2 * seq * n * 3 * d * c["d_mlp"],
        "attention: q, k, v, o": 2 * seq * n * 2 * d * (q + kv),
        "output head": 2 * seq * d * c["vocab_size"],
        "attention: scores and sums": n * 2 * 2 * q * seq**2,
    }


# the engine with taught attention, and with gradients on: its fast products would not
# be counted
plain = model.using(attention=attention.scaled_dot_product_attention).parts
with FlopCounterMode(display=False) as counter, torch.enable_grad():
    engine_forward(torch.arange(64)[None], model.weights, config, plain)
print(
    f"64 tokens: {counter.get_total_flops():,} FLOPs counted, "
    f"{sum(flops(64, smollm2).values()):,} by formula"
)
at = torch.logspace(2, 5.3, 100)
show(
    pictures.flop_shares(at.tolist(), flops(at, smollm2), config.context),
    alt="Share of FLOPs by text length, stacked. The feed-forward takes most of the "
    "work for short texts, the products inside attention nearly all of it for texts of "
    "100,000 tokens. At SmolLM2's context of 8,192 they take over half.",
)
inside, other = (
    flops(1, smollm2)["attention: scores and sums"],
    sum(flops(1, smollm2).values()) - flops(1, smollm2)["attention: scores and sums"],
)
print(
    f"the seq² part equals all the rest at {other / inside:,.0f} tokens; at "
    f"{config.context:,} it is {100 * inside / (inside + other / config.context):.0f} "
    "% of all"
)
width = shapes["GPT-3"][1]["d_model"]
print(
    f"in a layer of GPT-3: at {(4 * width**2 + 8 * width**2) / (2 * width):,.0f} tokens"
)


# %% [markdown]
# "Attention is quadratic" is true and, for short texts, beside the point: at 100 tokens nearly all work is in the
# matrices. The wider the model, the later the crossing: in a layer of GPT-3, where heads fill `d_model` and the
# feed-forward is 4 times as wide, it comes at 6 · `d_model` tokens.
#
# ### Many feed-forwards, two at work
#
# A *mixture of experts* keeps several feed-forwards in a layer. A small matrix, the *router*, picks two of them for
# each token. Here is one layer with random weights.

# %%
from llmlib.experts import mixture_of_experts

d, d_expert, counts = 64, 128, [2, 4, 8, 16, 32, 64]
dense = 3 * d * d_expert  # the weights of one expert
held, multiplied, read = [], [], []
generator = torch.Generator().manual_seed(0)
for n in counts:
    x = torch.randn(64, d, generator=generator)  # 64 tokens
    router = torch.randn(n, d, generator=generator)
    sizes = (d_expert, d), (d_expert, d), (d, d_expert)
    experts = [[torch.randn(s, generator=generator) for s in sizes] for _ in range(n)]
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        mixture_of_experts(x, router, *experts, top_k=2)
    chosen = (x @ router.T).topk(2).indices.unique()
    held.append((router.numel() + n * dense) / dense)
    multiplied.append(counter.get_total_flops() / 2 / len(x) / dense)
    read.append((router.numel() + len(chosen) * dense) / dense)
show(
    pictures.experts(counts, held, multiplied, read),
    alt="Three lines over the number of experts, from 2 to 64, in units of one "
    "feed-forward. Weights held rise with the number of experts. Multiplications for a "
    "token stay near 2. Weights that 64 tokens read together stay close to those held.",
)
print(
    f"{counts[-1]} experts: holds {held[-1]:.0f} feed-forwards, multiplies with",
    end=" ",
)
print(f"{multiplied[-1]:.1f} for each token; 64 tokens read {read[-1]:.0f}")

# %% [markdown]
# The layer holds more with every expert, and the work for a token stays that of two. Memory is the catch: 64 tokens
# together ask for most of the experts.

# %% [markdown]
# ## 4.9 What do layers do?
#
# ### Reading off the answer, layer by layer
#
# The opening's logit lens, for several prompts: at which place does the model's final answer stand in the list of all
# 49,152 tokens, after each layer?

# %%
prompts = [
    "The capital of France is",
    "The opposite of hot is",
    "The Eiffel Tower is in the city of",
    "The sky is blue and the grass is",
]
ranks = {}
for prompt in prompts:
    lens_ids = model.tokenizer.encode(prompt)
    logits = head(writes(model, lens_ids).cumsum(dim=0)[::2, -1])  # 31 vocab
    answer = logits[-1].argmax()
    ranks[f"{prompt} …{model.tokenizer.decode([answer.item()])}"] = 1 + (
        logits > logits[:, answer, None]
    ).sum(dim=-1)
show(
    pictures.lens(ranks),
    alt="Rank of the final answer by layer for four prompts. All stay beyond rank 100 "
    "until about layer 23 and reach the top between layers 28 and 29.",
)

# %% [markdown]
# For two thirds of the stack the answer is nowhere near the top. Be careful with the conclusion: the lens reads early
# vectors with the *last* layer's alphabet. What stands there may be readable to later layers, and not to the table.
# Two better questions follow.
#
# ### What happens without a layer?
#
# In a residual stream a layer can simply be left out: its two writes are missing, the rest goes on.

# %%
predict(
    "costly", "Which of the layers 0 to 29 costs most when it is left out?", yours=0
)


# %%
def resume(x, layer_list):
    """The model with only these layers, started from the stream x [seq, d_model] in
    place of an embedding."""
    return with_layers(layer_list).using(embedding=lambda ids, table: x[None])


beginning = story_ids[:44]  # its first three sentences
before = every_token[:, :43]  # 31 seq d_model: what layer 0, 1, ... reads
all_30 = loss(model, beginning)
removed = [loss(resume(before[i], stack[i + 1 :]), beginning) for i in range(30)]
swapped = [
    loss(resume(before[i], [stack[i + 1], stack[i], *stack[i + 2 :]]), beginning)
    for i in range(29)
]
show(
    pictures.layer_costs(removed, swapped, all_30),
    alt="Loss after removing each of the 30 layers, on a logarithmic axis. Without "
    "layer 0 it is near 14, without layer 1 near 9; layers 8, 11, 28 and 29 cost 0.8 "
    "or more; most others cost little. Swapping neighbours costs most at both ends, "
    "and 0.8 to 0.9 at the pairs 8-9 and 11-12.",
)
order = sorted(range(30), key=lambda i: removed[i])
print(
    f"all layers: {all_30:.2f} nats per token; most costly to remove:",
    ", ".join(f"layer {i} ({removed[i]:.2f})" for i in order[:-6:-1]),
)
print(
    f"cheapest: {', '.join(f'layer {i} ({removed[i]:.2f})' for i in order[:3])}; "
    f"{sum(r - all_30 < 0.3 for r in removed)} of 30 cost less than 0.3"
)
for first, last in ((12, 15), (10, 19), (26, 29)):
    together = loss(resume(before[first], stack[last + 1 :]), beginning) - all_30
    apart = sum(each - all_30 for each in removed[first : last + 1])
    print(
        f"layers {first} to {last}: {together:.2f} nats lost without all of them, "
        f"{apart:.2f} one by one, added up"
    )
reveal("costly", order[-1], within=0)

# %% [markdown]
# The first two layers matter most: the others need what they make of the bare tokens. The last layers turn that into
# next-token predictions. Between them most layers can be left out, or swapped with a neighbour, for a few tenths of a
# nat, as if each made only a small improvement. Lad et al. (2024) found the same pattern of robust middles and fragile
# ends in many models. What layers cost one by one adds up when several go, as the last lines show, and at the end to far more. (Three sentences, one small
# model: the shape is what to keep, not the digits.)
#
# But in the middle two layers stand out, 8 and above all 11; on other texts 11 alone does. Why?
#
# ### The life of a sink
#
# In notebook 3 much attention went to the first token, and in "The cat sat on the mat" to a second sink as well, the
# second " the". Here is how such tokens are made: the length of each token's stream.

# %%
cat = model.tokenizer.encode("The cat sat on the mat")
of_cat = writes(model, cat)
sizes = of_cat.cumsum(dim=0)[::2].norm(dim=-1)  # 31 seq
show(
    pictures.sink_life(
        {
            "first token": sizes[:, 0],
            "second “ the”": sizes[:, 4],
            "the others (median)": sizes[:, [1, 2, 3, 5]].median(dim=1).values,
        },
        {1.2: "made", 8.8: "erased", 10.5: "made", 28: "worn down"},
    ),
    alt="Length of the stream by layer, logarithmic. The first token and the second "
    "the climb to about 670 by layer 2 and are back among the others by layer 10; in "
    "layer 11 the first token alone jumps to over 22,000, and falls to 5,000 in layers "
    "28 and 29. The others jump from 2 to about 70 by layer 1, then grow slowly to "
    "600.",
)
print("length of the stream after layer   2     10     11     27     29")
rest = sizes[:, [1, 2, 3, 5]].amax(dim=1)
for name, size in zip(
    ("first token", "second “ the”", "longest of the others"),
    (sizes[:, 0], sizes[:, 4], rest),
):
    print(f"{name:29}", *(f"{size[n + 1]:6.0f}" for n in (2, 10, 11, 27, 29)))
reads = read_by_mlp(model, cat)[:, 0]  # n_layer d_model: the first token
for layer in (2, 9, 11, 28):
    was = of_cat[: 2 + 2 * layer, 0].sum(dim=0)
    size = neuron_writes(reads[layer], *stack[layer].mlp).norm(dim=-1)
    wrote = of_cat[2 + 2 * layer, 0]
    cosine = torch.cosine_similarity(was, wrote, dim=0)
    print(
        f"layer {layer:2}: stream {was.norm():6.0f}, feed-forward writes "
        f"{wrote.norm():6.0f} (cosine {cosine:5.2f});",
        "neurons",
        ", ".join(f"{i} ({size[i]:,.0f})" for i in size.topk(2).indices.tolist()) + ",",
        f"median {size.median():.1f}",
    )

# %% [markdown]
# In layers 1 and 2 both sinks grow to a length of about 670, the other words to less than 100. The first token
# is made into a sink twice; the first time it is erased, the second time worn down to a quarter. Each time it is the
# feed-forward of one or a few layers: in the layers that erase, what it writes points *against* the stream (a cosine
# near −1). And it takes hardly any neurons: in layer 11 two of 1,536 write nearly all of a vector of length 22,000.
# Such *massive activations* stand in most large models (Sun et al. 2024).
#
# So is this what layer 11 costs? Leave it out for the first token only, then for all others only. Then leave it in, and
# switch off nothing but those two neurons, on two other texts as well. And last, leave all on, but cut the first
# token's stream after layer 11 to a quarter of its length.


# %%
def skipped_at(layer, positions):
    """The model in which some positions (a bool for each) skip one layer."""
    mixed = torch.where(positions[:, None], before[layer], before[layer + 1])
    return resume(mixed, stack[layer + 1 :])


def neurons_off(layer, neurons, before=before):
    """The model with some neurons of a layer switched off, from the streams before."""
    w_gate, w_up, w_down = stack[layer].mlp[:3]
    w_down = w_down.clone()
    w_down[:, neurons] = 0
    changed = replace(stack[layer], mlp=(w_gate, w_up, w_down))
    return resume(before[layer], [changed, *stack[layer + 1 :]])


is_first = torch.arange(len(beginning) - 1) == 0
print(f"all layers: {all_30:.2f} nats per token")
for layer in (8, 11, 12):
    print(
        f"layer {layer:2} skipped by all tokens {removed[layer]:.2f}, "
        f"by the first only {loss(skipped_at(layer, is_first), beginning):.2f}, "
        f"by all others only {loss(skipped_at(layer, ~is_first), beginning):.2f}"
    )
makers = neuron_writes(reads[11], *stack[11].mlp).norm(dim=-1).topk(2).indices.tolist()
harbour = (
    "The harbour was quiet when the ferry came in. A man in a grey coat carried a box "
    "of tools down the steps, and two children ran past him to see the ropes. Nobody "
    "spoke of the storm."
)
bees = (
    "Bees do not vote, but a swarm decides. Scouts look at holes in trees and come "
    "back."
)
first, second = makers
print(f"nats lost without:  {first}   {second}   both    first token's length / 4")
for name, said in (("story", story), ("harbour", harbour), ("bees", bees)):
    ids = torch.tensor(model.tokenizer.encode(said))
    states = writes(model, ids[:-1]).cumsum(dim=0)[::2]
    shorter = states[12].clone()
    shorter[0] /= 4
    changed = [neurons_off(11, off, states) for off in (makers[:1], makers[1:], makers)]
    changed.append(resume(shorter, stack[12:]))
    whole = loss(resume(states[30], []), ids)
    print(f"{name:<16}", *(f"{loss(each, ids) - whole:+7.1f}" for each in changed))
draw = random.Random(0)
pairs = [[draw.randrange(d_mlp), draw.randrange(d_mlp)] for _ in range(3)]
highest = max(loss(neurons_off(11, pair), beginning) for pair in pairs)
print(f"without two others, three times: at most {highest:.2f}")
values = stack[11].mlp[2].T[makers]
print(f"cosine of the two values: {torch.cosine_similarity(*values, dim=0):.2f}")
print("mean share on the first token, layers 12 to 29, without neurons", end="")
for off in ([], makers, pairs[0]):
    changed = neurons_off(11, off, every_token[:, :-1])
    maps = attention.attention_maps(changed, story_ids[:-1])
    print(f" {off} {maps[1:, :, 2:, 0].mean():.2f}", end="")  # maps[0] is layer 11

# %% [markdown]
# Nearly all of what layer 11 costs is the first token's huge vector: when that token alone skips the layer, that costs as
# much as when all do. (Layer 8 is different: it costs more at the other tokens.) And much of it hangs on two neurons: without both
# each text loses more than a nat. Without one of them it loses 0.4 at most, and which one is missed depends on the text:
# the story notices the *smaller* one, while the bees notice the larger more. The two values point nearly the same way (cosine
# 0.96), so that one can nearly stand in for the other, and length hardly counts: a quarter of it costs 0.2 at most. (Who
# reads the stream reads it through a norm. Direction is what counts: a random one of the same length costs more than
# having neither neuron.) **A neuron that the model can do without is not yet one that does nothing.** Without both, the later layers hardly look at the first token any more: its mean share falls from 0.52 to 0.05. From
# layer 12 on, the sink of this story stands on two neurons.

# %% [markdown]
# ### Early syntax, late meaning?
#
# One often reads that early layers handle syntax and late layers meaning. Tenney et al. (2019) found such an order in
# BERT. Ask SmolLM2 two questions about the vector of a sentence's *last* word, after each layer:
#
# - **word class**: is "watch" a noun ("He bought an expensive watch") or a verb ("They all wanted to watch")?
# - **meaning**: is "bank" one for money or one of a river?
#
# The test, a simple **probe**: make all vectors one length and subtract their common mean; then average those of each
# kind, leaving out the one in question, and see to which average that one is closer (by cosine). For word class both
# sentences of the word in question are left out, so what is learned must carry over to *other* words. And a control: is
# meaning slower because its clue stands further away? In a third set the clue is the word before, "river bank",
# "savings bank".

# %%
money = [
    "She put her salary in the bank",
    "The loan was refused by the bank",
    "He borrowed the cash from the bank",
    "My savings are safe in the bank",
    "The robbers stole a million from the bank",
    "To open an account, go to the bank",
    "Interest rates were raised by the bank",
    "He cashed the cheque at the bank",
    "Our mortgage is with another bank",
    "The clerk counted coins in the bank",
    "Investors sold their shares in the bank",
    "Her debts were paid off to the bank",
]
river = [
    "The boat was tied to the bank",
    "We fished all day from the bank",
    "Reeds and willows grew along the bank",
    "The flood washed away the muddy bank",
    "A heron stood still on the bank",
    "The stream is shallow near the bank",
    "We swam across to the far bank",
    "The ducks built a nest on the bank",
    "Otters dug their holes in the bank",
    "The canoe drifted slowly towards the bank",
    "The water rose over the grassy bank",
    "They camped by the river, on the bank",
]
nouns = [
    "He bought an expensive watch",
    "We went to see the play",
    "It was a very long run",
    "They took a short walk",
    "The professor gave a talk",
    "He ordered a cold drink",
    "Last night I had a dream",
    "There was a late call",
    "After lunch he took a rest",
    "She is grateful for the help",
    "The hotel hired a new cook",
    "It was only a wild guess",
]
money_near = [
    f"{start} the {clue} bank"
    for clue, start in zip(
        "savings investment central national commercial merchant private credit "
        "mortgage lending international retail".split(),
        ["They went to", "We talked about", "She wrote to", "It is near"] * 3,
    )
]
river_near = [
    f"{start} the {clue} bank"
    for clue, start in zip(
        "river grassy muddy stream sandy canal steep reedy creek mossy lake "
        "eroded".split(),
        ["They went to", "We talked about", "She wrote to", "It is near"] * 3,
    )
]
verbs = [
    "They all wanted to watch",
    "The children started to play",
    "The horses began to run",
    "I would rather not walk",
    "She asked if we could talk",
    "You should never have to drink",
    "All of us need to dream",
    "Tomorrow I will call",
    "The doctor told him to rest",
    "The neighbours came to help",
    "My brother learned to cook",
    "No one was able to guess",
]


def last_words(texts):
    """The stream at each text's last token, after each layer -> [31, len(texts),
    d_model]. Shorter texts are padded on the right, where nobody looks."""
    encoded = [model.tokenizer.encode(text) for text in texts]
    padded = torch.tensor(
        [ids + [0] * (max(map(len, encoded)) - len(ids)) for ids in encoded]
    )
    added = writes(model, padded).unflatten(0, (61, -1))  # 61 texts seq d_model
    places = [len(ids) - 1 for ids in encoded]
    return added.cumsum(dim=0)[::2, range(len(texts)), places]


def told_apart(a, b, out):
    """Percent of vectors nearer to their own kind's mean, after each layer; out(i) are
    the indices left out for item i. A tie counts half."""
    results = []
    for x, y in zip(a, b):
        both = torch.nn.functional.normalize(torch.cat([x, y]), dim=-1)
        x, y = (both - both.mean(dim=0)).chunk(2)
        score = 0.0
        for kind, others in ((x, y), (y, x)):
            for i in range(len(x)):
                own = [j for j in range(len(x)) if j != i]
                rest = [j for j in range(len(x)) if j not in out(i)]
                gap = torch.cosine_similarity(
                    kind[i], kind[own].mean(0), dim=0
                ) - torch.cosine_similarity(kind[i], others[rest].mean(0), dim=0)
                score += 0.5 if gap.abs() < 1e-4 else float(gap > 0)
        results.append(100 * score / (2 * len(x)))
    return results


kinds = (nouns, verbs), (money, river), (money_near, river_near)
vectors = [[last_words(texts) for texts in pair] for pair in kinds]
torch.set_num_threads(1)
word_class = told_apart(*vectors[0], out=lambda i: [i])
meaning, near = (told_apart(*pair, out=lambda i: []) for pair in vectors[1:])
torch.set_num_threads(2)
curves = {
    "noun or verb": word_class,
    "bank: clue anywhere": meaning,
    "bank: clue just before": near,
}
show(
    pictures.told_apart(curves, 2 * len(nouns)),
    alt="Percent told apart by layer. Noun or verb rises from chance to 100 by layer 1 "
    "and drops to 96 at the very end; the meaning of bank rises more slowly, to 96 by "
    "layer 4, and no further; with the clue just before it reaches 100 by then.",
)
for name, curve in curves.items():
    print(
        f"{name:24} after layer -1, 0, 1, 2, 4, 6, 9, 29:",
        [round(curve[i + 1]) for i in (-1, 0, 1, 2, 4, 6, 9, 29)],
    )

# %% [markdown]
# The order is as claimed: word class comes before meaning. The nearer clue is at most a part of the reason: with
# "savings bank" and "river bank" the curve rises a little sooner, and still after that of word class. The *places* are
# not as claimed: all is there within the first six of 30 layers. What comes late is something else, the next word.
# "Early: what is this token here? Late: what comes next?" fits this model better than "early syntax, late meaning".
# (Twelve sentences of a kind, and one word with two meanings, are a sketch, no study: the pale bands are one *standard
# error*, the standard deviation that luck alone gives such a share.)

# %% [markdown]
# ## 4.10 From the first decoder to Llama
#
# One layer, three times. The thick line is the residual stream; follow it from bottom to top.

# %%
show(
    pictures.three_blocks(),
    alt="Three columns. The 2017 decoder: masked self-attention, attention to the "
    "encoder, and a ReLU MLP each branch off the stream and are added back, then a "
    "LayerNorm stands on the stream. GPT-2: a LayerNorm stands on each branch, before "
    "attention and before the GELU MLP. Llama 3: the same with RMSNorm, attention with "
    "RoPE and grouped queries, and SwiGLU.",
)

# %% [markdown]
# The transformer of 2017 translated. An *encoder* read the sentence, with no mask, and each *decoder* layer had a third
# sublayer that looked at the encoder's result (cross-attention, notebook 3). GPT kept the decoder alone and dropped
# that sublayer: text in, text out, one stack. What changed after that:
#
# | | GPT-2 (2019) | Llama 3 (2024), SmolLM2 | why |
# |---|---|---|---|
# | norm | LayerNorm, before each sublayer | RMSNorm, at the same places | centring can be left out (Zhang & Sennrich 2019); less to compute |
# | positions | a learned table, added once | RoPE, in every layer's q and k | scores depend on the distance; no parameters (notebook 2) |
# | heads | each query head has its own keys and values | groups of query heads share them | fewer keys and values to keep (the *KV cache*, notebook 7) |
# | feed-forward | GELU, 4 · d_model, two matrices | SwiGLU, 8/3 to 4 · d_model, three | a lower loss for the same parameters (Shazeer 2020) |
# | biases | everywhere | none | not needed for quality; fewer kinds of tensors |
# | head | tied | tied in small models, separate in large ones | where the table is a fifth of the model, sharing it pays |
#
# And since then, each in some models and not in others:
#
# | | what | in |
# |---|---|---|
# | QK-norm | RMSNorm on queries and keys, so that scores cannot explode | OLMo 2, Qwen3 |
# | norm after the sublayer | what is *written* is normalised, still off the stream | OLMo 2; before *and* after: Gemma 2 |
# | mixture of experts | section 4.8 | Mixtral, DeepSeek-V3 |
# | sliding window, latent attention | keys and values of the last few thousand tokens only, or squeezed into fewer numbers | Mistral; DeepSeek-V2 |
#
# What did *not* change: a stream, sublayers that add to it, norms off the stream, one norm at the end. In llmlib the
# families differ by two functions, `norm` and `mlp`, and a few settings: see `llmlib/model.py`, which you can now read
# from top to bottom.

# %% [markdown]
# ## 4.11 The loop: your model
#
# You have written a block, norms and feed-forwards; notebook 3 has attention. What is missing is the line that makes a
# model of them.

# %% [markdown]
# ### Exercise 4.9 · `forward` · ●●● · 20 min
#
# Write the whole model, as the picture at the top shows it: ids in, logits out.
#
# | | shape | |
# |---|---|---|
# | `ids` | `[batch, seq]` | whole numbers |
# | `table` | `[vocab, d_model]` | `vocab` is short for `vocab_size`; used at both ends: the head is tied |
# | `layers` | a list, one entry a layer; leave it as it is | each entry is a tuple of five tensors: the weights of `norm_1` and `norm_2`, `[d_model]` each, then `w_gate`, `w_up`, `w_down` |
# | `final_norm` | `[d_model]` | weight of the last norm |
# | `attend` | a function | `attend(i, x)`: what the attention of layer `i` writes for `x` `[batch, seq, d_model]`; heads, RoPE, mask are in there |
# | `eps` | a number | of all norms |
# | returns | `[batch, seq, vocab]` | the logits |
#
# Norms are RMSNorm, the feed-forward is SwiGLU, the block is pre-norm: use your own functions. At the two ends, `embed(ids,
# table)` of notebook 2 looks ids up, and `unembed(x, table)`, which you write in notebook 5, takes each vector's dot
# product with every row of the table.
#
# **By hand.** With no layers at all, `table = [[1, 7], [5, 5]]`, `final_norm = [1, 1]`, `eps = 0` and `ids = [[0]]`: the
# vector is `[1, 7]`, its norm `[0.2, 1.4]`, and the logits are its dot products with the two rows, 0.2 · 1 + 1.4 · 7 =
# 10 and 0.2 · 5 + 1.4 · 5 = 8: `[[[10, 8]]]`.
#
# Off limits: llmlib's own model.
#
# <details><summary>Hint 1</summary>
#
# Follow the thick line of the first picture: look up; for each layer, the block; the last norm; the table, read
# backwards.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `for i, (norm_1, norm_2, w_gate, w_up, w_down) in enumerate(layers):`. Your block wants four functions of `x` alone;
# `lambda x: rms_norm(x, norm_1, eps)` makes one.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In the loop: `x = pre_norm_block(x, lambda x: rms_norm(x, norm_1, eps), lambda x: attend(i, x), …, …)`. The last two
# are like the first, with `norm_2`, and `swiglu` with its three matrices.
#
# </details>


# %% solution forward disallowed=["llmlib.model.forward", "llmlib.layers.pre_norm_block", "llmlib.layers.rms_norm", "llmlib.layers.swiglu"]
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


# %% given forward_with_matrices
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
from llmlib.course import check


def _model(n_layer, d, d_mlp, vocab, seed):
    """Random weights -> table, layers, final_norm, matrices."""
    g = torch.Generator().manual_seed(seed)

    def made(*shape):
        return torch.randn(*shape, generator=g)

    layers = [
        (made(d), made(d), made(d_mlp, d), made(d_mlp, d), made(d, d_mlp) / d_mlp)
        for _ in range(n_layer)
    ]
    matrices = [made(d, d) / d**0.5 for _ in range(n_layer)]
    return made(vocab, d), layers, made(d), matrices


def _wanted(ids, table, layers, final_norm, matrices, eps, mistake=""):
    """The same by torch alone; `mistake` plants one."""
    f = torch.nn.functional
    d = (table.shape[1],)
    x = table[ids]
    for (n1, n2, gate, up, down), m in zip(layers, matrices):
        if mistake == "norms swapped":
            n1, n2 = n2, n1
        read = x if mistake == "no norm_1" else f.rms_norm(x, d, n1, eps)
        old, x = x, x + f.linear(read, m)
        if mistake == "gate and up":
            gate, up = up, gate
        if mistake == "parallel":
            read = f.rms_norm(old, d, n2, eps)
        else:
            read = f.rms_norm(x, d, n1 if mistake == "norm_1 twice" else n2, eps)
        x = x + f.linear(f.silu(f.linear(read, gate)) * f.linear(read, up), down)
    if mistake != "no final norm":
        x = f.rms_norm(x, d, final_norm, eps)
    return f.linear(x, table)


_hand = torch.tensor([[1.0, 7.0], [5.0, 5.0]])
_got, _calls = forward_with_matrices(
    torch.tensor([[0]]), _hand, [], torch.ones(2), [], 0.0
)
check.that(
    _got is not None, "forward gave back None: is there a return, and outside the loop?"
)
check.that(
    not isinstance(_got, torch.Tensor)
    or tuple(_got.shape) != (1, 1, 2)
    or abs(_got[0, 0, 0] - 50.0) > 1e-3,
    "no final norm after the last layer: it stands once, behind the loop (the model "
    "here has no layers)",
)
check.that(
    not isinstance(_got, torch.Tensor)
    or not torch.allclose(_got.float().flatten(), torch.tensor([0.2, 1.4]), atol=1e-4),
    "these are the final vectors: the head is missing, the table read backwards",
)
check.close(
    _got,
    torch.tensor([[[10.0, 8.0]]]),
    "the example by hand: no layers, so [1, 7] goes through the final norm, and its "
    "dot products with the two rows are 10 and 8",
)
_parts = _model(3, 8, 12, 11, 490)
_ids = torch.tensor([[1, 4, 2, 4], [0, 10, 3, 3]])
_got, _calls = forward_with_matrices(_ids, *_parts, 1e-5)
check.equal(
    tuple(_got.shape) if isinstance(_got, torch.Tensor) else (),
    (2, 4, 11),
    "2 texts of 4 tokens over a vocabulary of 11 give logits [2, 4, 11]",
)
check.equal(
    _calls,
    [0, 1, 2],
    "attend(i, x) is called once in each layer, with that layer's number, in order",
)


def _is(mistake):
    want = _wanted(_ids, *_parts, 1e-5, mistake)
    return torch.allclose(_got.float(), want, atol=1e-3)


check.that(not _is("no norm_1"), "attention must read norm_1 of the stream")
check.that(
    not _is("parallel"),
    "the feed-forward must read the stream after attention has written to it",
)
check.that(
    not _is("norm_1 twice"),
    "norm_1 stands before both sublayers: the feed-forward has a norm of its own, "
    "norm_2",
)
check.that(
    not _is("norms swapped") and not _is("gate and up"),
    "the five tensors of a layer are in another order: norm_1, norm_2, w_gate, w_up, "
    "w_down",
)
check.that(
    not _is("no final norm"),
    "there is no final norm: after the last layer the stream goes through one more",
)
check.close(
    _got,
    _wanted(_ids, *_parts, 1e-5),
    "the logits differ from torch's: look up, 3 blocks with their own weights, final "
    "norm, table",
    atol=1e-3,
)
_other = torch.tensor([[5, 5, 9, 0], [7, 2, 1, 6]])
check.close(
    forward_with_matrices(_other, *_parts, 1e-5)[0],
    _wanted(_other, *_parts, 1e-5),
    "other ids of the same shape have other logits: keep nothing between calls",
    atol=1e-3,
)
check.close(
    forward_with_matrices(_ids, *_parts, 0.5)[0],
    _wanted(_ids, *_parts, 0.5),
    "eps is not passed on to all three norms",
    atol=1e-3,
)
check.close(
    forward_with_matrices(_ids, *_parts)[0],
    _wanted(_ids, *_parts, 1e-5),
    "left out, eps is 1e-5: keep the default of the first line",
    atol=1e-3,
)
check.close(
    forward_with_matrices(torch.tensor([[0]]), _hand / 1000, [], torch.ones(2), [])[0],
    torch.tensor([[[5e-5, 4e-5]]]) / 3.5e-5**0.5,
    "left out, eps is 1e-5: keep the default of the first line",
)
### BEGIN HIDDEN TESTS
for _seed, (_n, _d, _m, _v, _shape) in enumerate(
    ((1, 4, 6, 5, (1, 1)), (2, 6, 5, 20, (3, 7)), (5, 10, 16, 9, (1, 12)))
):
    _parts = _model(_n, _d, _m, _v, 1490 + _seed)
    _g = torch.Generator().manual_seed(_seed)
    _ids = torch.randint(_v, _shape, generator=_g)
    _got, _calls = forward_with_matrices(_ids, *_parts, 1e-3)
    check.equal(_calls, list(range(_n)), "attend(i, x) is called once in each layer")
    check.close(
        _got,
        _wanted(_ids, *_parts, 1e-3),
        f"the logits differ from torch's for {_n} layers and ids of shape "
        f"{list(_shape)}",
        atol=2e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** The weights of SmolLM2 go into your `forward`; attention comes from the engine (yours of
# notebook 3 does the same, as you saw there). `transformers`, the library the field uses, runs the same weights with
# its own code.

# %%
from llmlib.course.engine_check import reference, reference_ids
from llmlib.model import attend as engine_attend


def smollm2_with(forward, **changed):
    """A function ids [batch, seq] -> logits [batch, seq, vocab]: SmolLM2's weights in
    `forward`."""
    weights = [(*layer.norm_1, *layer.norm_2, *layer.mlp[:3]) for layer in stack]

    def run(ids):
        seq = ids.shape[1]
        seen = torch.arange(seq), attention.causal_mask(seq)

        def attend(i, x):
            return engine_attend(x, i, stack[i], config, engine, *seen)

        settings = {"eps": config.eps} | changed
        with torch.no_grad():
            return forward(
                ids, rows, weights, model.weights.norm[0], attend, **settings
            )

    engine = model.using(attention=attention.scaled_dot_product_attention).parts
    return run


mine = smollm2_with(forward)
prompts = ["The capital of France is", "Once upon a time,", "def f(x):"]
ids = torch.tensor([model.tokenizer.encode(prompt) for prompt in prompts])  # 3 5
written = torch.tensor([reference_ids(model.folder, i, 12) for i in ids.tolist()])
finished = torch.cat([ids, written[:, :-1]], dim=1)  # 3 5+11
with torch.no_grad():
    said = reference(model.folder)(finished).logits


def compared(run):
    """For each prompt: would `run` write the same ids? And how far is its farthest
    logit? (It writes the same if at each place its likeliest token is the one that
    transformers wrote next, so one run over the finished texts tells.)"""
    logits = run(finished)
    same = (logits[:, -12:].argmax(dim=-1) == written).all(dim=-1).tolist()
    return same, (logits - said).abs().max().item()


faithful = compared(mine)
for prompt, new, equal in zip(prompts, written, faithful[0]):
    print(f"same 12 ids: {equal}   {prompt!r} -> {model.tokenizer.decode(new)!r}")
print("logits equal to within 0.01:", faithful[1] < 0.01)

# %% [markdown]
# That is a language model, and the loop is yours. How much do equal ids prove? Plant four mistakes.

# %%
predict("planted", "How many of the four do 12 ids of 3 prompts expose?", yours=2)


# %%
def with_mistake(norm=rms_norm, last=None, mlp=swiglu):
    """A forward with another function in some of its places."""

    def wrong(ids, table, layers, final_norm, attend, eps):
        x = table[ids]
        for i, (norm_1, norm_2, *matrices) in enumerate(layers):
            x = pre_norm_block(
                x,
                norm_1=lambda x: norm(x, norm_1, eps),
                attend=lambda x: attend(i, x),
                norm_2=lambda x: norm(x, norm_2, eps),
                feed_forward=lambda x: mlp(x, *matrices),
            )
        return linear((last or norm)(x, final_norm, eps), table)

    return wrong


planted = {
    "the final norm does not divide": with_mistake(last=lambda x, w, eps: x * w),
    "eps ten times too large": with_mistake(
        norm=lambda x, w, eps: rms_norm(x, w, 10 * eps)
    ),
    "norms rounded to 16 bits": with_mistake(
        norm=lambda x, w, eps: rms_norm(x, w, eps).bfloat16().float()
    ),
    "feed-forward writes 1 % less": with_mistake(mlp=lambda *a: 0.99 * swiglu(*a)),
}


def cost(run):
    logits = run(story_ids[None, :-1])[0]
    return output_head.cross_entropy(logits, story_ids[1:]).item()


exposed = 0
print(f"{'':32}same ids   logits apart   loss")
for name, wrong in {"yours": forward, **planted}.items():
    run = smollm2_with(wrong)
    same, apart = faithful if wrong is forward else compared(run)
    exposed += not all(same)
    print(f"{name:32}{sum(same)} of 3  {apart:14.1f} {cost(run):9.2f}")
reveal("planted", exposed, within=0)

# %% [markdown]
# None of them. The first one writes the right ids for ever, whatever the prompt, and is so sure of everything that its
# loss is 91; the others move logits a little, which the likeliest id need not notice. **What proves a model is the distance
# of its logits**, and yours is no more than rounding.
#
# ### Another family
#
# GPT-2's own weights are not on this disk (where the network allows it, `pretrained.load("gpt2")` fetches them). But a
# checkpoint (a file of weights) of its *shape* is enough to test functions: `transformers` makes one with random weights, saves it, and
# runs it; the engine loads the same file and runs it with your functions. The second pair has Llama's shape.

# %%
import tempfile

import transformers

pairs = {
    "GPT-2-shaped": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            vocab_size=500,
            n_positions=64,
            n_embd=48,
            n_layer=6,
            n_head=4,
            bos_token_id=0,
            eos_token_id=0,
        ),
    ),
    "Llama-shaped": (
        transformers.LlamaForCausalLM,
        transformers.LlamaConfig(
            vocab_size=500,
            hidden_size=48,
            intermediate_size=128,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=2,
        ),
    ),
}
your_parts = {
    "GPT-2-shaped": dict(norm=layer_norm, mlp=mlp, block=pre_norm_block),
    "Llama-shaped": dict(norm=rms_norm, mlp=swiglu, block=pre_norm_block),
}
test_ids = torch.randint(500, (2, 20), generator=torch.Generator().manual_seed(0))
for name, (kind, shape) in pairs.items():
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    theirs = kind(shape).eval()
    with (
        torch.no_grad()
    ):  # no two weights alike: a forgotten bias or a swapped norm would show
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        wanted = theirs(test_ids).logits
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        got = pretrained.load(folder).using(**your_parts[name])(test_ids)
    print(
        f"{name}: logits {list(got.shape)} from {wanted.min():.1f} to "
        f"{wanted.max():.1f}; yours equal transformers' to within 0.001: "
        f"{(got - wanted).abs().max().item() < 1e-3}"
    )


# %% [markdown]
# One block of two lines, two families of models.
#
# ## Recap
#
# - A model is a running sum. The embedding starts it, each of `n_layer` layers adds to it twice, the head reads it once.
# - The "+" keeps each token's own vector in the sum; without it all tokens of a deep fresh stack become alike.
# - Norms hand each sublayer a copy of fixed size. LayerNorm centres and scales, RMSNorm only scales, and that is enough.
# - GPT-2 and Llama put the norm before the sublayer, off the stream, and one more before the head. The 2017 form
#   (add, then normalise) did not learn in our short race with 12 layers, unless the writes started small; large
#   post-norm models have been trained, with long warm-ups.
# - A logit is a sum over all writes. Which of them matter depends on what you compare with; what is needed shows only
#   when it is switched off.
# - The feed-forward works on each position alone: GELU between two matrices, or SwiGLU with a gate and three. Each
#   neuron writes one vector, its value, as loud as its key says. What it says is not yet what it does.
# - Parameters follow from the configuration. For short texts the matrices take nearly all the work, for long ones the
#   products inside attention.
# - The first and last layers are hard to spare, most in the middle are easy; the exception makes the attention sink,
#   with two neurons. What a token is becomes readable early, what comes next only late.
# - Some mistakes never show in the likeliest ids. Compare logits.
#
# **Next:** the last vector becomes a distribution over 49,152 tokens, and we measure how wrong it is: notebook 5, the
# output head.
#
# ## Questions to think about
#
# 1. Multiply the embedding and every write of SmolLM2 by 2. What happens to the logits, and which part of this
#    notebook makes sure of it?
# 2. Two neurons of layer 11 are there for the first token only. Why might a model spend them, and a layer that is expensive
#    to leave out, on a vector that says nothing?
# 3. Twice the layers, or √2 times `d_model`: both about double the parameters in the blocks. What does each do to the
#    FLOPs inside attention, and to the longest chain of operations that must wait for each other?
#
# <details><summary>Answers</summary>
#
# 1. Nothing, up to `eps`. Every reader of the stream (each norm, the final one too) divides by the length, so a factor
#    in all of them cancels. The writes of a real layer would not double by themselves, for the same reason.
# 2. Attention's shares must sum to 1 (notebook 3). A head with nothing to look for needs a place to look that adds
#    nothing; the huge vector is what makes the first token such a place. Without the two neurons the first token's
#    share falls to 0.05 (section 4.9): the attention goes elsewhere, and the loss rises.
# 3. Twice the layers doubles the FLOPs inside attention, which are proportional to n_layer · n_head · head_dim; √2 times d_model
#    multiplies them by √2. The chain of waiting operations doubles with the layers and stays the same with the width:
#    a wide model has more operations that can be done at the same time.
#
# </details>
#
# ## To read
#
# - Vaswani et al. 2017, *Attention Is All You Need*, [1706.03762](https://arxiv.org/abs/1706.03762): the block,
#   post-norm. He et al. 2015, *Deep Residual Learning for Image Recognition*,
#   [1512.03385](https://arxiv.org/abs/1512.03385): the "+". Dong et al. 2021, *Attention is not all you need*,
#   [2103.03404](https://arxiv.org/abs/2103.03404): what is lost without it.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners* (GPT-2): section 2.3 moves the norm and
#   adds the final one.
# - Ba, Kiros & Hinton 2016, *Layer Normalization*, [1607.06450](https://arxiv.org/abs/1607.06450); Zhang & Sennrich
#   2019, *Root Mean Square Layer Normalization*, [1910.07467](https://arxiv.org/abs/1910.07467).
# - Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*,
#   [2002.04745](https://arxiv.org/abs/2002.04745), and Liu et al. 2020, *Understanding the Difficulty of Training
#   Transformers*, [2004.08249](https://arxiv.org/abs/2004.08249): two explanations of why post-norm is hard to train.
# - Hendrycks & Gimpel 2016, *Gaussian Error Linear Units*, [1606.08415](https://arxiv.org/abs/1606.08415); Shazeer
#   2020, *GLU Variants Improve Transformer*, [2002.05202](https://arxiv.org/abs/2002.05202), whose last line explains
#   their success by "divine benevolence".
# - Geva et al. 2021, *Transformer Feed-Forward Layers Are Key-Value Memories*,
#   [2012.14913](https://arxiv.org/abs/2012.14913).
# - Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*: the residual stream as a sum; nostalgebraist
#   2020, *interpreting GPT: the logit lens*.
# - Lad, Gurnee & Tegmark 2024, *The Remarkable Robustness of LLMs: Stages of Inference?*,
#   [2406.19384](https://arxiv.org/abs/2406.19384); Sun et al. 2024, *Massive Activations in Large Language Models*,
#   [2402.17762](https://arxiv.org/abs/2402.17762); Tenney, Das & Pavlick 2019, *BERT Rediscovers the Classical NLP
#   Pipeline*, [1905.05950](https://arxiv.org/abs/1905.05950).
# - Brown et al. 2020 (GPT-3), [2005.14165](https://arxiv.org/abs/2005.14165); Grattafiori et al. 2024, *The Llama 3 Herd
#   of Models*, [2407.21783](https://arxiv.org/abs/2407.21783); Press & Wolf 2016, *Using the Output Embedding to Improve
#   Language Models*, [1608.05859](https://arxiv.org/abs/1608.05859).

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
