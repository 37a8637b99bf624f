"""What notebook 1 says, with its controls."""

from frame import model


def paris_is_likeliest():
    """“The table above has the figure of this model, 0.773; another model has another.”

    Another country in the same sentence: Paris is gone.
    """
    smollm2 = model()
    paris = smollm2.tokenizer.encode(" Paris")[0]

    def chance(prompt):
        return smollm2(smollm2.tokenizer.encode(prompt))[0, -1].softmax(-1)[paris].item()

    france, spain = (chance(f"The capital of {land} is") for land in ("France", "Spain"))
    assert abs(france - 0.773) < 0.001 and spain < 0.05
    return f"France {france:.3f}, Spain {spain:.3f}"
