"""How much of the last output's gradient reaches each earlier input of a network that reads, before
any training."""

import torch


def gradient_back(make_reader, steps=50, d_model=64, runs=10):
    """Norm of the gradient at the input 0, 1, ... `steps` back, a geometric mean over `runs` fresh
    readers -> [steps + 1]."""
    logs = []
    for seed in range(runs):
        torch.manual_seed(seed)
        read = make_reader(d_model)
        x = torch.randn(1, steps + 1, d_model, requires_grad=True)  # batch seq d_model
        read(x)[0, -1].norm().backward()
        logs.append(x.grad[0].norm(dim=-1).flip(0).log())
    return torch.stack(logs).mean(0).exp()


def rnn(d_model, rotation=False):
    """A plain recurrent network; with `rotation`, its U starts as one."""
    layer = torch.nn.RNN(d_model, d_model, batch_first=True)
    if rotation:
        torch.nn.init.orthogonal_(layer.weight_hh_l0)
    return lambda x: layer(x)[0]


def lstm(d_model, forget_bias=0.0):
    """An LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000) as torch starts it; `forget_bias`
    opens its forget gate."""
    layer = torch.nn.LSTM(d_model, d_model, batch_first=True)
    with torch.no_grad():
        layer.bias_hh_l0[d_model : 2 * d_model] += forget_bias
    return lambda x: layer(x)[0]


def attention(d_model):
    """One layer of attention with four heads and no mask."""
    layer = torch.nn.MultiheadAttention(d_model, 4, bias=False, batch_first=True)
    return lambda x: layer(x, x, x, need_weights=False)[0]


READERS = {
    "RNN": rnn,
    "RNN, U a rotation": lambda d_model: rnn(d_model, rotation=True),
    "LSTM": lstm,
    "LSTM, gate open": lambda d_model: lstm(d_model, forget_bias=3.0),
    "attention": attention,
}
