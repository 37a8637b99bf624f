"""Gradients: every result remembers how it was made, and `backward` walks that way back.

A `Node` stands for one operation. It holds the nodes of what went in, and a function `vjp` from
the gradient of the result to the gradients of what went in (a vector-Jacobian product). A tensor
that a learner made has a node of its own, whose `leaf` collects into `.grad`. Nodes are numbered
as they are made, so to go from the highest number down is to meet each one after all its users.
"""

import functools
import heapq
import itertools

from torch.names import lacking, refuse

_enabled = [True]
_numbers = itertools.count()


class Node:
    """One operation; `vjp` may give None for what needs no gradient."""

    __slots__ = "parents", "vjp", "number", "leaf", "retained", "saved", "name", "spent"

    def __init__(self, parents, vjp, leaf=None, saved=(), name=""):
        self.parents, self.vjp, self.leaf, self.retained = parents, vjp, leaf, None
        self.number, self.name, self.spent = next(_numbers), name, False
        self.saved = stamps(saved)

    def __repr__(self):
        return f"<{self.name or 'Stand'}Backward0>"

    def check(self):
        """torch's complaint if a number that the gradient needs was overwritten since, or given up
        after another gradient."""
        if any(storage.replaced != replaced for storage, _, replaced in self.saved):
            refuse("a gradient through numbers that .data has changed since")
        if self.spent and self.saved:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved tensors after calling backward."
            )
        for storage, version, _ in self.saved:
            if storage.version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it is at version {storage.version}; expected version "
                    f"{version} instead."
                )


def stamps(tensors):
    """The numbers of tensors, and how often they were written until now."""
    found = [each._storage for each in tensors]
    return [(each, each.version, each.replaced) for each in found]


def node_of(t):
    """The node that a gradient of `t` goes to; None if it needs none."""
    if not t.requires_grad:
        return None
    t._follow_base()
    if t._node is None:
        # A view of what asked for gradients later collects none itself.
        t._node = Node((), None, leaf=t if t._requires_grad else t.detach())
    return t._node


def recording(*inputs):
    """Is a result of these remembered?"""
    if _enabled[-1]:
        for t in inputs:
            if t.requires_grad:
                return True
    return False


def record(out, inputs, vjp, saved=()):
    """Remember that `out` was made from `inputs`; gives `out`."""
    if out.dtype.kind >= 2 and recording(*inputs):
        out._requires_grad = True
        out._node = Node([node_of(t) for t in inputs], vjp, saved=saved)
    return out


def saving(out, *tensors):
    """Have the gradient of `out` need these as they are, and nothing else; gives `out`."""
    if out._node is not None and out._node.leaf is None:
        out._node.saved = stamps(tensors)
    return out


def _before(roots, targets):
    """The nodes whose gradient leads to one of the targets."""
    found, waiting = {}, [node_of(root) for root in roots]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found[node] = False
            waiting += node.parents
    for node in sorted(found, key=lambda each: each.number):
        found[node] = any(each in targets or found.get(each) for each in node.parents)
    return {node for node, leads in found.items() if leads}


def flow(roots, seeds, keep=False, targets=None):
    """{node: its gradient} for everything that the roots were made from, or for what leads to the
    targets. What the gradients needed is given up but for `keep`."""
    grads, waiting = {}, []
    wanted = None if targets is None else _before(roots, targets)

    def give(node, grad):
        if node is None or grad is None:
            return
        if node not in grads:
            grads[node] = grad
            heapq.heappush(waiting, (-node.number, node))
        else:
            grads[node] = grads[node] + grad

    with no_grad():
        for root, seed in zip(roots, seeds):
            give(node_of(root), seed)
        while waiting:
            node = heapq.heappop(waiting)[1]
            if node.leaf is None and (wanted is None or node in wanted):
                node.check()
                node.spent = node.spent or not keep
                for parent, grad in zip(node.parents, node.vjp(grads[node])):
                    give(parent, grad)
    return grads


class Engine:
    """Computes gradients, for whoever asks."""

    def run_backward(self, *given):
        """As `flow`."""
        return flow(*given)


class Variable:
    """Where torch keeps its engine, so that one may stand before it."""

    _execution_engine = Engine()


def _run(roots, seeds, keep, targets=None):
    seeds = [_seed(root, seed) for root, seed in zip(roots, seeds)]
    return Variable._execution_engine.run_backward(roots, seeds, keep, targets)


def _seed(root, grad):
    if not root.requires_grad:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if grad is None:
        if root.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return root.detach().new_ones(root.shape)
    if grad.shape != root.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {grad.shape} and output[0] has a "
            f"shape of {root.shape}."
        )
    return grad


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Add the gradients of `tensors` to `.grad` of every leaf that they were made from."""
    if create_graph:
        refuse("create_graph=True")
    roots, seeds = _many(tensors), _many(grad_tensors)
    seeds = seeds if grad_tensors is not None else [None] * len(roots)
    wanted = targets = None
    if inputs is not None:
        wanted = {id(each) for each in _many(inputs)}
        targets = {node_of(each) for each in _many(inputs)}
    grads = _run(roots, seeds, retain_graph, targets)
    for node, grad in grads.items():
        t = node.leaf if node.leaf is not None else node.retained
        if t is not None and t.requires_grad and (wanted is None or id(t) in wanted):
            with no_grad():
                t.grad = grad.detach().clone() if t.grad is None else t.grad + grad


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False
):
    """The gradients of `outputs` with respect to each of `inputs`, as a tuple."""
    if create_graph:
        refuse("create_graph=True")
    roots, seeds = _many(outputs), _many(grad_outputs)
    seeds = seeds if grad_outputs is not None else [None] * len(roots)
    inputs = _many(inputs)
    if not all(each.requires_grad for each in inputs):
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    targets = [node_of(each) for each in inputs]
    grads = _run(roots, seeds, retain_graph, set(targets))
    if not allow_unused and not all(each in grads for each in targets):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    found = [grads.get(each) for each in targets]
    return tuple(None if each is None else each.detach() for each in found)


def _many(given):
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


class _Mode:
    """A context, and a decorator, within which operations are remembered or not."""

    def __init__(self, on):
        self.on = on

    def __enter__(self):
        _enabled.append(self.on)
        return self

    def __exit__(self, *_):
        _enabled.pop()

    def __call__(self, function):
        @functools.wraps(function)
        def within(*args, **kwargs):
            with _Mode(self.on):
                return function(*args, **kwargs)

        return within


def no_grad(function=None):
    """`with torch.no_grad():` or `@torch.no_grad()`."""
    return _Mode(False) if function is None else _Mode(False)(function)


def enable_grad(function=None):
    """The opposite."""
    return _Mode(True) if function is None else _Mode(True)(function)


def inference_mode(mode=True):
    """Here the same as `no_grad`."""
    return _Mode(not mode) if isinstance(mode, bool) else _Mode(False)(mode)


class set_grad_enabled(_Mode):
    """Switch at once; as a context, switch back at its end."""

    def __init__(self, mode):
        super().__init__(mode)
        self.before = _enabled[-1]
        _enabled[-1] = mode

    def __enter__(self):
        pass

    def __exit__(self, *_):
        _enabled[-1] = self.before


def is_grad_enabled():
    """Are operations remembered now?"""
    return _enabled[-1]


__getattr__ = lacking("torch.autograd")
