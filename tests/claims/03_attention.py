"""What notebook 3 says, with its controls."""

import math
from dataclasses import replace
from functools import cache
from itertools import cycle

import torch
from claim_runner import THREADS, central, model, solved

from llmlib import complete, generate
from llmlib.attention import attention_maps, attention_weights
from llmlib.embeddings import apply_rope

DRAGON = "Mrs. Quillfeather keeps a dragon. Every morning the dragon eats breakfast with Mrs."
FRANCE = "The capital of France is"
CAT = "The cat sat on the mat"
OTHERS = (
    "Once upon a time,",
    "def f(x):",
    "The opposite of hot is",
    "The best thing about the sea is",
    "My brother told me that",
    "In the morning I",
    "Dear Sir or Madam,",
    "The president of the United States",
    "import numpy as np\n",
    "She opened the door and",
    "Water boils at",
    "2 + 2 =",
)
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


@central
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


@central
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


@central
def scores_spread_like_the_root_of_the_width():
    """“its standard deviation is √head_dim”

    “undivided, at head_dim 1024 the slope is an eighth or a ninth of that”

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
    assert all(abs(s - 32) < 1 for s in spreads) and all(8 < r < 9.6 for r in ratios)
    return (
        f"spread {min(spreads):.1f} to {max(spreads):.1f} at 1024; slopes {min(ratios):.1f} to "
        f"{max(ratios):.1f} times apart"
    )


def the_other_divisor_needs_larger_queries():
    """“With a $W_Q$ three times as large the other divisor would give the same scores as before.”

    The other divisor with the trained $W_Q$.
    """
    layers = [replace(x, q=(3 * x.q[0], x.q[1])) for x in model().weights.layers]
    larger = replace(model(), weights=replace(model().weights, layers=layers))

    def other(q, k, v, mask=None):
        return attention_weights(q / 3, k, mask) @ v

    apart = [
        (some.using(attention=other)(_ids(FRANCE)) - model()(_ids(FRANCE))).abs().max().item()
        for some in (larger, model())
    ]
    assert apart[0] < 1e-3 < 1 < apart[1]
    return f"logits {apart[0]:.0e} apart; with the trained W_Q {apart[1]:.0f}"


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


@central
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
    """“Let them see it, and a layer turns them into other vectors than those of training; in the
    next layer the last token looks at these. So the mask is needed in writing as well, for the
    tokens that are already there.”

    One token, which has no future, is worked on alike with and without the mask; three prompts; the
    mask missing in the first layer only, and in the last only, after which there is no next.
    """
    blind = model().using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    alone = (blind(_ids("The")) - model()(_ids("The"))).abs().max().item()
    prompts = (FRANCE, "Once upon a time", "def fibonacci(n):")
    same = [complete(blind, p, 8) == complete(model(), p, 8) for p in prompts]
    assert alone < 1e-4 and not any(same) and "Paris" not in complete(blind, FRANCE, 8)

    def blind_in(layer):
        layers = cycle(range(30))

        def attention(q, k, v, mask=None):
            return attention_weights(q, k, None if next(layers) == layer else mask) @ v

        return model().using(attention=attention)

    moved = {0: [], 29: []}
    for layer, found in moved.items():
        for ids in map(_ids, prompts):
            found.append((blind_in(layer)(ids) - model()(ids))[0].abs().amax(-1))
    first = min(each[-1].item() for each in moved[0])
    last = max(each[-1].item() for each in moved[29])
    earlier = min(each[:-1].max().item() for each in moved[29])
    assert last < 1e-3 < 0.3 < earlier and first > 5
    return (
        f"one token: logits {alone:.0e} apart; {sum(same)} of 3 texts continued alike; no mask in "
        f"the first layer only: the last token's logits {first:.0f} apart or more, in the last "
        f"only {last:.0e} (an earlier token's {earlier:.1f})"
    )


@central
def heads_do_not_hand_on_what_they_look_at():
    """“Over all 270 heads the mean size is 0.13; two random vectors have 0.03, a head made to copy
    has 0.32. At this word eight heads copy about as much as that or more, twice as many write the
    *opposite* of what they look at, and most write something else. (At other words the mean is much
    the same, but sometimes more heads copy than write the opposite.)” “even in layer 0
    attention receives it at nearly a right angle to the token's row of the table.”

    Random vectors below, and above a head whose W_O is the transpose of its W_V; five words of
    another sentence.
    """

    def looks(text):
        """Cosines of what heads write with what they look at [270, seq], and all layers' input."""
        received, read = [], []

        def attention(q, k, v, mask=None):
            shares = attention_weights(q, k, mask)
            read.append((shares[0], v[0]))
            return shares @ v

        def block(x, norm_1, attend, norm_2, feed_forward):
            received.append(norm_1(x)[0])
            x = x + attend(norm_1(x))
            return x + feed_forward(norm_2(x))

        model().using(attention=attention, block=block)(_ids(text))
        cosines = []
        for layer, x, (shares, values) in zip(model().weights.layers, received, read):
            w_o = layer.o[0].unflatten(1, (9, 64))
            write = torch.einsum("dhk,hsk->hsd", w_o, shares @ values)
            cosines.append(torch.cosine_similarity(write, shares @ x, dim=-1))
        return torch.cat(cosines), received

    every, received = looks(CAT)
    every = every[:, 2]
    size, largest = every.abs().mean(), every.abs().max()
    g = torch.Generator().manual_seed(0)
    pair = torch.randn(2, 1000, 576, generator=g)
    random = torch.cosine_similarity(*pair, dim=-1).abs().mean()
    basis, inputs = torch.linalg.qr(torch.randn(576, 64, generator=g))[0], torch.cat(received)
    copies = torch.cosine_similarity(inputs @ basis @ basis.T, inputs, dim=-1).mean()
    copying, opposite = int((every > 0.3).sum()), int((every < -0.3).sum())
    own = model().weights.embedding[torch.tensor(_ids(CAT))]
    layer_0 = torch.cosine_similarity(received[0], own, dim=-1).abs().max()
    assert abs(size - 0.13) < 0.01 and largest < 0.6 and abs(random - 0.03) < 0.005
    assert abs(copies - 0.32) < 0.006 and (copying, opposite) == (8, 16) and layer_0 < 0.15
    others = looks("My old friend paints green doors")[0][:, 1:]
    sizes, more = others.abs().mean(0), (others > 0.3).sum(0)
    less = (others < -0.3).sum(0)
    assert 0.11 < sizes.min() and sizes.max() < 0.14 and others.abs().max() < 0.6
    assert (more > less).any() and (less > more).any()
    assert 6 < min(more.min(), less.min()) and max(more.max(), less.max()) <= 20
    return (
        f"mean {size:.2f}, {copying} above 0.3, {opposite} below -0.3; random {random:.2f}; "
        f"copying {copies:.2f}; layer 0 with its own embedding {layer_0:.2f} at most; five other "
        f"words: mean {sizes.min():.2f} to {sizes.max():.2f}, above 0.3 {more.tolist()}, below "
        f"-0.3 {less.tolist()}"
    )


def the_mask_gives_the_future_nothing():
    """“The causal mask gives them 0. But is 78 % for "The" plausible?”

    The same model without its mask gives the future a share.
    """
    row = attention_maps(model(), _ids(CAT))[:, :, 2].mean((0, 1))
    blind = model().using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
    unmasked = attention_maps(blind, _ids(CAT))[:, :, 2, 3:].sum(-1).mean()
    assert row[3:].sum() == 0 and abs(row[0] - 0.78) < 0.01 and unmasked > 0.05
    return f"future {row[3:].sum():.2f}, The {row[0]:.2f}; without its mask {unmasked:.2f}"


def two_thirds_go_to_the_first_token():
    """“In these short texts the tokens from the third on give about two thirds of their attention
    to the first one.”

    Were all looked at alike it would be 0.24; the order of the words reversed.
    """
    means = []
    for text in (CAT, "Two dogs ran in a park", "mat the on sat cat The"):
        means.append(attention_maps(model(), _ids(text))[:, :, 2:, 0].mean().item())
    alike = sum(1 / n for n in (3, 4, 5, 6)) / 4
    assert all(0.55 < m < 0.8 for m in means) and alike < 0.25
    return f"{', '.join(f'{m:.2f}' for m in means)} against {alike:.2f}"


@central
def heads_that_share_keys_agree_as_often_as_others():
    """“The same keys, different queries, different answers. (Not everywhere: in 65 of the model's
    90 groups of three, all three give "The" the most, for a reason that section 3.7 tells. But so
    do three heads that share no keys, in 63 cases of 90.)”

    Layer 11, in which they differ; threes of which no two share keys; two other texts.
    """
    told = []
    for text, at in ((CAT, 2), ("Two dogs ran in a park", 2), ("Once upon a time, there was a", 5)):
        most = attention_maps(model(), _ids(text))[:, :, at].argmax(-1)  # n_layer n_head
        threes = most.view(30, 3, 3)  # layer, group, head of the group
        counts = [int((each == 0).all(dim=2).sum()) for each in (threes, threes.mT)]
        assert abs(counts[0] - counts[1]) <= 9 and min(counts) > 45
        assert len(set(most[11, :3].tolist())) > 1
        told.append(counts)
    assert told[0] == [65, 63]
    return f"three heads give the first token most, of 90, sharing keys or not: {told}"


def there_is_a_second_sink():
    """“There is a **second sink**: " the", at position 4, gets even more than the first token.”

    “Put " my" in its place, and the first token has it all; neither " a" of another sentence is a
    sink.”

    Another word at its place; another article that comes twice.
    """

    def row(text):
        return attention_maps(model(), _ids(text))[3:9, :, -1].mean((0, 1))

    the, my, man = row(CAT), row("The cat sat on my mat"), row("A man and a dog and a cat")
    assert the[4] > the[0] > 0.3 and my[4] < 0.1 and my[0] > 0.8 and max(man[3], man[6]) < 0.1
    return f"the {the[4]:.2f}, The {the[0]:.2f}; my {my[4]:.2f}; a {man[3]:.2f} and {man[6]:.2f}"


def the_sinks_have_short_values():
    """“the values of both sinks are less than a fifth as long as the others. A share of 0.8 on a
    sink adds no more than a share of 0.16 on another token would. (In other sentences, too, the
    first token's values are by far the shortest.)”

    The same place of a sentence in which it is no sink; all other tokens.
    """
    ratios = {}
    for text, at in (
        (CAT, (0, 4)),
        ("The cat sat on my mat", (0,)),
        ("Two dogs ran in a park", ()),
    ):
        seen = []

        def attention(q, k, v, mask=None, seen=seen):
            seen.append(v[0].norm(dim=-1))
            return attention_weights(q, k, mask) @ v

        model().using(attention=attention)(_ids(text))
        lengths = torch.stack(seen[3:9]).mean((0, 1))
        others = [length for i, length in enumerate(lengths) if i not in (0, 4)]
        ratios[text] = [(lengths[i] / sum(others) * len(others)).item() for i in (0, 4)]
        assert all((ratios[text][i > 0] < 0.2) for i in at)
        assert ratios[text][0] < 0.25 and (4 in at or ratios[text][1] > 0.6)
        assert lengths[0] < min(others) / 3
    return "; ".join(f"{text}: first {a:.2f}, fifth {b:.2f}" for text, (a, b) in ratios.items())


def the_heads_that_saw_cat_look_one_back():
    """“they looked at "cat" because it stands before "sat", not because cats sit. The fourth, 13.8,
    is none: from "on" and "the" it looks back at "cat", too.”

    Another word before "sat": the same three heads look at that one. 13.8 on random texts.
    """
    found = []
    for text in (CAT, "The tax sat on the mat", "My very old sat on the mat"):
        ids = _ids(text)
        sat = ids.index(_ids(" sat")[0])
        maps = attention_maps(model(), ids)
        found.append(min(maps[n, h, sat, sat - 1].item() for n, h in ((11, 1), (16, 0), (2, 1))))
    assert min(found) > 0.5
    ids, fourth = _ids(CAT), _scores()[1][13, 8].item()
    assert fourth < 0.2
    cat, on = ids.index(_ids(" cat")[0]), ids.index(_ids(" on")[0])
    back = attention_maps(model(), ids)[13, 8, on : on + 2, cat].tolist()
    assert min(back) > 0.9
    return (
        f"least of the three shares one back: {', '.join(f'{f:.2f}' for f in found)}; "
        f'13.8: {fourth:.2f}, from "on" and "the" to "cat" {min(back):.2f} or more'
    )


def two_layers_amid_the_stack_have_no_sink():
    """“the sink fills most of the layers above the second, but for 10 and 11”

    The layers around them, on two pairs of random texts.
    """
    lines = []
    for texts in (_texts(), _texts(1)):
        maps = [attention_maps(model(), text)[:, :, 1:, 0] for text in texts]
        share = sum(each.mean((1, 2)) for each in maps) / len(maps)  # n_layer
        rest = [i for i in range(2, 30) if i not in (10, 11)]
        assert share[[0, 1, 10, 11]].max() < 0.25 < share[rest].min()
        lines.append(f"{share[10]:.2f} and {share[11]:.2f}, the rest {share[rest].min():.2f} up")
    return "mean share to the first token, layers 10 and 11: " + "; other texts: ".join(lines)


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


def both_kinds_of_heads_matter_and_16_0_most():
    """“Without the five best induction heads the model is most of the way back to guessing, on both
    pairs of texts; without the five best previous-token heads it is there, too, on the first pair
    even beyond. Of the latter five **one, 16.0, makes most of that**. Two of the others cost next
    to nothing”

    “Five others from the layers of the induction heads cost at most 1.3 nats in three draws, and
    all eight others of layer 16 *together* 0.9, where 16.0 by itself costs 5.8: in both it is the
    heads, not their layers. Of the five previous-token heads as a set we cannot say so: without
    five others from their layers the loss goes up to 9.6, without them to 11.4. And a blind draw of
    five can cost a lot” “without head 6 of layer 0, which is of neither kind, the loss is 8.3,
    too.”

    Two pairs of texts; six draws of any five heads, three draws from the induction heads' layers,
    as in the notebook, and six more, six from the previous-token heads', each head alone, each
    other head of layer 16 and all eight.
    """
    induction, previous = _scores()
    told = []
    for seed in (0, 1):
        none, five, before = (_loss(h, seed) for h in ([], _best(induction), _best(previous)))
        alone = {head: _loss([head], seed) for head in ((16, 0), (11, 1), (2, 1))}
        assert min(five, before) > none + 0.6 * (math.log(49152) - none)
        assert seed or before > math.log(49152) > five
        assert 0.6 < (alone[16, 0] - none) / (before - none) < 0.8
        assert max(alone[11, 1], alone[2, 1]) < none + 0.5
        told.append(
            f"all on {none:.1f}, off: 5 induction {five:.1f}, 5 previous {before:.1f}, "
            + ", ".join(f"{n}.{h} {loss:.1f}" for (n, h), loss in alone.items())
        )
    none, g = _loss([]), torch.Generator().manual_seed(1)
    any_five = sorted(
        _loss([divmod(i, 9) for i in torch.randperm(270, generator=g)[:5].tolist()])
        for _ in range(6)
    )
    g = torch.Generator().manual_seed(0)  # the notebook's draws come after these
    torch.randint(1000, 40000, (2, HALF), generator=g)
    for _ in range(6):
        torch.randperm(270, generator=g)
    same = [_loss(_others(_best(induction), g)) - none for _ in range(3)]
    g = torch.Generator().manual_seed(1)
    further = [_loss(_others(_best(induction), g)) - none for _ in range(6)]
    before, g = _loss(_best(previous)), torch.Generator().manual_seed(2)  # the notebook's draws
    beside = {seed: [_loss(_others(_best(previous), g), seed) for _ in range(6)] for seed in (0, 1)}
    for seed in (0, 1):
        base, noted = _loss([], seed), _loss([(16, 0)], seed)
        one = max(_loss([(16, h)], seed) for h in range(1, 9)) - base
        eight = _loss([(16, h) for h in range(1, 9)], seed) - base
        assert one < 0.5 and eight < 1.2 and noted - base > 3 * eight
        assert seed or (round(eight, 1), round(noted - base, 1)) == (0.9, 5.8)
        told.append(
            f"16.0 costs {noted - base:.1f}, another {one:.1f} or less, 8 others {eight:.1f}"
        )
    assert round(max(same), 1) == 1.3 and _loss(_best(induction)) - none > 3 * max(further)
    early = _loss([(0, 6)])
    assert round(early, 1) == 8.3 < _loss([(16, 0)]) and max(induction[0, 6], previous[0, 6]) < 0.3
    assert (round(max(beside[0]), 1), round(before, 1)) == (9.6, 11.4)
    assert max(beside[1]) > _loss([], 1) + 2
    assert any_five[2] < 5 and any_five[-1] > none + 1
    told.append(
        f"any five {any_five[0]:.1f} to {any_five[-1]:.1f}; 5 others cost {max(same):.1f} at "
        f"most in the layers of induction, in six more draws {max(further):.1f}; 5 others, "
        f"layers of previous {max(beside[0]):.1f} and {max(beside[1]):.1f}"
    )
    return "; ".join(told)


@central
def switching_16_0_off_blinds_the_induction_heads():
    """“Without 16.0 the three heads of layer 17 no longer know where to look (0.01 to 0.04; a head
    with equal shares for all has 0.03), and 18.6 and 23.7 lose about 70 % (on another pair of texts
    half or more). Its neighbour 16.1 and the two other previous-token heads change next to
    nothing.”

    Another head of the layer, two other previous-token heads; a second pair of random texts.
    """
    told, alike = [], sum(1 / (i + 1) for i in range(HALF, 2 * HALF)) / HALF
    assert abs(alike - 0.03) < 0.005
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
        assert (blind[1:4] < alike + 0.05).all() and blind[0] < 0.4 * whole[0]
        assert blind[4] < 0.6 * whole[4]
        lost = 1 - blind[[0, 4]] / whole[[0, 4]]
        assert 0.5 <= lost.min() < lost.max() < 0.75
        if seed == 0:  # the notebook's texts
            assert 0.65 < lost.min() < lost.max() < 0.75
            assert 0.005 < blind[1:4].min() < blind[1:4].max() < 0.045
        assert all((o > 0.85 * whole).all() for o in others)
        least = min(o[0] for o in others)
        told.append(
            f"18.6: {whole[0]:.2f} to {blind[0]:.2f}, 23.7: {whole[4]:.2f} to {blind[4]:.2f}, "
            f"layer 17 {blind[1:4].max():.2f} at most, others {least:.2f}"
        )
    return "; ".join(told)


def _others(heads, generator):
    """As many other heads of the same layers, drawn."""
    found = []
    for layer, _ in heads:
        left = [h for h in range(9) if (layer, h) not in heads + found]
        found.append((layer, left[torch.randint(len(left), (1,), generator=generator).item()]))
    return found


def quillfeather_has_more_than_one_way_back():
    """“Without the induction heads she is less likely, but so she is without twelve *others* of the
    same layers, in some draws by more: that fall is no sign of induction. Without 16.0, on which
    copying noise depended, her name is as likely as before! Without the eight previous-token heads
    she is gone, or nearly; no draw of their neighbours does that, and Paris is still known.”

    “This is one name. In "Captain Plimsoll keeps a dragon", some draws of their neighbours cost the
    name as much.”

    As many other heads of the same layers, six draws; Paris; an ordinary text; another name.
    """
    induction, previous = _scores()
    qu, paris, pl = (_ids(word)[0] for word in (" Qu", " Paris", " Pl"))
    river = torch.tensor(_ids("The water in a river flows downhill. It starts as rain or snow."))
    captain = DRAGON.replace("Mrs. Quillfeather", "Captain Plimsoll").replace("Mrs.", "Captain")

    def chance(heads, prompt=DRAGON, token=qu):
        return _without(heads)(_ids(prompt), last=True)[0, -1].softmax(-1)[token].item()

    def ordinary(heads):
        logits = _without(heads)(river)[0, :-1]
        return torch.nn.functional.cross_entropy(logits, river[1:]).item()

    twelve, eight = _best(induction, 12), _best(previous, 8)
    whole, less, noise, gone = (chance(heads) for heads in ([], twelve, [(16, 0)], eight))
    g = torch.Generator().manual_seed(3)
    like_12, like_8 = ([_others(h, g) for _ in range(6)] for h in (twelve, eight))
    others, before = (sorted(map(chance, draws)) for draws in (like_12, like_8))
    known, cost = chance(eight, FRANCE, paris), ordinary(eight) - ordinary([])
    assert whole > less > 0.25 and others[0] < less < others[-1] and others[3] < whole - 0.1
    assert abs(noise - whole) < 0.05 and gone < 0.1 < before[0] - gone
    assert known > 0.4 and cost < 0.5
    his, alike = chance(eight, captain, pl), sorted(chance(h, captain, pl) for h in like_8)
    assert his < chance([], captain, pl) and alike[1] <= his + 0.02
    return (
        f"{whole:.2f}; without 12 induction heads {less:.2f}, 12 others {others[0]:.2f} to "
        f"{others[-1]:.2f}; without 16.0 {noise:.2f}; without 8 previous-token heads {gone:.2f}, "
        f"8 others {before[0]:.2f} or more (Paris {known:.2f}, an ordinary text {cost:+.2f} nats); "
        f"Plimsoll {his:.2f}, 8 others {alike[0]:.2f} or more"
    )


def the_keys_carry_the_mark_of_16_0():
    """“The *keys* of the later heads carry that mark, and without it their induction scores are 0
    to 0.04.” “With 16.0 off, later parts write something else, which makes up for a little: hold
    layer 16's other half (notebook 4) and layer 17 at what they wrote before, and 18.6 loses it all
    then, too.”
    “Without another head's mark, 16.1's, nothing happens. The queries lose little without 16.0's
    mark”

    The mark missing from the queries; the mark of 16.1 missing from the keys; 16.0 off, with the
    later parts free and held; 16.1 off, with them held; four texts.
    """
    taught, config, told = solved("03_attention"), model().config, []
    five = _best(_scores()[0])

    def scores(text, part, head=0, off=False, wrote=None, held=()):
        """The five's scores. `wrote` notes what the sublayers add, or gives it to those `held`."""
        seen, at, mark = [], torch.arange(len(text)), 0

        def added(name, value):
            if name in held:
                return wrote[name]
            if wrote is not None and not held:
                wrote[name] = value
            return value

        def block(x, norm_1, attend, norm_2, feed_forward):
            nonlocal mark
            number = len(seen)
            layer = model().weights.layers[number]
            w_q, w_k, w_v, w_o = (w[0] for w in (layer.q, layer.k, layer.v, layer.o))
            whole, less = norm_1(x), norm_1(x - mark)
            q = taught["split_heads"]((less if part == "q" else whole) @ w_q.T, 9)
            k = taught["split_heads"]((less if part == "k" else whole) @ w_k.T, 3)
            q, k = (apply_rope(t, at, config.rope_theta) for t in (q, k))
            v = taught["split_heads"](whole @ w_v.T, 3)
            k, v = (taught["repeat_kv"](t, 3) for t in (k, v))
            shares = attention_weights(q, k, taught["causal_mask"](len(at)))
            seen.append(shares[0])
            out = shares @ v
            if number == 16 and off:
                out[:, head] = 0
            elif number == 16:
                mark = out[:, head] @ w_o[:, 64 * head : 64 * head + 64].T
            x = x + added((number, "attention"), taught["merge_heads"](out) @ w_o.T)
            return x + added((number, "mlp"), feed_forward(norm_2(x)))

        model().using(block=block)(text)
        found = taught["induction_score"](torch.stack(seen), HALF)
        return torch.tensor([found[n, h] for n, h in five])

    later = ((16, "mlp"), (17, "attention"), (17, "mlp"))
    for seed in (0, 1):
        columns = []
        for text in _texts(seed):
            wrote = {}
            whole = scores(text, None, wrote=wrote)
            keys, queries, other = (scores(text, p, h) for p, h in (("k", 0), ("q", 0), ("k", 1)))
            free = scores(text, None, off=True)
            held = scores(text, None, off=True, wrote=wrote, held=later)
            control = scores(text, None, head=1, off=True, wrote=wrote, held=later)
            assert keys.max() < 0.1 and keys[0] < 0.05
            assert (queries > 0.8 * whole).all() and (other > 0.95 * whole).all()
            assert held[0] < 0.03 < 0.15 < free[0] and control[0] > 0.95 * whole[0]
            columns.append(torch.stack([whole, keys, queries, other, free, held, control]))
        rows = torch.stack(columns).mean(0)
        assert seed or rows[1].max() < 0.045
        told.append(
            "18.6: {:.2f}; mark missing from keys {:.2f}, from queries {:.2f}, 16.1's {:.2f}; "
            "16.0 off {:.2f}, later parts held {:.2f}; 16.1 off, held {:.2f}".format(*rows[:, 0])
        )
    return "; ".join(told)


def the_queries_ask_for_the_token_at_their_own_place():
    """“they ask for the token at their own place”

    From layer 17 on, one query of the repetition is made from what its place would hold were the
    token there another one of the text: the five heads look behind that one instead. Were it the
    token *before* that is another one, they look where they did.
    """
    taught, config, five = solved("03_attention"), model().config, _best(_scores()[0])

    def run(text, at=None, other=None):
        """Shares, and each layer's input; `other`, such inputs, is what the query `at` reads."""
        seen, inputs, places = [], [], torch.arange(len(text))

        def block(x, norm_1, attend, norm_2, feed_forward):
            number = len(seen)
            layer = model().weights.layers[number]
            w_q, w_k, w_v, w_o = (w[0] for w in (layer.q, layer.k, layer.v, layer.o))
            inputs.append(x[0])
            asks, whole = x.clone(), norm_1(x)
            if other is not None and number >= 17:
                asks[0, at] = other[number][at]
            q, k = taught["split_heads"](norm_1(asks) @ w_q.T, 9), whole @ w_k.T
            k, v = (taught["split_heads"](each, 3) for each in (k, whole @ w_v.T))
            q, k = (apply_rope(t, places, config.rope_theta) for t in (q, k))
            k, v = (taught["repeat_kv"](t, 3) for t in (k, v))
            seen.append(attention_weights(q, k, taught["causal_mask"](len(text)))[0])
            x = x + taught["merge_heads"](seen[-1] @ v) @ w_o.T
            return x + feed_forward(norm_2(x))

        model().using(block=block)(text)
        return torch.stack([seen[n][h] for n, h in five]), inputs

    found = {"as it is": [], "its own": [], "before": []}
    for text in _texts():
        plain, _ = run(text)
        for at, new in ((30, 12), (37, 5)):
            ends = [at - HALF + 1, new + 1]  # behind the first of the same, and of the other token
            found["as it is"].append(plain[:, at, ends].mean(0))
            for name, changed in (("its own", at), ("before", at - 1)):
                edited = text.clone()
                edited[changed] = text[new]
                shares, _ = run(text, at, run(edited)[1])
                found[name].append(shares[:, at, ends].mean(0))
    found = {name: torch.stack(each) for name, each in found.items()}
    old, new = (torch.stack([each[:, n] for each in found.values()]) for n in (0, 1))
    assert (old[0] > 0.5).all() and (new[0] < 0.05).all()
    assert (old[1] < 0.1).all() and (new[1] > 0.15).all() and new[1].mean() > 0.4
    assert (old[2] > 0.4).all() and (new[2] < 0.1).all()
    return "mean share behind the old token and the new one: " + "; ".join(
        f"{name} {a:.2f}, {b:.2f}" for name, a, b in zip(found, old.mean(1), new.mean(1))
    )


def induction_takes_two_layers_unless_the_length_is_fixed():
    """“For a hundred steps two layers do hardly better than one; then, within a few dozen, they
    can. One layer does not get there, **unless the length never changes**” “On 9 + 9 tokens it is
    worse than guessing”

    Three seeds each; one layer is given twice as many steps; a length that the first run never saw.
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

        def loss(half):
            ids = torch.randint(vocab, (24, half), generator=g).repeat(1, 2)
            x = table[ids]
            for layer in layers:
                x = x + attend(torch.nn.functional.rms_norm(x, (d,)), *layer, 4, 4)
            logits = torch.nn.functional.rms_norm(x, (d,)) @ head.T
            return torch.nn.functional.cross_entropy(
                logits[:, half:-1].flatten(0, 1), ids[:, half + 1 :].flatten()
            )

        for _ in range(steps):
            now = loss(12 if same_length else int(torch.randint(6, 13, (1,), generator=g)))
            optimizer.zero_grad()
            now.backward()
            optimizer.step()
            found.append(now.item())
        nine = loss(9).item()
        return [sum(found[i : i + 20]) / 20 for i in range(0, steps, 20)] + [nine]

    torch.set_num_threads(1)  # products this small are faster on one
    fixed = [train(1, True, seed=s)[-2:] for s in range(3)]
    ones = [train(1, seed=s) for s in range(3)]
    one = [t[-2] for t in ones] + [train(1, steps=600)[-2]]
    two = [train(2, seed=s) for s in range(3)]
    torch.set_num_threads(THREADS)
    assert max(twelve for twelve, _ in fixed) < 0.3 and min(nine for _, nine in fixed) > 3.5
    assert min(one) > 1.2 and max(max(t[-2:]) for t in two) < 0.8
    lead = [o[4] - t[4] for o, t in zip(ones, two)]  # steps 80 to 100
    assert all(t[4] > 2 for t in two) and max(map(abs, lead)) < 0.4
    late = [max(i for i, loss in enumerate(t[:-1]) if loss > 2) for t in two]
    soon = [min(t[i + 1 : i + 4]) for i, t in zip(late, two)]  # 20 to 60 steps later
    assert max(soon) < 1
    return (
        f"1 layer, fixed {max(end for end, _ in fixed):.2f} at most, on 9 + 9 tokens "
        f"{min(nine for _, nine in fixed):.1f} at least; 1 layer {min(one):.2f} at least; "
        f"2 layers {max(t[-2] for t in two):.2f} at most (after 100 steps ahead "
        f"of 1 by {max(lead):.2f} at most; from above 2 to {max(soon):.2f} or less "
        f"within 60 steps), on 9 + 9 {max(t[-1] for t in two):.2f}"
    )


@central
def equal_ids_forgive_bugs():
    """“Three planted bugs write the same ids, one of them a leak from the future that moves a
    logit by 29. An id says which logit is the largest, at the last position only, and there even
    the leak moves logits by no more than 2.3: the last token has no future. (The three prompts are
    forgiving: of twelve others, five give the leak or the weak head away by their ids, and none the
    √65. By its logits each of them gives away all three.)”

    24 ids; the right attention, and a bug that the ids do expose; twelve other prompts, 6 ids each.
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

    def writes(attention, ids, want):
        """Does it write these ids? One pass shows it, unless it looks at what is to come: each of
        them must be the likeliest after those before it."""
        some = model().using(attention=attention)
        if attention is leaky:
            return list(generate(some, ids, len(want))) == want
        return some(ids + want[:-1])[0, len(ids) - 1 :].argmax(-1).tolist() == want

    for name, attention in {
        "right": scaled(1.0),
        "√65": scaled(math.sqrt(64 / 65)),
        "−12": leaky,
        "weak head": weak,
        "√576": scaled(1 / 3),
    }.items():
        some, same, apart, last = model().using(attention=attention), 0, 0.0, 0.0
        for ids, (want, logits) in zip(texts, written, strict=True):
            same += writes(attention, ids, want)
            moved = (some(ids) - logits)[0].abs()
            apart, last = max(apart, moved.max().item()), max(last, moved[-1].max().item())
        told[name] = same, apart, last
    assert [same for same, *_ in told.values()] == [3, 3, 3, 3, told["√576"][0]]
    assert told["√576"][0] < 3 and told["right"][1] < 1e-3 and abs(told["−12"][1] - 29) < 0.5
    assert abs(told["−12"][2] - 2.3) < 0.05
    bugs = {"√65": scaled(math.sqrt(64 / 65)), "−12": leaky, "weak head": weak}
    given_away, least = {name: set() for name in bugs}, math.inf
    for prompt in OTHERS:
        ids = _ids(prompt)
        want, logits = list(generate(model(), ids, 6)), model()(ids)
        for name, attention in bugs.items():
            some = model().using(attention=attention)
            least = min(least, (some(ids) - logits).abs().max().item())
            if not writes(attention, ids, want):
                given_away[name].add(prompt)
    assert not given_away["√65"] and given_away["−12"] and given_away["weak head"]
    found = len(given_away["−12"] | given_away["weak head"])
    assert found == 5 and least > 0.03  # rounding: below 0.001
    listed = "; ".join(
        f"{name}: {same} of 3, {apart:.3f}, last position {last:.3f}"
        for name, (same, apart, last) in told.items()
    )
    return f"{listed}; {found} of {len(OTHERS)} other prompts; their logits {least:.2f} or more"
