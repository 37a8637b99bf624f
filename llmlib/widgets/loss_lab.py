"""The loss lab of notebook 5: logits on sliders become probabilities, and the loss of the token
that came."""

import torch

from llmlib.widgets.kernel import Widget


def loss_lab(softmax, tokens, logits):
    """Return a slider for the logit of each of `tokens`, a choice which of them came, and below
    what `softmax`, the learner's, makes of it: shares, -ln p, and the gradient of each logit."""

    def answer(asked):
        return {"shares": softmax(torch.tensor(asked["logits"])).tolist()}

    if len(tokens) != len(logits):
        raise ValueError(f"{len(tokens)} tokens and {len(logits)} logits: each token needs one")
    return Widget("loss_lab", answer, "softmax", tokens=list(tokens), logits=list(logits))
