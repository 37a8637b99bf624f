# %% [markdown] makes="what stuck"
# # Quiz
#
# 45 questions about things that are easy to get wrong. Each has four options, one of them right.
#
# **To answer,** click an option (Tab and Enter do it as well). Where the options are not buttons, put the letter in place of
# `None`, as in `q01 = "A"`, and run that cell. You read at once why your choice is right, or what is wrong with it, and
# you may choose again. Your first answer is noted beside the new one. A cell with `see` shows the answer with the real
# model or a few lines of code: run it once you have answered.
#
# **Your answers are in the cells.** They are saved with the notebook (Ctrl-S) and handed in with it.
#
# **You need** the seven notebooks, without what stands under *Further*. **It takes** about 50 minutes, and about 25 more
# if you read the code behind the answers.

# %% given setup jupyter={"source_hidden": true}
from classroom.quiz_cells import score, see

A, B, C, D = "ABCD"


def answer(name):
    """The letter that was given to a question, or None."""
    return globals().get(name)

# %% [markdown]
# ## The course in five questions

# %% [markdown]
# ### Question 1
#
# Through which stages does a text go on its way through a language model?
#
# - **A**  Vectors, ids, logits, layers, probabilities
# - **B**  Ids, vectors, logits, probabilities, layers
# - **C**  Ids, vectors, layers, logits, probabilities
# - **D**  Ids, vectors, logits, layers, probabilities

# %% solution q01 stub="q01 = None"
### BEGIN SOLUTION
q01 = "C"
### END SOLUTION

# %% test q01 points=1
from classroom.quiz_cells import check_answer

check_answer("q01", answer("q01"))

# %% [markdown]
# ### Question 2
#
# What does the embedding table give for a token id?
#
# - **A**  A row of numbers that depends on the words around it
# - **B**  A row of numbers computed from the letters of the token
# - **C**  A row as long as the vocabulary, with a single 1 in it
# - **D**  A row of learned numbers, the same in all contexts

# %% solution q02 stub="q02 = None"
### BEGIN SOLUTION
q02 = "D"
### END SOLUTION

# %% test q02 points=1
from classroom.quiz_cells import check_answer

check_answer("q02", answer("q02"))

# %% [markdown]
# ### Question 3
#
# Two prompts of SmolLM2 have six tokens each and differ in the first alone. What is the first stage at which the vectors at their *last* positions differ?
#
# - **A**  The feed-forward of the last layer
# - **B**  The attention of the last layer
# - **C**  The attention of the first layer
# - **D**  The lookup in the embedding table

# %% solution q03 stub="q03 = None"
### BEGIN SOLUTION
q03 = "C"
### END SOLUTION

# %% test q03 points=1
from classroom.quiz_cells import check_answer

check_answer("q03", answer("q03"))

# %% [markdown]
# ### Question 4
#
# Which part of the model yields the probabilities of the next token?
#
# - **A**  The output head and a softmax
# - **B**  The last norm and its scale
# - **C**  The attention of the last layer
# - **D**  The last feed-forward network

# %% solution q04 stub="q04 = None"
### BEGIN SOLUTION
q04 = "A"
### END SOLUTION

# %% test q04 points=1
from classroom.quiz_cells import check_answer

check_answer("q04", answer("q04"))

# %% [markdown]
# ### Question 5
#
# A token has been picked. Where does the one after it come from?
#
# - **A**  The same run, as one of those that it put out for later
# - **B**  A new run, on the picked token without the text before it
# - **C**  The same run, as the second likeliest of its tokens
# - **D**  A new run, with the picked token at the end of the text

# %% solution q05 stub="q05 = None"
### BEGIN SOLUTION
q05 = "D"
### END SOLUTION

# %% test q05 points=1
from classroom.quiz_cells import check_answer

check_answer("q05", answer("q05"))

# %% [markdown]
# ## 1 · Tokens

# %% [markdown]
# ### Question 6
#
# BPE has just learned that the pair (97, 97) becomes 256. What does `merge` make of `[97, 97, 97, 98]`?
#
# - **A**  `[256, 98]`
# - **B**  `[97, 256, 98]`
# - **C**  `[256, 256, 98]`
# - **D**  `[256, 97, 98]`

# %% solution q06 stub="q06 = None"
### BEGIN SOLUTION
q06 = "D"
### END SOLUTION

# %% test q06 points=1
from classroom.quiz_cells import check_answer

check_answer("q06", answer("q06"))

# %%
see("q06")

# %% [markdown]
# ### Question 7
#
# **Predict:** SmolLM2's tokenizer cuts "strawberry" (the start of a text) and " strawberry" (after a space). How many tokens do the two have in common?
#
# - **A**  All but the space
# - **B**  None of them
# - **C**  One, "berry"
# - **D**  All of them

# %% solution q07 stub="q07 = None"
### BEGIN SOLUTION
q07 = "B"
### END SOLUTION

# %% test q07 points=1
from classroom.quiz_cells import check_answer

check_answer("q07", answer("q07"))

# %%
see("q07")

# %% [markdown]
# ### Question 8
#
# A BPE tokenizer has learned its merges from one text. Now `encode` cuts another, in which two merges are possible at once. Which one is taken?
#
# - **A**  The merge that makes a longer token
# - **B**  The merge that stands further left
# - **C**  The merge that was learned first
# - **D**  The merge that is commoner here

# %% solution q08 stub="q08 = None"
### BEGIN SOLUTION
q08 = "C"
### END SOLUTION

# %% test q08 points=1
from classroom.quiz_cells import check_answer

check_answer("q08", answer("q08"))

# %%
see("q08")

# %% [markdown]
# ### Question 9
#
# SmolLM2 reads two examples, whose answers are 1 and 2, then: how often does r occur in "strawberry"? It says 3, and that is right.
# What would show whether it counted?
#
# - **A**  The probability of 3, beside those of the other digits
# - **B**  The same prompt a hundred times, with the same settings
# - **C**  The same examples with other words, and other examples
# - **D**  A question after the answer, how it counted the letters

# %% solution q09 stub="q09 = None"
### BEGIN SOLUTION
q09 = "C"
### END SOLUTION

# %% test q09 points=1
from classroom.quiz_cells import check_answer

check_answer("q09", answer("q09"))

# %%
see("q09")

# %% [markdown]
# ### Question 10
#
# **Predict:** SmolLM2's tokenizer cuts the emoji 🦜 into three tokens. You decode them one by one and join the three texts. What do you get?
#
# - **A**  Three replacement characters
# - **B**  Three letters, those of its code
# - **C**  Nothing twice, then the emoji
# - **D**  The emoji, as from all at once

# %% solution q10 stub="q10 = None"
### BEGIN SOLUTION
q10 = "A"
### END SOLUTION

# %% test q10 points=1
from classroom.quiz_cells import check_answer

check_answer("q10", answer("q10"))

# %%
see("q10")

# %% [markdown]
# ## 2 · Embeddings

# %% [markdown]
# ### Question 11
#
# **Predict:** The rows of the ids `[5, 5, 9]` are looked up in the embedding table. In training, the gradient at each number that comes out is 1. What is the gradient in row 5 of the table?
#
# - **A**  1 at every number
# - **B**  5 at every number
# - **C**  ½ at every number
# - **D**  2 at every number

# %% solution q11 stub="q11 = None"
### BEGIN SOLUTION
q11 = "D"
### END SOLUTION

# %% test q11 points=1
from classroom.quiz_cells import check_answer

check_answer("q11", answer("q11"))

# %%
see("q11")

# %% [markdown]
# ### Question 12
#
# A checkpoint was saved for a RoPE that pairs columns 0 and 1, 2 and 3, and so on. It is loaded into code that pairs column 0 with 32, 1 with 33, and so on. The shapes fit, and nothing is reordered. What becomes of the scores of two tokens?
#
# - **A**  They are right for any two positions
# - **B**  They are wrong for any two positions
# - **C**  They are right for equal positions only
# - **D**  They no longer depend on the positions

# %% solution q12 stub="q12 = None"
### BEGIN SOLUTION
q12 = "C"
### END SOLUTION

# %% test q12 points=1
from classroom.quiz_cells import check_answer

check_answer("q12", answer("q12"))

# %%
see("q12")

# %% [markdown]
# ### Question 13
#
# **Predict:** SmolLM2 runs without RoPE *and* without the causal mask. The tokens of the prompt are shuffled.
# What happens to the outputs, one for each token?
#
# - **A**  They become equal for all the tokens.
# - **B**  They stay as they were, each in its place.
# - **C**  Each of them changes its values.
# - **D**  They are shuffled just like the tokens.

# %% solution q13 stub="q13 = None"
### BEGIN SOLUTION
q13 = "D"
### END SOLUTION

# %% test q13 points=1
from classroom.quiz_cells import check_answer

check_answer("q13", answer("q13"))

# %%
see("q13")

# %% [markdown]
# ### Question 14
#
# A query vector is turned by RoPE for position 5, a key vector for position 3. Now the same two vectors are turned for 105 and 103. What happens to their score?
#
# - **A**  It stays as it was.
# - **B**  It grows with the position.
# - **C**  That depends on the vectors.
# - **D**  It shrinks with the position.

# %% solution q14 stub="q14 = None"
### BEGIN SOLUTION
q14 = "A"
### END SOLUTION

# %% test q14 points=1
from classroom.quiz_cells import check_answer

check_answer("q14", answer("q14"))

# %%
see("q14")

# %% [markdown]
# ## 3 · Attention

# %% [markdown]
# ### Question 15
#
# SmolLM2 reads "The cat sat on the mat". **Predict:** if "mat" is replaced by "moon", by how much do its outputs at "sat" change?
#
# - **A**  A lot
# - **B**  A little
# - **C**  Not at all
# - **D**  A lot, for "mat" alone

# %% solution q15 stub="q15 = None"
### BEGIN SOLUTION
q15 = "C"
### END SOLUTION

# %% test q15 points=1
from classroom.quiz_cells import check_answer

check_answer("q15", answer("q15"))

# %%
see("q15")

# %% [markdown]
# ### Question 16
#
# SmolLM2 has d_model = 576 in 9 heads of 64 columns, and 3 key/value heads. What does it divide each score by?
#
# - **A**  8
# - **B**  3
# - **C**  64
# - **D**  24

# %% solution q16 stub="q16 = None"
### BEGIN SOLUTION
q16 = "A"
### END SOLUTION

# %% test q16 points=1
from classroom.quiz_cells import check_answer

check_answer("q16", answer("q16"))

# %%
see("q16")

# %% [markdown]
# ### Question 17
#
# Someone masks *after* the softmax: the attention weights of future tokens are set to 0. What is wrong with that?
#
# - **A**  The other weights still depend on the future.
# - **B**  The values of future tokens are still added in.
# - **C**  The gradient no longer flows to the keys.
# - **D**  Nothing, the result is the same.

# %% solution q17 stub="q17 = None"
### BEGIN SOLUTION
q17 = "A"
### END SOLUTION

# %% test q17 points=1
from classroom.quiz_cells import check_answer

check_answer("q17", answer("q17"))

# %%
see("q17")

# %% [markdown]
# ### Question 18
#
# In SmolLM2, 9 query heads share 3 key/value heads (grouped-query attention). Which of these does that make three times smaller?
#
# - **A**  The number of attention patterns
# - **B**  The width of the stream
# - **C**  The number of vectors in the cache
# - **D**  The number of scores to compute

# %% solution q18 stub="q18 = None"
### BEGIN SOLUTION
q18 = "C"
### END SOLUTION

# %% test q18 points=1
from classroom.quiz_cells import check_answer

check_answer("q18", answer("q18"))

# %%
see("q18")

# %% [markdown]
# ### Question 19
#
# Your attention takes the place of a model's own. For three prompts it writes the same ids as before. What shows best whether it has a small mistake?
#
# - **A**  All the logits of a long text
# - **B**  All the logits of a short text
# - **C**  The probabilities of the ids written
# - **D**  All the ids after ten prompts

# %% solution q19 stub="q19 = None"
### BEGIN SOLUTION
q19 = "A"
### END SOLUTION

# %% test q19 points=1
from classroom.quiz_cells import check_answer

check_answer("q19", answer("q19"))

# %%
see("q19")

# %% [markdown]
# ## 4 · Layers

# %% [markdown]
# ### Question 20
#
# Where are most of SmolLM2's 134,515,008 parameters?
#
# - **A**  In the output head
# - **B**  In the feed-forward networks
# - **C**  In the attention sublayers
# - **D**  In the embedding table

# %% solution q20 stub="q20 = None"
### BEGIN SOLUTION
q20 = "B"
### END SOLUTION

# %% test q20 points=1
from classroom.quiz_cells import check_answer

check_answer("q20", answer("q20"))

# %%
see("q20")

# %% [markdown]
# ### Question 21
#
# In one pre-norm block the last matrix of attention and the last matrix of the feed-forward are set to zero. What does the block do?
#
# - **A**  It returns its input, doubled.
# - **B**  It returns its input, normalised.
# - **C**  It returns zeros for every token.
# - **D**  It returns its input unchanged.

# %% solution q21 stub="q21 = None"
### BEGIN SOLUTION
q21 = "D"
### END SOLUTION

# %% test q21 points=1
from classroom.quiz_cells import check_answer

check_answer("q21", answer("q21"))

# %%
see("q21")

# %% [markdown]
# ### Question 22
#
# Vectors of the clean run "The capital of France is" are patched into the corrupted run "The capital of Italy is", one at a time.
# At " capital" nothing of the clean answer comes back, whatever the layer. What does that say about " capital"?
#
# - **A**  It carries nothing of the answer
# - **B**  It may carry all of the answer or none
# - **C**  No later token attends to it
# - **D**  Its work is done in layer 0

# %% solution q22 stub="q22 = None"
### BEGIN SOLUTION
q22 = "B"
### END SOLUTION

# %% test q22 points=1
from classroom.quiz_cells import check_answer

check_answer("q22", answer("q22"))

# %%
see("q22")

# %% [markdown]
# ### Question 23
#
# The stream that enters a pre-norm block is multiplied by 10. (The norm's eps is too small to matter.) Compared with the stream, how large is what the block's attention now writes?
#
# - **A**  A tenth of what it was
# - **B**  10 times what it was
# - **C**  As large as it was
# - **D**  A 100th of what it was

# %% solution q23 stub="q23 = None"
### BEGIN SOLUTION
q23 = "A"
### END SOLUTION

# %% test q23 points=1
from classroom.quiz_cells import check_answer

check_answer("q23", answer("q23"))

# %%
see("q23")

# %% [markdown]
# ## 5 · Output head

# %% [markdown]
# ### Question 24
#
# Which of these leaves all the probabilities as they are?
#
# - **A**  Replacing every negative logit by 0
# - **B**  Adding 100 to every logit
# - **C**  Doubling every logit
# - **D**  Dividing every logit by the largest

# %% solution q24 stub="q24 = None"
### BEGIN SOLUTION
q24 = "B"
### END SOLUTION

# %% test q24 points=1
from classroom.quiz_cells import check_answer

check_answer("q24", answer("q24"))

# %%
see("q24")

# %% [markdown]
# ### Question 25
#
# Two models with different tokenizers read the same English page. Model A loses 3.0 nats per token, at 4.4 bytes a token. Model B loses 2.0 nats per token, at 2.0 bytes a token. Which of the two predicts the page better?
#
# - **A**  B, with less loss per token
# - **B**  B, with fewer bytes per token
# - **C**  A, with fewer tokens per page
# - **D**  A, with less loss per byte

# %% solution q25 stub="q25 = None"
### BEGIN SOLUTION
q25 = "D"
### END SOLUTION

# %% test q25 points=1
from classroom.quiz_cells import check_answer

check_answer("q25", answer("q25"))

# %%
see("q25")

# %% [markdown]
# ### Question 26
#
# Training starts: random weights, a vocabulary of 49,152 tokens. About what loss should the first step report, in nats per token?
#
# - **A**  0.69
# - **B**  1.0
# - **C**  10.8
# - **D**  49,152

# %% solution q26 stub="q26 = None"
### BEGIN SOLUTION
q26 = "C"
### END SOLUTION

# %% test q26 points=1
from classroom.quiz_cells import check_answer

check_answer("q26", answer("q26"))

# %%
see("q26")

# %% [markdown]
# ### Question 27
#
# A text of 11 tokens goes through the model once, in training. From how many predictions does the loss come?
#
# - **A**  1
# - **B**  10
# - **C**  11
# - **D**  55

# %% solution q27 stub="q27 = None"
### BEGIN SOLUTION
q27 = "B"
### END SOLUTION

# %% test q27 points=1
from classroom.quiz_cells import check_answer

check_answer("q27", answer("q27"))

# %%
see("q27")

# %% [markdown]
# ### Question 28
#
# In a long text a model gave its likeliest token a probability of about 0.7 at 1,000 places. This token came at 56 % of them. What does that say about the model?
#
# - **A**  It is underconfident on this text
# - **B**  It predicts badly on this text
# - **C**  It is overconfident on this text
# - **D**  It is calibrated on this text

# %% solution q28 stub="q28 = None"
### BEGIN SOLUTION
q28 = "C"
### END SOLUTION

# %% test q28 points=1
from classroom.quiz_cells import check_answer

check_answer("q28", answer("q28"))

# %%
see("q28")

# %% [markdown]
# ### Question 29
#
# The loss of a batch has been computed, and `loss.backward()` has run. Nothing else has. What has become of the weights?
#
# - **A**  They moved by the learning rate.
# - **B**  They moved against their gradients.
# - **C**  They are as they were.
# - **D**  Some of them have moved.

# %% solution q29 stub="q29 = None"
### BEGIN SOLUTION
q29 = "C"
### END SOLUTION

# %% test q29 points=1
from classroom.quiz_cells import check_answer

check_answer("q29", answer("q29"))

# %%
see("q29")

# %% [markdown]
# ### Question 30
#
# At one position a model gives London 0.7, Paris 0.2 and Rome 0.1. The text goes on with Paris. What is the gradient of the loss at the three logits, in this order?
#
# - **A**  −0.7, 0.8, −0.1
# - **B**  0, −5, 0
# - **C**  0.7, 0.2, 0.1
# - **D**  0.7, −0.8, 0.1

# %% solution q30 stub="q30 = None"
### BEGIN SOLUTION
q30 = "D"
### END SOLUTION

# %% test q30 points=1
from classroom.quiz_cells import check_answer

check_answer("q30", answer("q30"))

# %%
see("q30")

# %% [markdown]
# ## 6 · Sampling

# %% [markdown]
# ### Question 31
#
# Four tokens have the probabilities 0.5, 0.3, 0.15 and 0.05. How many does top-p with p = 0.9 keep?
#
# - **A**  2
# - **B**  1
# - **C**  3
# - **D**  4

# %% solution q31 stub="q31 = None"
### BEGIN SOLUTION
q31 = "C"
### END SOLUTION

# %% test q31 points=1
from classroom.quiz_cells import check_answer

check_answer("q31", answer("q31"))

# %%
see("q31")

# %% [markdown]
# ### Question 32
#
# At temperature 1 one token is 4 times as likely as another. How many times as likely is it at temperature 0.5?
#
# - **A**  2 times
# - **B**  4 times
# - **C**  8 times
# - **D**  16 times

# %% solution q32 stub="q32 = None"
### BEGIN SOLUTION
q32 = "D"
### END SOLUTION

# %% test q32 points=1
from classroom.quiz_cells import check_answer

check_answer("q32", answer("q32"))

# %%
see("q32")

# %% [markdown]
# ### Question 33
#
# For which filter does it not matter whether temperature is applied before it or after?
#
# - **A**  None of these
# - **B**  top-k
# - **C**  min-p
# - **D**  top-p

# %% solution q33 stub="q33 = None"
### BEGIN SOLUTION
q33 = "B"
### END SOLUTION

# %% test q33 points=1
from classroom.quiz_cells import check_answer

check_answer("q33", answer("q33"))

# %%
see("q33")

# %% [markdown]
# ### Question 34
#
# **Predict:** SmolLM2 reads " I was driving down the highway." six times in a row. What happens, from the first copy to the sixth,
# to the probability that it gives the tokens of this sentence?
#
# - **A**  It falls with each copy.
# - **B**  It rises with each copy.
# - **C**  It rises, and then it falls.
# - **D**  It stays about the same.

# %% solution q34 stub="q34 = None"
### BEGIN SOLUTION
q34 = "B"
### END SOLUTION

# %% test q34 points=1
from classroom.quiz_cells import check_answer

check_answer("q34", answer("q34"))

# %%
see("q34")

# %% [markdown]
# ## 7 · KV cache & scaling

# %% [markdown]
# ### Question 35
#
# 100 tokens are generated after a prompt of one token. What does a KV cache change?
#
# - **A**  1 forward pass, not 100
# - **B**  100 forward passes, not 10,000
# - **C**  100 forward passes, not 5,050
# - **D**  100 token computations, not 5,050

# %% solution q35 stub="q35 = None"
### BEGIN SOLUTION
q35 = "D"
### END SOLUTION

# %% test q35 points=1
from classroom.quiz_cells import check_answer

check_answer("q35", answer("q35"))

# %%
see("q35")

# %% [markdown]
# ### Question 36
#
# A model of 8 billion weights writes one text on an H100, with a cache, so each pass runs one token. In a text of 100 tokens, what does such a pass mostly wait for?
#
# - **A**  For the weights to be read from memory
# - **B**  For the products to be computed
# - **C**  For the cache to be read from memory
# - **D**  For the token to be sent to the card

# %% solution q36 stub="q36 = None"
### BEGIN SOLUTION
q36 = "A"
### END SOLUTION

# %% test q36 points=1
from classroom.quiz_cells import check_answer

check_answer("q36", answer("q36"))

# %%
see("q36")

# %% [markdown]
# ### Question 37
#
# A power law is fitted to seven small sizes of model and misses an eighth, larger one by far. You look again: the seven were trained at a learning rate of 0.01, the eighth at 0.005. What of the eighth tells whether its *size* made the law fail?
#
# - **A**  One more run at 0.01
# - **B**  A ninth size at 0.005
# - **C**  Three more seeds at 0.005
# - **D**  A fit to all eight sizes

# %% solution q37 stub="q37 = None"
### BEGIN SOLUTION
q37 = "A"
### END SOLUTION

# %% test q37 points=1
from classroom.quiz_cells import check_answer

check_answer("q37", answer("q37"))

# %%
see("q37")

# %% [markdown]
# ### Question 38
#
# The held-out stories were drawn at random from a model whose own loss on them is 0.43 nats per byte. Small models trained on such stories reach 1.12. **Predict:** which loss would the best possible model have on them, on average?
#
# - **A**  0.69
# - **B**  0.43
# - **C**  0
# - **D**  0.2

# %% solution q38 stub="q38 = None"
### BEGIN SOLUTION
q38 = "B"
### END SOLUTION

# %% test q38 points=1
from classroom.quiz_cells import check_answer

check_answer("q38", answer("q38"))

# %%
see("q38")

# %% [markdown]
# ### Question 39
#
# A server decodes many long texts in one batch, with a cache. Each text that is added to the batch makes every step take longer. What must a step read for the added text that it did not read before?
#
# - **A**  The keys and values of its past
# - **B**  The matrices of all the layers
# - **C**  The rows of the embedding table
# - **D**  The ids of its whole text

# %% solution q39 stub="q39 = None"
### BEGIN SOLUTION
q39 = "A"
### END SOLUTION

# %% test q39 points=1
from classroom.quiz_cells import check_answer

check_answer("q39", answer("q39"))

# %%
see("q39")

# %% [markdown]
# ### Question 40
#
# In speculative decoding something small drafts tokens, and the model checks them in one pass. The model decodes greedily. Now the drafts turn out to be bad. What suffers, the speed or the text?
#
# - **A**  Only the text
# - **B**  Only the speed
# - **C**  Neither of them
# - **D**  Both of them

# %% solution q40 stub="q40 = None"
### BEGIN SOLUTION
q40 = "B"
### END SOLUTION

# %% test q40 points=1
from classroom.quiz_cells import check_answer

check_answer("q40", answer("q40"))

# %%
see("q40")

# %% [markdown]
# ### Question 41
#
# A row of 576 weights is rounded to int8 with one scale, its largest absolute weight / 127. One weight is 1.0, all others lie between −0.003 and 0.003. What becomes of the others?
#
# - **A**  They are all rounded to 0.
# - **B**  They keep about two digits.
# - **C**  They become ±0.008.
# - **D**  They keep their digits.

# %% solution q41 stub="q41 = None"
### BEGIN SOLUTION
q41 = "A"
### END SOLUTION

# %% test q41 points=1
from classroom.quiz_cells import check_answer

check_answer("q41", answer("q41"))

# %%
see("q41")

# %% [markdown]
# ### Question 42
#
# A new cache is tried. For every prompt the first new token is right; those after it are mostly wrong. Which of these bugs has that effect?
#
# - **A**  In the prompt the causal mask is missing
# - **B**  The prompt goes in without its last token
# - **C**  None of the tokens is turned for its position
# - **D**  Later tokens are turned for position 0

# %% solution q42 stub="q42 = None"
### BEGIN SOLUTION
q42 = "D"
### END SOLUTION

# %% test q42 points=1
from classroom.quiz_cells import check_answer

check_answer("q42", answer("q42"))

# %%
see("q42")

# %% [markdown]
# ### Question 43
#
# A cache holds 5 tokens, and 3 new ones go through the model in one pass. What shape has the causal mask of this pass?
#
# - **A**  5 rows and 5 columns
# - **B**  3 rows and 8 columns
# - **C**  3 rows and 5 columns
# - **D**  8 rows and 5 columns

# %% solution q43 stub="q43 = None"
### BEGIN SOLUTION
q43 = "B"
### END SOLUTION

# %% test q43 points=1
from classroom.quiz_cells import check_answer

check_answer("q43", answer("q43"))

# %%
see("q43")

# %% [markdown]
# ### Question 44
#
# Two runs of notebook 7, the mean of three seeds, each at the learning rate of its width. 98 thousand weights on 819 thousand tokens end at a loss of 1.158, 222 thousand weights on 410 thousand tokens at 1.222. The second used 13 % more compute. What do these two runs show?
#
# - **A**  With equal text, the smaller model learns more
# - **B**  With this compute, size changes nothing
# - **C**  Here, text paid more than weights did
# - **D**  With any compute, more text pays more

# %% solution q44 stub="q44 = None"
### BEGIN SOLUTION
q44 = "C"
### END SOLUTION

# %% test q44 points=1
from classroom.quiz_cells import check_answer

check_answer("q44", answer("q44"))

# %%
see("q44")

# %% [markdown]
# ### Question 45
#
# SmolLM2 has 30 layers, 9 query heads and 3 key/value heads of 64 columns. How large is its cache for one text of 1,000 tokens, in bfloat16, at 2 bytes a number?
#
# - **A**  23 MB
# - **B**  540 MB
# - **C**  69 MB
# - **D**  46 MB

# %% solution q45 stub="q45 = None"
### BEGIN SOLUTION
q45 = "A"
### END SOLUTION

# %% test q45 points=1
from classroom.quiz_cells import check_answer

check_answer("q45", answer("q45"))

# %%
see("q45")

# %% [markdown]
# ## Your score
#
# The next cell counts. For the whole course, type `llmlib check` in a terminal. Once nothing is missing there,
# `llmlib certificate --name "Your Name"` issues your certificate. It says that all questions are solved, and how many
# first answers were right.

# %%
score()
