"""Years of birth, drawn many times: of people who lived and of people who did not."""

import torch

from llmlib.generation import side_by_side
from llmlib.output_head import softmax

PEOPLE = {
    "Albert Einstein": "born in 1879",
    "Marie Curie": "born in 1867",
    "Ada Lovelace": "born in 1815",
    "Elwin Thackeray": "never lived",
    "Brunilda Okonsker": "never lived",
    "Albert Weinstein": "never lived",
}


def years(model, name, n, draw, seed=0):
    """The years among n answers at temperature 1 to "… was born in the year"; `draw` as in
    notebook 6. Answers that are no year are left out."""
    generator = torch.Generator().manual_seed(seed)
    prompt = model.tokenizer.encode(f"{name} was born in the year")

    def pick(logits):
        return draw(softmax(logits), torch.rand(n, generator=generator))

    rows = side_by_side(model, prompt, n, 5, pick)  # a space and four digits
    said = [model.tokenizer.decode(row).strip() for row in rows.tolist()]
    return [year for year in said if len(year) == 4 and year.isdigit()]
