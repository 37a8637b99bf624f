"""`torch.nn.functional`: the functions of neural networks."""

import math

from torch import dtypes
from torch.autograd import record, saving
from torch.creation import full, zeros_like
from torch.dtypes import FLOAT
from torch.elementwise import erf, exp, log, log1p, relu, sigmoid, tanh, where
from torch.joining import cat
from torch.names import lacking, refuse
from torch.products import cosine_similarity, matmul
from torch.reduction import log_softmax, mean, norm, softmax, sum_
from torch.tensors import make

__all__ = ["cosine_similarity", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]
__getattr__ = lacking("torch.nn.functional")


def linear(input, weight, bias=None):
    """input @ weight.T + bias."""
    out = matmul(input, weight.t())
    return out if bias is None else out + bias


def embedding(input, weight, padding_idx=None):
    """The rows of `weight` that `input` names."""
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got CPU{dtypes.CAPITAL[input.dtype.name]}Type instead"
        )
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input.numel() and not 0 <= int(input.min()) <= int(input.max()) < weight.shape[0]:
        raise IndexError("index out of range in self")
    return weight[input]


def one_hot(tensor, num_classes=-1):
    """1 where the class is, else 0."""
    if not tensor.numel() and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    most = int(tensor.max()) + 1 if tensor.numel() else 0
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() and int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = most
    elif most > num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    values = [i == c for c in tensor.reshape(-1).tolist() for i in range(num_classes)]
    return make(values, (*tensor.shape, num_classes), dtypes.int64)


def gelu(input, approximate="none"):
    """x times the share of a normal distribution below x, exactly or by tanh."""
    x = input.detach()
    dtypes.at_least(FLOAT, "GeluKernelImpl", x.dtype)
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        steep = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        share = 0.5 * (1 + tanh(inner))
        return _curve(input, x * share, share + x * 0.5 * (1 - tanh(inner) ** 2) * steep)
    if bool(x.isinf().any()):
        refuse("gelu of infinity")  # torch gives NaN, on some machines
    share = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    density = exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return _curve(input, x * share, share + x * density)


def _curve(input, out, slope):
    """A function of each number whose gradient is multiplied once: an infinite one stays so."""
    return record(out, [input], lambda g: [g * slope], [input])


def silu(input, inplace=False):
    """x * sigmoid(x)."""
    dtypes.at_least(FLOAT, "silu_cpu", input.dtype)
    x = input.detach()
    share = sigmoid(x)
    return _perhaps(input, _curve(input, x * share, share * (1 + x * (1 - share))), inplace)


def _perhaps(x, out, inplace):
    return x.copy_(out) if inplace else out


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x, below 0 a small part of it."""
    dtypes.at_least(FLOAT, "leaky_relu_cpu", input.dtype)
    out = saving(where(input > 0, input, input * negative_slope), input)
    return _perhaps(input, out, inplace)


def elu(input, alpha=1.0):
    """x, below 0 alpha * (exp(x) - 1)."""
    dtypes.at_least(FLOAT, "elu_cpu", input.dtype)
    return saving(where(input > 0, input, alpha * (exp(input.clamp(max=0)) - 1)), input)


def softplus(input, beta=1, threshold=20):
    """log(1 + exp(x))."""
    dtypes.at_least(FLOAT, "softplus_cpu", input.dtype)
    small = log1p(exp((input * beta).clamp(max=threshold))) / beta
    return saving(where(input * beta > threshold, input, small), input)


def logsigmoid(input):
    """The logarithm of sigmoid."""
    dtypes.at_least(FLOAT, "log_sigmoid_cpu", input.dtype)
    out = input.detach()
    out = (out.clamp(max=0) - log1p(exp(-out.abs()))).contiguous()
    return record(out, [input], lambda g: [g * sigmoid(-input.detach())], [input])


def glu(input, dim=-1):
    """One half times the sigmoid of the other."""
    a, b = input.chunk(2, dim)
    return a * sigmoid(b)


def relu6(input):
    """Between 0 and 6."""
    x = input.detach()
    out = x.clamp(0, 6)
    # Unlike clamp's, its slope at 0 and 6 is 0.
    return record(out, [input], lambda g: [where((x > 0) & (x < 6), g, 0.0)], [input])


def softmin(input, dim=None, dtype=None):
    """softmax of the negative."""
    return softmax(-input, dim, dtype)


def _last(input, normalized_shape):
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional")
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        )
    return list(range(input.dim() - len(shape), input.dim()))


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Mean 0 and variance 1 over the last dimensions, then a scale and a shift; 16 bits in 32."""
    dims, d = _last(input, normalized_shape), input.dtype
    dtypes.at_least(FLOAT, "LayerNormKernelImpl", d)
    given = [each for each in (weight, bias) if each is not None]
    if not all(each.dtype is d for each in given):
        if d.bits > 16 or not all(each.dtype is dtypes.float32 for each in given):
            raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    x, weight_, bias_ = (
        each if each is None or each.dtype.bits > 16 else each.float()
        for each in (input, weight, bias)
    )
    out = _standardised(x, dims, eps)
    out = out if weight is None else out * weight_
    out = out if bias is None else out + bias_
    return saving(out.to(d), *[each for each in (input, weight) if each is not None])


def _standardised(x, dims, eps):
    """Mean 0 and variance 1, with a gradient that rounds step by step as torch's does."""
    middle = mean(x.detach(), dims, True)
    centred = x.detach() - middle
    scale = (mean(centred * centred, dims, True) + eps).rsqrt()
    count = math.prod(x.shape[i] for i in dims)

    def vjp(g):
        along, total = sum_(g * x.detach(), dims, True), sum_(g, dims, True)
        by_scale = (total * middle - along) * scale * scale * scale / count
        by_mean = -by_scale * middle - total * scale / count
        return [scale * g + by_scale * x.detach() + by_mean]

    return record(centred * scale, [x], vjp, [x])


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Root mean square 1 over the last dimensions, then a scale; of 16 bits in 32."""
    dims, d = _last(input, normalized_shape), input.dtype
    dtypes.at_least(FLOAT, "rms_norm", d)
    x = input.float() if d.bits == 16 else input
    eps = dtypes.finfo(x.dtype).eps if eps is None else eps
    out = x * (mean(x * x, dims, True) + eps).sqrt().reciprocal()  # rounded twice, as in torch
    out = out if weight is None else out * weight
    return saving(out.to(d), *[each for each in (input, weight) if each is not None])


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Vectors of length 1."""
    return input / norm(input, p, dim, True).clamp(min=eps)


def pad(input, pad, mode="constant", value=None):
    """More at both ends of the last dimensions; a negative number takes away."""
    if mode != "constant":
        refuse(f"pad(mode={mode!r})")
    out = input
    for i in range(len(pad) // 2):
        dim = out.dim() - 1 - i
        before, after = pad[2 * i : 2 * i + 2]
        cut = max(-before, 0), out.shape[dim] - max(-after, 0)
        out = out.narrow(dim, cut[0], cut[1] - cut[0])
        shape = list(out.shape)
        parts = [out]
        for at, many in ((0, before), (2, after)):
            if many > 0:
                shape[dim] = many
                parts.insert(at, full(shape, value or 0, dtype=out.dtype))
        out = cat(parts, dim)
    return out


def dropout(input, p=0.5, training=True, inplace=False):
    """Each number with probability p as 0, the others larger by as much."""
    if not training or not p:
        return input
    refuse("dropout in training")


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ key.T * scale + mask) @ value."""
    if dropout_p:
        refuse("dropout in attention")
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = (each.repeat_interleave(times, -3) for each in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query, key.transpose(-2, -1)) * scale
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
        rows, columns = scores.shape[-2:]
        allowed = [j <= i for i in range(rows) for j in range(columns)]
        attn_mask = make(allowed, (rows, columns), dtypes.bool_)
    if attn_mask is not None and attn_mask.dtype is dtypes.bool_:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    nothing = (scores.detach() == -math.inf).all(-1, keepdim=True)  # allowed: the result is 0
    shares = softmax(scores.masked_fill(nothing, 0.0), -1).masked_fill(nothing, 0.0)
    return matmul(shares, value)


def _reduced(losses, reduction, count=None):
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum_(losses)
    if reduction != "mean":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return mean(losses) if count is None else sum_(losses) / count


def nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """Minus the log probability of the target."""
    if input.dim() == 1 and target.dim():
        refuse("the loss of one row with a vector of targets")
    if input.dim() == 1:
        losses = nll_loss(input.unsqueeze(0), target.reshape(1), weight, ignore_index, reduction)
        return losses.reshape(())
    if input.shape[0] != target.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0]})."
        )
    if target.dtype is not dtypes.int64:
        raise RuntimeError(
            f"expected scalar type Long but found {dtypes.CAPITAL[target.dtype.name]}"
        )
    dtypes.at_least(FLOAT, "nll_loss_out_frame", input.dtype)
    kept = target != ignore_index
    for t in target.reshape(-1).tolist():
        if t != ignore_index and not 0 <= t < input.shape[1]:
            raise IndexError(f"Target {t} is out of bounds.")
    places = where(kept, target, zeros_like(target))
    losses = -input.gather(1, places.unsqueeze(1)).squeeze(1)
    weights = kept.to(input.dtype) if weight is None else weight[places] * kept
    losses = where(kept, losses * weights, 0.0)
    return saving(_reduced(losses, reduction, sum_(weights)), input, target)


def cross_entropy(
    input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """Minus the log probability of the target, from logits; classes are dimension 1."""
    if label_smoothing:
        refuse("cross_entropy(label_smoothing=…)")
    dim = 1 if input.dim() > 1 else 0
    if target.dtype.kind == FLOAT:  # probabilities
        if target.shape != input.shape:
            raise RuntimeError("cross_entropy: input and target of probabilities differ in shape")
        if weight is not None:
            refuse("cross_entropy(weight=…) with probabilities")
        losses = -sum_(target * log_softmax(input, dim), dim)
        return _reduced(losses, reduction)
    if input.dim() > 1 and input.shape[0] != target.shape[:1].numel():
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[:1].numel()})."
        )
    return nll_loss(log_softmax(input, dim), target, weight, ignore_index, reduction)


def mse_loss(input, target, reduction="mean"):
    """Squared differences."""
    common = dtypes.promote_types(input.dtype, target.dtype)
    losses = (input.to(common) - target.to(common)) ** 2
    return saving(_reduced(losses, reduction), input, target)


def l1_loss(input, target, reduction="mean"):
    """Absolute differences."""
    return _reduced((input - target).abs(), reduction)


def kl_div(input, target, reduction="mean", log_target=False):
    """Relative entropy; `input` is of log probabilities."""
    losses = exp(target) * (target - input) if log_target else target * (log(target) - input)
    losses = losses if log_target else where(target == 0, 0.0, losses)
    if reduction == "batchmean":
        return sum_(losses) / input.shape[0]
    return _reduced(losses, reduction)


def binary_cross_entropy(input, target, reduction="mean"):
    """Minus the log probability of yes or no."""
    yes, no = log(input).clamp(min=-100), log(1 - input).clamp(min=-100)
    return _reduced(-(target * yes + (1 - target) * no), reduction)


def binary_cross_entropy_with_logits(input, target, reduction="mean"):
    """The same from logits."""
    losses = input.clamp(min=0) - input * target + log1p(exp(-input.abs()))
    return _reduced(losses, reduction)
