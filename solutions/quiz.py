# %% [markdown]
# # Quiz
#
# 33 questions, on what is easily got wrong rather than on names and dates. Each gives four options, one of them
# right.
#
# **To answer,** put a letter in place of `None`, as in `q01 = A`, and run the check below it. It says at once why your
# choice is right, or what is wrong about it, and you may choose again. Where a question says **Predict**, decide before
# you run the cell under the check: there the real model answers.
#
# **You need** the seven notebooks. **It takes** about 45 minutes.

# %% given setup
from llmlib.course.quiz import check_answer

A, B, C, D = "ABCD"


def answer(name):
    """The letter that was given to a question, or None."""
    return globals().get(name)

# %%
import math

import torch

from llmlib import pretrained

model = pretrained.load("smollm2")

# %% [markdown]
# ## The course in five questions

# %% [markdown]
# ### Question 1
#
# What is the first thing that happens to a text on its way into a language model?
#
# - **A**  Attention decides which of its words matter.
# - **B**  The model's weights are adjusted to the text.
# - **C**  The model writes down the first word of its answer.
# - **D**  It is cut into tokens; each becomes an id.

# %% solution q01 stub="q01 = None"
### BEGIN SOLUTION
q01 = "D"
### END SOLUTION

# %% test q01 points=1
check_answer("q01", answer("q01"))

# %% [markdown]
# ### Question 2
#
# The embedding table gives the model something for each token id. What?
#
# - **A**  A vector of learned numbers.
# - **B**  A recording of how it sounds.
# - **C**  A small image of the word.
# - **D**  The id in binary code.

# %% solution q02 stub="q02 = None"
### BEGIN SOLUTION
q02 = "A"
### END SOLUTION

# %% test q02 points=1
check_answer("q02", answer("q02"))

# %% [markdown]
# ### Question 3
#
# How does a language model come to its next token?
#
# - **A**  It draws any token, all with the same chance.
# - **B**  It gives every token a probability; then one is picked.
# - **C**  It repeats the part of the input that fits best.
# - **D**  It looks the continuation up in a database of texts.

# %% solution q03 stub="q03 = None"
### BEGIN SOLUTION
q03 = "B"
### END SOLUTION

# %% test q03 points=1
check_answer("q03", answer("q03"))

# %% [markdown]
# ### Question 4
#
# Which part of the model yields the probabilities of the next token?
#
# - **A**  The embedding look-up.
# - **B**  The final normalization layer.
# - **C**  The output head, with a softmax.
# - **D**  The attention of the last layer.

# %% solution q04 stub="q04 = None"
### BEGIN SOLUTION
q04 = "C"
### END SOLUTION

# %% test q04 points=1
check_answer("q04", answer("q04"))

# %% [markdown]
# ### Question 5
#
# A token has been picked. What happens next?
#
# - **A**  The model forgets the text and starts afresh.
# - **B**  All the tokens written so far are written anew.
# - **C**  Generation is over.
# - **D**  It is appended, and the model runs again.

# %% solution q05 stub="q05 = None"
### BEGIN SOLUTION
q05 = "D"
### END SOLUTION

# %% test q05 points=1
check_answer("q05", answer("q05"))

# %% [markdown]
# ## 1 · Tokens

# %% [markdown]
# ### Question 6
#
# BPE has just learned that the pair (97, 97) becomes 256. What does `merge` make of `[97, 97, 97, 98]`?
#
# - **A**  `[256, 97, 98]`
# - **B**  `[256, 256, 98]`
# - **C**  `[97, 256, 98]`
# - **D**  `[256, 98]`

# %% solution q06 stub="q06 = None"
### BEGIN SOLUTION
q06 = "A"
### END SOLUTION

# %% test q06 points=1
check_answer("q06", answer("q06"))

# %%
from llmlib.tokens import merge
merge([97, 97, 97, 98], (97, 97), 256)

# %% [markdown]
# ### Question 7
#
# **Predict:** SmolLM2's tokenizer cuts "strawberry" (the start of a text) and " strawberry" (after a space). How many tokens do the two have in common?
#
# - **A**  One, the "berry" at the end.
# - **B**  None.
# - **C**  All, but for a token that is the space.
# - **D**  All: a word has one token, wherever it stands.

# %% solution q07 stub="q07 = None"
### BEGIN SOLUTION
q07 = "B"
### END SOLUTION

# %% test q07 points=1
check_answer("q07", answer("q07"))

# %%
for text in ["strawberry", " strawberry"]:
    ids = model.tokenizer.encode(text)
    print(repr(text), ids, [model.tokenizer.decode([i]) for i in ids])

# %% [markdown]
# ### Question 8
#
# "A token is about four characters." For which of these texts does GPT-2's tokenizer bear that out?
#
# - **A**  A sentence of German.
# - **B**  A sentence of Chinese.
# - **C**  A page of English prose.
# - **D**  A short Python program.

# %% solution q08 stub="q08 = None"
### BEGIN SOLUTION
q08 = "C"
### END SOLUTION

# %% test q08 points=1
check_answer("q08", answer("q08"))

# %%
from importlib import resources
from llmlib.tokens import Tokenizer

gpt2 = Tokenizer.gpt2()
samples = {
    "English": resources.files("llmlib").joinpath("data/prose.txt").read_text(encoding="utf-8"),
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。",
    "Python": "def mean(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total / len(xs)\n",
}
for name, text in samples.items():
    print(f"{name:<8} {len(text) / len(gpt2.encode(text)):.2f} characters per token")

# %% [markdown]
# ### Question 9
#
# **Predict:** asked how often r occurs in "strawberry", with two examples before, SmolLM2 finds the digit 3 likeliest. That is right.
# Asked in the same way how often o occurs in "dog", which digit is likeliest?
#
# - **A**  3
# - **B**  0
# - **C**  1
# - **D**  2

# %% solution q09 stub="q09 = None"
### BEGIN SOLUTION
q09 = "A"
### END SOLUTION

# %% test q09 points=1
check_answer("q09", answer("q09"))

# %%
examples = 'The letter n occurs 1 time in the word "lemon".\nThe letter t occurs 2 times in the word "kitten".\n'
digits = [model.tokenizer.encode(str(d))[0] for d in range(10)]
for letter, word in [("r", "strawberry"), ("o", "dog"), ("f", "giraffe")]:
    logits = model(model.tokenizer.encode(examples + f'The letter {letter} occurs in the word "{word}" '))[0, -1]
    print(f"{letter} in {word}: the model says {logits[digits].argmax().item()}, counting says {word.count(letter)}")

# %% [markdown]
# ## 2 · Embeddings

# %% [markdown]
# ### Question 10
#
# In SmolLM2, id 7042 is " Paris". **Predict** what id 7043 is.
#
# - **A**  The next word in alphabetical order.
# - **B**  Something unrelated to Paris.
# - **C**  Another capital.
# - **D**  "Paris" without the space.

# %% solution q10 stub="q10 = None"
### BEGIN SOLUTION
q10 = "B"
### END SOLUTION

# %% test q10 points=1
check_answer("q10", answer("q10"))

# %%
for token_id in (7042, 7043, *model.tokenizer.encode("Paris")):
    print(token_id, repr(model.tokenizer.decode([token_id])))

# %% [markdown]
# ### Question 11
#
# **Predict:** which token has the largest *dot product* with " Monday" in SmolLM2's embedding table?
#
# - **A**  " Monday" itself.
# - **B**  " Tuesday".
# - **C**  " day".
# - **D**  A fragment of a word, with a very long vector.

# %% solution q11 stub="q11 = None"
### BEGIN SOLUTION
q11 = "D"
### END SOLUTION

# %% test q11 points=1
check_answer("q11", answer("q11"))

# %%
table, [monday] = model.weights.embedding, model.tokenizer.encode(" Monday")
by_dot = (table @ table[monday]).topk(4).indices
by_cosine = torch.cosine_similarity(table, table[monday], dim=1).topk(4).indices
for name, ids in [("dot product", by_dot), ("cosine", by_cosine)]:
    print(f"{name:<12}", [model.tokenizer.decode([i]) for i in ids.tolist()])

# %% [markdown]
# ### Question 12
#
# **Predict:** SmolLM2 runs without RoPE *and* without the causal mask. The tokens of the prompt are shuffled.
# What happens to the outputs, one for each token?
#
# - **A**  They become the same for all tokens.
# - **B**  Only the last one changes.
# - **C**  They are the same outputs, shuffled in the same way.
# - **D**  They all change: another order is another text.

# %% solution q12 stub="q12 = None"
### BEGIN SOLUTION
q12 = "C"
### END SOLUTION

# %% test q12 points=1
check_answer("q12", answer("q12"))

# %%
blind = model.using(position=lambda x, positions, theta: x, mask=lambda seq, start=0: torch.ones(seq, start + seq, dtype=torch.bool))
ids = torch.tensor(model.tokenizer.encode("The cat sat on the mat and the dog"))
order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(1))
print("same outputs, shuffled alike:", bool((blind(ids)[0][order] - blind(ids[order])[0]).abs().max() < 1e-2))

# %% [markdown]
# ### Question 13
#
# With RoPE, a query at position 5 meets a key at position 3. Now 100 other tokens are put in front, so that they stand at 105 and 103. What happens to their score?
#
# - **A**  It becomes smaller, since they are further into the text.
# - **B**  It stays the same.
# - **C**  It changes in a way that depends on the vectors.
# - **D**  It becomes larger, since the angles are larger.

# %% solution q13 stub="q13 = None"
### BEGIN SOLUTION
q13 = "B"
### END SOLUTION

# %% test q13 points=1
check_answer("q13", answer("q13"))

# %%
from llmlib.embeddings import apply_rope
q, k = torch.randn(2, 1, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for at_q, at_k in [(5, 3), (105, 103), (5, 4)]:
    score = (apply_rope(q, torch.tensor([at_q])) * apply_rope(k, torch.tensor([at_k]))).sum()
    print(f"positions {at_q} and {at_k}: score {score:.4f}")

# %% [markdown]
# ## 3 · Attention

# %% [markdown]
# ### Question 14
#
# A well-known picture of "The cat sat on the mat" gives a fifth of the attention of "sat" to "mat".
# **Predict:** if "mat" is replaced by "moon", by how much do SmolLM2's outputs at "sat" change?
#
# - **A**  Not at all.
# - **B**  Only the probability of "mat" itself changes.
# - **C**  A good deal: "sat" has to know on what.
# - **D**  A little, through the attention of later layers.

# %% solution q14 stub="q14 = None"
### BEGIN SOLUTION
q14 = "A"
### END SOLUTION

# %% test q14 points=1
check_answer("q14", answer("q14"))

# %%
outputs = [model(model.tokenizer.encode(f"The cat sat on the {word}"))[0, 2] for word in ("mat", "moon")]
print("outputs at 'sat' are equal:", torch.allclose(*outputs, atol=1e-3))

# %% [markdown]
# ### Question 15
#
# SmolLM2 has d_model = 576 in 9 heads of 64 columns, and 3 key/value heads. By what does it divide the score of a query and a key?
#
# - **A**  3
# - **B**  64
# - **C**  8
# - **D**  24

# %% solution q15 stub="q15 = None"
### BEGIN SOLUTION
q15 = "C"
### END SOLUTION

# %% test q15 points=1
check_answer("q15", answer("q15"))

# %%
print("scores are divided by", math.sqrt(model.config.head_dim))

# %% [markdown]
# ### Question 16
#
# Someone masks *after* the softmax: the shares of future tokens are set to 0. What is wrong with that?
#
# - **A**  Nothing: 0 is 0.
# - **B**  The gradient can no longer flow.
# - **C**  The values of future tokens are still added in.
# - **D**  The shares that are left depend on the future.

# %% solution q16 stub="q16 = None"
### BEGIN SOLUTION
q16 = "D"
### END SOLUTION

# %% test q16 points=1
check_answer("q16", answer("q16"))

# %%
from llmlib.attention import causal_mask
mask = causal_mask(3)
for last in (0.0, 5.0):                                             # the score of the last token, in the future of the others
    scores = torch.zeros(3, 3)
    scores[:, 2] = last
    late, early = scores.softmax(-1) * mask, scores.masked_fill(~mask, -math.inf).softmax(-1)
    print(f"score of the future token {last}: row 1 sums to {late[1].sum():.4f} masked after softmax, {early[1].sum():.4f} before")

# %% [markdown]
# ### Question 17
#
# In SmolLM2, 9 query heads share 3 key/value heads (grouped-query attention). What does that make three times smaller?
#
# - **A**  d_model.
# - **B**  The number of scores to compute.
# - **C**  The number of attention patterns.
# - **D**  The KV cache.

# %% solution q17 stub="q17 = None"
### BEGIN SOLUTION
q17 = "D"
### END SOLUTION

# %% test q17 points=1
check_answer("q17", answer("q17"))

# %%
from llmlib.kv_cache import cache_bytes
c = model.config
for heads in (c.n_head, c.n_kv_head):
    print(f"{heads} key/value heads: {cache_bytes(c.n_layer, heads, c.head_dim, 1):,} bytes a token")

# %% [markdown]
# ## 4 · Layers

# %% [markdown]
# ### Question 18
#
# Where are most of SmolLM2's 134,515,008 parameters?
#
# - **A**  In the norms.
# - **B**  In the embedding table.
# - **C**  In the feed-forward networks.
# - **D**  In attention.

# %% solution q18 stub="q18 = None"
### BEGIN SOLUTION
q18 = "C"
### END SOLUTION

# %% test q18 points=1
check_answer("q18", answer("q18"))

# %%
c, d_mlp = model.config, model.weights.layers[0].mlp[0].shape[0]
print(f"feed-forward {c.n_layer * 3 * c.d_model * d_mlp:>12,}")
print(f"attention    {c.n_layer * 2 * (c.n_head + c.n_kv_head) * c.head_dim * c.d_model:>12,}")
print(f"embedding    {c.vocab_size * c.d_model:>12,}")
print(f"norms        {(2 * c.n_layer + 1) * c.d_model:>12,}")

# %% [markdown]
# ### Question 19
#
# In one pre-norm block the last matrix of attention and the last matrix of the feed-forward are set to zero. What does the block do?
#
# - **A**  It returns its input, normalized.
# - **B**  It returns its input as it came.
# - **C**  It returns zeros.
# - **D**  It makes the model useless.

# %% solution q19 stub="q19 = None"
### BEGIN SOLUTION
q19 = "B"
### END SOLUTION

# %% test q19 points=1
check_answer("q19", answer("q19"))

# %%
from dataclasses import replace
from llmlib import complete

layers = list(model.weights.layers)
old = layers[20]
layers[20] = replace(old, o=(torch.zeros_like(old.o[0]), None), mlp=(*old.mlp[:2], torch.zeros_like(old.mlp[2])))
print(complete(replace(model, weights=replace(model.weights, layers=layers)), "The capital of France is", 6))

# %% [markdown]
# ### Question 20
#
# 5 is added to every entry of a vector. Whose output changes: LayerNorm's, RMSNorm's, both, or neither? (Weights 1, no bias.)
#
# - **A**  RMSNorm's only.
# - **B**  Both.
# - **C**  LayerNorm's only.
# - **D**  Neither: that is what a norm is for.

# %% solution q20 stub="q20 = None"
### BEGIN SOLUTION
q20 = "A"
### END SOLUTION

# %% test q20 points=1
check_answer("q20", answer("q20"))

# %%
from llmlib.layers import layer_norm, rms_norm
x, one, zero = torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.ones(4), torch.zeros(4)
for name, norm in [("LayerNorm", lambda x: layer_norm(x, one, zero, 1e-5)), ("RMSNorm", lambda x: rms_norm(x, one, 1e-5))]:
    print(f"{name:<10}", [f"{v:.4f}" for v in norm(x).tolist()], "and with 5 added", [f"{v:.4f}" for v in norm(x + 5).tolist()])

# %% [markdown]
# ### Question 21
#
# The stream that enters a pre-norm block is multiplied by 10 (and eps is too small to matter). What does that block's attention write?
#
# - **A**  The same as before.
# - **B**  10 times as much.
# - **C**  A tenth.
# - **D**  100 times as much: scores are products of two vectors.

# %% solution q21 stub="q21 = None"
### BEGIN SOLUTION
q21 = "A"
### END SOLUTION

# %% test q21 points=1
check_answer("q21", answer("q21"))

# %%
from llmlib.layers import rms_norm
x = torch.randn(576, generator=torch.Generator().manual_seed(0))
[weight] = model.weights.layers[0].norm_1
print("what attention reads is equal:", torch.allclose(rms_norm(x, weight, 1e-5), rms_norm(10 * x, weight, 1e-5), atol=1e-4))

# %% [markdown]
# ## 5 · Output head

# %% [markdown]
# ### Question 22
#
# Which of these leaves all the probabilities as they are?
#
# - **A**  Doubling every logit.
# - **B**  Dividing every logit by the largest.
# - **C**  Replacing every negative logit by 0.
# - **D**  Adding 100 to every logit.

# %% solution q22 stub="q22 = None"
### BEGIN SOLUTION
q22 = "D"
### END SOLUTION

# %% test q22 points=1
check_answer("q22", answer("q22"))

# %%
logits = torch.tensor([5.0, 1.0, -3.0])
for name, z in [("as they are", logits), ("+ 100", logits + 100), ("doubled", 2 * logits), ("negatives to 0", logits.clamp(min=0)), ("by the largest", logits / logits.max())]:
    print(f"{name:<15}", [f"{p:.4f}" for p in z.softmax(-1).tolist()])

# %% [markdown]
# ### Question 23
#
# **Predict:** SmolLM2's final norm is left out. What does it then say after "The capital of France is"?
#
# - **A**  All tokens become about equally likely.
# - **B**  Another token, and it is nearly certain of it.
# - **C**  " Paris", with the same probability.
# - **D**  " Paris", only less sure.

# %% solution q23 stub="q23 = None"
### BEGIN SOLUTION
q23 = "B"
### END SOLUTION

# %% test q23 points=1
check_answer("q23", answer("q23"))

# %%
from llmlib.generation import top_tokens

ids = model.tokenizer.encode("The capital of France is")
last = model.using(unembedding=lambda x, table: x)                   # stop before the head: normalized vectors
stream = []
model.using(block=lambda x, **functions: stream.append(model.parts.block(x, **functions)) or stream[-1])(ids)
for name, x in [("with the final norm", last(ids)[0, -1]), ("without", stream[-1][0, -1])]:
    print(f"{name:<20}", [(text, f"{p:.4f}") for _, text, p in top_tokens(model, model.weights.unembedding @ x, 3)])

# %% [markdown]
# ### Question 24
#
# Training starts: random weights, a vocabulary of 49,152 tokens. About which loss should the first step report, in nats per token?
#
# - **A**  0.69
# - **B**  49,152
# - **C**  10.8
# - **D**  1.0

# %% solution q24 stub="q24 = None"
### BEGIN SOLUTION
q24 = "C"
### END SOLUTION

# %% test q24 points=1
check_answer("q24", answer("q24"))

# %%
print(f"ln {model.config.vocab_size:,} = {math.log(model.config.vocab_size):.1f}")

# %% [markdown]
# ### Question 25
#
# A text of 11 tokens goes through the model once, in training. From how many predictions does the loss come?
#
# - **A**  1, that of the last token
# - **B**  10
# - **C**  1, at a position chosen at random
# - **D**  55, one for each pair of tokens

# %% solution q25 stub="q25 = None"
### BEGIN SOLUTION
q25 = "B"
### END SOLUTION

# %% test q25 points=1
check_answer("q25", answer("q25"))

# %%
from llmlib.output_head import next_token_pairs
ids = torch.tensor([model.tokenizer.encode("Water boils at one hundred degrees Celsius at sea level.")])
print(ids.shape[1], "tokens,", next_token_pairs(ids)[1].numel(), "predictions")

# %% [markdown]
# ## 6 · Sampling

# %% [markdown]
# ### Question 26
#
# Four tokens have the probabilities 0.5, 0.3, 0.15 and 0.05. How many does top-p with p = 0.9 keep?
#
# - **A**  4
# - **B**  1
# - **C**  3
# - **D**  2

# %% solution q26 stub="q26 = None"
### BEGIN SOLUTION
q26 = "C"
### END SOLUTION

# %% test q26 points=1
check_answer("q26", answer("q26"))

# %%
from llmlib.sampling import top_p
torch.isfinite(top_p(torch.tensor([0.5, 0.3, 0.15, 0.05]).log(), 0.9)).sum().item()

# %% [markdown]
# ### Question 27
#
# **Predict:** after "Once upon a time, there was a", SmolLM2's 100 likeliest tokens hold 69 % of the probability.
# At temperature 2, how much is left for those 100?
#
# - **A**  About 15 %.
# - **B**  About 90 %.
# - **C**  Still about 69 %: temperature keeps the ranking.
# - **D**  About 35 %: half of it.

# %% solution q27 stub="q27 = None"
### BEGIN SOLUTION
q27 = "A"
### END SOLUTION

# %% test q27 points=1
check_answer("q27", answer("q27"))

# %%
logits = model(model.tokenizer.encode("Once upon a time, there was a"))[0, -1]
for t in (0.5, 1.0, 2.0):
    print(f"T = {t}: {(logits / t).softmax(-1).topk(100).values.sum():.4f}")

# %% [markdown]
# ### Question 28
#
# Of which filter does it not matter whether temperature is applied before it or after?
#
# - **A**  top-p
# - **B**  min-p
# - **C**  None of the three
# - **D**  top-k

# %% solution q28 stub="q28 = None"
### BEGIN SOLUTION
q28 = "D"
### END SOLUTION

# %% test q28 points=1
check_answer("q28", answer("q28"))

# %%
from llmlib.sampling import min_p, top_k, top_p
logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
for name, keep in [("top-k 2", lambda z: top_k(z, 2)), ("top-p 0.9", lambda z: top_p(z, 0.9)), ("min-p 0.2", lambda z: min_p(z, 0.2))]:
    first, after = (torch.isfinite(z).sum().item() for z in (keep(logits / 0.5), keep(logits) / 0.5))
    print(f"{name:<10} temperature 0.5 first: {first} tokens stay; temperature after: {after}")

# %% [markdown]
# ### Question 29
#
# **Predict:** SmolLM2 reads " I was driving down the highway." six times in a row. How does the probability
# that it gives to the words of this sentence change from the first copy to the sixth?
#
# - **A**  It rises, to about 0.9.
# - **B**  It rises and then falls to 0, since the model notices the loop.
# - **C**  It falls: nobody says the same thing six times.
# - **D**  It stays the same: the sentence is the same.

# %% solution q29 stub="q29 = None"
### BEGIN SOLUTION
q29 = "A"
### END SOLUTION

# %% test q29 points=1
check_answer("q29", answer("q29"))

# %%
from llmlib.output_head import token_losses
start = model.tokenizer.encode("In the morning I was in the car.")
ids = model.tokenizer.encode("In the morning I was in the car." + 6 * " I was driving down the highway.")
losses = token_losses(model(ids)[0, :-1], torch.tensor(ids[1:]))[len(start) - 1:].view(6, -1)
print([f"{p:.2f}" for p in (-losses.mean(1)).exp().tolist()])

# %% [markdown]
# ## 7 · KV cache & scaling

# %% [markdown]
# ### Question 30
#
# 100 tokens are generated after a prompt of one token. What does a KV cache change?
#
# - **A**  One forward pass in place of 100.
# - **B**  100 token computations in place of 10,000.
# - **C**  100 forward passes in place of 5,050.
# - **D**  100 token computations in place of 5,050.

# %% solution q30 stub="q30 = None"
### BEGIN SOLUTION
q30 = "D"
### END SOLUTION

# %% test q30 points=1
check_answer("q30", answer("q30"))

# %%
from llmlib import generate
for use_cache in (False, True):
    passes = []
    watched = model.using(embedding=lambda ids, table: passes.append(ids.shape[1]) or table[ids])
    list(generate(watched, [504], 10, use_cache=use_cache, stop_ids=()))
    print(f"10 new tokens, cache {use_cache}: {len(passes)} passes over {passes} tokens, {sum(passes)} in all")

# %% [markdown]
# ### Question 31
#
# So the cache saves 5,050 : 100, a factor of 50.5. Why is the text not written 50 times faster?
#
# - **A**  Attention is still quadratic with a cache.
# - **B**  A pass over one token mostly waits for the weights to be read.
# - **C**  Reading the cache takes as long as computing it anew.
# - **D**  Sampling takes most of the time.

# %% solution q31 stub="q31 = None"
### BEGIN SOLUTION
q31 = "B"
### END SOLUTION

# %% test q31 points=1
check_answer("q31", answer("q31"))

# %%
from llmlib.kv_cache import cache_bytes
c = model.config
print(f"weights {134_515_008 * 4 / 1e6:.0f} MB; cache of 100 tokens {cache_bytes(c.n_layer, c.n_kv_head, c.head_dim, 100) / 1e6:.1f} MB")

# %% [markdown]
# ### Question 32
#
# GPT-3 has 175 billion parameters. How much memory do its weights take in float32?
#
# - **A**  350 GB
# - **B**  175 GB
# - **C**  700 GB
# - **D**  1,400 GB

# %% solution q32 stub="q32 = None"
### BEGIN SOLUTION
q32 = "C"
### END SOLUTION

# %% test q32 points=1
check_answer("q32", answer("q32"))

# %%
print(f"{175e9 * 4 / 1e9:.0f} GB")

# %% [markdown]
# ### Question 33
#
# In speculative decoding a small model drafts tokens and the large one checks them. The draft model turns out to be bad. What suffers?
#
# - **A**  Nothing: the large model overrules it.
# - **B**  Both, speed and quality.
# - **C**  Only the speed.
# - **D**  The quality of the text.

# %% solution q33 stub="q33 = None"
### BEGIN SOLUTION
q33 = "C"
### END SOLUTION

# %% test q33 points=1
check_answer("q33", answer("q33"))

# %%
p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.1, 0.8])         # the large model's distribution, a bad draft's
kept = torch.minimum(p, q)                                          # drafted and kept
extra = (p - q).clamp(min=0)
print("kept:", f"{kept.sum():.2f}", " distribution of what comes out:", [f"{v:.2f}" for v in (kept + (1 - kept.sum()) * extra / extra.sum()).tolist()])

# %% [markdown]
# ## Done?
#
# The next cell runs the checks of your saved notebooks and draws what is done. Once nothing is missing,
# `llmlib certificate --name "Your Name"`, in a terminal, issues your certificate.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
