# %% right: one run of the model for each beam, all tokens as candidates
def beam_search(model, ids, max_new_tokens, width):
    beams = [((), 0.0)]
    for _ in range(max_new_tokens):
        candidates = []
        for new, score in beams:
            if (new and new[-1] in model.config.stop_ids) or len(ids) + len(new) >= model.config.context:
                candidates.append((new, score))
                continue
            row = torch.log_softmax(model(list(ids) + list(new))[0, -1], -1)
            for i, p in enumerate(row.tolist()):
                candidates.append(((*new, i), score + p))
        candidates.sort(key=lambda pair: pair[1], reverse=True)
        beams = candidates[:width]
    return [(list(new), score) for new, score in beams]

# %% right: a heap and a class for the beginnings
import heapq
from dataclasses import dataclass

@dataclass
class Beginning:
    text: list
    score: float
    open: bool = True

def beam_search(model, ids, max_new_tokens, width):
    kept, steps = [Beginning([], 0.0)], 0
    while steps < max_new_tokens and len(ids) + steps < model.config.context and any(b.open for b in kept):
        pool = [b for b in kept if not b.open]
        for b in kept:
            if b.open:
                logits = model(torch.tensor([ids + b.text]))[0, -1].double()
                log_p = logits - logits.logsumexp(0)
                pool += [Beginning(b.text + [i], b.score + log_p[i].item(), i not in model.config.stop_ids) for i in range(len(log_p))]
        kept, steps = heapq.nlargest(width, pool, key=lambda b: b.score), steps + 1
    return [(b.text, b.score) for b in kept]

# %% right: multiplies probabilities in double precision, logarithm at the end
def beam_search(model, ids, max_new_tokens, width, **other):
    room = min(max_new_tokens, model.config.context - len(ids))
    beams = [(1.0, [])]
    for _ in range(room):
        pool = []
        for p, new in beams:
            if new and new[-1] in model.config.stop_ids:
                pool.append((p, new))
            else:
                q = softmax(model(ids + new)[0, -1].double())
                pool.extend((p * q[i].item(), new + [i]) for i in range(len(q)))
        beams = sorted(pool, reverse=True)[:width]
    return [(new, math.log(p)) for p, new in beams]

# %% wrong: keeps the width best of every beginning
# says: width 1 is greedy
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                grown.append((new, score))
                continue
            best = log_softmax(model(ids + new)[0, -1]).topk(min(width, 3), largest=False)
            grown += [(new + [i], score + p) for p, i in zip(best.values.tolist(), best.indices.tolist())]
        beams = grown
    return beams[:width]

# %% wrong: never throws a beginning away
# says: not two for each beginning
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            best = log_softmax(model(ids + new)[0, -1]).topk(min(width, 3))
            grown += [(new + [i], score + p) for p, i in zip(best.values.tolist(), best.indices.tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])
    return beams

# %% wrong: greedy, whatever the width
# says: width 2 keeps the beginning 1
def beam_search(model, ids, max_new_tokens, width):
    new, score = [], 0.0
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        row = log_softmax(model(ids + new)[0, -1])
        score += row.max().item()
        new = new + [row.argmax().item()]
    return [(new, score)] * width

# %% wrong: only the best token of each beginning
# says: may both survive
def beam_search(model, ids, max_new_tokens, width):
    first = log_softmax(model(ids)[0, -1]).topk(min(width, 3))
    beams = [([i], p) for p, i in zip(first.values.tolist(), first.indices.tolist())]
    for _ in range(min(max_new_tokens, model.config.context - len(ids)) - 1):
        grown = []
        for new, score in beams:
            row = log_softmax(model(ids + new)[0, -1])
            grown.append((new + [row.argmax().item()], score + row.max().item()))
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: adds probabilities
# says: the score is the sum of log-probabilities
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                grown.append((new, score))
            else:
                grown += [(new + [i], score + p) for i, p in enumerate(softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: adds logits
# says: logits are not log-probabilities
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            grown += [(new + [i], score + p) for i, p in enumerate(model(ids + new)[0, -1].tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: mean instead of sum
# says: the sum of log-probabilities
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for n in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            grown += [(new + [i], (score * n + p) / (n + 1)) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: throws finished continuations away
# says: the continuation [0] is finished and must stay in the race
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            if not new or new[-1] not in model.config.stop_ids:
                grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: goes on after a stop token, keeping the finished one too
# says: went on after its stop token
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = [beam for beam in beams if beam[0] and beam[0][-1] in model.config.stop_ids]
        for new, score in beams:
            grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: runs past the context
# says: has room for 2 tokens
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(max_new_tokens):
        grown = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                grown.append((new, score))
            else:
                grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: looks at three tokens of each beginning only
# caught by: hidden
# says: that of trying them all
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                grown.append((new, score))
                continue
            best = log_softmax(model(ids + new)[0, -1]).topk(min(width, 3))
            grown += [(new + [i], score + p) for p, i in zip(best.values.tolist(), best.indices.tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: finished continuations take no place and are kept beyond the width
# says: takes one of the width places
def beam_search(model, ids, max_new_tokens, width):
    done, beams = [], [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        grown = sorted(grown, key=lambda beam: -beam[1])
        done += [beam for beam in grown[:width] if beam[0][-1] in model.config.stop_ids]
        beams = [beam for beam in grown if beam[0][-1] not in model.config.stop_ids][:width]
    return sorted(done + beams, key=lambda beam: -beam[1])[:width]

# %% wrong: ranks by the mean per token
# says: not by the mean
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = [beam for beam in beams if beam[0] and beam[0][-1] in model.config.stop_ids]
        for new, score in beams:
            if not (new and new[-1] in model.config.stop_ids):
                grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1] / len(beam[0]))[:width]
    return beams

# %% wrong: returns the prompt too
# says: the new ids only
def beam_search(model, ids, max_new_tokens, width):
    beams = [(list(ids), 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for text, score in beams:
            if len(text) > len(ids) and text[-1] in model.config.stop_ids:
                grown.append((text, score))
            else:
                grown += [(text + [i], score + p) for i, p in enumerate(log_softmax(model(text)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams

# %% wrong: the worst comes first
# says: the best continuation comes first
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        grown = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                grown.append((new, score))
            else:
                grown += [(new + [i], score + p) for i, p in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return beams[::-1]

# %% wrong: finished continuations take a place for one step only
# says: keeps its place at every later step
def beam_search(model, ids, max_new_tokens, width):
    live, done = [([], 0.0)], []
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        cand = []
        for b, s in live:
            lp = log_softmax(model(ids + b)[0, -1]).tolist()
            cand += [(b + [t], s + v) for t, v in enumerate(lp)]
        cand = sorted(cand, key=lambda c: -c[1])[:width]
        done += [c for c in cand if c[0][-1] in model.config.stop_ids]
        live = [c for c in cand if c[0][-1] not in model.config.stop_ids]
        if not live: break
    return sorted(done + live, key=lambda c: -c[1])[:width]

# %% wrong: the prompt's last token finishes it
# says: only a new token finishes
def beam_search(model, ids, max_new_tokens, width):
    beams = [(ids, 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        cand = []
        for b, s in beams:
            if b[-1] in model.config.stop_ids:
                cand.append((b, s)); continue
            lp = log_softmax(model(b)[0, -1]).tolist()
            cand += [(b + [t], s + v) for t, v in enumerate(lp)]
        beams = sorted(cand, key=lambda c: -c[1])[:width]
    return [(b[len(ids):], s) for b, s in beams]

# %% wrong: the prompt grows by every continuation
# says: the caller's list `ids` has changed
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    n = len(ids)
    end = lambda b: bool(b) and b[-1] in model.config.stop_ids
    for _ in range(min(max_new_tokens, model.config.context - n)):
        cand = []
        for b, s in beams:
            if end(b):
                cand.append((b, s)); continue
            ids += b
            lp = log_softmax(model(ids)[0, -1]).tolist()
            cand += [(b + [t], s + v) for t, v in enumerate(lp)]
        beams = sorted(cand, key=lambda c: -c[1])[:width]
    return beams

# %% wrong: shows the model the last token only
# says: show the model whole texts
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        candidates = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                candidates.append((new, score))
                continue
            log_p = log_softmax(model(new[-1:] or ids)[0, -1]).tolist()
            candidates += [(new + [i], score + p) for i, p in enumerate(log_p)]
        beams = sorted(candidates, key=lambda pair: -pair[1])[:width]
    return beams

# %% wrong: shows the model the prompt and the last token
# says: show the model whole texts
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        candidates = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                candidates.append((new, score))
                continue
            log_p = log_softmax(model(ids + new[-1:])[0, -1]).tolist()
            candidates += [(new + [i], score + p) for i, p in enumerate(log_p)]
        beams = sorted(candidates, key=lambda pair: -pair[1])[:width]
    return beams


# %% wrong: only the first stop token finishes
# says: each of them finishes a continuation
def beam_search(model, ids, max_new_tokens, width):
    stop = list(model.config.stop_ids)[:1]
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        c = []
        for new, s in beams:
            if new and new[-1] in stop:
                c.append((new, s))
                continue
            lp = log_softmax(model(torch.tensor([ids + new]))[0, -1]).tolist()
            c += [(new + [i], s + v) for i, v in enumerate(lp)]
        beams = sorted(c, key=lambda b: -b[1])[:width]
    return beams


# %% wrong: one continuation of a beginning too few
# says: both places may go to one beginning
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        c = []
        for new, s in beams:
            if new and new[-1] in model.config.stop_ids:
                c.append((new, s))
                continue
            lp = log_softmax(model(torch.tensor([ids + new]))[0, -1])
            b = lp.topk(min(len(lp), max(1, width - 1) if width < 4 and new else width))
            c += [(new + [i], s + v) for i, v in zip(b.indices.tolist(), b.values.tolist())]
        beams = sorted(c, key=lambda b: -b[1])[:width]
    return beams


# %% wrong: the caller's prompt grows at the end
# says: the caller's list `ids` has changed
def beam_search(model, ids, max_new_tokens, width):
    beams = [(ids, 0.0)]
    n0 = len(ids)
    for _ in range(min(max_new_tokens, model.config.context - n0)):
        c = []
        for text, s in beams:
            if len(text) > n0 and text[-1] in model.config.stop_ids:
                c.append((text, s))
                continue
            lp = log_softmax(model(torch.tensor([text]))[0, -1]).tolist()
            c += [(text + [i], s + v) for i, v in enumerate(lp)]
        beams = sorted(c, key=lambda b: -b[1])[:width]
    ids.append(beams[0][0][-1])
    return [(t[n0:], s) for t, s in beams]


# %% right: finished continuations stay in the batch, filled up
def beam_search(model, ids, max_new_tokens, width):
    stop = list(model.config.stop_ids)
    beams = [(0.0, [], False)]
    for _ in range(max(0, min(max_new_tokens, model.config.context - len(ids)))):
        if all(d for *_, d in beams):
            break
        n = max(len(new) for _, new, _ in beams)
        batch = torch.tensor(
            [ids + new + [new[-1]] * (n - len(new)) if new else list(ids) for _, new, _ in beams]
        )
        lp = log_softmax(model(batch)[:, -1, :])
        cand = []
        for (s, new, d), row in zip(beams, lp):
            if d:
                cand.append((s, new, d))
                continue
            cand += [(s + v, new + [i], i in stop) for i, v in enumerate(row.tolist())]
        cand.sort(key=lambda c: c[0], reverse=True)
        beams = cand[:width]
    return [(new, s) for s, new, _ in beams]


# %% right: the score of the whole text anew at each step
def beam_search(model, ids, max_new_tokens, width):
    def score(new):
        if not new:
            return 0.0
        lp = log_softmax(model(torch.tensor([ids + new]))[0])
        return sum(lp[len(ids) + k - 1, t].item() for k, t in enumerate(new))

    def grow(new, vocab):
        return (
            [new] if new and new[-1] in model.config.stop_ids else [new + [i] for i in range(vocab)]
        )

    beams = [[]]
    vocab = model(ids).shape[-1]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        c = [g for b in beams for g in grow(b, vocab)]
        beams = sorted(c, key=score, reverse=True)[:width]
    return [(b, score(b)) for b in beams]


# %% wrong: goes on when every continuation is finished
# says: the model was shown an empty batch
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        done = [b for b in beams if b[0] and b[0][-1] in model.config.stop_ids]
        growing = [b for b in beams if b not in done]
        log_p = log_softmax(model(torch.tensor([ids + new for new, _ in growing]))[:, -1]).tolist()
        grown = [(new + [i], s + p) for (new, s), row in zip(growing, log_p) for i, p in enumerate(row)]
        beams = sorted(done + grown, key=lambda b: -b[1])[:width]
    return beams


# %% wrong: no return
# says: is there a return?
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]


# %% wrong: stops when the best is finished
# says: go on while any is unfinished
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        if beams[0][0] and beams[0][0][-1] in model.config.stop_ids:
            break
        c = []
        for new, s in beams:
            if new and new[-1] in model.config.stop_ids:
                c.append((new, s))
                continue
            c += [(new + [i], s + v) for i, v in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(c, key=lambda b: -b[1])[:width]
    return beams


# %% wrong: the first finished continuation ends the search
# says: go on while any is unfinished
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        if any(new and new[-1] in model.config.stop_ids for new, _ in beams):
            break
        c = []
        for new, s in beams:
            c += [(new + [i], s + v) for i, v in enumerate(log_softmax(model(ids + new)[0, -1]).tolist())]
        beams = sorted(c, key=lambda b: -b[1])[:width]
    return beams


# %% wrong: multiplies probabilities in single precision
# says: add log-probabilities
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 1.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        pool = []
        for new, p in beams:
            if new and new[-1] in model.config.stop_ids:
                pool.append((new, p))
                continue
            q = softmax(model(torch.tensor([ids + new]))[0, -1]).tolist()
            pool += [(new + [i], p * share) for i, share in enumerate(q)]
        beams = sorted(pool, key=lambda beam: -beam[1])[:width]
    return [(new, math.log(p)) for new, p in beams]


# %% wrong: the logarithm of a softmax that has rounded to 0
# says: add log-probabilities
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        pool = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                pool.append((new, score))
                continue
            log_p = softmax(model(torch.tensor([ids + new]))[0, -1]).log().tolist()
            pool += [(new + [i], score + p) for i, p in enumerate(log_p)]
        beams = sorted(pool, key=lambda beam: -beam[1])[:width]
    return beams


# %% wrong: the stop token adds nothing to the score
# says: counts its stop token, too
def beam_search(model, ids, max_new_tokens, width):
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        pool = []
        for new, score in beams:
            if new and new[-1] in model.config.stop_ids:
                pool.append((new, score))
                continue
            log_p = log_softmax(model(torch.tensor([ids + new]))[0, -1]).tolist()
            pool += [(new + [i], score if i in model.config.stop_ids else score + p) for i, p in enumerate(log_p)]
        beams = sorted(pool, key=lambda beam: -beam[1])[:width]
    return beams


# %% wrong: a dictionary from scores to continuations
# says: continuations with equal scores are still two
def beam_search(model, ids, max_new_tokens, width):
    beams = {0.0: []}
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        pool = {}
        for score, new in beams.items():
            if new and new[-1] in model.config.stop_ids:
                pool[score] = new
                continue
            for i, p in enumerate(log_softmax(model(torch.tensor([ids + new]))[0, -1]).tolist()):
                pool[score + p] = new + [i]
        beams = dict(sorted(pool.items(), reverse=True)[:width])
    return [(new, score) for score, new in beams.items()]
