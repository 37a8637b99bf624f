"""What notebook 3 says, with its controls."""

import math
from functools import cache
from itertools import cycle

import torch
from frame import model, solved

from llmlib import complete, generate
from llmlib.attention import attention_maps, attention_weights

DRAGON = "Mrs. Quillfeather keeps a dragon. Every morning the dragon eats breakfast with Mrs."
FRANCE = "The capital of France is"
CAT = "The cat sat on the mat"
HALF = 25


def _ids(text):
    return model().tokenizer.encode(text)


@cache
def _texts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1000, 40000, (2, HALF), generator=generator).repeat(1, 2)


@cache
def _scores(seed=0):
    """(induction, previous) of every head on the repeated random texts, [30, 9] each."""
    maps = [attention_maps(model(), text) for text in _texts(seed)]
    score = solved("03_attention")["induction_score"]
    induction = sum(score(m, HALF) for m in maps) / 2
    return induction, sum(m.diagonal(-1, -2, -1)[:, :, 1:].mean(-1) for m in maps) / 2


def _best(scores, n=5):
    return [divmod(i, 9) for i in scores.flatten().topk(n).indices.tolist()]


def _without(heads, watch=None):
    layers = cycle(range(30))

    def attention(q, k, v, mask=None):
        layer, shares = next(layers), attention_weights(q, k, mask)
        if watch is not None:
            watch.append(shares[0])
        out = shares @ v
        out[:, [head for at, head in heads if at == layer]] = 0
        return out

    return model().using(attention=attention)


def _loss(heads, seed=0):
    """Mean loss on the repetition, in nats, with some heads off."""
    texts = _texts(seed)
    log_p = torch.log_softmax(_without(heads)(texts)[:, :-1], dim=-1)
    return -log_p.gather(-1, texts[:, 1:, None])[:, HALF:].mean().item()


def _gradient(make, steps=50, d_model=64, runs=10):
    logs = []
    for seed in range(runs):
        torch.manual_seed(seed)
        read = make(d_model)
        x = torch.randn(1, steps + 1, d_model, requires_grad=True)
        read(x)[0, -1].norm().backward()
        logs.append(x.grad[0].norm(dim=-1).flip(0).log())
    curve = torch.stack(logs).mean(0).exp()
    return ((curve[steps] / curve[1]) ** (1 / (steps - 1))).item()


def only_attention_mixes_tokens():
    """“Attention is the only place in the model where one token learns about another.”

    Each token alone: an earlier token is changed, and no later logit moves. With attention it does.
    """

    def alone(seq, start=0):
        mask = torch.zeros(seq, start + seq, dtype=torch.bool)
        mask[range(seq), range(start, start + seq)] = True
        return mask

    one, other = _ids(CAT), _ids("The dog sat on the mat")
    moved = {
        name: (some(one) - some(other))[0, 2:].abs().max().item()
        for name, some in {"whole": model(), "alone": model().using(mask=alone)}.items()
    }
    assert moved["alone"] < 1e-4 < 1 < moved["whole"]
    return f"later logits move by {moved['whole']:.1f}; with every token alone by 0"


def recurrence_fades_as_it_starts():
    """“As they start, the RNN keeps less than half of the signal a step and the LSTM three fifths”

    “with its gate open the LSTM carries the signal as evenly as attention does”

    The same networks, started differently: a rotation for U, a bias of 3 on the forget gate.
    """

    def rnn(d, rotation=False):
        layer = torch.nn.RNN(d, d, batch_first=True)
        if rotation:
            torch.nn.init.orthogonal_(layer.weight_hh_l0)
        return lambda x: layer(x)[0]

    def lstm(d, bias=0.0):
        layer = torch.nn.LSTM(d, d, batch_first=True)
        with torch.no_grad():
            layer.bias_hh_l0[d : 2 * d] += bias
        return lambda x: layer(x)[0]

    def attention(d):
        layer = torch.nn.MultiheadAttention(d, 4, bias=False, batch_first=True)
        return lambda x: layer(x, x, x, need_weights=False)[0]

    plain, turned = _gradient(rnn), _gradient(lambda d: rnn(d, True))
    shut, opened, level = _gradient(lstm), _gradient(lambda d: lstm(d, 3.0)), _gradient(attention)
    assert plain < 0.5 < turned and 0.55 < shut < 0.65
    assert abs(opened - 1) < 0.02 and abs(level - 1) < 0.02
    return (
        f"kept a step: RNN {plain:.2f}, with a rotation {turned:.2f}; LSTM {shut:.2f}, "
        f"forget bias 3 {opened:.2f}; attention {level:.2f}"
    )


def scores_spread_like_the_root_of_the_width():
    """“its standard deviation is √head_dim”

    “undivided, at head_dim 1024 the slope is an eighth of that”

    Divided scores; five seeds.
    """
    spreads, ratios = [], []
    for seed in range(5):
        g = torch.Generator().manual_seed(seed)
        q, k = torch.randn(2000, 1, 1024, generator=g), torch.randn(2000, 10, 1024, generator=g)
        raw = (q @ k.transpose(-2, -1)).squeeze(1)
        tops = [torch.softmax(s, -1).amax(-1) for s in (raw, raw / 32)]
        slopes = [(top * (1 - top)).mean() for top in tops]
        spreads.append(raw.std().item())
        ratios.append((slopes[1] / slopes[0]).item())
    assert all(abs(s - 32) < 1 for s in spreads) and all(6.5 < r < 10 for r in ratios)
    return (
        f"spread {min(spreads):.1f} to {max(spreads):.1f} at 1024; slopes {min(ratios):.1f} to "
        f"{max(ratios):.1f} times apart"
    )


def the_wrong_divisor_breaks_the_model():
    """“with a third of it the shares of the five tokens come near to equal (entropy 1.36, where
    five equal shares have 1.61)”

    The right divisor, and a divisor that makes the scores three times too large.
    """
    found = {}
    for name, factor in {"right": 1.0, "a third": 1 / 3, "threefold": 3.0}.items():
        seen = []

        def attention(q, k, v, mask=None, factor=factor, seen=seen):
            shares = attention_weights(q * factor, k, mask)
            seen.append(torch.special.entr(shares[0, :, -1]).sum(-1).mean().item())
            return shares @ v

        some = model().using(attention=attention)
        some(_ids(FRANCE))
        entropy = sum(seen[:30]) / 30
        found[name] = entropy, complete(some, FRANCE, 8)
    assert "Paris" in found["right"][1] and "Paris" not in found["a third"][1]
    assert abs(found["a third"][0] - 1.36) < 0.02 and found["right"][0] < 0.9
    return "; ".join(f"{name}: {e:.2f} nats, {text!r}" for name, (e, text) in found.items())


def masked_after_the_softmax_the_future_leaks():
    """“the numbers that are left still depend on the future: each was divided by a sum that counts
    the future scores”

    Masked before: the same change of a future score moves nothing.
    """
    g = torch.Generator().manual_seed(0)
    scores, past = torch.randn(5, 5, generator=g), torch.ones(5, 5).tril().bool()
    other = torch.where(past, scores, scores + 1)
    after = [torch.softmax(s, -1) * past for s in (scores, other)]
    before = [torch.softmax(s.masked_fill(~past, -math.inf), -1) for s in (scores, other)]
    leak, none = ((a - b).abs().max().item() for a, b in (after, before))
    assert leak > 0.05 and none == 0
    return f"shares of the past move by {leak:.2f} masked after, by 0 masked before"


def the_mask_is_needed_in_writing_too():
    """“So the mask is needed in writing as well, for the tokens that are already there.”

    One token, which has no future, is worked on alike with and without the mask; three prompts.
    """
    blind = model().using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    alone = (blind(_ids("The")) - model()(_ids("The"))).abs().max().item()
    prompts = (FRANCE, "Once upon a time", "def fibonacci(n):")
    same = [complete(blind, p, 8) == complete(model(), p, 8) for p in prompts]
    assert alone < 1e-4 and not any(same) and "Paris" not in complete(blind, FRANCE, 8)
    return f"one token: logits {alone:.0e} apart; {sum(same)} of 3 texts continued alike"


def heads_do_not_hand_on_what_they_look_at():
    """“Over all 270 heads the mean size is 0.13; two random vectors have 0.03, a head made to copy
    has 0.32.”

    Random vectors below, and above a head whose W_O is the transpose of its W_V.
    """
    received, read = [], []

    def attention(q, k, v, mask=None):
        shares = attention_weights(q, k, mask)
        read.append((shares[0], v[0]))
        return shares @ v

    def block(x, norm_1, attend, norm_2, feed_forward):
        received.append(norm_1(x)[0])
        x = x + attend(norm_1(x))
        return x + feed_forward(norm_2(x))

    model().using(attention=attention, block=block)(_ids(CAT))
    cosines = []
    for layer in range(30):
        shares, values = read[layer]
        w_o = model().weights.layers[layer].o[0]
        for head in range(9):
            mixture = shares[head, 2] @ received[layer]
            write = w_o[:, 64 * head : 64 * head + 64] @ (shares[head] @ values[head])[2]
            cosines.append(torch.cosine_similarity(write, mixture, dim=0))
    size, largest = torch.stack(cosines).abs().mean(), torch.stack(cosines).abs().max()
    g = torch.Generator().manual_seed(0)
    pair = torch.randn(2, 1000, 576, generator=g)
    random = torch.cosine_similarity(*pair, dim=-1).abs().mean()
    basis, every = torch.linalg.qr(torch.randn(576, 64, generator=g))[0], torch.cat(received)
    copies = torch.cosine_similarity(every @ basis @ basis.T, every, dim=-1).mean()
    assert abs(size - 0.13) < 0.01 and largest < 0.6 and abs(random - 0.03) < 0.005
    assert abs(copies - 0.33) < 0.03
    return f"mean {size:.2f}, largest {largest:.2f}; random {random:.2f}; copying {copies:.2f}"


def a_decoder_gives_the_future_nothing():
    """“A decoder gives them 0, as your mask does. But is 78 % for "The" plausible?”

    The same model without its mask gives the future a share.
    """
    row = attention_maps(model(), _ids(CAT))[:, :, 2].mean((0, 1))
    blind = model().using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    unmasked = attention_maps(blind, _ids(CAT))
    assert row[3:].sum() == 0 and abs(row[0] - 0.78) < 0.01
    return f"future {row[3:].sum():.2f}, The {row[0]:.2f} ({len(unmasked)} layers looked at)"


def two_thirds_go_to_the_first_token():
    """“In these short texts about two thirds of all attention goes to the first token.”

    Were all looked at alike it would be 0.24; the order of the words reversed.
    """
    means = []
    for text in (CAT, "Two dogs ran in a park", "mat the on sat cat The"):
        means.append(attention_maps(model(), _ids(text))[:, :, 2:, 0].mean().item())
    alike = sum(1 / n for n in (3, 4, 5, 6)) / 4
    assert all(0.55 < m < 0.8 for m in means) and alike < 0.25
    return f"{', '.join(f'{m:.2f}' for m in means)} against {alike:.2f}"


def there_is_a_second_sink():
    """“There is a **second sink**: the second " the" gets even more than the first token.”

    “Put " my" in its place, and the first token has it all; the second " a" of another sentence is
    none.”

    Another word at its place; another article that comes twice.
    """

    def row(text):
        return attention_maps(model(), _ids(text))[3:9, :, -1].mean((0, 1))

    the, my, man = row(CAT), row("The cat sat on my mat"), row("A man and a dog and a cat")
    assert the[4] > the[0] > 0.3 and my[4] < 0.1 and my[0] > 0.8 and max(man[3], man[6]) < 0.1
    return f"the {the[4]:.2f}, The {the[0]:.2f}; my {my[4]:.2f}; a {man[3]:.2f} and {man[6]:.2f}"


def the_sink_has_a_short_value():
    """“the value of the first token is a quarter as long as the others”

    All other tokens, three texts.
    """
    ratios = []
    for text in (CAT, "Two dogs ran in a park", "mat the on sat cat The"):
        seen = []

        def attention(q, k, v, mask=None, seen=seen):
            seen.append(v[0].norm(dim=-1))
            return attention_weights(q, k, mask) @ v

        model().using(attention=attention)(_ids(text))
        lengths = torch.stack(seen).mean((0, 1))
        ratios.append((lengths[0] / lengths[1:].mean()).item())
    assert all(0.18 < r < 0.34 for r in ratios)
    return f"{', '.join(f'{r:.2f}' for r in ratios)} of the others' length"


def the_heads_that_saw_cat_look_one_back():
    """“They looked at "cat" because it stands before "sat", not because cats sit.”

    Another word before "sat": the same three heads look at that one.
    """
    found = []
    for text in (CAT, "The tax sat on the mat", "My very old sat on the mat"):
        ids = _ids(text)
        sat = ids.index(_ids(" sat")[0])
        maps = attention_maps(model(), ids)
        found.append(min(maps[n, h, sat, sat - 1].item() for n, h in ((11, 1), (16, 0), (2, 1))))
    assert min(found) > 0.5
    return f"least of the three shares one back: {', '.join(f'{f:.2f}' for f in found)}"


def the_model_does_worse_than_guessing_on_noise():
    """“On random tokens the model does worse than guessing in the first half, since it expects
    sense; in the second half the loss should fall”

    Guessing among all tokens costs ln 49152; ordinary text costs far less.
    """
    texts = _texts()
    log_p = torch.log_softmax(model()(texts)[:, :-1], dim=-1)
    losses = -log_p.gather(-1, texts[:, 1:, None]).squeeze(-1).mean(0)
    first, second, guess = losses[:HALF].mean(), losses[HALF:].mean(), math.log(49152)
    ids = torch.tensor(_ids("The sun was shining and the children were playing in the garden."))
    plain = torch.nn.functional.cross_entropy(model()(ids)[0, :-1], ids[1:])
    assert first > guess > second > 0 and plain < 4
    return f"{first:.1f}, then {second:.1f}; guessing {guess:.1f}; ordinary text {plain:.1f}"


def previous_token_heads_matter_most():
    """“Without the five best previous-token heads the model is back at guessing, and **one head,
    16.0, makes most of that**: it alone costs as much as all five induction heads.”

    “Other heads of the same layers cost little, so it is not the layer.”

    Ten draws of any five heads, five draws from the same layers, each head alone.
    """
    induction, previous = _scores()
    none, five, before = _loss([]), _loss(_best(induction)), _loss(_best(previous))
    alone = {head: _loss([head]) for head in _best(previous, 3)}
    g = torch.Generator().manual_seed(1)
    any_five = [
        _loss([divmod(i, 9) for i in torch.randperm(270, generator=g)[:5].tolist()])
        for _ in range(10)
    ]
    same = []
    for draw in range(5):
        heads = []
        for layer, _ in _best(induction):
            left = [h for h in range(9) if (layer, h) not in _best(induction) + heads]
            heads.append((layer, left[draw % len(left)]))
        same.append(_loss(heads))
    assert before > 10.8 > alone[16, 0] > 8.5 and abs(alone[16, 0] - five) < 0.5
    assert max(alone[11, 1], alone[2, 1]) < none + 0.5 and max(same) < none + 1.5
    assert sorted(any_five)[5] < 5 and max(any_five) > none + 1
    return (
        f"all on {none:.1f}; off: 5 induction {five:.1f}, 5 previous {before:.1f}, "
        f"16.0 {alone[16, 0]:.1f}, 11.1 {alone[11, 1]:.1f}, 2.1 {alone[2, 1]:.1f}, "
        f"any five {min(any_five):.1f} to {max(any_five):.1f}, same layers {max(same):.1f} at most"
    )


def switching_16_0_off_blinds_the_induction_heads():
    """“without 16.0 the induction heads of layers 17 and 18 no longer know where to look, and 23.7
    loses more than half. Its neighbour 16.1 and the two other previous-token heads change next to
    nothing.”

    Another head of the layer, two other previous-token heads; a second pair of random texts.
    """
    told = []
    for seed in (0, 1):
        heads = _best(_scores(0)[0])

        def scores(off, seed=seed, heads=heads):
            total = 0
            for text in _texts(seed):
                seen = []
                _without(off, seen)(text)
                total = total + solved("03_attention")["induction_score"](torch.stack(seen), HALF)
            return torch.tensor([total[n, h] / 2 for n, h in heads])

        whole, blind = scores([]), scores([(16, 0)])
        others = [scores([head]) for head in ((16, 1), (11, 1), (2, 1))]
        assert (blind[:4] < 0.4 * whole[:4]).all() and blind[4] < 0.5 * whole[4]
        assert all((o > 0.85 * whole).all() for o in others)
        least = min(o[0] for o in others)
        told.append(f"18.6: {whole[0]:.2f} to {blind[0]:.2f}, others {least:.2f}")
    return "; ".join(told)


def quillfeather_has_more_than_one_way_back():
    """“Without the induction heads she is less likely, and is still named; without the
    previous-token heads she is gone, or nearly.”

    Eight random heads, five draws.
    """
    induction, previous = _scores()
    qu, ids = _ids(" Qu")[0], _ids(DRAGON)

    def chance(heads):
        return _without(heads)(ids)[0, -1].softmax(-1)[qu].item()

    whole, five, twelve = chance([]), chance(_best(induction)), chance(_best(induction, 12))
    back, gone = chance(_best(previous)), chance(_best(previous, 8))
    g = torch.Generator().manual_seed(2)
    random = [chance(_best(torch.rand(30, 9, generator=g), 8)) for _ in range(5)]
    assert whole > five > twelve > 0.25 > back > gone and min(random) > twelve
    assert complete(_without(_best(induction, 12)), DRAGON, 6).startswith(" Quill")
    return (
        f"{whole:.2f}; without 5 and 12 induction heads {five:.2f}, {twelve:.2f}; without 5 and 8 "
        f"previous-token heads {back:.2f}, {gone:.2f}; 8 random ones {min(random):.2f} or more"
    )


def induction_takes_two_layers_unless_the_length_is_fixed():
    """“Two layers get nowhere for a while and then, within a few dozen steps, they can. One layer
    does not get there, **unless the length never changes**”

    Three seeds each; one layer is given twice as many steps.
    """
    attend = solved("03_attention")["attend"]

    def train(n_layer, same_length=False, steps=300, d=48, vocab=32, seed=0):
        g = torch.Generator().manual_seed(seed)
        table = torch.randn(vocab, d, generator=g).requires_grad_()
        head = (torch.randn(vocab, d, generator=g) / d**0.5).requires_grad_()
        layers = [
            [(torch.randn(d, d, generator=g) / d**0.5).requires_grad_() for _ in range(4)]
            for _ in range(n_layer)
        ]
        weights = [table, head, *(w for layer in layers for w in layer)]
        optimizer, found = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0), []
        for _ in range(steps):
            half = 12 if same_length else int(torch.randint(6, 13, (1,), generator=g))
            ids = torch.randint(vocab, (24, half), generator=g).repeat(1, 2)
            x = table[ids]
            for layer in layers:
                x = x + attend(torch.nn.functional.rms_norm(x, (d,)), *layer, 4, 4)
            logits = torch.nn.functional.rms_norm(x, (d,)) @ head.T
            loss = torch.nn.functional.cross_entropy(
                logits[:, half:-1].flatten(0, 1), ids[:, half + 1 :].flatten()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return [sum(found[i : i + 20]) / 20 for i in range(0, steps, 20)]

    torch.set_num_threads(1)  # products this small are faster on one
    fixed = [train(1, True, seed=s)[-1] for s in range(3)]
    one = [train(1, seed=s)[-1] for s in range(3)] + [train(1, steps=600)[-1]]
    two = [train(2, seed=s) for s in range(3)]
    torch.set_num_threads(2)
    assert max(fixed) < 0.3 and min(one) > 1.2 and max(t[-1] for t in two) < 0.6
    assert all(t[4] > 2 for t in two)  # steps 80 to 100: still nowhere
    return (
        f"1 layer, fixed {max(fixed):.2f} at most; 1 layer {min(one):.2f} at least; "
        f"2 layers {max(t[-1] for t in two):.2f} at most"
    )


def equal_ids_forgive_bugs():
    """“Three planted bugs write the same ids, one of them a leak from the future that moves a
    logit by 29.”

    24 ids; the right attention, and a bug that the ids do expose.
    """
    prompts = (
        FRANCE,
        "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs.",
        "def fibonacci(n):",
    )

    def scaled(factor):
        return lambda q, k, v, mask=None: attention_weights(q * factor, k, mask) @ v

    def leaky(q, k, v, mask=None):
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        return torch.softmax(scores - 12.0 * ~mask, dim=-1) @ v

    def weak(q, k, v, mask=None):
        out = attention_weights(q, k, mask) @ v
        out[:, 7] *= 0.9
        return out

    told, texts = {}, [_ids(prompt) for prompt in prompts]
    written = [(list(generate(model(), ids, 8)), model()(ids)) for ids in texts]
    for name, attention in {
        "right": scaled(1.0),
        "√65": scaled(math.sqrt(64 / 65)),
        "−12": leaky,
        "weak head": weak,
        "√576": scaled(1 / 3),
    }.items():
        some, same, apart = model().using(attention=attention), 0, 0.0
        for ids, (want, logits) in zip(texts, written, strict=True):
            same += list(generate(some, ids, 8)) == want
            apart = max(apart, (some(ids) - logits).abs().max().item())
        told[name] = same, apart
    assert [same for same, _ in told.values()] == [3, 3, 3, 3, told["√576"][0]]
    assert told["√576"][0] < 3 and told["right"][1] < 1e-3 and abs(told["−12"][1] - 29) < 0.5
    return "; ".join(f"{name}: {same} of 3, {apart:.3f}" for name, (same, apart) in told.items())
