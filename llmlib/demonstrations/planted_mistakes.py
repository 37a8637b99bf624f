"""A forward held against transformers, and forwards with a mistake planted in them."""

import torch
from torch.nn.functional import linear

from llmlib import attention, layers, output_head
from llmlib.model import attend

PROMPTS = ("The capital of France is", "Once upon a time,", "def f(x):")  # five tokens each


class Reference:
    """What transformers says with a Llama model's weights: the next 12 ids of three prompts, and
    the logits over the finished texts."""

    def __init__(self, model, text, theirs):
        """text [seq]: ids on which a forward's loss is measured; `theirs` is the model of
        transformers (llmlib.course.engine_check.reference)."""
        self.model, self.text = model, text
        ids = torch.tensor([model.tokenizer.encode(prompt) for prompt in PROMPTS])
        greedy = {"attention_mask": torch.ones_like(ids), "do_sample": False}
        with torch.no_grad():
            whole = theirs.generate(ids, max_new_tokens=12, **greedy)
            self.written, self.finished = whole[:, ids.shape[1] :], whole[:, :-1]
            self.logits = theirs(self.finished).logits

    def compare(self, forward):
        """(for each prompt: the same 12 ids?, the farthest logit, the loss on the text) of a
        `forward` with the model's weights. It writes the same ids if at each place its likeliest
        token is the one that transformers wrote next."""
        logits = self._run(forward, self.finished)
        same = (logits[:, -12:].argmax(dim=-1) == self.written).all(dim=-1).tolist()
        said = self._run(forward, self.text[None, :-1])[0]
        cost = output_head.cross_entropy(said, self.text[1:]).item()
        return same, (logits - self.logits).abs().max().item(), cost

    def _run(self, forward, ids):
        model, seq = self.model, ids.shape[1]
        seen = torch.arange(seq), attention.causal_mask(seq)
        parts = model.using(attention=attention.scaled_dot_product_attention).parts
        stack = model.weights.layers
        weights = [(*layer.norm_1, *layer.norm_2, *layer.mlp[:3]) for layer in stack]

        def attention_of(i, x):
            return attend(x, i, stack[i], model.config, parts, *seen)

        ends = model.weights.unembedding, weights, model.weights.norm[0]
        with torch.no_grad():
            return forward(ids, *ends, attention_of, eps=model.config.eps)


def _forward(norm=layers.rms_norm, last=None, mlp=layers.swiglu):
    """A forward with another function in some of its places."""

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
