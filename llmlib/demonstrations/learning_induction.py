"""Small models of nothing but attention, which learn to repeat random tokens."""

import torch


def train(attend, n_layer, same_length=False, steps=300, d_model=48, vocab=32, seed=0):
    """(loss on second halves at each step, loss at the end on 9 + 9 tokens), in nats. `attend` is a
    whole layer of attention; texts are 12 + 12 tokens, or of varying lengths."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randn(vocab, d_model, generator=g).requires_grad_()
    head = (torch.randn(vocab, d_model, generator=g) / d_model**0.5).requires_grad_()
    square = d_model, d_model
    layers = [
        [(torch.randn(square, generator=g) / d_model**0.5).requires_grad_() for _ in range(4)]
        for _ in range(n_layer)
    ]
    weights = [table, head, *(w for layer in layers for w in layer)]
    optimizer, found = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0), []

    def loss(half):
        ids = torch.randint(vocab, (24, half), generator=g).repeat(1, 2)
        x = table[ids]
        for layer in layers:
            x = x + attend(torch.nn.functional.rms_norm(x, (d_model,)), *layer, 4, 4)
        logits = torch.nn.functional.rms_norm(x, (d_model,)) @ head.T
        return torch.nn.functional.cross_entropy(
            logits[:, half:-1].flatten(0, 1), ids[:, half + 1 :].flatten()
        )

    for _ in range(steps):
        now = loss(12 if same_length else int(torch.randint(6, 13, (1,), generator=g)))
        optimizer.zero_grad()
        now.backward()
        optimizer.step()
        found.append(now.item())
    return found, loss(9).item()
