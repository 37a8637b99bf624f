"""What notebook 4's demonstrations measure and need not show."""

import tempfile
from dataclasses import replace
from itertools import count, cycle

import torch
from torch.nn.functional import cross_entropy, layer_norm, linear, normalize

from llmlib import attention, layers, output_head, pretrained
from llmlib.layers import pre_norm_block

# Short texts that models are measured on: several, as one says little.

STORY = (
    "In the spring my grandmother planted beans along the garden wall. Every morning she carried "
    "two cans of water from the pump, and every evening she counted the leaves. The first year the "
    "frost came late and killed them all. The second year the rabbits ate what the frost had left. "
    "She did not give up. She bought a roll of wire, built a fence, and waited."
)
FACTS = (
    "Vienna is the capital of Austria and lies on the Danube. The capital of Hungary is Budapest. "
    "Madrid is the capital of Spain. The official language of Brazil is Portuguese, and the "
    "currency of Japan is the yen."
)
BEES = "Bees do not vote, but a swarm decides. Scouts look at holes in trees and come back."


# The residual stream of a real model: what each sublayer writes to it, and the rest of the model
# run from any point of it.


def with_layers(model, layer_list):
    """Return the same model with these layers only."""
    return replace(model, weights=replace(model.weights, layers=layer_list))


def residual_writes(model, ids, block=layers.pre_norm_block):
    """Return the embedding, then what each sublayer adds to the stream: ids [seq] ->
    [1 + 2 * n_layer, seq, d_model]; ids [batch, seq] -> [1 + 2 * n_layer, batch, seq, d_model].
    Their sum is the final stream."""
    added = []

    def noted(sublayer):
        def run(x):
            added.append(sublayer(x))
            return added[-1]

        return run

    def watched(x, norm_1, attend, norm_2, feed_forward):
        if not added:
            added.append(x)
        return block(x, norm_1, noted(attend), norm_2, noted(feed_forward))

    ids = torch.as_tensor(ids)
    model.using(block=watched)(ids, last=True)  # nobody reads the logits: one will do
    result = torch.stack(added)
    return result[:, 0] if ids.dim() == 1 else result


def residual_stream(model, ids, block=layers.pre_norm_block):
    """Return the stream as layer 0, 1, ... reads it, and the final one: [1 + n_layer, ..., seq,
    d_model], with a batch dimension if `ids` have one."""
    return residual_writes(model, ids, block).cumsum(dim=0)[::2]


def run_from(model, x, layer_list, last=False):
    """Compute the logits after these layers alone, started from the stream x [seq, d_model] or
    [batch, seq, d_model] in place of an embedding."""
    x = x if x.dim() == 3 else x[None]
    started = with_layers(model, layer_list).using(embedding=lambda ids, table: x)
    return started(torch.zeros(x.shape[:2], dtype=torch.long), last=last)


def head(model, x):
    """Apply the final norm, and the table read backwards: x [..., d_model] -> logits [...,
    vocab]."""
    x = model.parts.norm(x, *model.weights.norm, model.config.eps)
    return output_head.unembed(x, model.weights.unembedding)


def mean_loss(model, ids):
    """Return the mean of -log p(next token) over the text `ids` [seq], in nats."""
    ids = torch.as_tensor(ids)
    return output_head.cross_entropy(model(ids[:-1])[0], ids[1:]).item()


def losses_of_runs(model, ids, block):
    """Return the same loss at the end of each run of a batch; `block` may add runs on the way."""
    ids = torch.as_tensor(ids)
    ends = model.using(block=block, unembedding=lambda x, table: x)(ids[:-1])
    table = model.weights.unembedding
    result = (output_head.cross_entropy(output_head.unembed(x, table), ids[1:]) for x in ends)
    return [loss.item() for loss in result]  # one at a time: logits are large


def without_division(model, place):
    """Return the model whose norms at this place, "norm_1", "norm_2" or "the last norm", keep their
    weights and no longer divide."""
    last = 2 * model.config.n_layer
    numbers = cycle(range(last + 1))

    def norm(x, weight, eps):
        n = next(numbers)
        here = "the last norm" if n == last else ("norm_1", "norm_2")[n % 2]
        return x * weight if here == place else layers.rms_norm(x, weight, eps)

    return model.using(norm=norm)


# Stacks of layers with random weights, as they are before any training.

MATRICES = ("w_q", "w_k", "w_v", "w_o", "w_in", "w_out")
SEQ, VOCAB = 32, 100


def fresh_stack(depth, generator, d_model=64, strength=1.0):
    """Make random weights [w_q, w_k, w_v, w_o, w_in, w_out] of each layer. Each keeps the size of
    what passes through it; `strength` scales the two that write, w_o and w_out."""
    d = d_model
    shapes = [(d, d)] * 4 + [(4 * d, d), (d, 4 * d)]
    layers = []
    for _ in range(depth):
        layer = [torch.randn(s, generator=generator) / s[1] ** 0.5 for s in shapes]
        layer[3] *= strength
        layer[5] *= strength
        layers.append(layer)
    return layers


def run_stack(x, layers, block, n_head=4, alone=False, bend=torch.relu):
    """Run x [batch, seq, d_model] through a fresh stack -> the stream after 0, 1, ... layers.
    `block` wires a layer, as pre_norm_block does. With `alone`, each token may look at itself only;
    `bend` is the activation of the feed-forward."""

    def norm(x):
        return layer_norm(x, x.shape[-1:])

    states = [x]
    for w_q, w_k, w_v, w_o, w_in, w_out in layers:

        def attend(x):
            q, k, v = (attention.split_heads(linear(x, w), n_head) for w in (w_q, w_k, w_v))
            if not alone:
                attend = torch.nn.functional.scaled_dot_product_attention
                v = attend(q, k, v, is_causal=True)
            return linear(attention.merge_heads(v), w_o)

        def feed_forward(x):
            return linear(bend(linear(x, w_in)), w_out)

        states.append(block(states[-1], norm, attend, norm, feed_forward))
    return states


def fresh_start(depth, seed, d_model=64, strength=1.0):
    """Make one fresh stack and what goes in -> (layers, x [2, 32, d_model], head [100, d_model],
    targets [2, 32])."""
    generator = torch.Generator().manual_seed(seed)
    layers = fresh_stack(depth, generator, d_model, strength)
    x = torch.randn(2, SEQ, d_model, generator=generator)
    head = torch.randn(VOCAB, d_model, generator=generator) / d_model**0.5
    return layers, x, head, torch.randint(VOCAB, (2, SEQ), generator=generator)


def fresh_stack_loss(block, seed, depth, strength=1.0, **how):
    """Return (the layers of a fresh stack, the function layers -> its loss on random targets)."""
    layers, x, head, targets = fresh_start(depth, seed, strength=strength)

    def loss(layers):
        end = run_stack(x, layers, block, **how)[-1]
        logits = linear(layer_norm(end, end.shape[-1:]), head)
        return cross_entropy(logits.flatten(0, 1), targets.flatten())

    return layers, loss


def tokens_alike(block, depth, seeds=range(3), **how):
    """Return the mean cosine between two tokens of a text after 0, 1, ... layers of a fresh stack,
    a mean over seeds -> [1 + depth]."""
    result, off_diagonal = [], ~torch.eye(SEQ, dtype=torch.bool)
    for seed in seeds:
        layers, x, *_ = fresh_start(depth, seed)
        unit = normalize(torch.stack(run_stack(x, layers, block, **how)), dim=-1)
        result.append((unit @ unit.mT)[..., off_diagonal].mean(dim=(1, 2)))
    return torch.stack(result).mean(dim=0)


# A model so small that a notebook trains it, and the letters of the course's stories to train on.


class Letters:
    """Keep the letters of some stories as numbers: those it trains on, and those of unseen
    stories."""

    def __init__(self, train, held_out):
        """Take two texts."""
        self.alphabet = sorted(set(train + held_out))
        self.train, self.held_out = map(self.encode, (train, held_out))

    def encode(self, text):
        """Return the number of each letter [len(text)]."""
        return torch.tensor([self.alphabet.index(letter) for letter in text])

    def batch(self, step, size=12, seq=48, held_out=False):
        """Draw `size` pieces of seq + 1 letters by the number of the step -> [size, seq + 1]."""
        ids = self.held_out if held_out else self.train
        generator = torch.Generator().manual_seed(step)
        starts = torch.randint(len(ids) - seq - 1, (size, 1), generator=generator)
        return ids[starts + torch.arange(seq + 1)]

    def table_losses(self, unseen):
        """Return the loss on pieces of unseen stories [size, seq + 1], in nats a letter, of two
        tables: how common each letter is; how common it is after the letter before."""
        ids, n = self.train, len(self.alphabet)
        pairs = torch.full((n, n), 0.01)
        pairs.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
        single = pairs.sum(dim=0) / pairs.sum()
        after = pairs / pairs.sum(dim=1, keepdim=True)
        losses = single[unseen[:, 1:]], after[unseen[:, :-1], unseen[:, 1:]]
        return [-loss.log().mean().item() for loss in losses]


def tiny_model(vocab, d_model=48, d_mlp=128, n_layer=2, seed=0):
    """Make random weights of a tiny Llama -> (table, layers, final norm) as `forward`
    takes them, and (w_q, w_k, w_v, w_o) of each layer."""
    generator, d = torch.Generator().manual_seed(seed), d_model

    def made(*shape):
        return (torch.randn(shape, generator=generator) / shape[-1] ** 0.5).requires_grad_()

    def ones():
        return torch.ones(d, requires_grad=True)

    shapes = (d_mlp, d), (d_mlp, d), (d, d_mlp)
    stack = [(ones(), ones(), *(made(*shape) for shape in shapes)) for _ in range(n_layer)]
    return (made(vocab, d), stack, ones()), [[made(d, d) for _ in range(4)] for _ in range(n_layer)]


# What a model knows of capitals: prompts whose right answers differ in one word, the rest of the
# model run from a patched stream, and single heads switched off.

CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Germany": "Berlin",
    "Japan": "Tokyo",
    "Spain": "Madrid",
    "Russia": "Moscow",
    "Austria": "Vienna",
    "Greece": "Athens",
    "China": "Beijing",
    "Hungary": "Budapest",
}  # every country and every capital is one token to SmolLM2


def capital_prompt(country):
    """Return the question about a country's capital."""
    return f"The capital of {country} is"


def country_pairs():
    """Return ten pairs of countries: each one, and the next of the list."""
    countries = list(CAPITALS)
    return list(zip(countries, countries[1:] + countries[:1]))


def city_id(model, city):
    """Return the one token of a city's name, with the space before it."""
    [token] = model.tokenizer.encode(f" {city}")
    return token


def rest_of_model(model, right, wrong, first=0):
    """Return the function rest(i, x): run the layers from `first + i` on, started from the streams
    x [batch, seq, d_model] -> logit(right) - logit(wrong) after the last token, [batch]. `right`
    and `wrong` are ids."""
    gap = model.using(unembedding=lambda x, table: x @ (table[right] - table[wrong]))

    def rest(i, x):
        return run_from(gap, x, model.weights.layers[first + i :], last=True)[:, -1]

    return rest


def leads_without_heads(model, heads, countries):
    """Measure how far the logit of each country's capital is above the mean of all ten: of the
    whole model, then with each of `heads`, pairs (layer, head), switched off, its output being 0 ->
    [1 + len(heads), countries]. One pass: a run joins the batch in the layer of its head."""
    ids = torch.tensor([model.tokenizer.encode(capital_prompt(country)) for country in countries])
    order = sorted(range(len(heads)), key=lambda i: heads[i][0])  # as they join
    layer_numbers, off = count(), None

    def attention_without(q, k, v, mask=None):
        out = attention.scaled_dot_product_attention(q, k, v, mask)
        if off is not None:
            out[:, off] = 0
        return out

    def block(x, norm_1, attend, norm_2, feed_forward):
        nonlocal off
        layer, runs = next(layer_numbers), [x + attend(norm_1(x))]
        for off in (heads[i][1] for i in order if heads[i][0] == layer):
            runs.append(x[: len(ids)] + attend(norm_1(x[: len(ids)])))
        off, x = None, torch.cat(runs)
        return x + feed_forward(norm_2(x))

    changed = model.using(attention=attention_without, block=block)
    cities = [city_id(model, city) for city in CAPITALS.values()]
    logits = changed(ids, last=True)[:, -1][:, cities].view(-1, len(countries), len(cities))
    right = torch.tensor([list(CAPITALS).index(country) for country in countries])
    leads = logits[:, range(len(countries)), right] - logits.mean(dim=-1)
    return torch.cat([leads[:1], leads[1:][torch.tensor(order, dtype=torch.long).argsort()]])


# Single neurons of a Llama model's feed-forward: what they read, how strongly they answer, and
# what happens when one is held or switched off.


def mlp_inputs(model, ids):
    """Return what each layer's feed-forward reads: ids [seq] -> [n_layer, seq, d_model]."""
    inputs = []

    def watching(x, *weights):
        inputs.append(x[0])
        return layers.swiglu(x, *weights)

    model.using(mlp=watching)(ids, last=True)
    return torch.stack(inputs)


def neuron_strengths(x, w_gate, w_up, *_):
    """Return the number of each neuron: x [..., d_model] -> [..., d_mlp]. What the neuron
    writes is this number times its column of w_down."""
    gate = linear(x, w_gate)
    return gate * torch.sigmoid(gate) * linear(x, w_up)


def neuron_strengths_on(model, ids, layer, neuron):
    """Return the number of one neuron at each token of a text -> [seq]."""
    w_gate, w_up = (w[neuron : neuron + 1] for w in model.weights.layers[layer].mlp[:2])
    return neuron_strengths(mlp_inputs(model, ids)[layer], w_gate, w_up)[:, 0]


def neuron_held(model, layer, neuron, value):
    """Return the model with one neuron held at `value` at the last token; None leaves it alone."""
    layer_numbers = cycle(range(model.config.n_layer))

    def feed_forward(x, w_gate, w_up, w_down):
        out = layers.swiglu(x, w_gate, w_up, w_down)
        if next(layer_numbers) == layer and value is not None:
            part = slice(neuron, neuron + 1)
            now = neuron_strengths(x[:, -1], w_gate[part], w_up[part])
            out[:, -1] += (value - now) * w_down[:, neuron]
        return out

    return model.using(mlp=feed_forward)


def held_in_last_layer(model, ids, neurons, values):
    """Compute the logits after a text `ids` [seq] with each of some `neurons` of the last layer
    held at its value -> [n, vocab]. Only the head reads that layer, so no layer runs again."""
    final = residual_stream(model, ids)[-1, -1]
    weights = model.weights.layers[-1].mlp
    natural = neuron_strengths(mlp_inputs(model, ids)[-1, -1], *weights)[neurons]
    change = (torch.as_tensor(values) - natural)[..., None]
    return head(model, final + change * weights[2].T[neurons])


# The shapes of some models, and the parameters that one stores.


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
    """Return a loaded model's shape, as count_parameters takes it."""
    names = ("vocab_size", "context", "n_layer", "d_model", "n_head", "n_kv_head", "head_dim")
    return {name: getattr(config, name) for name in names} | {"d_mlp": d_mlp}


def stored_parameters(weights):
    """Count the numbers that a model with a tied head stores."""
    parts = ("norm_1", "q", "k", "v", "o", "norm_2", "mlp")
    tensors = [t for layer in weights.layers for part in parts for t in getattr(layer, part)]
    tensors += [weights.embedding, *weights.norm]
    return sum(tensor.numel() for tensor in tensors if tensor is not None)


# Layers left out: what each costs, in nats per token. All runs share one pass over the layers: a
# run joins the batch where it parts from the rest.


def losses_without_layers(model, ids):
    """Return the loss on a text `ids` [seq] with all layers, then without each -> 1 + n_layer."""

    def block(x, **functions):
        return torch.cat([pre_norm_block(x, **functions), x[:1]])  # the first run is the whole one

    return losses_of_runs(model, ids, block)


# A probe: can a property of a text's last word be read off its vector? And the sentences.

MONEY = (
    "She put her salary in the bank",
    "The loan was refused by the bank",
    "He borrowed the cash from the bank",
    "My savings are safe in the bank",
    "The robbers stole a million from the bank",
    "To open an account, go to the bank",
    "Interest rates were raised by the bank",
    "He cashed the cheque at the bank",
    "Our mortgage is with another bank",
    "The clerk counted coins in the bank",
    "Investors sold their shares in the bank",
    "Her debts were paid off to the bank",
)
RIVER = (
    "The boat was tied to the bank",
    "We fished all day from the bank",
    "Reeds and willows grew along the bank",
    "The flood washed away the muddy bank",
    "A heron stood still on the bank",
    "The stream is shallow near the bank",
    "We swam across to the far bank",
    "The ducks built a nest on the bank",
    "Otters dug their holes in the bank",
    "The canoe drifted slowly towards the bank",
    "The water rose over the grassy bank",
    "They camped by the river, on the bank",
)
NOUNS = (
    "He bought an expensive watch",
    "We went to see the play",
    "It was a very long run",
    "They took a short walk",
    "The professor gave a talk",
    "He ordered a cold drink",
    "Last night I had a dream",
    "There was a late call",
    "After lunch he took a rest",
    "She is grateful for the help",
    "The hotel hired a new cook",
    "It was only a wild guess",
)
VERBS = (
    "They all wanted to watch",
    "The children started to play",
    "The horses began to run",
    "I would rather not walk",
    "She asked if we could talk",
    "You should never have to drink",
    "All of us need to dream",
    "Tomorrow I will call",
    "The doctor told him to rest",
    "The neighbours came to help",
    "My brother learned to cook",
    "No one was able to guess",
)
AFTER_MUST = tuple(f"Tomorrow they must {text.split()[-1]}" for text in NOUNS)
AFTER_THE = (
    "They all looked at the watch",
    "She fell asleep before the play",
    "He was late for the run",
    "They lost it during the walk",
    "Nobody listened to the talk",
    "He paid for the drink",
    "The song was about the dream",
    "The doctor had waited for the call",
    "They woke up after the rest",
    "She thanked us for the help",
    "The guests praised the cook",
    "No one trusted the guess",
)
AFTER_TO = (  # nouns all the same
    "She always preferred work to play",
    "He preferred food to drink",
    "They prefer silence to talk",
    "Most of us prefer work to rest",
    "They moved from food to drink",
    "The evening turned from work to play",
    "He has always preferred reading to talk",
    "The land has turned from field to play",
)


def last_words(model, texts):
    """Return the stream at each text's last token, after the table and each layer -> [1 + n_layer,
    len(texts), d_model]. Shorter texts are padded on the right, where nobody looks."""
    encoded = [model.tokenizer.encode(text) for text in texts]
    longest = max(map(len, encoded))
    stream = residual_stream(model, [ids + [0] * (longest - len(ids)) for ids in encoded])
    return stream[:, range(len(texts)), [len(ids) - 1 for ids in encoded]]


def called_second(first, second, queries):
    """Probe two kinds of vectors [states, n, d_model]: percent of the `queries` that are
    closer, by cosine, to the second kind's mean than to the first's -> [states] numbers. All
    vectors are made one length and centred; a tie counts half."""
    first, second, queries = (normalize(x, dim=-1) for x in (first, second, queries))
    centre = torch.cat([first, second], dim=1).mean(dim=1, keepdim=True)
    means = (x.mean(dim=1, keepdim=True) - centre for x in (first, second))
    far, near = (torch.cosine_similarity(queries - centre, mean, dim=-1) for mean in means)
    gap = near - far
    return (100 * ((gap > 1e-4).float() + 0.5 * (gap.abs() <= 1e-4)).mean(dim=-1)).tolist()


# A forward held against transformers, and forwards with a mistake planted in them.

PROMPTS = ("The capital of France is", "Once upon a time,", "def f(x):")  # five tokens each


class Reference:
    """Hold what transformers says with a Llama model's weights: the next 12 ids of three prompts,
    and the logits over the finished texts."""

    def __init__(self, model, text, reference):
        """Take a text [seq] of ids on which a forward's loss is measured, and the model of
        transformers (classroom.engine_check.reference)."""
        self.model, self.text = model, text
        ids = torch.tensor([model.tokenizer.encode(prompt) for prompt in PROMPTS])
        greedy = {"attention_mask": torch.ones_like(ids), "do_sample": False}
        with torch.no_grad():
            whole = reference.generate(ids, max_new_tokens=12, **greedy)
            self.written, self.finished = whole[:, ids.shape[1] :], whole[:, :-1]
            self.logits = reference(self.finished).logits

    def compare(self, forward, attend):
        """Return (for each prompt: the same 12 ids?, the farthest logit, the loss on the text) of a
        `forward` and an `attend` with the model's weights. It writes the same ids if at each place
        its likeliest token is the one that transformers wrote next."""
        logits = self._run(forward, attend, self.finished)
        same = (logits[:, -12:].argmax(dim=-1) == self.written).all(dim=-1).tolist()
        scores = self._run(forward, attend, self.text[None, :-1])[0]
        cost = output_head.cross_entropy(scores, self.text[1:]).item()
        return same, (logits - self.logits).abs().max().item(), cost

    def _run(self, forward, attend, ids):
        model, config, stack = self.model, self.model.config, self.model.weights.layers
        weights = [(*layer.norm_1, *layer.norm_2, *layer.mlp[:3]) for layer in stack]

        def attention_of(i, x):
            matrices = (getattr(stack[i], name)[0] for name in "qkvo")
            return attend(x, *matrices, config.n_head, config.n_kv_head, config.rope_theta)

        ends = model.weights.unembedding, weights, model.weights.norm[0]
        with torch.no_grad():
            return forward(ids, *ends, attention_of, eps=config.eps)


def _forward(norm=layers.rms_norm, last=None, mlp=layers.swiglu):
    """Return a forward with another function in some of its places."""

    def forward(ids, table, layer_list, final_norm, attend, eps):
        x = table[ids]
        for i, (norm_1, norm_2, *matrices) in enumerate(layer_list):
            x = x + attend(i, norm(x, norm_1, eps))
            x = x + mlp(norm(x, norm_2, eps), *matrices)
        return linear((last or norm)(x, final_norm, eps), table)

    return forward


MISTAKES = {
    "the final norm does not divide": _forward(last=lambda x, w, eps: x * w),
    "eps ten times too large": _forward(norm=lambda x, w, eps: layers.rms_norm(x, w, 10 * eps)),
    "norms rounded to 16 bits": _forward(
        norm=lambda x, w, eps: layers.rms_norm(x, w, eps).bfloat16().float()
    ),
    "feed-forward writes 1 % less": _forward(mlp=lambda *a: 0.99 * layers.swiglu(*a)),
}


# Small checkpoints with random weights, made and run by transformers, to test functions on.


def _kinds():
    import transformers

    gpt2 = {"n_positions": 64, "n_embd": 48, "n_layer": 6, "n_head": 4}
    gpt2 |= {"bos_token_id": 0, "eos_token_id": 0}
    llama = {"hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 6}
    llama |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    return {
        "gpt2": (transformers.GPT2LMHeadModel, transformers.GPT2Config(vocab_size=500, **gpt2)),
        "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(vocab_size=500, **llama)),
    }


def logits_apart(family, parts):
    """Measure how far the logits of the engine with these `parts` ({name: function}) are from those
    of transformers, for a checkpoint of `family`, "gpt2" or "llama", with random weights."""
    kind, config = _kinds()[family]
    ids = torch.randint(500, (2, 20), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    reference = kind(config).eval()
    with torch.no_grad():  # no two weights alike: a forgotten bias or a swapped norm would show
        for parameter in reference.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        expected = reference(ids).logits
    with tempfile.TemporaryDirectory() as folder:
        reference.save_pretrained(folder)
        return (pretrained.load(folder).using(**parts)(ids) - expected).abs().max().item()
