"""Honest cells that use an exercise's name, or one that it reads, for something else, below an
answer that is right; and answers that are corrected below. Read by honest.py, whose table has the
same form: title | notebook | below the cell of | exercises looked at | what its own cell holds."""

ANSWERS = {  # wrong ones, which a cell below corrects
    "no sum": "def softmax(x, dim=-1):\n    return x.exp()",
    "a bad helper": (
        "def stable_exp(x, dim):\n    return x.exp()\n\ndef softmax(x, dim=-1):\n"
        "    e = stable_exp(x, dim)\n    return e / e.sum(dim, keepdim=True)"
    ),
}
CELLS = """
### torch's imported by their names, last | 05_output_head | train | softmax cross_entropy
from torch.nn.functional import softmax, cross_entropy
x = torch.randn(2, 5)
print(softmax(x, dim=-1).sum(-1), cross_entropy(x, torch.tensor([1, 2])))
### torch itself used again | 05_output_head | train | softmax cross_entropy
torch = None
### Python's own names used again | 05_output_head | train | softmax cross_entropy train
len, sum, max = 3, [1, 2], None
print(len, sum, max)
### Python's own function replaced | 05_output_head | train | softmax cross_entropy
import builtins
builtins.sum = lambda *given: 0
### torch's by a star, last | 05_output_head | train | softmax cross_entropy
from torch.nn.functional import *
softmax(torch.ones(3), dim=-1)
### a broken variant tried below | 05_output_head | softmax | softmax cross_entropy
def softmax(x, dim=-1):
    e = x.exp()
    return e / e.sum(dim, keepdim=True)
print(softmax(torch.tensor([1000.0, 0.0])))
### a model under the name of torch's alias | 05_output_head | train | softmax train
math = "a subject"
F = 3
### another function of the name | 06_sampling | generate | generate draw
def generate(n):
    return [n] * n
generate(3)
### the answer's name as a result | 05_output_head | softmax | softmax cross_entropy
softmax = softmax(torch.tensor([1.0, 2.0]))
softmax
### the answer's name in a loop | 04_layers | rms_norm | layer_norm rms_norm
for layer_norm in [torch.nn.LayerNorm(4), torch.nn.LayerNorm(8)]:
    print(layer_norm)
### the answer deleted | 04_layers | rms_norm | layer_norm rms_norm
del layer_norm
### everything reset | 05_output_head | train | softmax cross_entropy
%reset -f
### names by a star of the standard library | 05_output_head | train | softmax corpus_perplexity
from math import *
print(exp(1.0), log(2.0))
### names by a star of numpy | 05_output_head | train | softmax cross_entropy
from numpy import *
print(sum(array([1, 2])), max(3, 4))
### a class of the name | 03_attention | causal_mask | causal_mask
class causal_mask(torch.nn.Module):
    def forward(self, n):
        return torch.ones(n, n).tril()
print(causal_mask()(3))
### a lambda of the name | 04_layers | rms_norm | rms_norm layer_norm
rms_norm = lambda x: x / x.norm()
print(rms_norm(torch.ones(3)))
### a module of the name | 05_output_head | softmax | softmax
softmax = torch.nn.Softmax(dim=-1)
print(softmax(torch.zeros(2)))
### a with statement of the name | 05_output_head | softmax | softmax
with open("notes.txt", "w") as softmax:
    softmax.write("mine")
### an exception of the name | 05_output_head | softmax | softmax
try:
    1 / 0
except ZeroDivisionError as softmax:
    print(softmax)
### a walrus of the name | 05_output_head | softmax | softmax
if (softmax := torch.softmax(torch.ones(2), 0)).sum() > 0:
    print(softmax)
### a table of the two, sorted | 02_embeddings | embed | embed nearest
embed = {"mine": 1, "torch": torch.nn.Embedding(4, 3)}
nearest = sorted(embed)
### unpacked over it | 02_embeddings | embed | embed nearest
embed, nearest = torch.nn.Embedding(4, 3), None
### a global statement | 05_output_head | softmax | softmax
def swap():
    global softmax
    softmax = torch.softmax
swap()
### globals() written to | 05_output_head | softmax | softmax cross_entropy
globals()["softmax"] = torch.softmax
### the loss of a notebook of last week | 05_output_head | train | cross_entropy logits_gradient
def cross_entropy(p, q):
    return -(p * q.log()).sum()
cross_entropy(torch.tensor([1.0]), torch.tensor([0.5]))
### the tokenizer's names used again | 01_tokens | decode | encode decode
encode = str.encode
decode = bytes.decode
print(decode(encode("word")))
### the answer corrected in a cell below | 05_output_head | softmax | softmax cross_entropy | no sum
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
### the answer corrected below, then torch's imported | 05_output_head | softmax | softmax | no sum
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
#%% %%
from torch.nn.functional import softmax
### a helper corrected below | 05_output_head | softmax | softmax | a bad helper
def stable_exp(x, dim):
    return (x - x.amax(dim, keepdim=True)).exp()
### a look at the version and the place | 05_output_head | softmax | softmax
import inspect, gc
from concurrent.futures import ThreadPoolExecutor
import numpy as np
print(torch.__version__, np.__version__, torch.__file__)
print(inspect.getsource(softmax))
gc.collect()
with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(abs, [-1, 2])))
### an interruption by hand | 05_output_head | softmax | softmax
raise KeyboardInterrupt
"""
