"""`torch.nn`: parameters and a few layers."""

import math

from torch.creation import empty, ones, zeros
from torch.names import lacking
from torch.nn import functional, init, utils
from torch.tensors import Tensor, _over

__all__ = ["functional", "init", "utils"]
__getattr__ = lacking("torch.nn")


class Parameter(Tensor):
    """A tensor that a layer learns."""

    def __new__(cls, data=None, requires_grad=True):
        """A view of `data` with its own gradient."""
        data = empty(0) if data is None else data
        out = _over(data._storage, data._geometry, data.dtype, cls)
        return out.requires_grad_(requires_grad)


class Module:
    """A layer: parameters, layers within it, and `forward`."""

    training = True

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not hasattr(Module, name) and name in {*dir(type(self)), *vars(self)}:
            raise AttributeError(name)
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute {name!r} in the page: "
            "use the notebook"
        )

    def named_children(self):
        """(name, layer) of the layers within."""
        yield from ((k, v) for k, v in vars(self).items() if isinstance(v, Module))

    def children(self):
        """The layers within."""
        yield from (layer for _, layer in self.named_children())

    def modules(self):
        """This layer and all within."""
        yield self
        for each in self.children():
            yield from each.modules()

    def named_parameters(self, prefix="", recurse=True):
        """(name, parameter) of this layer and of those within."""
        start = prefix + "." if prefix else ""
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield start + name, value
        for name, layer in self.named_children() if recurse else ():
            yield from layer.named_parameters(start + name)

    def parameters(self, recurse=True):
        """The parameters."""
        yield from (value for _, value in self.named_parameters(recurse=recurse))

    def register_parameter(self, name, param):
        """As an assignment."""
        setattr(self, name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """As an assignment."""
        setattr(self, name, tensor)

    def zero_grad(self, set_to_none=True):
        """Forget all gradients."""
        for each in self.parameters():
            each.grad = None

    def requires_grad_(self, requires_grad=True):
        """Of every parameter."""
        for each in self.parameters():
            each.requires_grad_(requires_grad)
        return self

    def train(self, mode=True):
        """Learning begins."""
        for each in self.modules():
            each.training = mode
        return self

    def eval(self):
        """Learning is over."""
        return self.train(False)

    def state_dict(self):
        """{name: numbers of the parameter}."""
        return {name: value.detach() for name, value in self.named_parameters()}

    def double(self):
        """All parameters as float64."""
        for each in self.parameters():
            each.data = each.detach().double()
        return self


class Linear(Module):
    """x @ weight.T + bias."""

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype))
        self.bias = Parameter(empty(out_features, dtype=dtype)) if bias else None
        for each in self.parameters() if device != "meta" else ():  # which draws no numbers
            each.data.uniform_(-bound, bound)

    def forward(self, input):
        """(…, in_features) -> (…, out_features)."""
        return functional.linear(input, self.weight, self.bias)


class Embedding(Module):
    """Rows of a table."""

    def __init__(self, num_embeddings, embedding_dim, _weight=None, device=None, dtype=None):
        if _weight is None:
            _weight = empty(num_embeddings, embedding_dim, dtype=dtype).normal_()
        self.weight = Parameter(_weight)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True):
        """With this table."""
        out = cls(*embeddings.shape, _weight=embeddings)
        out.weight.requires_grad_(not freeze)
        return out

    def forward(self, input):
        """(…) -> (…, embedding_dim)."""
        return functional.embedding(input, self.weight)


class LayerNorm(Module):
    """Mean 0 and variance 1."""

    def __init__(self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True):
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(shape), eps
        self.weight = Parameter(ones(shape)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape)) if elementwise_affine and bias else None

    def forward(self, input):
        """The same shape."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Root mean square 1."""

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True):
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(shape), eps
        self.weight = Parameter(ones(shape)) if elementwise_affine else None

    def forward(self, input):
        """The same shape."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class Sequential(Module):
    """Layers one after the other."""

    def __init__(self, *layers):
        vars(self).update({str(i): layer for i, layer in enumerate(layers)})

    def forward(self, input):
        """Through all of them."""
        for layer in self.children():
            input = layer(input)
        return input


class ModuleList(Module):
    """A list of layers."""

    def __init__(self, modules=()):
        vars(self).update({str(i): layer for i, layer in enumerate(modules)})

    def __iter__(self):
        return self.children()

    def __len__(self):
        return len(list(self.children()))

    def __getitem__(self, index):
        return list(self.children())[index]


def _layer(name, function, **defaults):
    """A layer that calls a function with what it was made with."""

    def __init__(self, *args, **kwargs):
        self.options = defaults | dict(zip(defaults, args)) | kwargs

    def forward(self, *inputs):
        return function(*inputs, **self.options)

    return type(name, (Module,), dict(__init__=__init__, forward=forward, __doc__=function.__doc__))


F = functional
SiLU, ReLU, Sigmoid = (
    _layer(n, f) for n, f in dict(SiLU=F.silu, ReLU=F.relu, Sigmoid=F.sigmoid).items()
)
Tanh, Identity = _layer("Tanh", F.tanh), _layer("Identity", lambda x: x)
GELU = _layer("GELU", F.gelu, approximate="none")
Softmax = _layer("Softmax", F.softmax, dim=None)
LogSoftmax = _layer("LogSoftmax", F.log_softmax, dim=None)
CosineSimilarity = _layer("CosineSimilarity", F.cosine_similarity, dim=1, eps=1e-8)
CrossEntropyLoss = _layer(
    "CrossEntropyLoss", F.cross_entropy, weight=None, ignore_index=-100, reduction="mean"
)
NLLLoss = _layer("NLLLoss", F.nll_loss, weight=None, ignore_index=-100, reduction="mean")
MSELoss = _layer("MSELoss", F.mse_loss, reduction="mean")
