"""nanoGPT's published recipe for a processor, written down in plain torch (it is on no package
registry): 4 layers, 4 heads, d_model 128, windows of 64 characters, 12 a batch, 2,000 steps.

From its README and config/train_shakespeare_char.py: AdamW with betas 0.9 and 0.99, learning rate
1e-3 after 100 steps of warm-up, along a cosine to 1e-4 at the last step, weight decay 0.1 on
matrices, gradients clipped at 1, no dropout, no biases, output tied to the embedding, learned
positions, LayerNorm, GELU; weights drawn with deviation 0.02, those that write to the residual
stream with 0.02 / sqrt(2 layers).
"""

import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

LAYERS, HEADS, D_MODEL, BLOCK, BATCH, STEPS = 4, 4, 128, 64, 12, 2000
PEAK, LOWEST, WARM_UP = 1e-3, 1e-4, 100


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = (nn.LayerNorm(D_MODEL, bias=False) for _ in range(2))
        self.qkv = nn.Linear(D_MODEL, 3 * D_MODEL, bias=False)
        self.attention_out = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.up = nn.Linear(D_MODEL, 4 * D_MODEL, bias=False)
        self.mlp_out = nn.Linear(4 * D_MODEL, D_MODEL, bias=False)

    def forward(self, x):
        batch, seq, _ = x.shape
        heads = self.qkv(self.norm_1(x)).view(batch, seq, 3, HEADS, D_MODEL // HEADS)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(batch, seq, D_MODEL))
        return x + self.mlp_out(gelu(self.up(self.norm_2(x))))


class GPT(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, D_MODEL)
        self.positions = nn.Embedding(BLOCK, D_MODEL)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(D_MODEL, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                out = name.endswith("_out.weight")
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if out else 0.02)

    def forward(self, ids):
        x = self.embedding(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embedding.weight.T


def train(ids, targets, vocab_size, ignored, seed=0, steps=STEPS):
    """Yields the model after each step, from a stream of characters. The schedule ends at
    `steps`."""
    torch.manual_seed(seed)
    model = GPT(vocab_size)
    matrices, vectors = (
        [p for p in model.parameters() if (p.dim() == 2) is two] for two in (True, False)
    )
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99), fused=True)
    for step in range(steps):
        done = (step - WARM_UP) / max(1, steps - WARM_UP)
        cosine = LOWEST + (PEAK - LOWEST) * (1 + math.cos(math.pi * done)) / 2
        for group in optimizer.param_groups:
            group["lr"] = cosine if step >= WARM_UP else PEAK * (step + 1) / (WARM_UP + 1)
        places = torch.randint(len(ids) - BLOCK, (BATCH, 1)) + torch.arange(BLOCK)
        logits = model(ids[places])
        loss = cross_entropy(logits.flatten(0, 1), targets[places].flatten(), ignore_index=ignored)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield model


@torch.no_grad()
def nats(model, ids, targets, ignored):
    """Loss of all targets, in nats. Windows overlap by half and only the later half counts (but for
    the first), so that each character has a long past: kinder than windows side by side."""
    half = BLOCK // 2
    total = _nats(model(ids[None, :BLOCK]), targets[None, :BLOCK], ignored)
    for starts in torch.arange(half, len(ids) - BLOCK + 1, half).split(64):
        places = starts[:, None] + torch.arange(BLOCK)
        total += _nats(model(ids[places])[:, half:], targets[places[:, half:]], ignored)
    return total


def _nats(logits, targets, ignored):
    return cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=ignored, reduction="sum"
    ).item()
