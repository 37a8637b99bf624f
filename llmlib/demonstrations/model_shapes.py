"""The shapes of some models, and what follows from a shape: stored parameters, FLOPs, experts."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from llmlib import attention
from llmlib.experts import mixture_of_experts
from llmlib.model import forward


def _gpt2(n_layer, d_model, n_head, context):
    shape = {"vocab_size": 50257, "context": context, "n_layer": n_layer, "d_model": d_model}
    shape |= {"d_mlp": 4 * d_model, "n_head": n_head, "n_kv_head": n_head}
    return "gpt2", shape | {"head_dim": d_model // n_head}


def _llama3(n_layer, d_model, d_mlp, n_head):
    shape = {"vocab_size": 128256, "context": 131072, "n_layer": n_layer, "d_model": d_model}
    shape |= {"d_mlp": d_mlp, "n_head": n_head, "n_kv_head": 8, "head_dim": 128}
    return "llama", shape | {"tied": False}


SHAPES = {  # name: (family, arguments of count_parameters)
    "GPT-2 small": _gpt2(12, 768, 12, 1024),
    "GPT-2 XL": _gpt2(48, 1600, 25, 1024),
    "GPT-3": _gpt2(96, 12288, 96, 2048),
    "Llama 3.1 8B": _llama3(32, 4096, 14336, 32),
    "Llama 3.1 405B": _llama3(126, 16384, 53248, 128),
}


def shape_of(config, d_mlp):
    """A loaded model's shape, as count_parameters takes it."""
    names = ("vocab_size", "context", "n_layer", "d_model", "n_head", "n_kv_head", "head_dim")
    return {name: getattr(config, name) for name in names} | {"d_mlp": d_mlp}


def stored(weights):
    """How many numbers a model with a tied head stores."""
    parts = ("norm_1", "q", "k", "v", "o", "norm_2", "mlp")
    tensors = [t for layer in weights.layers for part in parts for t in getattr(layer, part)]
    tensors += [weights.embedding, *weights.norm]
    return sum(tensor.numel() for tensor in tensors if tensor is not None)


def flops(seq, shape):
    """FLOPs of one run of a Llama over `seq` tokens, by part. Norms and activations are left out:
    they are no matrix products."""
    q, kv = (shape[heads] * shape["head_dim"] for heads in ("n_head", "n_kv_head"))
    d, n = shape["d_model"], shape["n_layer"]
    return {
        "feed-forward": 2 * seq * n * 3 * d * shape["d_mlp"],
        "attention: q, k, v, o": 2 * seq * n * 2 * d * (q + kv),
        "output head": 2 * seq * d * shape["vocab_size"],
        "attention: scores and sums": n * 2 * 2 * q * seq**2,
    }


def counted_flops(model, seq):
    """FLOPs of the matrix products of a real run over `seq` tokens, counted by torch."""
    # The taught attention, and with gradients on: fast products would not be counted.
    parts = model.using(attention=attention.scaled_dot_product_attention).parts
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        forward(torch.arange(seq)[None], model.weights, model.config, parts)
    return counter.get_total_flops()


def expert_costs(n_experts, top_k=2, n_tokens=64, d_model=64, d_expert=128, seed=0):
    """A mixture of experts with random weights, in units of one feed-forward -> (weights held,
    multiplications for a token, weights that `n_tokens` tokens read together)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_tokens, d_model, generator=generator)
    router = torch.randn(n_experts, d_model, generator=generator)
    sizes = (d_expert, d_model), (d_expert, d_model), (d_model, d_expert)
    experts = [[torch.randn(s, generator=generator) for s in sizes] for _ in range(n_experts)]
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        mixture_of_experts(x, router, *experts, top_k=top_k)
    one = 3 * d_model * d_expert
    asked = len((x @ router.T).topk(top_k).indices.unique())
    held, read = ((router.numel() + n * one) / one for n in (n_experts, asked))
    return held, counter.get_total_flops() / 2 / n_tokens / one, read
