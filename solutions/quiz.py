# %% [markdown] makes="what stuck"
# # Quiz
#
# 45 questions, on what is easily got wrong rather than on names and dates. Each gives four options, one of them
# right.
#
# **To answer,** click an option (Tab and Enter do it as well). Where the options are not buttons, put the letter in place of
# `None`, as in `q01 = "A"`, and run that cell. At once you are told why your choice is right, or what is wrong about it, and
# you may choose again; your first answer is noted beside the new one. A cell with `see` bears the answer out, with the real
# model or a few lines of code: run it once you have the answer.
#
# **Your answers are what the cells say:** saved with the notebook (Ctrl-S), handed in with it.
#
# **You need** the seven notebooks. **It takes** about 50 minutes.

# %% given setup jupyter={"source_hidden": true}
from llmlib.course.quiz_cells import score, see

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
# - **A**  Ids, vectors, layers, logits, probabilities
# - **B**  Vectors, ids, logits, layers, probabilities
# - **C**  Ids, vectors, logits, probabilities, layers
# - **D**  Ids, vectors, logits, layers, probabilities

# %% solution q01 stub="q01 = None"
### BEGIN SOLUTION
q01 = "A"
### END SOLUTION

# %% test q01 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q02", answer("q02"))

# %% [markdown]
# ### Question 3
#
# How does a language model arrive at its next token?
#
# - **A**  A plan of the sentence is written, and its next word taken
# - **B**  The closest passage of the input is found and copied
# - **C**  A text seen in training is found and read on
# - **D**  The tokens get scores, and one is picked by a rule

# %% solution q03 stub="q03 = None"
### BEGIN SOLUTION
q03 = "D"
### END SOLUTION

# %% test q03 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q03", answer("q03"))

# %% [markdown]
# ### Question 4
#
# Which part of the model yields the probabilities of the next token?
#
# - **A**  The last norm and its scale
# - **B**  The attention of the last layer
# - **C**  The last feed-forward network
# - **D**  The output head and a softmax

# %% solution q04 stub="q04 = None"
### BEGIN SOLUTION
q04 = "D"
### END SOLUTION

# %% test q04 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q04", answer("q04"))

# %% [markdown]
# ### Question 5
#
# A token has been picked. Where does the one after it come from?
#
# - **A**  A new run, with the picked token at the end of the text
# - **B**  The same run, as one of those that it put out for later
# - **C**  A new run, on the picked token without the text before it
# - **D**  The same run, as the second likeliest of its tokens

# %% solution q05 stub="q05 = None"
### BEGIN SOLUTION
q05 = "A"
### END SOLUTION

# %% test q05 points=1
from llmlib.course.quiz_cells import check_answer

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
# - **C**  `[256, 97, 98]`
# - **D**  `[256, 256, 98]`

# %% solution q06 stub="q06 = None"
### BEGIN SOLUTION
q06 = "C"
### END SOLUTION

# %% test q06 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q06", answer("q06"))

# %%
see("q06")

# %% [markdown]
# ### Question 7
#
# **Predict:** SmolLM2's tokenizer cuts "strawberry" (the start of a text) and " strawberry" (after a space). How many tokens do the two have in common?
#
# - **A**  None of them
# - **B**  All but the space
# - **C**  One, "berry"
# - **D**  All of them

# %% solution q07 stub="q07 = None"
### BEGIN SOLUTION
q07 = "A"
### END SOLUTION

# %% test q07 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q07", answer("q07"))

# %%
see("q07")

# %% [markdown]
# ### Question 8
#
# "A token is about four characters." For which of these texts does GPT-2's tokenizer bear that out?
#
# - **A**  A sentence in Chinese.
# - **B**  A file in Python.
# - **C**  A page in English.
# - **D**  A sentence in German.

# %% solution q08 stub="q08 = None"
### BEGIN SOLUTION
q08 = "C"
### END SOLUTION

# %% test q08 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q08", answer("q08"))

# %%
see("q08")

# %% [markdown]
# ### Question 9
#
# SmolLM2 reads two examples, whose answers are 1 and 2, then: how often does r occur in "strawberry"? It says 3, and that is right.
# What would show whether it counted?
#
# - **A**  The same examples with other words, and other examples
# - **B**  The probability of 3, beside those of the other digits
# - **C**  The same prompt a hundred times, with the same settings
# - **D**  A question after the answer, how it counted the letters

# %% solution q09 stub="q09 = None"
### BEGIN SOLUTION
q09 = "A"
### END SOLUTION

# %% test q09 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q09", answer("q09"))

# %%
see("q09")

# %% [markdown]
# ### Question 10
#
# A chat program makes ids of what it writes around the messages itself, and of what the user types. In which of the two should `<|im_end|>` count as a special token?
#
# - **A**  In both of the two
# - **B**  In what the user types
# - **C**  In neither of the two
# - **D**  In what the program writes

# %% solution q10 stub="q10 = None"
### BEGIN SOLUTION
q10 = "D"
### END SOLUTION

# %% test q10 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q10", answer("q10"))

# %%
see("q10")

# %% [markdown]
# ## 2 · Embeddings

# %% [markdown]
# ### Question 11
#
# In SmolLM2, id 7042 is " Paris". **Predict** what id 7043 is.
#
# - **A**  "Paris" without its space
# - **B**  Something unrelated to Paris
# - **C**  The next word of a dictionary
# - **D**  The name of some other capital

# %% solution q11 stub="q11 = None"
### BEGIN SOLUTION
q11 = "B"
### END SOLUTION

# %% test q11 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q11", answer("q11"))

# %%
see("q11")

# %% [markdown]
# ### Question 12
#
# **Predict:** which token has the largest *dot product* with " Monday" in SmolLM2's embedding table?
#
# - **A**  " day", the word in it
# - **B**  " Tuesday", the day after
# - **C**  A part of some other word
# - **D**  " Monday" itself

# %% solution q12 stub="q12 = None"
### BEGIN SOLUTION
q12 = "C"
### END SOLUTION

# %% test q12 points=1
from llmlib.course.quiz_cells import check_answer

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
# - **B**  They are shuffled just like the tokens.
# - **C**  They stay as they were, each in its place.
# - **D**  Each of them changes its values.

# %% solution q13 stub="q13 = None"
### BEGIN SOLUTION
q13 = "B"
### END SOLUTION

# %% test q13 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q13", answer("q13"))

# %%
see("q13")

# %% [markdown]
# ### Question 14
#
# A query vector is turned by RoPE for position 5, a key vector for position 3. Now the same two vectors are turned for 105 and 103. What happens to their score?
#
# - **A**  It grows with the position.
# - **B**  It stays as it was.
# - **C**  That depends on the vectors.
# - **D**  It shrinks with the position.

# %% solution q14 stub="q14 = None"
### BEGIN SOLUTION
q14 = "B"
### END SOLUTION

# %% test q14 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q14", answer("q14"))

# %%
see("q14")

# %% [markdown]
# ## 3 · Attention

# %% [markdown]
# ### Question 15
#
# A well-known picture of "The cat sat on the mat" gives a fifth of the attention of "sat" to "mat".
# **Predict:** if "mat" is replaced by "moon", by how much do SmolLM2's outputs at "sat" change?
#
# - **A**  A lot
# - **B**  A lot, for "mat" alone
# - **C**  A little
# - **D**  Not at all

# %% solution q15 stub="q15 = None"
### BEGIN SOLUTION
q15 = "D"
### END SOLUTION

# %% test q15 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q15", answer("q15"))

# %%
see("q15")

# %% [markdown]
# ### Question 16
#
# SmolLM2 has d_model = 576 in 9 heads of 64 columns, and 3 key/value heads. What does it divide each score by?
#
# - **A**  3
# - **B**  8
# - **C**  64
# - **D**  24

# %% solution q16 stub="q16 = None"
### BEGIN SOLUTION
q16 = "B"
### END SOLUTION

# %% test q16 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q16", answer("q16"))

# %%
see("q16")

# %% [markdown]
# ### Question 17
#
# Someone masks *after* the softmax: the shares of future tokens are set to 0. What is wrong with that?
#
# - **A**  The values of future tokens are still added in.
# - **B**  It changes nothing in the rows of the result.
# - **C**  The shares that are left depend on the future.
# - **D**  The gradient no longer flows to the keys.

# %% solution q17 stub="q17 = None"
### BEGIN SOLUTION
q17 = "C"
### END SOLUTION

# %% test q17 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q18", answer("q18"))

# %%
see("q18")

# %% [markdown]
# ### Question 19
#
# Your attention takes the place of a model's own. For three prompts it writes the same ids as before. What shows best whether it has a small mistake?
#
# - **A**  The probabilities of the ids written
# - **B**  Longer texts after the prompts
# - **C**  The logits of a single text
# - **D**  Ten times as many prompts

# %% solution q19 stub="q19 = None"
### BEGIN SOLUTION
q19 = "C"
### END SOLUTION

# %% test q19 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q20", answer("q20"))

# %%
see("q20")

# %% [markdown]
# ### Question 21
#
# In one pre-norm block the last matrix of attention and the last matrix of the feed-forward are set to zero. What does the block do?
#
# - **A**  It returns its input unchanged.
# - **B**  It returns its input, doubled.
# - **C**  It returns zeros for every token.
# - **D**  It returns its input, normalized.

# %% solution q21 stub="q21 = None"
### BEGIN SOLUTION
q21 = "A"
### END SOLUTION

# %% test q21 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q21", answer("q21"))

# %%
see("q21")

# %% [markdown]
# ### Question 22
#
# 5 is added to every entry of a vector. Whose output changes: LayerNorm's or RMSNorm's? (Weights 1, no bias.)
#
# - **A**  Neither of them
# - **B**  RMSNorm's alone
# - **C**  LayerNorm's alone
# - **D**  Both of them

# %% solution q22 stub="q22 = None"
### BEGIN SOLUTION
q22 = "B"
### END SOLUTION

# %% test q22 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q22", answer("q22"))

# %%
see("q22")

# %% [markdown]
# ### Question 23
#
# The stream that enters a pre-norm block is multiplied by 10 (and eps is too small to matter). How large is what that block's attention writes relative to the stream that it is added to?
#
# - **A**  As large as it was
# - **B**  A tenth of what it was
# - **C**  A 100th of what it was
# - **D**  10 times what it was

# %% solution q23 stub="q23 = None"
### BEGIN SOLUTION
q23 = "B"
### END SOLUTION

# %% test q23 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q24", answer("q24"))

# %%
see("q24")

# %% [markdown]
# ### Question 25
#
# Two settings differ by 0.03 nats in truth. Runs of one setting scatter from seed to seed with a standard deviation of 0.05. From how many seeds for each will the difference stand out by two standard errors?
#
# - **A**  About 11
# - **B**  About 5
# - **C**  About 22
# - **D**  About 6

# %% solution q25 stub="q25 = None"
### BEGIN SOLUTION
q25 = "C"
### END SOLUTION

# %% test q25 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q25", answer("q25"))

# %%
see("q25")

# %% [markdown]
# ### Question 26
#
# Training starts: random weights, a vocabulary of 49,152 tokens. About which loss should the first step report, in nats per token?
#
# - **A**  1.0
# - **B**  49,152
# - **C**  10.8
# - **D**  0.69

# %% solution q26 stub="q26 = None"
### BEGIN SOLUTION
q26 = "C"
### END SOLUTION

# %% test q26 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q26", answer("q26"))

# %%
see("q26")

# %% [markdown]
# ### Question 27
#
# A text of 11 tokens goes through the model once, in training. From how many predictions does the loss come?
#
# - **A**  1
# - **B**  11
# - **C**  10
# - **D**  55

# %% solution q27 stub="q27 = None"
### BEGIN SOLUTION
q27 = "C"
### END SOLUTION

# %% test q27 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q27", answer("q27"))

# %%
see("q27")

# %% [markdown]
# ### Question 28
#
# After more training the loss is 2.3 nats a token, where it was 3.0. What has happened to the probability of the true token (its geometric mean)?
#
# - **A**  It is 2 times as large.
# - **B**  It is 1.3 times as large.
# - **C**  It is 5 times as large.
# - **D**  It is 0.7 more than before.

# %% solution q28 stub="q28 = None"
### BEGIN SOLUTION
q28 = "A"
### END SOLUTION

# %% test q28 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q28", answer("q28"))

# %%
see("q28")

# %% [markdown]
# ### Question 29
#
# The loss of a batch is known and `loss.backward()` has run. Nothing else has. What has become of the weights?
#
# - **A**  Some of them have moved.
# - **B**  They moved by the learning rate.
# - **C**  They are as they were.
# - **D**  They moved against their gradients.

# %% solution q29 stub="q29 = None"
### BEGIN SOLUTION
q29 = "C"
### END SOLUTION

# %% test q29 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q29", answer("q29"))

# %%
see("q29")

# %% [markdown]
# ### Question 30
#
# AdamW takes its very first step (no weight decay). The gradient of weight a is 1,000 times that of weight b. How far does weight *a* move, compared with *b*?
#
# - **A**  About as far as b
# - **B**  About 32 times as far
# - **C**  About 1,000 times as far
# - **D**  About a thousandth as far

# %% solution q30 stub="q30 = None"
### BEGIN SOLUTION
q30 = "A"
### END SOLUTION

# %% test q30 points=1
from llmlib.course.quiz_cells import check_answer

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
# - **B**  3
# - **C**  1
# - **D**  4

# %% solution q31 stub="q31 = None"
### BEGIN SOLUTION
q31 = "B"
### END SOLUTION

# %% test q31 points=1
from llmlib.course.quiz_cells import check_answer

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
# - **C**  16 times
# - **D**  8 times

# %% solution q32 stub="q32 = None"
### BEGIN SOLUTION
q32 = "C"
### END SOLUTION

# %% test q32 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q32", answer("q32"))

# %%
see("q32")

# %% [markdown]
# ### Question 33
#
# For which filter does it not matter whether temperature is applied before it or after?
#
# - **A**  None of these
# - **B**  min-p
# - **C**  top-p
# - **D**  top-k

# %% solution q33 stub="q33 = None"
### BEGIN SOLUTION
q33 = "D"
### END SOLUTION

# %% test q33 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q33", answer("q33"))

# %%
see("q33")

# %% [markdown]
# ### Question 34
#
# **Predict:** SmolLM2 reads " I was driving down the highway." six times in a row. What happens, from the first copy to the sixth,
# to the probability that it gives to the words of this sentence?
#
# - **A**  It falls with each copy.
# - **B**  It stays about the same.
# - **C**  It rises with each copy.
# - **D**  It rises, and then it falls.

# %% solution q34 stub="q34 = None"
### BEGIN SOLUTION
q34 = "C"
### END SOLUTION

# %% test q34 points=1
from llmlib.course.quiz_cells import check_answer

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
# - **A**  100 token computations, not 5,050
# - **B**  1 forward pass, not 100
# - **C**  100 forward passes, not 10,000
# - **D**  100 forward passes, not 5,050

# %% solution q35 stub="q35 = None"
### BEGIN SOLUTION
q35 = "A"
### END SOLUTION

# %% test q35 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q36", answer("q36"))

# %%
see("q36")

# %% [markdown]
# ### Question 37
#
# A scaling law was fitted to eight sizes of model, and passes within 0.004 of each. What shows best how far off it may be for a ninth size, larger than all?
#
# - **A**  A fit to all, repeated from other starting values
# - **B**  A fit without the largest, held against it
# - **C**  A fit to all, held against each of the eight sizes
# - **D**  A fit without the smallest, held against the smallest

# %% solution q37 stub="q37 = None"
### BEGIN SOLUTION
q37 = "B"
### END SOLUTION

# %% test q37 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q37", answer("q37"))

# %%
see("q37")

# %% [markdown]
# ### Question 38
#
# The held-out stories were drawn at random from a model whose own loss on them is 0.43 nats a byte. Small models trained on such stories stop at 1.12. **Predict:** which loss would the best possible model have on them, on average?
#
# - **A**  0
# - **B**  0.2
# - **C**  0.69
# - **D**  0.43

# %% solution q38 stub="q38 = None"
### BEGIN SOLUTION
q38 = "D"
### END SOLUTION

# %% test q38 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q38", answer("q38"))

# %%
see("q38")

# %% [markdown]
# ### Question 39
#
# Batches pay while the texts are short. Once they are long, each text that is added makes a step longer again. What must each step read for the new text?
#
# - **A**  The ids of its whole text
# - **B**  The matrices of all the layers
# - **C**  The keys and values of its past
# - **D**  The rows of the embedding table

# %% solution q39 stub="q39 = None"
### BEGIN SOLUTION
q39 = "C"
### END SOLUTION

# %% test q39 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q39", answer("q39"))

# %%
see("q39")

# %% [markdown]
# ### Question 40
#
# In speculative decoding a small model drafts tokens and the large one checks them. The draft model turns out to be bad. What suffers?
#
# - **A**  Neither of the two
# - **B**  Speed and quality
# - **C**  Quality, not speed
# - **D**  Speed, not quality

# %% solution q40 stub="q40 = None"
### BEGIN SOLUTION
q40 = "D"
### END SOLUTION

# %% test q40 points=1
from llmlib.course.quiz_cells import check_answer

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
from llmlib.course.quiz_cells import check_answer

check_answer("q41", answer("q41"))

# %%
see("q41")

# %% [markdown]
# ### Question 42
#
# A new cache is tried. For every prompt the first token is right; those after it are mostly wrong. Which of these bugs has that effect?
#
# - **A**  None of the tokens is turned for its position
# - **B**  The prompt goes in without its last token
# - **C**  The later ones are turned for position 0
# - **D**  In the prompt the causal mask is missing

# %% solution q42 stub="q42 = None"
### BEGIN SOLUTION
q42 = "C"
### END SOLUTION

# %% test q42 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q42", answer("q42"))

# %%
see("q42")

# %% [markdown]
# ### Question 43
#
# There is 100 times as much compute for training as last time (6 · parameters · tokens). What does the Chinchilla law advise?
#
# - **A**  29 times the parameters, 3.5 times the tokens
# - **B**  100 times the parameters, the same tokens
# - **C**  10 times the parameters, 10 times the tokens
# - **D**  3.5 times the parameters, 29 times the tokens

# %% solution q43 stub="q43 = None"
### BEGIN SOLUTION
q43 = "C"
### END SOLUTION

# %% test q43 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q43", answer("q43"))

# %%
see("q43")

# %% [markdown]
# ### Question 44
#
# SmolLM2-135M has read 2 trillion tokens, 15,000 a parameter. By the Chinchilla law the same compute would have trained a larger, better model on fewer. What speaks for the small one?
#
# - **A**  It learns more from every token that it reads.
# - **B**  It is better below a billion weights.
# - **C**  It costs less whenever it is used.
# - **D**  It forgets less of what it has read.

# %% solution q44 stub="q44 = None"
### BEGIN SOLUTION
q44 = "C"
### END SOLUTION

# %% test q44 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q44", answer("q44"))

# %%
see("q44")

# %% [markdown]
# ### Question 45
#
# From model to model, the chance that a token is right grows from 0.5 to 0.8. A task counts as solved if five tokens in a row are right,
# each on its own. How does the share of solved tasks look?
#
# - **A**  It grows from 10 % to 16 %.
# - **B**  It grows from 50 % to 80 %.
# - **C**  It grows from 3 % to 33 %.
# - **D**  It grows from 97 % to 100 %.

# %% solution q45 stub="q45 = None"
### BEGIN SOLUTION
q45 = "C"
### END SOLUTION

# %% test q45 points=1
from llmlib.course.quiz_cells import check_answer

check_answer("q45", answer("q45"))

# %%
see("q45")

# %% [markdown]
# ## Your score
#
# The next cell counts. For the whole course, type `llmlib check` in a terminal; once nothing is missing there,
# `llmlib certificate --name "Your Name"` issues your certificate. It says that all questions are solved, and how many
# first answers were right.

# %%
score()
