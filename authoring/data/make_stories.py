"""Make the course's own corpus: short stories sampled from SmolLM2, with the log-probability of
every token.

    python -m authoring.data.make_stories                 all chunks (about 40 minutes on one core),
    then stories.npz
    python -m authoring.data.make_stories --chunks 0:4    a few of them, then stories.npz from those
    that are there

Every story continues the same prompt, each token is drawn from the model's whole distribution at
one temperature (nothing is cut off), and -log p of that draw is kept. So the source's entropy is
known: no model can predict these stories, on average, with a smaller loss than the recorded one.
The source is the model as run here, with weights rounded to bfloat16.
"""

import argparse
import dataclasses
import sys

import numpy as np
import torch
from tqdm import tqdm

from llmlib import generation, pretrained
from llmlib.assets import cache_folder
from llmlib.data import STORIES, STORIES_PROMPT

TEMPERATURE = 0.8
STORIES_A_CHUNK, CHUNKS = 64, 48
MAX_TOKENS = 200  # a story that has not ended by then is cut
SEED = 20260  # every chunk has a seed of its own, so that any can be made alone


def grouped_attention(q, k, v, mask):
    """The engine's attention with grouped queries, for one new token a story, without copying
    keys and values for each query head."""
    batch, n_head, seq, head_dim = q.shape
    n_kv_head = k.shape[1]
    if seq > 1:
        k, v = (t.repeat_interleave(n_head // n_kv_head, dim=1) for t in (k, v))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    q = q.view(batch, n_kv_head, n_head // n_kv_head, head_dim)
    return (torch.softmax(q @ k.transpose(-1, -2) / head_dim**0.5, dim=-1) @ v).view(
        batch, n_head, 1, head_dim
    )


def in_bfloat16(weights):
    """The weights, all tensors in bfloat16."""
    if isinstance(weights, torch.Tensor):
        return weights.bfloat16()
    if isinstance(weights, (list, tuple)):
        return type(weights)(in_bfloat16(each) for each in weights)
    if dataclasses.is_dataclass(weights):
        return dataclasses.replace(
            weights,
            **{f.name: in_bfloat16(getattr(weights, f.name)) for f in dataclasses.fields(weights)},
        )
    return weights


@torch.no_grad()
def sample_stories(model, n, seed, progress):
    """n stories: a list of (ids, log-probabilities), both lists; an ended story keeps its stop
    token."""
    generator = torch.Generator().manual_seed(seed)
    prompt = model.tokenizer.encode(generation.chat_prompt(model, STORIES_PROMPT))
    cache = model.new_cache(context=len(prompt) + MAX_TOKENS)
    _change(cache, torch.Tensor.bfloat16)
    logits = model(prompt, cache)[:, -1].repeat(n, 1)
    _change(cache, lambda t: t.repeat(n, 1, 1, 1))
    stories = [([], []) for _ in range(n)]
    writing = torch.arange(n)  # which story each row of the batch writes
    for _ in range(MAX_TOKENS):
        logprobs = torch.log_softmax(logits.float() / TEMPERATURE, dim=-1)
        edges = logprobs.exp().cumsum(-1)
        u = torch.rand(len(writing), 1, generator=generator) * edges[:, -1:]
        new = torch.searchsorted(edges, u, right=True).clamp(max=logits.shape[-1] - 1)
        for row, token_id, logprob in zip(
            writing.tolist(), new[:, 0].tolist(), logprobs.gather(1, new)[:, 0].tolist()
        ):
            stories[row][0].append(token_id)
            stories[row][1].append(logprob)
        progress.update(len(writing))
        going = ~torch.isin(new[:, 0], torch.tensor(model.config.stop_ids))
        if not going.all():  # drop the rows whose story has ended
            writing, new = writing[going], new[going]
            _change(cache, lambda t: t[going])
        if not len(writing):
            break
        logits = model(new, cache)[:, -1]
    return stories


def _change(cache, how):
    """Put how(t) in the place of each tensor of the cache."""
    cache.keys, cache.values = ([how(t) for t in each] for each in (cache.keys, cache.values))


def seed_of(i):
    """Two rows of seeds: two processes made the even and the odd chunks."""
    return SEED + i // 2 + 26 * (i % 2)


def make_chunk(model, i, progress):
    """Sample chunk i unless its file is there. A killed run leaves only whole chunks behind."""
    path = cache_folder() / "stories" / f"{i:03}.npz"
    if path.exists():
        return
    stories = sample_stories(model, STORIES_A_CHUNK, seed_of(i), progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        ids=np.concatenate([ids for ids, _ in stories]).astype(np.uint16),
        logprobs=np.concatenate([logprobs for _, logprobs in stories]).astype(np.float16),
        lengths=[len(ids) for ids, _ in stories],
    )
    part.rename(path)


def pack():
    """Put the chunks that are there, from 0 up to the first gap, into stories.npz."""
    folder, chunks = cache_folder() / "stories", []
    while (folder / f"{len(chunks):03}.npz").exists():
        chunks.append(np.load(folder / f"{len(chunks):03}.npz"))
    if not chunks:
        raise FileNotFoundError(
            f"{folder} has no first chunk: run `python -m authoring.data.make_stories --chunks 0:1`"
        )
    lengths = np.concatenate([chunk["lengths"] for chunk in chunks])
    np.savez_compressed(
        STORIES,
        ids=np.concatenate([chunk["ids"] for chunk in chunks]),
        ends=lengths.cumsum().astype(np.int32),
        logprobs=np.concatenate([chunk["logprobs"] for chunk in chunks]),
        temperature=TEMPERATURE,
    )
    print(
        f"{len(lengths)} stories, {lengths.sum():,} tokens, {STORIES.stat().st_size / 1e6:.2f} MB "
        f"in {STORIES.name}"
    )


def main():
    """Have the stories written, chunk by chunk."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--chunks",
        default=f"0:{CHUNKS}",
        metavar="FROM:TO",
        help="which chunks to make (default: %(default)s)",
    )
    first, last = map(int, parser.parse_args().chunks.split(":"))
    torch.set_num_threads(1)
    model = pretrained.load("smollm2")
    model = dataclasses.replace(model, weights=in_bfloat16(model.weights))
    model = model.using(attention=grouped_attention, repeat_kv=lambda t, n: t)
    with tqdm(unit=" tokens", unit_scale=True, file=sys.stderr) as progress:
        for i in range(first, last):
            progress.set_description(f"chunk {i} of {first}:{last}")
            make_chunk(model, i, progress)
    pack()


if __name__ == "__main__":
    main()
