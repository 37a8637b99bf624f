"""Turn logits into the next id: temperature, the filters that cut off unlikely tokens, the draw,
and beam search."""

import math
from typing import Any

import torch
from torch import Tensor

from llmlib.output_head import log_softmax, softmax


def apply_temperature(logits: Tensor, t: float):
    """Divide the logits by t: below 1 sharpens, above 1 flattens: [..., vocab] -> the same.

    t = 0 keeps only the largest of each row (the first of equals), and so does a t so near to 0
    that float32 cannot hold the quotients; the rest become -inf. ValueError unless 0 <= t <= 1e30.
    """
    if not 0 <= t <= 1e30:  # a larger one float32 takes for infinite, and -inf over it is NaN
        raise ValueError(
            f"temperature is {t}: it must be 0 (always the likeliest token) or a number above 0 "
            f"and up to 1e30"
        )
    if t < 1e-30:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest))
    return logits / t


def top_k(logits: Tensor, k: int):
    """Keep the k largest logits of each row, exactly k even on ties (the lower id wins); the rest
    become -inf.

    ValueError if k < 1.
    """
    if k < 1:
        raise ValueError(f"top_k is {k}: it must be at least 1 (None switches the filter off)")
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    keep = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order[..., :k], True)
    return logits.masked_fill(~keep, -math.inf)


def top_p(logits: Tensor, p: float):
    """Keep the nucleus (Holtzman et al. 2019, arXiv:1904.09751): the smallest set of tokens whose
    mass reaches p.

    So the token that crosses p stays. On ties the lower id comes first. The rest become -inf.
    ValueError unless 0 < p <= 1.
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p is {p}: it must be above 0 and at most 1 (1 keeps every token)")
    if p == 1:
        # a rounded cumulative sum must not drop the tail
        return logits
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    probabilities = softmax(logits.gather(-1, order))
    mass_before = probabilities.cumsum(-1) - probabilities
    p = max(p, torch.finfo(probabilities.dtype).tiny)  # a smaller one is 0 there, and cuts off all
    keep = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, mass_before < p)
    return logits.masked_fill(~keep, -math.inf)


def min_p(logits: Tensor, p: float):
    """Keep tokens at least p times as likely as the likeliest (Nguyen et al. 2024,
    arXiv:2407.01082).

    The rest become -inf. ValueError unless 0 <= p <= 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(
            f"min_p is {p}: it must lie between 0 (keeps every token) and 1 (keeps only the "
            f"likeliest)"
        )
    probabilities = softmax(logits)
    bar = p * probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < bar, -math.inf)


def filter_logits(
    logits: Tensor,
    temperature: float = 1.0,
    k: int | None = None,
    p: float | None = None,
    p_of_largest: float | None = None,
):
    """Apply temperature first, then top-k, top-p and min-p, each on what the one before left: [...,
    vocab] -> the same.

    None switches a filter off.
    """
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return logits


def draw(probabilities: Tensor, u: Tensor):
    """Draw one index a row: probabilities [batch, vocab], u [batch] uniform in [0, 1) -> ids
    [batch].

    The unit interval is cut into one stretch per token, as long as its probability; the answer is
    the stretch that u falls in. Summed in double precision, so that no stretch is lost at the far
    end. A row of nothing but zeros gives `vocab`, which is no id. ValueError for a u too many or
    too few.
    """
    if u.shape != probabilities.shape[:-1]:
        raise ValueError(
            f"u is {list(u.shape)}: probabilities {list(probabilities.shape)} need one number a "
            f"row, {list(probabilities.shape[:-1])}"
        )
    edges = probabilities.double().cumsum(-1)  # where each stretch ends
    return (edges <= u.double()[..., None] * edges[..., -1:]).sum(-1)


def sample(
    logits: Tensor,
    u: Tensor,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
):
    """Pick the next id of each row: logits [batch, vocab], u [batch] uniform in [0, 1) -> ids
    [batch].

    At temperature 0 that is the likeliest, and u is not used. ValueError for a row whose largest
    logit is no finite number.
    """
    if not (largest := logits.amax(-1)).isfinite().all():
        odd = largest[~largest.isfinite()][0].item()
        raise ValueError(
            f"the largest logit of a row is {odd}: it must be a finite number (-inf rules a token "
            f"out, but not all of them)"
        )
    if temperature == 0:
        return logits.argmax(-1)
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u)


def repetition_penalty(logits: Tensor, ids: Tensor, penalty: float):
    """Lower the logits of tokens that the text holds (Keskar et al. 2019, arXiv:1909.05858), each
    once however often.

    logits [batch, vocab], ids [batch, seq] (the text so far) -> [batch, vocab]. Positive logits
    are divided by `penalty`, negative ones multiplied. ValueError unless penalty > 0; above 1 it
    discourages, 1 changes nothing.
    """
    if not penalty > 0:
        raise ValueError(
            f"the repetition penalty is {penalty}: it must be above 0 (1 changes nothing, 1.2 is "
            f"usual)"
        )
    if ids.shape[:-1] != logits.shape[:-1]:
        raise ValueError(
            f"ids are {list(ids.shape)} and logits {list(logits.shape)}: each row needs a text"
        )
    mask = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(mask, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def beam_search(model: Any, ids: list[int], max_new_tokens: int, width: int):
    """Return the `width` likeliest continuations found: a list of (new ids, log-probability), best
    first.

    At each step the `width` best beginnings are kept. One that ends in a stop token stays as it
    is. With `width` as large as the number of all continuations nothing is dropped, and the answer
    is exact. ValueError for ids that do not fit into the context, or a width below 1.
    """
    if width < 1:
        raise ValueError(f"width is {width}: it must be at least 1 (1 is greedy)")
    model.check_ids(ids)
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        complete_beams = [
            beam for beam in beams if beam[0] and beam[0][-1] in model.config.stop_ids
        ]
        open_beams = [beam for beam in beams if beam not in complete_beams]
        if not open_beams:
            break
        # beams vocab
        log_p = log_softmax(model(torch.tensor([ids + new for new, _ in open_beams]))[:, -1])
        longer_beams = []
        for (new, score), row in zip(open_beams, log_p):
            best = row.topk(min(width, len(row)))
            longer_beams += [
                (new + [i], score + p) for i, p in zip(best.indices.tolist(), best.values.tolist())
            ]
        beams = sorted(complete_beams + longer_beams, key=lambda beam: -beam[1])[:width]
    return beams
