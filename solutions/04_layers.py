# %% [markdown]
# # 4 · Layers
#
# **You will build** what stands around attention: the norms, the feed-forward networks, and the block that holds everything together. Then you will write
# the formula that turns a model's configuration into its number of parameters. At the end your block runs SmolLM2 and a model of
# GPT-2's shape, and both say what `transformers` says.
#
# **You need** notebooks 1 to 3: ids, embeddings, RoPE, attention. One picture shows gradients; you need to know that a gradient says how strongly
# the loss would react to a weight, no more.
#
# **It takes** about two hours, one of them for the seven exercises.
#
# A *layer* (or *block*) is attention followed by a small network. SmolLM2-135M has 30 of them, all of the same form. The copy used here stores most of its
# weights in four bits each, which changes probabilities a little; it has 135 million parameters, so do not expect wisdom.

# %% given setup
import math

import torch
from torch.nn.functional import linear

# %% [markdown]
# Let us look into the stack at once. After each layer there is one vector per token, of `d_model` = 576 numbers. The model turns only the *last*
# layer's vectors into a prediction, by a final norm and the output head (notebook 5). But nothing stops us from doing that after any layer.
# This is the *logit lens* (nostalgebraist 2020).
#
# `writes` swaps the model's block for one that does the same and notes what each half of a layer adds. Layers are counted from 1 in this notebook, so that
# "after layer 0" is the embedding; in code, layer 1 is `layers[0]`.

# %%
from llmlib import attention, layers, output_head, pretrained
from llmlib.plots import layers as pictures
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
config = model.config


def writes(model, ids):
    """The embedding, then what each sublayer adds to it: [1 + 2 * n_layer, seq,
    d_model]."""
    added = []

    def block(x, norm_1, attend, norm_2, feed_forward):
        if not added:
            added.append(x)
        added.append(attend(norm_1(x)))
        x = x + added[-1]
        added.append(feed_forward(norm_2(x)))
        return x + added[-1]

    model.using(block=block)(ids)
    return torch.cat(added)


def read_out(model, x):
    """Probabilities that the model's own final norm and head give for vectors x [...,
    d_model] -> [..., vocab]."""
    x = layers.rms_norm(x, *model.weights.norm, model.config.eps)
    return output_head.softmax(output_head.unembed(x, model.weights.unembedding))


prompt = "The opposite of hot is"
added = writes(model, model.tokenizer.encode(prompt))
stream = added.cumsum(dim=0)[::2]  # 31 states: the embedding, then after each layer
print(f"{prompt!r}, continued after ...")
for layer in (0, 5, 10, 15, 20, 25, 27, 28, 29, 30):
    best = read_out(model, stream[layer, -1]).topk(3)
    print(
        f"layer {layer:2}:",
        "   ".join(
            f"{model.tokenizer.decode([i])!r} {p:.2f}"
            for i, p in zip(best.indices.tolist(), best.values.tolist())
        ),
    )

# %% [markdown]
# At layer 0 the vector *is* the word "is", and the tied table reads it back. For most of the stack nothing readable stands there but commas and
# spaces. " cold" surfaces near the end. By the last cell of this notebook you will know every operation between those rows.

# %% [markdown]
# ## 1 · The residual stream is a running sum
#
# **Claim.** No layer replaces a vector. Each layer *adds* to it, twice: attention adds something, then the feed-forward adds something. The vector that travels
# up from embedding to head is called the *residual stream*; its shape is `[batch, seq, d_model]` everywhere.
#
# **Predict.** `added` holds 61 tensors: the embedding and 2 · 30 writes. If the claim is true, what do you get from their plain sum, put through
# the final norm and the head?

# %%
ids = model.tokenizer.encode("The capital of France is")
added = writes(model, ids)
print("what was written:", list(added.shape), "= [1 + 2 * 30, seq, d_model]")

final = added.sum(dim=0)
from_sum = output_head.unembed(
    layers.rms_norm(final, *model.weights.norm, config.eps), model.weights.unembedding
)
difference = (from_sum - model(ids)[0]).abs().max().item()
print(
    "logits from the sum equal the model's logits to within 0.001:", difference < 1e-3
)

# %% [markdown]
# The whole depth of the model is a sum of 61 vectors. (The *contents* of each write depend on the sum before it: that is where depth comes from.)
#
# How large are the writes? The length of a vector is its L2 norm, the root of the sum of its squares.

# %%
lengths = added.norm(dim=-1)  # 61 seq
stream = added.cumsum(dim=0)[::2]
show(
    pictures.stream_sizes(
        {
            "stream, last token": stream[:, -1].norm(dim=-1),
            "stream, first token": stream[:, 0].norm(dim=-1),
            "written by attention, last token": lengths[1::2, -1],
            "written by feed-forward, last token": lengths[2::2, -1],
        }
    ),
    alt="Length of vectors by layer on a logarithmic axis. The last token's stream "
    "grows from about 3 to over 600; after layer 1 each write is shorter than the "
    "stream it joins. The first token's stream jumps to over 20,000 after layer 12.",
)
print(
    f"last token:  {stream[0, -1].norm():.1f} after the embedding, "
    f"{stream[30, -1].norm():.0f} after layer 30"
)
print(
    f"first token: {stream[11, 0].norm():.0f} after layer 11, "
    f"{stream[12, 0].norm():.0f} after layer 12"
)

# %% [markdown]
# Two things to keep. The stream *grows*: what layer 1 wrote is small beside what layer 30 writes. And the first token's vector becomes huge at layer 12. It is the
# attention sink of notebook 3 (layer 11 there, which counts from 0), seen from the other side; such *massive activations* stand in most large models (Sun et al. 2024). Remember layer 12.
#
# Since the end is a sum, we may ask which write is to blame for an answer. The head's logit for " Paris" is a dot product of the final, normalised
# vector with one row of the table. Once we know the one number that the final norm divides by, the difference
# *logit(" Paris") − logit(" London")* is a sum of 61 terms, one a write. This is *direct logit attribution* (Elhage et al. 2021).
#
# **Predict.** Is the difference built up evenly, or do few layers decide?

# %%
paris, london = (model.tokenizer.encode(word)[0] for word in (" Paris", " London"))
direction = (
    model.weights.unembedding[paris] - model.weights.unembedding[london]
) * model.weights.norm[0]
scale = (final[-1].pow(2).mean() + config.eps).sqrt()
terms = added[:, -1] @ direction / scale  # 61 numbers
logits = model(ids)[0, -1]
print(
    f"sum of the 61 terms {terms.sum():.2f}, the model's own difference "
    f"{logits[paris] - logits[london]:.2f}"
)
best = terms.argmax().item()
print(
    f"largest term {terms[best]:.2f}: {'attention' if best % 2 else 'feed-forward'} of "
    f"layer {(best + 1) // 2}"
)
show(
    pictures.running_sum(
        terms[1::2], terms[2::2], terms[0], "logit(Paris) − logit(London)"
    ),
    alt="Bars for what attention and the feed-forward of each layer add to the logit "
    "of Paris minus that of London, and their running sum. The sum stays near zero up "
    "to layer 23; then attention in layer 24 adds about 3.",
)

# %% [markdown]
# One attention sublayer fetches most of the answer: from " France", to the position where it is needed. Everything before built what it reads and
# what it looks for.

# %% [markdown]
# ## 2 · Norms: every sublayer reads a copy of fixed size
#
# **Claim.** The stream grows two-hundredfold on its way up, and the first token's far more. A sublayer whose input is 200 times larger would write 200 times more, or with
# products in it (attention's scores, the gate of section 4) 40,000 times more. So each sublayer reads a *normalised* copy. The stream itself stays as it is.
#
# **Predict.** What does SmolLM2 compute if its norms keep their learned weights but no longer divide by anything?

# %%
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
    return output_head.cross_entropy(model(ids[:-1])[0], ids[1:]).item()


no_division = model.using(norm=lambda x, weight, eps: x * weight)
print(
    f"{len(story_ids)} tokens; loss as it is: {loss(model):.2f}, without division: "
    f"{loss(no_division):.2f}"
)

# %% [markdown]
# Not a worse model: no numbers at all. `nan`, "not a number", is what a computer makes of ∞ − ∞ after an overflow.
#
# There are two usual norms. Both take one vector $x$ of `d_model` numbers. Its *mean* is $\frac{1}{d}\sum x_i$; its *variance* is the mean
# of the squared distances from the mean; $\epsilon$ (`eps`) is a tiny number, here 0.00001, that keeps us from dividing by 0.

# %% [markdown]
# ### Exercise 4.1 · `layer_norm` · ●●○ · 10 min
#
# Write LayerNorm (Ba et al. 2016). For each vector on its own, over the **last** dimension:
#
# $$\text{layer\_norm}(x) = \frac{x - \text{mean}(x)}{\sqrt{\text{var}(x) + \epsilon}} \cdot \text{weight} + \text{bias}$$
#
# | | shape | |
# |---|---|---|
# | `x` | `[..., d_model]` | any number of dimensions in front |
# | `weight`, `bias` | `[d_model]` | learned; they start as ones and zeros |
# | `eps` | a number | keeps the root away from 0 |
# | returns | like `x` | |
#
# The variance here is the *mean* of the squared distances from the mean: their sum divided by `d_model`, not by `d_model - 1`.
#
# **By hand.** `x = [1, 3]`, `eps = 0`, weight 1, bias 0: the mean is 2, the distances are −1 and 1, the variance is (1 + 1) / 2 = 1, so the
# result is `[-1, 1]`. With `eps = 3` the root becomes √(1 + 3) = 2 and the result `[-0.5, 0.5]`.
#
# Off limits: torch's and llmlib's own layer norms.
#
# <details><summary>Hint 1</summary>
#
# `x.mean(dim=-1)` loses the last dimension, so it cannot be subtracted from `x`. `keepdim=True` keeps it, with length 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compute `centred = x - mean` once: the variance is the mean of `centred ** 2`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `x.var()` divides by `d_model - 1` unless told otherwise. Last line: `centred / torch.sqrt(variance + eps) * weight + bias`.
#
# </details>


# %% solution layer_norm off=["torch.nn.functional.layer_norm", "torch.nn.LayerNorm", "torch.layer_norm", "torch.native_layer_norm", "llmlib.layers.layer_norm"]
def layer_norm(x, weight, bias, eps=1e-5):
    """LayerNorm over the last dimension: x [..., d_model] -> the same; weight and bias
    [d_model]."""
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.pow(2).mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias
    ### END SOLUTION


# %% test layer_norm points=2
import torch
from llmlib.course import check

_ones, _zeros = torch.ones(4), torch.zeros(4)
_x = torch.tensor([1.0, 2.0, 3.0, 6.0])
check.close(
    layer_norm(torch.full((4,), 5.0), _ones, _zeros, 1e-5),
    _zeros,
    "[5, 5, 5, 5] must become zeros: subtract the mean first",
)
_flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
check.close(
    layer_norm(_flat, _ones, _zeros, 1e-5),
    torch.zeros(2, 2, 4),
    "each vector is normalised on its own: mean and variance run over the last "
    "dimension only",
)
check.close(
    layer_norm(10 * _x, _ones, _zeros, 0.0),
    layer_norm(_x, _ones, _zeros, 0.0),
    "ten times the vector must give the same result: divide by the root of the "
    "variance, not by the variance",
)
check.close(
    layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 0.0),
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
    layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2)),
    [-1.0, 1.0],
    "left out, eps is 1e-5: keep the default of the first line",
    atol=1e-3,
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
# ### Exercise 4.2 · `rms_norm` · ●○○ · 5 min
#
# Write RMSNorm (Zhang & Sennrich 2019): divide each vector by its *root mean square* (RMS), then multiply by `weight`.
#
# $$\text{rms\_norm}(x) = \frac{x}{\sqrt{\text{mean}(x^2) + \epsilon}} \cdot \text{weight}$$
#
# `x` is `[..., d_model]`, `weight` is `[d_model]`, the result is like `x`. No mean is subtracted and there is no bias.
#
# **By hand.** `x = [1, 7]`, `eps = 0`, weight 1: the squares are 1 and 49, their mean is 25, its root is 5: the result is `[0.2, 1.4]`.
# With `eps = 11` the root is √36 = 6.
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
# `x.pow(2).mean(dim=-1, keepdim=True)` is the mean square of each vector; add `eps` to it before taking the root.
#
# </details>


# %% solution rms_norm off=["torch.nn.functional.rms_norm", "torch.nn.RMSNorm", "torch.rms_norm", "llmlib.layers.rms_norm"]
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
check.close(
    rms_norm(torch.zeros(2), _one, 1e-5),
    torch.zeros(2),
    "a vector of zeros must stay zeros: eps keeps 0 / 0 away",
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
check.close(
    rms_norm(torch.tensor([1.0, 7.0]), _one, 0.0),
    [0.2, 1.4],
    "the root is taken of the mean of the squares, not of their sum",
)
check.close(
    rms_norm(torch.tensor([1.0, 7.0]), _one, 11.0),
    [1 / 6, 7 / 6],
    "eps stands inside the root, added to the mean square",
)
check.close(
    rms_norm(torch.tensor([1.0, 7.0]), _one),
    [0.2, 1.4],
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
# **Predict.** Take points of the plane, so `d_model` = 2. RMSNorm moves each point along its ray from the origin. Where do they all land? And with LayerNorm?

# %%
generator = torch.Generator().manual_seed(2)
points = torch.randn(18, 2, generator=generator) * 2 + torch.tensor([0.8, 0.3])
show(
    pictures.norm_map(
        points,
        {
            "after RMSNorm": rms_norm(points, torch.ones(2), 0.0),
            "after LayerNorm": layer_norm(points, torch.ones(2), torch.zeros(2), 0.0),
        },
    ),
    alt="Eighteen scattered points; after RMSNorm all lie on one circle of radius "
    "1.41; after LayerNorm only two places are left, (-1, 1) and (1, -1).",
)

# %% [markdown]
# RMSNorm forgets the length and keeps the direction: a circle of radius √d = 1.41. LayerNorm removes the mean first, and with it one whole direction,
# the one in which all entries are equal. Of two dimensions that leaves one, and of one dimension only the sign: two points. Of 576 dimensions it
# leaves 575. Does that direction matter to SmolLM2? Count which share of each vector's squared length lies in it.

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
    f"loss with RMSNorm {loss(model):.2f}, with LayerNorm in its place "
    f"{loss(centring):.2f}, and no training in between"
)

# %% [markdown]
# Almost nothing lies there, so subtracting it hardly matters, even to a model never trained for it. That is the paper's argument for RMSNorm: the re-scaling does the
# work, the re-centring can be saved. Now your function in the real model:

# %%
with_yours = model.using(norm=rms_norm)(ids)
print(
    "SmolLM2 with your rms_norm gives its own logits, to within 0.001:",
    (with_yours - model(ids)).abs().max().item() < 1e-3,
)

# %% [markdown]
# ## 3 · Before or after?
#
# Many explanations of the transformer, the tutorial this course grew out of among them, give the layer as
#
#     x = layer_norm(x + attention(x))
#     x = layer_norm(x + feed_forward(x))
#
# Add, then normalise: *post-norm*. It is what Vaswani et al. wrote in 2017. The norm stands **on** the stream. In *pre-norm* it stands **off** the stream, in front of each sublayer,
# and one more norm follows after the last layer:
#
#     x = x + attention(norm_1(x))
#     x = x + feed_forward(norm_2(x))
#
# GPT-2, GPT-3, Llama and SmolLM2 are pre-norm.
#
# **Predict.** We rewire SmolLM2 to the first form and keep all its weights. A little worse? And what if we keep pre-norm but forget the final norm,
# which those explanations leave out as well?


# %%
def post_norm_block(x, norm_1, attend, norm_2, feed_forward):
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))


def but_the_last(norm, n):
    """`norm`, except that call number n changes nothing."""
    calls = []

    def maybe(x, weight, eps):
        calls.append(None)
        return x if len(calls) == n else norm(x, weight, eps)

    return maybe


post_norm = model.using(block=post_norm_block)
no_final_norm = model.using(norm=but_the_last(layers.rms_norm, 2 * config.n_layer + 1))
print(f"loss as trained        {loss(model):8.2f}")
print(f"rewired to post-norm   {loss(post_norm):8.2f}")
print(f"without the final norm {loss(no_final_norm):8.2f}")
print(
    "post-norm's five favourite tokens:",
    [
        model.tokenizer.decode([i])
        for i in post_norm(ids)[0, -1].topk(5).indices.tolist()
    ],
)

# %% [markdown]
# Both are far beyond the 10.8 of blind guessing. So the formula matters: these weights mean something in one wiring only. It does *not* show that
# post-norm is bad; the original transformer was trained that way and worked. To see why the field moved, look at both *before* training.
#
# ### Signal and gradient at the start
#
# We build stacks of 2 to 48 layers with random weights (each matrix keeps the size of what passes through it) and look at two things in each: how large the stream is on its
# way up, and how strongly the loss would react to the feed-forward's last matrix, `w_out`, in each layer.


# %%
def at_the_start(depth, post, seeds=3, d_model=64, seq=32, n_head=4, vocab=100):
    """Random stack -> (rms of the stream after 0..depth layers, gradient norm of w_out
    in layers 1..depth), means over seeds."""
    signals, gradients = [], []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)

        def matrix(rows, columns):
            return (
                torch.randn(rows, columns, generator=generator) / columns**0.5
            ).requires_grad_()

        def norm(x):
            return layers.layer_norm(x, torch.ones(d_model), torch.zeros(d_model))

        mask = attention.causal_mask(seq)
        x = torch.randn(2, seq, d_model, generator=generator)
        states, outs = [x], []
        for _ in range(depth):
            q, k, v, o = (matrix(d_model, d_model) for _ in range(4))
            w_in, w_out = matrix(4 * d_model, d_model), matrix(d_model, 4 * d_model)
            x = (post_norm_block if post else layers.pre_norm_block)(
                x,
                norm_1=norm,
                attend=lambda x: attention.multi_head_attention(
                    x, q, k, v, o, n_head, mask=mask
                ),
                norm_2=norm,
                feed_forward=lambda x: layers.mlp(x, w_in, None, w_out, None),
            )
            states.append(x)
            outs.append(w_out)
        logits = linear(x if post else norm(x), matrix(vocab, d_model))
        output_head.cross_entropy(
            logits, torch.randint(vocab, (2, seq), generator=generator)
        ).backward()
        signals.append(
            torch.stack([state.detach().pow(2).mean().sqrt() for state in states])
        )
        gradients.append(torch.stack([w.grad.norm() for w in outs]))
    return torch.stack(signals).mean(0), torch.stack(gradients).mean(0)


depths = (2, 6, 12, 24, 48)
measured = {
    name: {depth: at_the_start(depth, post) for depth in depths}
    for name, post in (("post-norm", True), ("pre-norm", False))
}
show(
    pictures.signal_and_gradient(measured),
    alt="Four panels, post-norm left and pre-norm right. Top: post-norm's stream keeps "
    "size 1, pre-norm's grows with depth to about 7. Bottom: post-norm's gradients "
    "stay between 0.5 and 2 at any depth, pre-norm's fall from layer to layer and with "
    "the depth of the stack.",
)
print("gradient of the last layer's w_out")
print("layers               ", "".join(f"{depth:8}" for depth in depths))
for name, rows in measured.items():
    print(f"{name:22}", "".join(f"{rows[depth][1][-1]:8.2f}" for depth in depths))
print(
    f"{'pre-norm · √layers':22}",
    "".join(
        f"{measured['pre-norm'][depth][1][-1] * depth**0.5:8.2f}" for depth in depths
    ),
)

# %% [markdown]
# Post-norm resets the stream to size 1 after every layer. Pre-norm lets it grow, like √layers: independent writes add up as random steps do. The final norm divides by that size,
# and so the gradient of a layer shrinks like 1/√layers: the product in the last row hardly moves while the depth grows 24-fold. In post-norm the last layer's gradient does
# not shrink with depth at all.
#
# This is what Xiong et al. (2020) proved and measured. Its consequence: in a deep post-norm stack the first steps, with all layers pulling at full
# strength, are too large, and training needs a careful *warm-up* (a learning rate that starts near 0). Pre-norm trains without. There is a price: in a deep pre-norm stack each
# single layer changes the stream, and so the result, by less and less. Section 7 shows how little some layers do.

# %% [markdown]
# ### Exercise 4.3 · `pre_norm_block` · ●●○ · 10 min
#
# Write the layer of GPT-2 and Llama. It takes the stream `x` of shape `[batch, seq, d_model]` and **four functions**; each takes a tensor of that
# shape and returns one. Everything else (weights, heads, masks) is inside them.
#
# 1. `attend` reads `norm_1` of the stream, and what it writes is added to the stream;
# 2. `feed_forward` reads `norm_2` of the *new* stream, and what it writes is added too.
#
# It returns the stream, `[batch, seq, d_model]`.
#
# **By hand**, with numbers for vectors. Let `norm_1` double, `attend` triple, `norm_2` multiply by 5, `feed_forward` by 7. From x = 1, attention
# writes 3 · 2 · 1 = 6 and the stream is 1 + 6 = 7. The feed-forward writes 7 · 5 · 7 = 245 and the block returns 7 + 245 = 252.
#
# The check sends numbers, not functions, so it goes through `block_of_matrices` (given, below): it calls your block with four functions that
# each multiply by a matrix, and notes which were called.
#
# <details><summary>Hint 1</summary>
#
# Two lines, one for each sublayer. Both have the form `x = x + something(norm(x))`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# First line: `x = x + attend(norm_1(x))`. The second line uses this new `x`.
#
# </details>


# %% solution pre_norm_block off=["llmlib.layers.pre_norm_block"]
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
    output, the names of the functions called, in order)."""
    calls = []

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
    return out, calls


# %% test pre_norm_block points=2
import torch
from llmlib.course import check

_x, _m = torch.ones(1, 1, 1), [torch.full((1, 1), float(n)) for n in (0, 2, 3, 5, 7)]
_nothing, _two, _three, _five, _seven = _m
check.close(
    block_of_matrices(_x.clone(), _two, _nothing, _five, _nothing)[0],
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
check.equal(
    block_of_matrices(_x.clone(), _two, _three, _five, _seven)[1],
    ["norm_1", "attend", "norm_2", "feed_forward"],
    "each of the four functions is called once: calling attend again would write to "
    "the KV cache twice",
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
# **On the real model.** Your block, with attention and everything else from the engine:

# %%
with_yours = model.using(block=pre_norm_block, norm=rms_norm)
print(
    f"loss with your block and norm {loss(with_yours):.2f}, with the engine's own "
    f"{loss(model):.2f}"
)

# %% [markdown]
# ## 4 · The feed-forward: GELU and SwiGLU
#
# **Claim.** Attention moves information *between* positions; the feed-forward works on each position alone. It widens the vector to `d_mlp` columns,
# bends each, and narrows it again. The bend is what makes it more than a matrix: two linear maps in a row are one linear map.
#
# ReLU, the oldest bend, is max(0, z). GELU (GPT-2) multiplies z by the share of a bell curve that lies below z. SiLU multiplies it by sigmoid(z) = 1 / (1 + exp(−z)).
# Both are smooth, and both dip below zero.
#
# A *gated* unit has two numbers per column. One, through SiLU, is a gate; the other is what passes. SwiGLU (Shazeer 2020) is such a unit.

# %%
z = torch.linspace(-5, 5, 201)
up = (-1, 0.5, 2)
silu = z * torch.sigmoid(z)
show(
    pictures.activations(
        z,
        {"ReLU": z.clamp(min=0), "GELU": layers.gelu(z), "SiLU": silu},
        up,
        [silu * u for u in up],
    ),
    alt="Left: ReLU, GELU and SiLU; all are near 0 for very negative z and near z for "
    "large z, GELU and SiLU dip below 0 in between. Right: the gated value SiLU(z) "
    "times w_up x for three values of w_up x; a negative gate shuts all of them.",
)

# %% [markdown]
# The exact bell-curve share needs the error function erf. Computing it was slow once, so GPT-2 was trained with a formula that comes close. How close?

# %%
gap = layers.gelu(z) - layers.gelu(z, approximate="none")
print(
    f"largest difference between the tanh and the erf form: {gap.abs().max():.5f}, at "
    f"z = {abs(z[gap.abs().argmax()].item()):.2f} on either side of 0"
)

# %% [markdown]
# Small, but it happens in every column of every layer. Weights trained with one form want that form.

# %% [markdown]
# ### Exercise 4.4 · `gelu` · ●○○ · 5 min
#
# Write the form that GPT-2's weights were trained with, an approximation from the GELU paper (Hendrycks & Gimpel 2016):
#
# $$\text{gelu}(x) = \tfrac{1}{2}\, x \left(1 + \tanh\left(\sqrt{2/\pi}\;(x + 0.044715\, x^3)\right)\right)$$
#
# `x` is a tensor of any shape; the function works on each number and keeps the shape.
#
# **By hand.** For x = 1 the argument of tanh is 0.7979 · 1.0447 = 0.8336, tanh of it is 0.6824, and gelu(1) = 0.5 · 1 · 1.6824 = 0.8412.
#
# Off limits: torch's and llmlib's own GELU. `torch.tanh` is allowed.
#
# <details><summary>Hint 1</summary>
#
# `math.sqrt` and `math.pi` for the constant; `x**3` works on tensors.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep `1 +` *inside* the bracket that `0.5 * x` multiplies.
#
# </details>


# %% solution gelu off=["torch.nn.functional.gelu", "torch.nn.GELU", "torch._C._nn.gelu", "llmlib.layers.gelu"]
def gelu(x):
    """GELU in its tanh form, on each number of x."""
    ### BEGIN SOLUTION
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ### END SOLUTION


# %% test gelu points=2
import torch
from llmlib.course import check

check.close(
    gelu(torch.tensor([0.0, 10.0, -10.0])),
    [0.0, 10.0, 0.0],
    "gelu(10) is 10 and gelu(-10) is 0: half of x times (1 + tanh …), where that "
    "bracket runs from 0 to 2",
    atol=0.01,
)
check.close(
    gelu(torch.tensor([-1.0])),
    [-0.159],
    "gelu(-1) is about -0.159: GELU bends smoothly, where ReLU gives 0 and SiLU gives "
    "-0.269",
    atol=0.02,
)
check.close(
    gelu(torch.tensor([2.0, -2.0])),
    [1.9546, -0.0454],
    "inside tanh stands √(2/π) times (x + 0.044715 x³), the cube included",
    atol=1e-3,
)
_x = torch.tensor([-2.5, -2.0, 2.0, 2.5])
check.close(
    gelu(_x),
    torch.nn.functional.gelu(_x, approximate="tanh"),
    "close, but GPT-2's weights were trained with the tanh form, not with the exact "
    "erf",
    atol=2e-5,
)
_x = torch.linspace(-6, 6, 24).view(2, 3, 4)
check.close(
    gelu(_x),
    torch.nn.functional.gelu(_x, approximate="tanh"),
    "the result differs from torch's tanh GELU",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(44)
for _shape in [(50,), (3, 7), (2, 1, 5)]:
    _x = torch.randn(_shape, generator=_g) * 3
    check.close(
        gelu(_x),
        torch.nn.functional.gelu(_x, approximate="tanh"),
        "the result differs from torch's tanh GELU",
    )
check.close(
    gelu(torch.tensor([100.0, -100.0])),
    [100.0, 0.0],
    "large numbers must not become NaN: torch.tanh does not overflow, exp does",
)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4.5 · `mlp` · ●○○ · 5 min
#
# Write GPT-2's feed-forward: a linear map up to `d_mlp` columns, your `gelu`, a linear map back.
#
# | | shape |
# |---|---|
# | `x` | `[..., d_model]` |
# | `w_in`, `b_in` | `[d_mlp, d_model]`, `[d_mlp]` |
# | `w_out`, `b_out` | `[d_model, d_mlp]`, `[d_model]` |
# | returns | `[..., d_model]` |
#
# Weights are stored `[out, in]`, as `torch.nn.Linear` does: row i of `w_in` makes hidden column i. `linear(x, w, b)`, imported at the top,
# is `x @ w.T + b`.
#
# **By hand.** d_model = d_mlp = 2, `x = [10, 20]`, `w_in = [[0, 1], [0, 0]]`, `w_out` the identity, biases 0: hidden column 0 reads x's second entry,
# so the hidden vector is `[20, 0]`, gelu leaves it so, and the result is `[20, 0]`.
#
# Off limits: llmlib's own `mlp`.
#
# <details><summary>Hint 1</summary>
#
# Three steps: up, bend, down. Only the middle one is not linear.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `hidden = gelu(linear(x, w_in, b_in))`; one more `linear` and you are done.
#
# </details>


# %% solution mlp off=["llmlib.layers.mlp"]
def mlp(x, w_in, b_in, w_out, b_out):
    """GPT-2's feed-forward: x [..., d_model] -> d_mlp columns -> GELU -> d_model. w_in
    [d_mlp, d_model], w_out [d_model, d_mlp]."""
    ### BEGIN SOLUTION
    return linear(gelu(linear(x, w_in, b_in)), w_out, b_out)
    ### END SOLUTION


# %% test mlp points=2
import torch
from llmlib.course import check

_zero, _none, _one = torch.zeros(2, 2), torch.zeros(2), torch.eye(2)
check.close(
    mlp(torch.tensor([3.0, 4.0]), _zero, _none, _zero, torch.tensor([-1.0, 2.0])),
    [-1.0, 2.0],
    "after w_out only b_out is added, with no activation: zero weights give b_out "
    "itself",
)
_x = torch.tensor([10.0, 20.0])
_swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
check.close(
    mlp(_x, _swap, _none, _one, _none),
    [20.0, 0.0],
    "weights are [out, in]: row i of w_in makes hidden column i, so x @ w_in.T",
    atol=1e-3,
)
check.close(
    mlp(_x, _one, _none, _swap, _none),
    [20.0, 0.0],
    "weights are [out, in]: row i of w_out makes output column i, so hidden @ w_out.T",
    atol=1e-3,
)
check.close(
    mlp(torch.tensor([10.0, -10.0]), _one, _none, _one, _none),
    [10.0, 0.0],
    "between the two linear maps stands GELU: a hidden -10 becomes 0",
    atol=1e-3,
)
check.close(
    mlp(torch.tensor([-1.0, 0.0]), _one, _none, _one, _none),
    [-0.159, 0.0],
    "the activation is GELU, which gives -0.159 for -1 (ReLU gives 0)",
    atol=0.01,
)
check.close(
    mlp(torch.zeros(2), _one, torch.tensor([10.0, -10.0]), _one, _none),
    [10.0, 0.0],
    "b_in is added before GELU",
    atol=1e-3,
)
_g = torch.Generator().manual_seed(45)
_up, _down = torch.nn.Linear(3, 12), torch.nn.Linear(12, 3)
_weights = [
    torch.randn(p.shape, generator=_g)
    for p in (_up.weight, _up.bias, _down.weight, _down.bias)
]


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
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4.6 · `swiglu` · ●●○ · 10 min
#
# Write Llama's feed-forward. With SiLU(z) = z · sigmoid(z), applied to each number:
#
# $$\text{swiglu}(x) = W_\text{down}\left(\text{SiLU}(W_\text{gate}\,x) \cdot W_\text{up}\,x\right)$$
#
# where the dot multiplies entry by entry.
#
# | | shape |
# |---|---|
# | `x` | `[..., d_model]` |
# | `w_gate`, `w_up` | `[d_mlp, d_model]` |
# | `w_down` | `[d_model, d_mlp]` |
# | returns | `[..., d_model]` |
#
# There are no biases; weights are `[out, in]` again.
#
# **By hand**, with numbers for matrices: x = 1, `w_gate` = 1, `w_up` = −100, `w_down` = 3. SiLU(1) = 1 · 0.7311, times −100 is −73.11, times 3 is −219.3.
# With `w_gate` = −100 instead, the gate is shut, SiLU(−100) = 0, and the result is 0 whatever `w_up` is.
#
# Off limits: torch's SiLU, and llmlib's own `swiglu`. `torch.sigmoid` is allowed.
#
# <details><summary>Hint 1</summary>
#
# Compute the gate and the value separately: both are linear maps of the same `x`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `gate = linear(x, w_gate)`; its SiLU is `gate * torch.sigmoid(gate)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down)`.
#
# </details>


# %% solution swiglu off=["torch.nn.functional.silu", "torch.nn.SiLU", "torch._C._nn.silu", "llmlib.layers.swiglu"]
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


check.close(
    swiglu(_x, _number(0), _number(5), _number(1)),
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
# ### What the gates of SmolLM2 do
#
# **Predict.** Of all gates, over all layers and tokens of a text, how many let next to nothing through (|SiLU| below 0.1)?
#
# And look at the widths. GPT-2 has `d_mlp` = 4 · `d_model` and two matrices: 8 · d_model² numbers. Three matrices of the same total are each narrower: 8/3 · `d_model`.

# %%
shut = []


def watching(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    shut.append(((gate * torch.sigmoid(gate)).abs() < 0.1).float().mean().item())
    return swiglu(x, w_gate, w_up, w_down)


text_loss = loss(model.using(mlp=watching))
print(f"loss with your swiglu {text_loss:.2f}, with the engine's own {loss(model):.2f}")
print(
    f"gates nearly shut: {100 * sum(shut) / len(shut):.0f} % on average; from "
    f"{100 * min(shut):.0f} % in layer {shut.index(min(shut)) + 1} to "
    f"{100 * max(shut):.0f} % in layer {shut.index(max(shut)) + 1}"
)
d_mlp = model.weights.layers[0].mlp[0].shape[0]
print(
    f"SmolLM2: d_mlp / d_model = {d_mlp} / {config.d_model} = "
    f"{d_mlp / config.d_model:.4f}, and 8/3 = {8 / 3:.4f}"
)

# %% [markdown]
# ## 5 · The stack, and what it weighs
#
# A model is an embedding table, `n_layer` blocks, one final norm and a head. All blocks have the same shape; only their weights differ. So the number
# of parameters follows from ten entries of the configuration.
#
# A few names once more: `vocab_size` tokens; `context`, the longest text; `n_head` query heads of `head_dim` columns; `n_kv_head` key/value heads (notebook 3: fewer than
# `n_head` where queries are grouped); `d_mlp`, the feed-forward's width. *Tied* means that the head uses the embedding table again (Press & Wolf 2016).

# %% [markdown]
# ### Exercise 4.7 · `count_parameters` · ●●● · 15 min
#
# Count a model's parameters from its configuration. `family` is `"gpt2"` or `"llama"`, `tied` is `True` or `False`, the rest are whole numbers:
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
# A bias has as many numbers as its matrix has rows. The function returns a whole number. Count `head_dim` as given: in a few models
# `n_head · head_dim` is not `d_model`.
#
# **By hand.** A Llama with `vocab_size` 10, `d_model` 4, `d_mlp` 5, `n_head` 2, `n_kv_head` 1, `head_dim` 2, one layer, tied: the table has
# 10 · 4 = 40; the two norms 4 + 4 = 8; q 4 · 4 = 16, k and v 2 · 4 each = 16, o 16; the feed-forward 3 · 5 · 4 = 60; the final norm 4.
# Together 40 + 8 + 48 + 60 + 4 = 160.
#
# <details><summary>Hint 1</summary>
#
# Write one number for each row of the table (`norm`, `attention`, `feed_forward`, …), then add:
# everything per layer times `n_layer`, plus what stands outside the layers.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `q = n_head * head_dim` and `kv = n_kv_head * head_dim`, the four attention matrices have
# `d_model * (q + kv + kv) + q * d_model` numbers, and GPT-2's four biases `q + kv + kv + d_model`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Layers: `n_layer * (2 * norm + attention + feed_forward)`. Do not forget the final `norm`, and `vocab_size * d_model` more if not `tied`.
#
# </details>


# %% solution count_parameters off=[]
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
    """The same total, cut into three: tables, attention, feed-forward; norms go with
    the sublayer that reads them."""

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
    "GPT-2 small: 32, 23 and 46 percent; SmolLM2: 21, 20 and 59 percent.",
)

# %% [markdown]
# More than half of SmolLM2 is feed-forward, and a fifth is one table.
#
# ### How many layers do models have?
#
# "12 to 40" is a figure one reads. **Run it.** The published shapes of larger models, and what the formula makes of them:


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

# %% [markdown]
# GPT-2 XL already had 48 layers, GPT-3 has 96 and Llama 3.1 405B has 126. With 40, GPT-3 would not have its 175 billion parameters, nor Llama its 405.
# (Shapes: Radford et al. 2019; Brown et al. 2020, table 2.1; Grattafiori et al. 2024, table 3. The vocabulary of 128,256 is the one that Llama 3.1 was released with.)

# %% [markdown]
# ## 6 · Where the arithmetic goes
#
# A *FLOP* is one floating-point operation. A matrix product `[a, b] @ [b, c]` takes a·b·c multiplications and as many additions: 2·a·b·c FLOPs. So each
# weight of a matrix costs 2 FLOPs per token, however long the text. Only the two products *inside* attention (queries with keys, weights with values) depend
# on the length `seq`: each is `[seq, head_dim] @ [head_dim, seq]` or its mirror image, in every head, 2 · 2 · n_head · head_dim · seq² in a layer.
#
# First see whether that accounts for everything: torch can count the FLOPs of a real run.

# %%
from torch.utils.flop_counter import FlopCounterMode


def flops(seq, c):
    """FLOPs of one run over seq tokens by part. The norms and activations are left out:
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
        "head": 2 * seq * d * c["vocab_size"],
        "attention: scores and sums": n * 2 * 2 * q * seq**2,
    }


with FlopCounterMode(display=False) as counter:
    model(list(range(64)))
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
# "Attention is quadratic" is true and, for short texts, beside the point: at 100 tokens nearly all work is in the matrices. The wider the model, the later the crossing comes: in a layer
# at seq = 6 · `d_model` where heads fill `d_model` and the feed-forward is 4 times as wide (GPT-3). (A causal mask hides half of the score matrix; an implementation that skips that half
# moves the crossing to twice the length. Ours computes all of it.)

# %% [markdown]
# ## 7 · What do layers do?
#
# ### Reading off the answer, layer by layer
#
# The opening's logit lens, for several prompts: at which place does the model's final answer stand in the list of all 49,152 tokens, after each layer?

# %%
prompts = [
    "The capital of France is",
    "The opposite of hot is",
    "The Eiffel Tower is in the city of",
    "The sky is blue and the grass is",
]
ranks = {}
for prompt in prompts:
    stream = writes(model, model.tokenizer.encode(prompt)).cumsum(dim=0)[
        ::2, -1
    ]  # 31 d_model
    probabilities = read_out(model, stream)
    answer = probabilities[-1].argmax()
    ranks[f"{prompt} …{model.tokenizer.decode([answer.item()])}"] = 1 + (
        probabilities > probabilities[:, answer, None]
    ).sum(dim=-1)
show(
    pictures.lens(ranks),
    alt="Rank of the final answer by layer for four prompts. All stay beyond rank 100 "
    "until about layer 23 and reach the top between layers 28 and 30.",
)

# %% [markdown]
# For two thirds of the stack the answer is nowhere near the top. Be careful with the conclusion: the lens reads early vectors with the *last* layer's alphabet. What stands there may be
# readable to later layers, and not to the head. Two better questions follow.
#
# ### What happens without a layer?
#
# In a residual stream a layer can simply be left out: its two writes are missing, the rest goes on. **Predict**: which of the 30 costs most? Which could go?
#
# To save time, the runs share their beginnings: `resume` feeds the stream from before layer i to the layers that remain.

# %%
from dataclasses import replace


def resume(model, x, layer_list):
    """The model with only these layers, started from the stream x [seq, d_model] in
    place of an embedding."""
    return replace(model, weights=replace(model.weights, layers=layer_list)).using(
        embedding=lambda ids, table: x[None]
    )


stack = model.weights.layers
before = writes(model, story_ids[:-1]).cumsum(dim=0)[::2]  # 31 seq d_model
base = loss(model)
removed = [loss(resume(model, before[i], stack[i + 1 :])) for i in range(30)]
swapped = [
    loss(resume(model, before[i], [stack[i + 1], stack[i], *stack[i + 2 :]]))
    for i in range(29)
]
show(
    pictures.layer_costs(removed, swapped, base),
    alt="Loss after removing each of the 30 layers, on a logarithmic axis. Without "
    "layer 1 it is near 13, without layer 2 near 8; layers 9, 12, 29 and 30 cost about "
    "1 or more; most others cost little. Swapping two neighbours costs little except "
    "at both ends.",
)
order = sorted(range(30), key=lambda i: removed[i])
print(
    f"all layers: {base:.2f} nats per token; most costly to remove:",
    ", ".join(f"layer {i + 1} ({removed[i]:.2f})" for i in order[:-6:-1]),
)
print(
    f"cheapest: {', '.join(f'layer {i + 1} ({removed[i]:.2f})' for i in order[:3])}; "
    f"{sum(r - base < 0.3 for r in removed)} of 30 cost less than 0.3"
)

# %% [markdown]
# The ends matter most. Layer 1 turns bare tokens into something the others understand; the last layers translate into next-token predictions. Between them most layers can be left out, or
# swapped with a neighbour, for a few tenths of a nat: they make small, overlapping improvements to one shared vector. The exceptions in the middle are layer 9 and,
# above all, layer 12, the very one that makes the first token's vector huge. Lad et al. (2024) found the same pattern of robust middles and fragile ends in many models.
#
# (One text of one small model: the shape is what to keep, not the digits. And cheap one at a time is not cheap together:)

# %%
for first, last in ((13, 16), (11, 20), (27, 30)):
    print(
        f"without layers {first} to {last}: "
        f"{loss(resume(model, before[first - 1], stack[last:])):.2f}"
    )

# %% [markdown]
# ### Early syntax, late meaning?
#
# One often reads that early layers handle syntax and late layers meaning. Tenney et al. (2019) found such an order in BERT. Let us ask SmolLM2 two questions about the vector of
# a sentence's *last* word, after each layer:
#
# - **word class**: is "watch" a noun ("He bought an expensive watch") or a verb ("They all wanted to watch")?
# - **meaning**: is "bank" one for money or one of a river?
#
# The test is simple: average the vectors of each kind, leaving out the one in question, and see to which average that one is closer (by cosine). For word
# class both sentences of the word in question are left out, so what is learned must carry over to *other* words.
#
# **Predict** both curves. At layer 0 the two "bank"s are the same row of the table.

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
headless = model.using(
    unembedding=lambda x, table: x
)  # the stream is enough: spare the work of the head


def last_words(texts):
    """The stream at each text's last token, after each layer -> [31, len(texts),
    d_model]. Shorter texts are padded on the right, where nobody looks."""
    encoded = [model.tokenizer.encode(text) for text in texts]
    padded = torch.tensor(
        [ids + [0] * (max(map(len, encoded)) - len(ids)) for ids in encoded]
    )
    states = []

    def block(x, norm_1, attend, norm_2, feed_forward):
        states.append(x)
        return layers.pre_norm_block(x, norm_1, attend, norm_2, feed_forward)

    states.append(
        headless.using(
            block=block, norm=but_the_last(layers.rms_norm, 2 * config.n_layer + 1)
        )(padded)
    )
    return torch.stack(
        [
            torch.stack([x[i, len(ids) - 1] for i, ids in enumerate(encoded)])
            for x in states
        ]
    )


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


word_class = told_apart(last_words(nouns), last_words(verbs), out=lambda i: [i])
meaning = told_apart(last_words(money), last_words(river), out=lambda i: [])
show(
    pictures.told_apart({"noun or verb": word_class, "bank: money or river": meaning}),
    alt="Percent told apart by layer. Noun or verb rises from chance at layer 0 to 100 "
    "at layer 2 and stays; the meaning of bank rises more slowly, to over 90 at about "
    "layer 5, and stays.",
)
for name, curve in (("noun or verb", word_class), ("meaning of bank", meaning)):
    print(
        f"{name:16} after layer 0, 1, 2, 3, 5, 10, 30:",
        [round(curve[i]) for i in (0, 1, 2, 3, 5, 10, 30)],
    )

# %% [markdown]
# The order is as claimed: word class, which the neighbouring word gives away, comes before meaning, which needs the sentence. The *places* are not: both are there within the first six
# of 30 layers. What comes late is something else, the next word. "Early: what is this token here? Late: what comes next?" fits this model better than
# "early syntax, late meaning". (Twelve sentences of a kind are a sketch, no study.)

# %% [markdown]
# ## 8 · From the first decoder to Llama
#
# The whole block, three times. The thick line is the residual stream; follow it from bottom to top.

# %%
show(
    pictures.three_blocks(),
    alt="Three columns. The 2017 decoder: attention, attention to the encoder, and a "
    "ReLU MLP each branch off the stream and are added back, then a LayerNorm stands "
    "on the stream. GPT-2: a LayerNorm stands on each branch, before attention and "
    "before the GELU MLP. Llama: the same with RMSNorm, attention with RoPE and "
    "grouped queries, and SwiGLU.",
)

# %% [markdown]
# The transformer of 2017 translated: an *encoder* read the English sentence, with no mask, and each *decoder* layer had a third sublayer that looked at the encoder's result
# (cross-attention, notebook 3). GPT kept the decoder alone and dropped that sublayer: text in, text out, one stack. What changed after that:
#
# | | GPT-2 (2019) | Llama 3, SmolLM2 | why |
# |---|---|---|---|
# | norm | LayerNorm, before each sublayer | RMSNorm, at the same places | the mean did not matter (section 2); less to compute |
# | positions | a learned table, added once | RoPE, in every layer's q and k | scores depend on the distance; no parameters (notebook 2) |
# | heads | each query head has its own keys and values | groups of query heads share them | a smaller KV cache (notebook 7) |
# | feed-forward | GELU, 4 · d_model, two matrices | SwiGLU, 8/3 to 3.5 · d_model, three | a lower loss for the same parameters (Shazeer 2020) |
# | biases | everywhere | none | not needed for quality; fewer kinds of tensors |
# | head | tied | tied in small models, separate in large ones | where the table is a fifth of the model, sharing it pays |
#
# What did *not* change: a stream, two sublayers that add to it, norms off the stream, one norm at the end. In llmlib the two families differ by two functions,
# `norm` and `mlp`, and by whether positions are learned: see `llmlib/model.py`, which you can now read from top to bottom.

# %% [markdown]
# ## 9 · Your pieces in the engine
#
# First your Llama parts in SmolLM2, against `transformers`, token for token.

# %%
from llmlib.course.engine_check import same_ids

yours = model.using(norm=rms_norm, mlp=swiglu, block=pre_norm_block)
agreed = same_ids(
    yours,
    ["The capital of France is", "Once upon a time", "def add(a, b):"],
    max_new_tokens=12,
)

# %% [markdown]
# GPT-2's own weights are not on this disk (where the network allows it, `pretrained.load("gpt2")` fetches them). But a checkpoint of its *shape* is enough to test a
# block: `transformers` makes one with random weights, saves it, and runs it; the engine loads the same file and runs it with your functions. The second pair has Llama's shape.

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
# - Norms hand each sublayer a copy of fixed size. LayerNorm centres and scales, RMSNorm only scales, and that is enough.
# - Since GPT-2 the norm stands before the sublayer, off the stream, and one more stands before the head. The 2017 form (add, then normalise) needs a careful warm-up.
# - The feed-forward works on each position alone: GELU between two matrices, or SwiGLU with a gate and three.
# - Parameters follow from the configuration: 124,439,808 for GPT-2 small, 134,515,008 for SmolLM2. Depths run from 12 layers to 126.
# - For short texts the matrices take nearly all the work, for long ones the products inside attention.
# - The first and last layers are hard to spare, most in the middle are easy. What a token is becomes readable early, what comes next only late.
#
# **Next:** the last vector becomes a distribution over 49,152 tokens, and we measure how wrong it is: notebook 5, the output head.
#
# ## Questions to think about
#
# 1. Multiply the embedding and every write of SmolLM2 by 2. What happens to the logits, and which part of this notebook makes sure of it?
# 2. Removing layer 12 costs far more than removing its neighbours. How would you find out whether the loss comes from the first token's huge vector or from something else that
#    layer 12 writes? (You have `writes` and `resume`.)
# 3. Twice the layers, or √2 times `d_model`: both about double the parameters in the blocks. What does each do to the FLOPs inside attention, and to the longest chain
#    of operations that must wait for each other?
#
# ## Papers
#
# - Vaswani et al. 2017, *Attention Is All You Need*, [1706.03762](https://arxiv.org/abs/1706.03762): the block, post-norm.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners* (GPT-2): section 2.3 moves the norm and adds the final one.
# - Ba, Kiros & Hinton 2016, *Layer Normalization*, [1607.06450](https://arxiv.org/abs/1607.06450); Zhang & Sennrich 2019, *Root Mean Square Layer Normalization*,
#   [1910.07467](https://arxiv.org/abs/1910.07467).
# - Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, [2002.04745](https://arxiv.org/abs/2002.04745): pre- against post-norm at the start of training.
# - Hendrycks & Gimpel 2016, *Gaussian Error Linear Units*, [1606.08415](https://arxiv.org/abs/1606.08415); Shazeer 2020, *GLU Variants Improve Transformer*,
#   [2002.05202](https://arxiv.org/abs/2002.05202), whose last line explains their success by "divine benevolence".
# - Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*: the residual stream as a sum; nostalgebraist 2020, *interpreting GPT: the logit lens*.
# - Lad, Gurnee & Tegmark 2024, *The Remarkable Robustness of LLMs: Stages of Inference?*, [2406.19384](https://arxiv.org/abs/2406.19384); Sun et al. 2024, *Massive Activations
#   in Large Language Models*, [2402.17762](https://arxiv.org/abs/2402.17762); Tenney, Das & Pavlick 2019, *BERT Rediscovers the Classical NLP Pipeline*,
#   [1905.05950](https://arxiv.org/abs/1905.05950).
# - Brown et al. 2020 (GPT-3), [2005.14165](https://arxiv.org/abs/2005.14165); Grattafiori et al. 2024, *The Llama 3 Herd of Models*, [2407.21783](https://arxiv.org/abs/2407.21783);
#   Press & Wolf 2016, *Using the Output Embedding to Improve Language Models*, [1608.05859](https://arxiv.org/abs/1608.05859).

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
