"""What notebook 3 says, with its controls."""

import math
from functools import cache
from itertools import cycle
from pathlib import Path

import torch
from claim_runner import THREADS, central, model, solved

from llmlib import complete, data, generate
from llmlib.attention import attention_maps, attention_weights
from llmlib.demonstrations.attention import (
    READERS,
    copying,
    gradient_back,
    heads,
    itself_and_first,
    made_to_copy,
    maps_of,
    maps_without,
    only_itself,
    patched,
    recovered,
    repeated,
    repetition_loss,
    replaced,
    train_to_repeat,
    votes,
    write_sizes,
)
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
FIVE = [(18, 6), (17, 4), (17, 3), (17, 5), (23, 7)]  # the best induction heads, best first
BEFORE = [(16, 0), (11, 1), (2, 1), (1, 2), (19, 3)]  # the best previous-token heads
PROSE = Path(data.__file__).with_name("prose.txt").read_text(encoding="utf-8")
CARRIERS = [(23, 0), (23, 1), (23, 7), (29, 1)]
NAMES = "Baker Carter Turner Green Parker Cooper Taylor Wilson Jackson Murray".split()


def _ids(text):
    return model().tokenizer.encode(text)


def _taught(name):
    return solved("03_attention")[name]


@cache
def _texts(seed=0):
    return repeated(seed, HALF)


@cache
def _scores(seed=0):
    """(induction, previous) of every head on the repeated random texts, [30, 9] each."""
    maps = [attention_maps(model(), text) for text in _texts(seed)]
    induction = sum(_taught("induction_score")(m, HALF) for m in maps) / 2
    return induction, sum(m.diagonal(-1, -2, -1)[:, :, 1:].mean(-1) for m in maps) / 2


def _best(scores, n=5):
    return [divmod(i, 9) for i in scores.flatten().topk(n).indices.tolist()]


@cache
def _controls(*heads):
    return _taught("control_heads")(list(heads), write_sizes(model(), _texts()))


@cache
def _loss(*heads, seed=0, by="zero"):
    """Mean loss on the repetition, in nats, with some heads off."""
    some = model()
    if heads:
        some = replaced(some, _taught("replace_heads"), heads, by)
    return repetition_loss(some, _texts(seed))[HALF:].mean().item()


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
def what_a_token_knows_by_itself_is_still_there():
    """“Much of what a token knows *by itself* is still there: after "Los" comes "Angeles". What
    stands elsewhere in the text is gone.”

    Ten words whose next one hangs on themselves beside five whose next one stands elsewhere, each
    with the whole past and with itself and the first token alone.
    """
    own = {
        "Once upon a time, in Los": " Angeles",
        "In 2008 the people elected Barack": " Obama",
        "The president of the United": " States",
        "Yesterday we flew to New": " York",
        "My uncle moved to Hong": " Kong",
        "She was born in San": " Francisco",
        "We flew to Buenos": " Aires",
        "They spent a week in Sri": " Lanka",
        "In winter we go to Puerto": " Rico",
        "A book about Abraham": " Lincoln",
    }
    told = {
        DRAGON: " Qu",
        "The dragon of Mrs. Quillfeather eats breakfast with Mrs.": " Qu",
        "Once there was a woman called Zora Quill. Every day the dragon said hello to Zora": " Qu",
        FRANCE: " Paris",
        "The capital of Italy is": " Rome",
    }
    kept = []
    for prompts in (own, told):
        for prompt, word in prompts.items():
            p = [
                some(_ids(prompt), last=True)[0, -1].softmax(-1)[_ids(word)[0]].item()
                for some in (model(), model().using(mask=itself_and_first))
            ]
            assert p[0] > 0.05, (prompt, p)
            kept.append(p[1] / p[0])
    assert sum(k > 0.3 for k in kept[:10]) >= 6 and max(kept[10:]) < 0.05, kept
    return "part of the probability that is left: {}; {}".format(
        *(", ".join(f"{k:.2f}" for k in each) for each in (kept[:10], kept[10:]))
    )


@central
def recurrence_fades_as_it_starts():
    """“Initialised as usual, the RNN and the LSTM lose what was said 50 steps ago. **Here the LSTM
    with its gate open carries the signal as evenly as attention does**: fading can be cured.”

    “With 16 numbers and 300 steps, the gradient of the same open LSTM falls several hundredfold,
    and that of attention stays level.”

    The same networks, started differently; narrower ones, over more steps.
    """
    kept = {}
    for name, make in READERS.items():
        curve = gradient_back(make)
        kept[name] = ((curve[50] / curve[1]) ** (1 / 49)).item()
    assert kept["RNN"] < 0.5 < kept["RNN, U a rotation"] and 0.55 < kept["LSTM"] < 0.65
    assert all(abs(kept[name] - 1) < 0.02 for name in ("LSTM, gate open", "attention"))
    long = {}
    for name in ("LSTM, gate open", "attention"):
        curve = gradient_back(READERS[name], steps=300, d_model=16, runs=4)
        long[name] = (curve[1] / curve[300]).item()
    assert 200 < long["LSTM, gate open"] < 2000 and 0.5 < long["attention"] < 2
    return "kept a step: {}; 16 wide, 300 steps: {}".format(
        *("; ".join(f"{n} {v:.3g}" for n, v in each.items()) for each in (kept, long))
    )


@central
def scores_spread_like_the_root_of_the_width():
    """“**The spread of raw scores grows like √head_dim; after the division it stays the same.**”

    “Without the division, the largest share's slope at head_dim 1024 is eight or nine times
    smaller.”

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


def the_wrong_divisor_breaks_the_model():
    """“With a third of it, the shares come much closer to equal, and Paris is lost.”

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
    """“**the numbers that are left still depend on the future**: each was divided by a sum that
    counts the future scores.”

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
    next layer the last token looks at these. So the mask is needed in writing as well.”

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
    """“**Most heads write something other than what they look at.** A few do copy, and fewer write
    the opposite.”

    A head made to copy, and random vectors; ten passages of prose.
    """
    sizes, copy, opposite, copied = [], [], [], []
    sentences = [s for s in PROSE.split(". ") if 50 < len(s) < 110][:10]
    for sentence in sentences:
        found = heads(model(), _ids(sentence))
        cosines = copying(found)[:, :, 1:]
        sizes.append(cosines.abs().mean().item())
        copy.append((cosines > 0.3).float().mean().item())
        opposite.append((cosines < -0.3).float().mean().item())
        copied.append(made_to_copy(found))
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(2, 1000, 576, generator=generator)
    random = torch.cosine_similarity(*pair, dim=-1).abs().mean().item()
    assert len(sizes) == 10 and random < 0.05 < max(sizes) < 0.16 < 0.28 < min(copied)
    assert all(c > o for c, o in zip(copy, opposite)) and max(copy) < 0.1
    return (
        f"mean size {min(sizes):.2f} to {max(sizes):.2f}, random {random:.2f}, a head made to copy "
        f"{min(copied):.2f} up; above 0.3 {min(copy):.1%} to {max(copy):.1%}, below -0.3 "
        f"{min(opposite):.1%} to {max(opposite):.1%}"
    )


@central
def heads_that_share_keys_agree_as_often_as_others():
    """“The same keys, different queries, different answers.” “In 65 of the model's 90 groups, all
    three heads give "The" the most, for a reason that section 3.7 tells. Heads that share no keys
    agree as often (63 of 90).”

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


def two_thirds_go_to_the_first_token():
    """“**In these short texts, about two thirds of all attention goes to the first token**, counted
    from the third token on. Equal shares would give it a quarter.”

    Were all looked at alike it would be 0.24; the order of the words reversed.
    """
    means = []
    for text in (CAT, "Two dogs ran in a park", "mat the on sat cat The"):
        means.append(attention_maps(model(), _ids(text))[:, :, 2:, 0].mean().item())
    alike = sum(1 / n for n in (3, 4, 5, 6)) / 4
    assert all(0.55 < m < 0.8 for m in means) and alike < 0.25
    return f"{', '.join(f'{m:.2f}' for m in means)} against {alike:.2f}"


def there_is_a_second_sink():
    """“There is a **second sink**: " the", at position 4, gets even more than the first token.”

    “Put " my" in its place, and the first token has nearly everything.”

    Another word at its place; another article that comes twice.
    """

    def row(text):
        return attention_maps(model(), _ids(text))[3:9, :, -1].mean((0, 1))

    the, my, man = row(CAT), row("The cat sat on my mat"), row("A man and a dog and a cat")
    assert the[4] > the[0] > 0.3 and my[4] < 0.1 and my[0] > 0.8 and max(man[3], man[6]) < 0.1
    return f"the {the[4]:.2f}, The {the[0]:.2f}; my {my[4]:.2f}; a {man[3]:.2f} and {man[6]:.2f}"


def the_sinks_have_short_values():
    """“the values of both are less than a fifth as long as the others.”

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


@central
def a_token_that_sees_only_itself_is_a_sink():
    """“**Seeing only itself, every token becomes a sink**: a vector as long as the first token's,
    and the same "-" after every text.”

    “one more token to look at, and the model knows "Angeles" again.”

    The same ten prompts with the first token added to the mask, and with the whole past.
    """
    prompts = (DRAGON, FRANCE, "Once upon a time, in Los", *OTHERS[:7])
    lengths = {}
    for mask in (None, itself_and_first, only_itself):
        some = model() if mask is None else model().using(mask=mask)
        for prompt in prompts:
            ids = _ids(prompt)
            stream = heads(some, ids).stream[11]
            size = stream.norm(dim=-1)
            lengths.setdefault(mask, []).append((size[1:].median() / size[0]).item())
            if mask is only_itself:
                cosine = torch.cosine_similarity(stream[1:], stream[:1], dim=-1)
                written = some(ids)[0].argmax(-1).unique().tolist()
                assert written == _ids("-") and cosine.min() > 0.99, prompt
    assert min(lengths[only_itself]) > 0.9
    assert max(lengths[None] + lengths[itself_and_first]) < 0.1
    said = complete(model().using(mask=itself_and_first), "Once upon a time, in Los", 1)
    assert said == " Angeles"
    return "median length beside the first token's: " + ", ".join(
        f"{name} {min(lengths[mask]):.3f} to {max(lengths[mask]):.3f}"
        for name, mask in (
            ("only itself", only_itself),
            ("and the first", itself_and_first),
            ("the past", None),
        )
    )


def the_heads_that_saw_cat_look_one_back():
    """“they looked at "cat" because it stands before "sat", not because cats sit.”

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


def both_kinds_of_heads_matter_and_16_0_most():
    """“**One head of 270, 16.0, takes most of the copying with it.** Its control costs next to
    nothing, the other eight heads of its layer *together* little. Both sets of five cost far more
    than their controls, too.” “On four pairs of random texts the five induction heads cost 4.5 to
    5.7 nats, their control 1.6 to 2.2; the five previous-token heads 6.4 to 8.1, their control 0.3
    to 1.0; 16.0 costs 4.3 to 5.8, the eight others together 0.5 to 1.1.” “Replacing heads by their
    mean in place of 0 gives the same picture.”

    Matched controls, the other eight heads of the layer, four pairs of texts, mean ablation.
    """
    assert _best(_scores()[0]) == FIVE and _best(_scores()[1]) == BEFORE
    eight = tuple((16, h) for h in range(1, 9))
    sets = {
        "5 induction": FIVE,
        "their control": _controls(*FIVE),
        "5 previous": BEFORE,
        "their control too": _controls(*BEFORE),
        "16.0": [(16, 0)],
        "its control": _controls((16, 0)),
        "8 others": eight,
    }
    cost = {
        name: [_loss(*heads, seed=s) - _loss(seed=s) for s in range(4)]
        for name, heads in sets.items()
    }
    ends = {name: (min(c), max(c)) for name, c in cost.items()}
    said = {
        "5 induction": (4.5, 5.7),
        "their control": (1.6, 2.2),
        "5 previous": (6.4, 8.1),
        "their control too": (0.3, 1.0),
        "16.0": (4.3, 5.8),
        "8 others": (0.5, 1.1),
    }
    for name, (low, high) in said.items():
        assert abs(ends[name][0] - low) < 0.07 and abs(ends[name][1] - high) < 0.07, (name, ends)
    assert max(cost["its control"]) < 0.5
    mean = {name: _loss(*heads, by="mean") - _loss() for name, heads in sets.items()}
    assert mean["5 induction"] > 2 * mean["their control"] and mean["16.0"] > 4
    assert mean["5 previous"] > 5 * mean["their control too"] and mean["its control"] < 0.5
    return "nats: " + "; ".join(
        f"{n} {a:.1f} to {b:.1f}, by the mean {mean[n]:.1f}" for n, (a, b) in ends.items()
    )


def a_blind_draw_can_cost_a_lot():
    """“Five heads drawn blindly from the layers of the previous-token heads can cost up to 6 nats.”

    Six draws from those layers, and six from the layers of the induction heads.
    """
    g = torch.Generator().manual_seed(2)

    def draw(heads):
        found = []
        for layer, _ in heads:
            left = [h for h in range(9) if (layer, h) not in [*heads, *found]]
            found.append((layer, left[torch.randint(len(left), (1,), generator=g).item()]))
        return found

    before, later = ([_loss(*draw(heads)) - _loss() for _ in range(6)] for heads in (BEFORE, FIVE))
    assert 4 < max(before) < 6.5 and min(before) < 1 and max(later) < 3
    costs = ", ".join(f"{c:.1f}" for c in sorted(before))
    return f"layers of the previous-token heads {costs}; of the induction {max(later):.1f} at most"


def switching_16_0_off_blinds_the_induction_heads():
    """“**Without 16.0 the induction heads are blind**: the three of layer 17 look no better than by
    chance, and the two others lose half of their aim or more. Its control changes next to nothing,
    and neither does 11.1, another previous-token head.”

    The control that `control_heads` chooses, another previous-token head; three pairs of texts.
    """
    told, alike = [], sum(1 / (i + 1) for i in range(HALF, 2 * HALF)) / HALF
    for seed in range(3):

        def scores(off, seed=seed):
            maps = maps_of(model(), _taught("replace_heads"), off, _texts(seed))
            found = sum(_taught("induction_score")(m, HALF) for m in maps) / len(maps)
            return torch.tensor([found[n, h] for n, h in FIVE])

        whole, blind = scores([]), scores([(16, 0)])
        others = [scores(_controls((16, 0))), scores([(11, 1)])]
        assert (blind[1:4] < alike + 0.05).all() and (blind[[0, 4]] <= 0.5 * whole[[0, 4]]).all()
        assert all((o > 0.85 * whole).all() for o in others)
        told.append(
            f"18.6: {whole[0]:.2f} to {blind[0]:.2f}, 23.7: {whole[4]:.2f} to {blind[4]:.2f}, "
            f"layer 17 {blind[1:4].max():.2f} at most, others {min(o[0] for o in others):.2f}"
        )
    return "; ".join(told)


@central
def the_keys_carry_the_mark_of_16_0():
    """“**The keys carry the note.** Without it the induction scores fall to nothing; without
    16.2's, little changes. The queries lose little: they ask for the token at their own place.”

    The note missing from the queries; that of 16.2 missing from the keys; two pairs of texts.
    """
    told = []
    for seed in (0, 1):

        def scores(part, head, seed=seed):
            maps = maps_without(model(), _texts(seed), 16, head, part)
            found = sum(_taught("induction_score")(m, HALF) for m in maps) / len(maps)
            return torch.tensor([found[n, h] for n, h in FIVE])

        whole = torch.tensor([_scores(seed)[0][n, h] for n, h in FIVE])
        keys, queries, other = scores("k", 0), scores("q", 0), scores("k", 2)
        assert keys.max() < 0.1 and (queries > 0.8 * whole).all() and (other > 0.75 * whole).all()
        told.append(
            f"18.6: {whole[0]:.2f}; note missing from keys {keys[0]:.2f}, from queries "
            f"{queries[0]:.2f}, 16.2's {other[0]:.2f}"
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


def looking_and_saying_are_done_by_different_heads():
    """“**Looking and saying are mostly done by different heads.** The three of layer 17 look at the
    right token and vote for it hardly more than for any other. The votes come later, from layer 23
    and from 29.1, which does not look there at all.”

    Votes for the other tokens of the text; three pairs of texts.
    """
    told = []
    for seed in range(3):
        says = torch.zeros(30, 9)
        for text in _texts(seed):
            vote = votes(model(), text)
            others = vote[:, :, HALF:, :HALF].mean((-1, -2))
            says += (_taught("induction_score")(vote, HALF) - others) / 2
        loudest = _best(says)
        quiet = max(says[17, h].item() for h in (3, 4, 5))
        assert {layer for layer, _ in loudest} == {23, 29} and (29, 1) in loudest
        assert 5 * quiet < says[29, 1] and 5 * quiet < min(says[n, h] for n, h in loudest)
        assert len({*loudest} & {*FIVE}) == 1 and _scores(seed)[0][29, 1] < 0.05
        told.append(
            ", ".join(f"{n}.{h} {says[n, h]:.1f}" for n, h in loudest) + f", layer 17 {quiet:.1f}"
        )
    return "votes above those for other tokens: " + "; ".join(told)


def _moved(name, other, sets, source=None):
    def encode(n):
        return _ids(f"Mrs. {n} keeps a dragon. Every morning the dragon eats breakfast with Mrs.")

    right, wrong = (_ids(f" {n}")[0] for n in (name, other))
    clean, corrupted = (model()(encode(n), last=True)[0, -1] for n in (name, other))
    replace = _taught("replace_heads")
    found = patched(model(), replace, encode(other), sets, encode(source or name))
    return recovered(found, clean, corrupted, right, wrong)


@central
def four_heads_bring_the_name():
    """“All heads at once bring back everything, no heads nothing: the patch does what it should.
    **Four heads of 270 bring most of the name, and their control next to none.** From a third
    name's run they bring much less of it: what moves is the name.”

    Matched heads of the same layers, all heads, none; a third name; three pairs of names.
    """
    every = [(layer, head) for layer in range(30) for head in range(9)]
    sets, found, third = [CARRIERS, _controls(*CARRIERS), every, []], [], []
    for name, other, another in zip(NAMES[:3], NAMES[1:], NAMES[2:]):
        found.append(_moved(name, other, sets))
        third += _moved(name, other, [CARRIERS], source=another).tolist()
    four, control, everything, none = torch.stack(found).T
    assert (everything - 1).abs().max() < 1e-3 and none.abs().max() < 1e-3
    assert four.min() > 0.5 and control.max() < 0.3 and max(third) < 0.6 * four.min(), (
        four,
        control,
        third,
    )
    return (
        f"four {four.min():.2f} to {four.max():.2f}, control {control.min():.2f} to "
        f"{control.max():.2f}, a third name {min(third):.2f} to {max(third):.2f}"
    )


def a_handful_of_heads_carries_the_name():
    """“**A handful of heads carries the name**, and all of them voted loudly on random tokens.”

    Each of 270 heads alone, on eight pairs of names; votes on random tokens, where no name is.
    """
    single = [[(layer, head)] for layer in range(30) for head in range(9)]
    each = [_moved(*pair, single) for pair in zip(NAMES[:8], NAMES[1:])]
    carried = (sum(each) / len(each)).view(30, 9)
    assert sorted(_best(carried, 4)) == CARRIERS
    counts = [int((c > 0.1).sum()) for c in each]
    says = torch.zeros(30, 9)
    for text in _texts():
        vote = votes(model(), text)
        others = vote[:, :, HALF:, :HALF].mean((-1, -2))
        says += (_taught("induction_score")(vote, HALF) - others) / 2
    assert max(counts) <= 8 and {*CARRIERS} <= {*_best(says, 7)}
    return f"heads that bring a tenth or more: {counts}; " + ", ".join(
        f"{n}.{h} {carried[n, h]:.2f}" for n, h in _best(carried, 6)
    )


@central
def induction_takes_two_layers_unless_the_length_is_fixed():
    """“For a hundred steps two layers do hardly better than one. Then, within a few dozen more,
    they learn it. One layer does not get there, **unless the length never changes**.” “on 9 + 9
    tokens that model is worse than guessing”

    Three seeds each; one layer is given twice as many steps; a length that the first run never saw.
    """

    def means(*arguments, steps=300, **options):
        """Loss in steps of 20, and at the end on 9 + 9 tokens."""
        losses, nine = train_to_repeat(_taught("attend"), *arguments, steps=steps, **options)
        return [sum(losses[i : i + 20]) / 20 for i in range(0, steps, 20)] + [nine]

    torch.set_num_threads(1)  # products this small are faster on one
    fixed = [means(1, True, seed=s)[-2:] for s in range(3)]
    ones = [means(1, seed=s) for s in range(3)]
    one = [t[-2] for t in ones] + [means(1, steps=600)[-2]]
    two = [means(2, seed=s) for s in range(3)]
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
    """“None, and one of them moves a logit by 29. An id says which logit is the largest, at the
    last position only. There even the leak moves little. **Equal ids
    are a smoke test.” “Of twelve other prompts, five give the leak or the weak head away by their
    ids, and none the √65. The logits of
    every one of them give away all three.”

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
