# %% [markdown]
# # 4 · Layers

# %% nbgrader={"grade": false, "grade_id": "given_setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
from torch.nn.functional import linear

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
# Off: torch's and llmlib's own layer norms.
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

# %% nbgrader={"grade": false, "grade_id": "layer_norm", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["torch.nn.functional.layer_norm", "torch.nn.LayerNorm", "torch.layer_norm", "torch.native_layer_norm", "llmlib.layers.layer_norm"]
def layer_norm(x, weight, bias, eps=1e-5):
    """LayerNorm over the last dimension: x [..., d_model] -> the same; weight and bias [d_model]."""
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.pow(2).mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_layer_norm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

_ones, _zeros = torch.ones(4), torch.zeros(4)
_x = torch.tensor([1.0, 2.0, 3.0, 6.0])
check.close(layer_norm(torch.full((4,), 5.0), _ones, _zeros, 1e-5), _zeros,
            "[5, 5, 5, 5] must become zeros: subtract the mean first")
_flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
check.close(layer_norm(_flat, _ones, _zeros, 1e-5), torch.zeros(2, 2, 4),
            "each vector is normalised on its own: mean and variance run over the last dimension only")
check.close(layer_norm(10 * _x, _ones, _zeros, 0.0), layer_norm(_x, _ones, _zeros, 0.0),
            "ten times the vector must give the same result: divide by the root of the variance, not by the variance")
check.close(layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 0.0), [-1.0, 1.0],
            "the variance is the mean of the squares: divide their sum by d_model, not by d_model - 1")
check.close(layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 3.0), [-0.5, 0.5],
            "eps stands inside the root, added to the variance")
check.close(layer_norm(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 10.0]), torch.tensor([100.0, 1000.0]), 0.0), [98.0, 1010.0],
            "after the division comes times weight, then plus bias, entry by entry", atol=1e-3)
_g = torch.Generator().manual_seed(4)
_x, _w, _b = torch.randn(2, 3, 8, generator=_g), torch.randn(8, generator=_g), torch.randn(8, generator=_g)
check.close(layer_norm(_x, _w, _b, 1e-5), torch.nn.functional.layer_norm(_x, (8,), _w, _b, 1e-5),
            "the result differs from torch's LayerNorm")
### BEGIN HIDDEN TESTS
for _shape in [(7,), (5, 6), (3, 2, 12), (2, 2, 3, 5)]:
    _d = _shape[-1]
    _x, _w, _b = torch.randn(_shape, generator=_g) * 3 + 1, torch.randn(_d, generator=_g), torch.randn(_d, generator=_g)
    _plain = layer_norm(_x, torch.ones(_d), torch.zeros(_d), 0.0)
    check.close(layer_norm(_x + 7, torch.ones(_d), torch.zeros(_d), 0.0), _plain,
                "a constant added to every entry must not change the result: subtract the mean first", atol=1e-4)
    check.close(layer_norm(_x / 8, torch.ones(_d), torch.zeros(_d), 0.0), _plain,
                "an eighth of the vector must give the same result: divide by the root of the variance", atol=1e-4)
    for _eps in (1e-5, 0.5):
        check.close(layer_norm(_x, _w, _b, _eps), torch.nn.functional.layer_norm(_x, (_d,), _w, _b, _eps),
                    f"the result differs from torch's LayerNorm for x of shape {list(_shape)} and eps = {_eps}", atol=1e-4)
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
# Off: torch's and llmlib's own RMSNorm.
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

# %% nbgrader={"grade": false, "grade_id": "rms_norm", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["torch.nn.functional.rms_norm", "torch.nn.RMSNorm", "torch.rms_norm", "llmlib.layers.rms_norm"]
def rms_norm(x, weight, eps=1e-5):
    """RMSNorm over the last dimension: x [..., d_model] over its root mean square, times weight [d_model]."""
    ### BEGIN SOLUTION
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_rms_norm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

_one = torch.ones(2)
check.close(rms_norm(torch.zeros(2), _one, 1e-5), torch.zeros(2), "a vector of zeros must stay zeros: eps keeps 0 / 0 away")
_near, _far = rms_norm(torch.tensor([1.0, 3.0]), _one, 0.0), rms_norm(torch.tensor([11.0, 13.0]), _one, 0.0)
check.that((_near - _far).abs().max() > 0.1,
           "[1, 3] and [11, 13] must not give the same result: RMSNorm does not subtract the mean")
check.close(rms_norm(torch.tensor([10.0, 70.0]), _one, 0.0), rms_norm(torch.tensor([1.0, 7.0]), _one, 0.0),
            "ten times the vector must give the same result: divide by the root of the mean square")
check.close(rms_norm(torch.tensor([1.0, 7.0]), _one, 0.0), [0.2, 1.4],
            "the root is taken of the mean of the squares, not of their sum")
check.close(rms_norm(torch.tensor([1.0, 7.0]), _one, 11.0), [1 / 6, 7 / 6],
            "eps stands inside the root, added to the mean square")
check.close(rms_norm(torch.tensor([1.0, 7.0]), torch.tensor([10.0, 100.0]), 0.0), [2.0, 140.0],
            "after the division comes times weight, entry by entry", atol=1e-3)
_flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
check.close(rms_norm(_flat, torch.ones(4), 1e-6), torch.ones(2, 2, 4),
            "each vector is normalised on its own: the mean runs over the last dimension only")
_g = torch.Generator().manual_seed(4)
_x, _w = torch.randn(2, 3, 8, generator=_g), torch.randn(8, generator=_g)
check.close(rms_norm(_x, _w, 1e-5), torch.nn.functional.rms_norm(_x, (8,), _w, 1e-5), "the result differs from torch's RMSNorm")
### BEGIN HIDDEN TESTS
for _shape in [(7,), (5, 6), (3, 2, 12), (2, 2, 3, 5)]:
    _x, _w = torch.randn(_shape, generator=_g) * 3 + 1, torch.randn(_shape[-1], generator=_g)
    check.close(rms_norm(_x, torch.ones(_shape[-1]), 0.0), torch.nn.functional.rms_norm(_x, _shape[-1:], None, 0.0),
                "with weight 1 and eps 0, RMSNorm only divides each vector by its root mean square", atol=1e-4)
    for _eps in (1e-5, 0.5):
        check.close(rms_norm(_x, _w, _eps), torch.nn.functional.rms_norm(_x, _shape[-1:], _w, _eps),
                    f"the result differs from torch's RMSNorm for x of shape {list(_shape)} and eps = {_eps}", atol=1e-4)
### END HIDDEN TESTS

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

# %% nbgrader={"grade": false, "grade_id": "pre_norm_block", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["llmlib.layers.pre_norm_block"]
def pre_norm_block(x, norm_1, attend, norm_2, feed_forward):
    """One layer: x [batch, seq, d_model] -> the same. The four functions take and return [batch, seq, d_model]."""
    ### BEGIN SOLUTION
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_2(x))
    ### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "given_block_of_matrices", "locked": true, "schema_version": 3, "solution": false, "task": false}
def block_of_matrices(x, norm_1, attend, norm_2, feed_forward):
    """Your pre_norm_block with four matrices [d_model, d_model] for functions -> (its output, the names of the functions called, in order)."""
    calls = []

    def times(name, matrix):
        def function(x):
            calls.append(name)
            return linear(x, matrix)
        return function

    out = pre_norm_block(x, norm_1=times("norm_1", norm_1), attend=times("attend", attend),
                         norm_2=times("norm_2", norm_2), feed_forward=times("feed_forward", feed_forward))
    return out, calls

# %% nbgrader={"grade": true, "grade_id": "test_pre_norm_block", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

_x, _m = torch.ones(1, 1, 1), [torch.full((1, 1), float(n)) for n in (0, 2, 3, 5, 7)]
_nothing, _two, _three, _five, _seven = _m
check.close(block_of_matrices(_x, _two, _nothing, _five, _nothing)[0], _x,
            "sublayers that write 0 must leave x as it came: the stream is only added to, never replaced and never normalised")
check.close(block_of_matrices(_x, _two, _three, _five, _nothing)[0], 7 * _x,
            "attention writes attend(norm_1(x)) = 3 · 2 · 1 = 6 and the stream becomes 1 + 6")
check.close(block_of_matrices(_x, _two, _nothing, _five, _seven)[0], 36 * _x,
            "the feed-forward writes feed_forward(norm_2(x)) = 7 · 5 · 1 = 35 and the stream becomes 1 + 35")
check.close(block_of_matrices(_x, _two, _three, _five, _seven)[0], 252 * _x,
            "feed_forward reads the stream after attention has written to it: 7 + 7 · 5 · 7 = 252")
check.equal(block_of_matrices(_x, _two, _three, _five, _seven)[1], ["norm_1", "attend", "norm_2", "feed_forward"],
            "each of the four functions is called once: calling attend again would write to the KV cache twice")
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(43)
for _batch, _seq, _d in [(1, 3, 4), (2, 5, 6), (3, 1, 8)]:
    _x = torch.randn(_batch, _seq, _d, generator=_g)
    _n1, _a, _n2, _f = (torch.randn(_d, _d, generator=_g) / _d**0.5 for _ in range(4))
    _zero, _one = torch.zeros(_d, _d), torch.eye(_d)
    check.close(block_of_matrices(_x, _n1, _zero, _n2, _zero)[0], _x,
                "sublayers that write 0 must leave x as it came: the stream is only added to, never replaced and never normalised")
    check.close(block_of_matrices(_x, _n1, _a, _n2, _f)[0], _x @ ((_one + _f @ _n2) @ (_one + _a @ _n1)).T,
                "the block must return h + feed_forward(norm_2(h)) with h = x + attend(norm_1(x))", atol=1e-4)
### END HIDDEN TESTS

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
# Off: torch's and llmlib's own GELU. `torch.tanh` is on.
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

# %% nbgrader={"grade": false, "grade_id": "gelu", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["torch.nn.functional.gelu", "torch.nn.GELU", "torch._C._nn.gelu", "llmlib.layers.gelu"]
def gelu(x):
    """GELU in its tanh form, on each number of x."""
    ### BEGIN SOLUTION
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_gelu", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

check.close(gelu(torch.tensor([0.0, 10.0, -10.0])), [0.0, 10.0, 0.0],
            "gelu(10) is 10 and gelu(-10) is 0: half of x times (1 + tanh …), where that bracket runs from 0 to 2", atol=0.01)
check.close(gelu(torch.tensor([-1.0])), [-0.159],
            "gelu(-1) is about -0.159: GELU bends smoothly, where ReLU gives 0 and SiLU gives -0.269", atol=0.02)
check.close(gelu(torch.tensor([1.0, -1.0])), [0.8412, -0.1588],
            "inside tanh stands √(2/π) times (x + 0.044715 x³), the cube included", atol=1e-3)
_x = torch.tensor([-2.5, -2.0, 2.0, 2.5])
check.close(gelu(_x), torch.nn.functional.gelu(_x, approximate="tanh"),
            "close, but GPT-2's weights were trained with the tanh form, not with the exact erf", atol=2e-5)
_x = torch.linspace(-6, 6, 24).view(2, 3, 4)
check.close(gelu(_x), torch.nn.functional.gelu(_x, approximate="tanh"), "the result differs from torch's tanh GELU")
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(44)
for _shape in [(50,), (3, 7), (2, 1, 5)]:
    _x = torch.randn(_shape, generator=_g) * 3
    check.close(gelu(_x), torch.nn.functional.gelu(_x, approximate="tanh"), "the result differs from torch's tanh GELU")
check.close(gelu(torch.tensor([100.0, -100.0])), [100.0, 0.0], "large numbers must not become NaN: torch.tanh does not overflow, exp does")
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
# Off: llmlib's own `mlp`.
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

# %% nbgrader={"grade": false, "grade_id": "mlp", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["llmlib.layers.mlp"]
def mlp(x, w_in, b_in, w_out, b_out):
    """GPT-2's feed-forward: x [..., d_model] -> d_mlp columns -> GELU -> d_model. w_in [d_mlp, d_model], w_out [d_model, d_mlp]."""
    ### BEGIN SOLUTION
    return linear(gelu(linear(x, w_in, b_in)), w_out, b_out)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_mlp", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

_zero, _none, _one = torch.zeros(2, 2), torch.zeros(2), torch.eye(2)
check.close(mlp(torch.tensor([3.0, 4.0]), _zero, _none, _zero, torch.tensor([-1.0, 2.0])), [-1.0, 2.0],
            "after w_out only b_out is added, with no activation: zero weights give b_out itself")
_x = torch.tensor([10.0, 20.0])
_swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
check.close(mlp(_x, _swap, _none, _one, _none), [20.0, 0.0],
            "weights are [out, in]: row i of w_in makes hidden column i, so x @ w_in.T", atol=1e-3)
check.close(mlp(_x, _one, _none, _swap, _none), [20.0, 0.0],
            "weights are [out, in]: row i of w_out makes output column i, so hidden @ w_out.T", atol=1e-3)
check.close(mlp(torch.tensor([10.0, -10.0]), _one, _none, _one, _none), [10.0, 0.0],
            "between the two linear maps stands GELU: a hidden -10 becomes 0", atol=1e-3)
check.close(mlp(torch.tensor([-1.0, 0.0]), _one, _none, _one, _none), [-0.159, 0.0],
            "the activation is GELU, which gives -0.159 for -1 (ReLU gives 0)", atol=0.01)
check.close(mlp(torch.zeros(2), _one, torch.tensor([10.0, -10.0]), _one, _none), [10.0, 0.0],
            "b_in is added before GELU", atol=1e-3)
_g = torch.Generator().manual_seed(45)
_up, _down = torch.nn.Linear(3, 12), torch.nn.Linear(12, 3)
_weights = [torch.randn(p.shape, generator=_g) for p in (_up.weight, _up.bias, _down.weight, _down.bias)]


def _reference(x, w_in, b_in, w_out, b_out):
    hidden = torch.nn.functional.gelu(torch.nn.functional.linear(x, w_in, b_in), approximate="tanh")
    return torch.nn.functional.linear(hidden, w_out, b_out)


_x = torch.randn(2, 5, 3, generator=_g)
check.close(mlp(_x, *_weights), _reference(_x, *_weights), "the result differs from torch's linear, GELU, linear", atol=1e-4)
### BEGIN HIDDEN TESTS
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [torch.randn(s, generator=_g) / _d**0.5 for s in ((_d_mlp, _d), (_d_mlp,), (_d, _d_mlp), (_d,))]
    _x = torch.randn(_shape, generator=_g)
    check.close(mlp(_x, *_weights), _reference(_x, *_weights), "the result differs from torch's linear, GELU, linear", atol=1e-4)
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
# Off: torch's SiLU, and llmlib's own `swiglu`. `torch.sigmoid` is on.
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

# %% nbgrader={"grade": false, "grade_id": "swiglu", "locked": false, "schema_version": 3, "solution": true, "task": false} off=["torch.nn.functional.silu", "torch.nn.SiLU", "torch._C._nn.silu", "llmlib.layers.swiglu"]
def swiglu(x, w_gate, w_up, w_down):
    """Llama's feed-forward: x [..., d_model] -> the same. w_gate and w_up [d_mlp, d_model], w_down [d_model, d_mlp]."""
    ### BEGIN SOLUTION
    gate = linear(x, w_gate)
    return linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_swiglu", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check

_x = torch.ones(1)


def _number(n):
    return torch.full((1, 1), float(n))


check.close(swiglu(_x, _number(0), _number(5), _number(1)), [0.0],
            "a gate of 0 lets nothing through: SiLU(z) is z · sigmoid(z), and sigmoid alone would give 0.5")
check.close(swiglu(_x, _number(2), _number(0), _number(1)), [0.0], "the gate multiplies w_up x: where that is 0, so is the result")
check.close(swiglu(_x, _number(-100), _number(1), _number(1)), [0.0],
            "SiLU goes on the gate: a very negative w_gate x shuts it, whatever w_up x is")
check.close(swiglu(_x, _number(-100), _number(-1), _number(1)), [0.0],
            "SiLU goes on the gate alone, before it is multiplied by w_up x: the product of two negatives must not open it")
check.close(swiglu(_x, _number(1), _number(-100), _number(1)), [-73.11],
            "SiLU(1) is 0.7311 and times w_up x = -100 that is -73.11 (a GELU gate gives -84.1)", atol=0.01)
check.close(swiglu(_x, _number(1), _number(-100), _number(3)), [-219.32], "w_down comes last: 3 times -73.11", atol=0.01)
check.close(swiglu(_x, _number(100), _number(2), _number(1)), [200.0], "a gate of 100 lets 100 through, not NaN: torch.sigmoid is safe, exp(100) overflows", atol=1e-3)
_x, _all, _one = torch.tensor([0.0, 100.0]), torch.ones(2, 2), torch.eye(2)
_swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
check.close(swiglu(_x, _swap, _all, _one), [1e4, 0.0], "weights are [out, in]: x @ w_gate.T", atol=1e-2)
check.close(swiglu(_x, _all, _swap, _one), [1e4, 0.0], "weights are [out, in]: x @ w_up.T", atol=1e-2)
check.close(swiglu(_x, _one, _all, _swap), [1e4, 0.0], "weights are [out, in]: hidden @ w_down.T", atol=1e-2)
_g = torch.Generator().manual_seed(46)


def _reference(x, w_gate, w_up, w_down):
    linear = torch.nn.functional.linear
    return linear(torch.nn.functional.silu(linear(x, w_gate)) * linear(x, w_up), w_down)


_x = torch.randn(2, 5, 3, generator=_g)
_weights = [torch.randn(s, generator=_g) for s in ((7, 3), (7, 3), (3, 7))]
check.close(swiglu(_x, *_weights), _reference(_x, *_weights), "the result differs from torch's SiLU-gated feed-forward", atol=1e-4)
### BEGIN HIDDEN TESTS
for _shape, _d_mlp in [((4,), 16), ((3, 6), 5), ((2, 3, 8), 32)]:
    _d = _shape[-1]
    _weights = [torch.randn(s, generator=_g) / _d**0.5 for s in ((_d_mlp, _d), (_d_mlp, _d), (_d, _d_mlp))]
    _x = torch.randn(_shape, generator=_g)
    check.close(swiglu(_x, *_weights), _reference(_x, *_weights), "the result differs from torch's SiLU-gated feed-forward", atol=1e-4)
check.close(swiglu(torch.ones(1), _number(-1000), _number(2), _number(1)), [0.0], "a gate of -1000 is shut, not NaN")
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4.7 · `count_parameters` · ●●● · 15 min
#
# Count a model's parameters from its configuration. `family` is `"gpt2"` or `"llama"`, the rest are whole numbers:
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

# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false} off=[]
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
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

# %% nbgrader={"grade": true, "grade_id": "test_count_parameters", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
from llmlib.course import check

_small = dict(vocab_size=10, context=8, n_layer=1, d_model=4, d_mlp=5, n_head=2, n_kv_head=1, head_dim=3)


def _extra(family, **change):
    """How many parameters more the small model has with this change."""
    return count_parameters(family, **{**_small, **change}) - count_parameters(family, **_small)


for _family in ("gpt2", "llama"):
    check.equal(_extra(_family, vocab_size=11), 4, f"{_family}: one more token costs one row of d_model = 4: a tied head is not counted again")
    check.equal(_extra(_family, tied=False), 40, f"{_family}: an untied head is one more table of vocab_size · d_model")
check.equal(_extra("gpt2", context=9), 4, "gpt2: one more position costs one row of its position table")
check.equal(_extra("llama", context=9), 0, "llama: RoPE has no table, so context costs nothing")
check.equal(_extra("gpt2", d_mlp=6), 9, "gpt2: one more hidden column costs a row of w_in, a number of b_in and a column of w_out")
check.equal(_extra("llama", d_mlp=6), 12, "llama: SwiGLU has three matrices, so one more hidden column costs 3 · d_model")
check.equal(_extra("llama", n_kv_head=2), 24, "llama: k and v have n_kv_head heads: one more costs 2 · head_dim rows of d_model")
check.equal(_extra("llama", n_head=3), 24, "llama: q and o have n_head heads of head_dim columns: one more costs 2 · head_dim · d_model")
check.equal(_extra("gpt2", n_head=3, n_kv_head=2), 57, "gpt2: one more head adds 4 · head_dim · d_model weights and 3 · head_dim biases")
check.equal(count_parameters("llama", **{**_small, "n_layer": 0}), 44, "llama without layers: the table of 40 and the final norm's 4")
check.equal(count_parameters("gpt2", **{**_small, "n_layer": 0}), 80, "gpt2 without layers: tables of 40 and 32, and the final norm's weight and bias")
check.equal(_extra("llama", n_layer=2), 140, "llama: a layer is 72 in attention, 60 in SwiGLU and 2 norms of 4")
check.equal(_extra("gpt2", n_layer=2), 153, "gpt2: a layer is 72 + 16 in attention, 40 + 9 in the mlp and 2 norms of 8")
_gpt2 = dict(vocab_size=50257, context=1024, n_layer=12, d_model=768, d_mlp=3072, n_head=12, n_kv_head=12, head_dim=64)
_smollm2 = dict(vocab_size=49152, context=8192, n_layer=30, d_model=576, d_mlp=1536, n_head=9, n_kv_head=3, head_dim=64)
check.equal(count_parameters("gpt2", **_gpt2), 124_439_808, "GPT-2 small is known to have 124,439,808 parameters")
check.equal(count_parameters("llama", **_smollm2), 134_515_008, "SmolLM2-135M is known to have 134,515,008 parameters")
### BEGIN HIDDEN TESTS
import random
import torch
import transformers

_random = random.Random(47)
for _ in range(3):
    _heads, _groups, _dim, _layers = _random.choice((1, 2, 3)), _random.choice((1, 2)), _random.choice((2, 4, 6)), _random.randint(1, 3)
    _d, _mlp, _vocab, _context, _tied = _random.randint(3, 9), _random.randint(3, 20), _random.randint(5, 30), _random.randint(4, 40), _random.random() < 0.5
    with torch.device("meta"):
        _model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=_vocab, hidden_size=_d, intermediate_size=_mlp, num_hidden_layers=_layers, num_attention_heads=_heads * _groups,
            num_key_value_heads=_heads, head_dim=_dim, tie_word_embeddings=_tied, pad_token_id=None))
    check.equal(count_parameters("llama", _vocab, _context, _layers, _d, _mlp, _heads * _groups, _heads, _dim, _tied),
                sum(p.numel() for p in _model.parameters()), f"llama: transformers counts otherwise for d_model {_d}, d_mlp {_mlp}, {_layers} layers, "
                f"{_heads * _groups} heads of {_dim} on {_heads} key/value heads, vocab_size {_vocab}, tied {_tied}")
    with torch.device("meta"):
        _model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=_vocab, n_positions=_context, n_embd=_heads * _dim, n_inner=_mlp,
                                                                      n_layer=_layers, n_head=_heads, tie_word_embeddings=_tied))
    check.equal(count_parameters("gpt2", _vocab, _context, _layers, _heads * _dim, _mlp, _heads, _heads, _dim, _tied),
                sum(p.numel() for p in _model.parameters()), f"gpt2: transformers counts otherwise for d_model {_heads * _dim}, d_mlp {_mlp}, "
                f"{_layers} layers, context {_context}, vocab_size {_vocab}, tied {_tied}")
### END HIDDEN TESTS
