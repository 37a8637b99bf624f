# %% [markdown]
# # The notebook that the attacks hand in

# %% nbgrader={"grade": false, "grade_id": "given_setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import torch

# %%
scale = 2.0
print("a demonstration")

# %% [markdown]
# ### Exercise 0.1 · `softmax` · ●○○ · 5 min
# <details><summary>Hint 1</summary>Subtract the maximum.</details>

# %% nbgrader={"grade": false, "grade_id": "softmax", "locked": false, "schema_version": 3, "solution": true, "task": false} disallowed=["torch.softmax", "torch.nn.functional.softmax", "torch.Tensor.softmax", "torch.log_softmax", "torch.logsumexp", "llmlib.output_head.softmax", "llmlib.output_head.log_softmax"]
def softmax(x, dim=-1):
    ### BEGIN SOLUTION
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_softmax", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
import torch

from exercises import check

_x = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
check.close(softmax(_x), torch.softmax(_x, -1), "softmax is exp over the sum of exps")
check.close(softmax(_x * 1000), torch.softmax(_x * 1000, -1), "subtract the maximum first, or large logits overflow")
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(7)
_y = torch.randn(4, 5, generator=_g)
check.close(softmax(_y, dim=0), torch.softmax(_y, 0), "dim names the axis")
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 0.2 · `causal_mask` · ●○○ · 5 min

# %% nbgrader={"grade": false, "grade_id": "causal_mask", "locked": false, "schema_version": 3, "solution": true, "task": false} disallowed=["torch.tril", "llmlib.attention.causal_mask"]
def causal_mask(n):
    ### BEGIN SOLUTION
    return torch.arange(n)[:, None] >= torch.arange(n)[None]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_causal_mask", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import torch

from exercises import check

check.equal(causal_mask(2), torch.tensor([[True, False], [True, True]]), "row i looks at positions 0 to i")
### BEGIN HIDDEN TESTS
check.equal(causal_mask(5), torch.ones(5, 5, dtype=torch.bool).tril(), "row i looks at positions 0 to i")
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 0.3 · `merge` · ●○○ · 5 min

# %% nbgrader={"grade": false, "grade_id": "merge", "locked": false, "schema_version": 3, "solution": true, "task": false} disallowed=["llmlib.tokens.merge"]
def merge(ids, pair, new_id):
    ### BEGIN SOLUTION
    out = []
    for token in ids:
        if out and (out[-1], token) == tuple(pair):
            out[-1] = new_id
        else:
            out.append(token)
    return out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "test_merge", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
from exercises import check

check.equal(merge([1, 1, 1], (1, 1), 9), [9, 1], "merge from left to right")
### BEGIN HIDDEN TESTS
check.equal(merge([4, 1, 2, 1, 2], (1, 2), 7), [4, 7, 7], "replace every occurrence")
### END HIDDEN TESTS
