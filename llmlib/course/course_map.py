"""The line under each notebook's title: the course from text to text, where you are, what is next.

One line of Markdown, so that it reads alike in JupyterLab, on a web page and in a terminal. The
build writes it; no source holds it.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

STATIONS = {  # notebook: (title, what it makes, the shape of that)
    "01_tokens": ("1 · Tokens", "ids", "[batch, seq]"),
    "02_embeddings": ("2 · Embeddings", "vectors", "[batch, seq, d_model]"),
    "03_attention": ("3 · Attention", "vectors that looked back", "[batch, seq, d_model]"),
    "04_layers": ("4 · Layers", "vectors, 30 layers later", "[batch, seq, d_model]"),
    "05_output_head": ("5 · Output head", "logits", "[batch, seq, vocab]"),
    "06_sampling": ("6 · Sampling", "the next id", "[batch]"),
    "07_kv_cache_and_scaling": ("7 · KV cache & scaling", "again, but fast", ""),
}
QUIZ = "quiz"
Station = tuple[str, str]  # name, title


def strip(name: str) -> str:
    """Text → ids → vectors → …, the station of notebook `name` in bold; the others are links."""
    parts = ["text"]
    for each, (title, makes, shape) in STATIONS.items():
        number = title.split(" ")[0]
        word = f"{number} {makes}" + (f" `{shape}`" if shape and each == name else "")
        parts.append(f"**▸ {word}**" if each == name else f"[{word}]({each}.ipynb)")
    return " → ".join(parts)


def neighbours(name: str) -> tuple[Station | None, Station | None]:
    """The notebooks before and after `name`, as (name, title) or None."""
    order = [*((each, title) for each, (title, _, _) in STATIONS.items()), (QUIZ, "Quiz")]
    at = [each for each, _ in order].index(name)
    return order[at - 1] if at else None, order[at + 1] if at + 1 < len(order) else None


def links(name: str) -> str:
    """← the notebook before · the one after →, as Markdown."""
    before, after = neighbours(name)
    back = [f"← [{before[1]}]({before[0]}.ipynb)"] if before else []
    return " · ".join(back + ([f"[{after[1]}]({after[0]}.ipynb) →"] if after else []))


def with_map(cells: list[NotebookNode], name: str) -> None:
    """Write the map below the title of the course's notebook `name`, the links in a last cell."""
    if name not in STATIONS and name != QUIZ:
        return
    title, _, text = cells[0].source.partition("\n")
    where = f"> {strip(name)}\n>\n> " if name in STATIONS else "> "
    cells[0].source = f"{title}\n\n{where}{links(name)}\n{text}"
    cells.append(new_markdown_cell(f"---\n\n{links(name)}"))
