"""The attention explorer of notebook 3: any text, all heads at once, and some switched off."""

import io
from base64 import b64encode
from functools import lru_cache
from html import escape

import ipywidgets
import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image

from llmlib.attention import scaled_dot_product_attention
from llmlib.output_head import softmax
from llmlib.plots import SEQUENTIAL, labels
from llmlib.widgets.controls import CONTROL, WIDE, beside, refusal, table, whenever

LONGEST = 40  # tokens: more would not be told apart in a square
SWITCHED_OFF = (213, 94, 0, 255)  # the colour of a head


def attention_explorer(model, attention, text=None, layer=0, head=0):
    """Type a text, click a head and a token, and see where that token looks; switch heads off and
    see what comes next. `attention(q, k, v, mask)` is the learner's. Notebooks of 1.0 give none:
    `attention_explorer(model, text)` takes the library's."""
    if text is None:
        attention, text = scaled_dot_product_attention, attention
    n_layer, n_head, off = model.config.n_layer, model.config.n_head, set()
    typed = ipywidgets.Text(text, description="text", continuous_update=False, **WIDE)
    pick_layer = ipywidgets.IntSlider(layer, 0, n_layer - 1, description="layer", **CONTROL)
    pick_head = ipywidgets.IntSlider(head, 0, n_head - 1, description="head", **CONTROL)
    spots = [(n, h) for h in range(n_head) for n in range(n_layer)]
    hints = [f"layer {n}, head {h}" for n, h in spots]
    grid = ipywidgets.ToggleButtons(options=[f"{n}.{h}" for n, h in spots], tooltips=hints)
    row = ipywidgets.ToggleButtons(options=["…"])  # one button a token, once there is a text
    switch = ipywidgets.Checkbox(False, description="switch this head off", **CONTROL)
    all_on = ipywidgets.Button(description="all heads on")
    key, sheet, bars, tokens, says = (ipywidgets.HTML() for _ in range(5))
    name = f"llm-{grid.model_id}"  # of this explorer alone: a page may hold two
    grid.add_class(f"{name}-heads"), row.add_class(f"{name}-row")
    key.value = (
        f"All {len(spots)} heads: layers 0 to {n_layer - 1} from left to right, heads 0 to "
        f"{n_head - 1} from top to bottom. In each square a row is a token that looks, a column "
        "where; the brighter, the more. <b>Click one</b>, or use the sliders."
    )
    look = lru_cache(maxsize=8)(lambda ids, off: run(model, attention, ids, off))

    def read(_=None):  # another text: other buttons
        words = [model.tokenizer.decode([i]) for i in model.tokenizer.encode(typed.value)[:LONGEST]]
        if words:
            row.options = [f"{i} {label}" for i, label in enumerate(labels(words))]
            row.index = len(words) - 1
            draw()

    def draw():
        layer, head, at = pick_layer.value, pick_head.value, row.index
        grid.index, switch.value = spots.index((layer, head)), (layer, head) in off
        ids = tuple(model.tokenizer.encode(typed.value)[:LONGEST])
        if at is None or len(row.options) != len(ids):
            return
        try:
            (maps, logits), (_, free) = look(ids, frozenset(off)), look(ids, frozenset())
            shares = maps[layer, head, at].tolist()
            words = [model.tokenizer.decode([i]) for i in ids]
            sheet.value = _style(name, n_layer, n_head, sprite(maps, off))
            bars.value = _bars(name, shares, at)
            most = sorted(range(at + 1), key=lambda i: -shares[i])[:3]
            places = ", ".join(f"{words[i]!r} {shares[i]:.0%}" for i in most)
            told = f"{escape(repr(words[at]))} looks at {escape(places)}"
            tokens.value = f"<b>Layer {layer}, head {head}</b>: {told}. Click another token:"
            left = ", ".join(f"{n}.{h}" for n, h in sorted(off))
            note = f"Grey: all heads. Blue: without {left}." if off else "Switch a head off."
            says.value = f"After <code>{escape(repr(words[at]))}</code> the model goes on. {note}"
            before, after = softmax(free[at]), softmax(logits[at])
            best = after.topk(5).indices.tolist()
            says.value += table(model.tokenizer.decode, before, after, best)
        except Exception as error:  # noqa: BLE001 - the learner's own attention
            tokens.value, says.value = refusal(error), ""

    def from_grid(_):
        with pick_layer.hold_trait_notifications():  # told when both are set
            pick_layer.value, pick_head.value = spots[grid.index]

    def from_switch(_):
        spot = pick_layer.value, pick_head.value
        if switch.value != (spot in off):
            off.symmetric_difference_update({spot})
            draw()

    def from_all_on(_):
        off.clear()
        draw()

    typed.observe(read, names="value")
    grid.observe(from_grid, names="index")
    switch.observe(from_switch, names="value")
    all_on.on_click(from_all_on)
    read()
    whenever((pick_layer, pick_head, row), draw)
    controls = beside(pick_layer, pick_head, switch, all_on)
    return ipywidgets.VBox([typed, sheet, bars, key, grid, controls, tokens, row, says])


def run(model, attention, ids, off=()):
    """Each head's shares [n_layer, n_head, seq, seq] and the logits [seq, vocab], with the
    (layer, head) in `off` silent. With the identity as values, attention returns its shares."""
    maps = []

    def watched(q, k, v, mask=None):
        shares = attention(q, k, torch.eye(k.shape[-2]).expand(*k.shape[:-1], -1), mask)
        read = shares @ v
        read[:, [head for layer, head in off if layer == len(maps)]] = 0
        maps.append(shares[0])
        return read

    logits = model.using(attention=watched)(list(ids))[0]
    return torch.stack(maps), logits


def sprite(maps, off=()):
    """All heads' maps in one picture, layers side by side, a pixel a share -> the PNG's bytes."""
    n_layer, n_head, seq, _ = maps.shape
    colours = (255 * colormaps[SEQUENTIAL](maps.sqrt().numpy())).astype(np.uint8)
    colours[..., 3] *= np.tri(seq, dtype=np.uint8)  # what it cannot see is not drawn
    for layer, head in off:
        colours[layer, head] = SWITCHED_OFF
    sheet = np.zeros((n_head, seq + 1, n_layer, seq + 1, 4), np.uint8)  # a pixel between heads
    sheet[:, :seq, :, :seq] = colours.transpose(1, 2, 0, 3, 4)
    drawn = io.BytesIO()
    Image.fromarray(sheet.reshape(n_head * (seq + 1), -1, 4)).save(drawn, "png")
    return drawn.getvalue()


def _style(name, n_layer, n_head, png):
    """CSS: the heads' buttons lie on their picture, each token is below its bar. The keyboard and
    a screen reader take the two sliders: 270 stops of Tab would be too many, so the squares can be
    reached only where a pointer is over them."""
    grid, button = f".{name}-heads > div", f".{name}-row button"
    return f"""<style>
{grid} {{display:grid; grid-template-columns:repeat({n_layer}, minmax(0, 1fr));
  aspect-ratio:{n_layer}/{n_head}; max-width:60em; background:#fff
  url(data:image/png;base64,{b64encode(png).decode()}) 0 0/100% 100%; image-rendering:pixelated}}
.{name}-heads {{width:98% !important; max-width:60em}}
{grid} button {{width:auto !important; height:auto; min-width:0; margin:0 !important; padding:0;
  font-size:0; background:none !important; box-shadow:none !important; visibility:hidden}}
{grid}:hover button, {grid} button.mod-active {{visibility:visible}}
@media (hover:none) {{{grid} button {{visibility:visible}}}}
{grid} button:hover, {grid} button.mod-active {{outline:3px solid #D55E00; z-index:1}}
.{name}-row {{width:98% !important}}
.{name}-row > div {{display:flex; flex-wrap:wrap; gap:2px}}
{button} {{display:flex; flex-direction:column; align-items:center; width:auto !important;
  min-width:3.4em; height:auto; margin:0 !important; padding:2px 4px; line-height:1.5;
  font-family:monospace; background:none !important; color:inherit; box-shadow:none;
  border:2px solid transparent}}
{button}.mod-active {{border-color:#D55E00; color:inherit}}
{button}::before {{content:""; width:70%; height:var(--high); background:#0072B2;
  margin-top:calc(58px - var(--high)); forced-color-adjust:none}}
{button}::after {{content:var(--says); font-family:var(--jp-ui-font-family)}}</style>"""


def _bars(name, shares, at):
    """CSS: how high each token's bar is, and the text below it."""
    rules = "".join(
        f".{name}-row button:nth-child({i + 1}){{--high:{58 * share:.0f}px;--says:"
        f'"{f"{100 * share:.0f} %" if i <= at else "hidden"}";opacity:{1 if i <= at else 0.7}}}'
        for i, share in enumerate(shares)
    )
    return f"<style>{rules}</style>"
