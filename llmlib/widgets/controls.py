"""What the course's widgets are made of: sliders, boxes, tables. Each widget has a file of its own;
`plots.show(fig, alt, widget)` keeps a figure above it."""

from html import escape

import ipywidgets

# A control is as wide as its page allows, up to 26em.
CONTROL = {"style": {"description_width": "8em"}, "layout": {"width": "min(26em, 98%)"}}
WIDE = {"style": {"description_width": "8em"}, "layout": {"width": "98%"}}


def beside(*controls):
    """Controls side by side, in as many rows as the page needs."""
    return ipywidgets.Box(controls, layout={"display": "flex", "flex_flow": "row wrap"})


def whenever(controls, draw):
    """Draw now, and each time one of the controls is moved."""
    for control in controls:
        control.observe(lambda _: draw(), names="value")
    draw()


def drawn(controls, draw, who=""):
    """HTML: what `draw()` returns, now and each time one of the controls is moved. If it returns
    nothing, the picture stays; if the learner's own function, `who`, raises, that is said there."""
    picture = ipywidgets.HTML()

    def again():
        try:
            picture.value = draw() or picture.value
        except Exception as error:  # noqa: BLE001 - the learner's own function
            picture.value = refusal(error, who)

    whenever(controls, again)
    return picture


def refusal(error, who=""):
    """What a learner's own function raised, as HTML."""
    raised = f"{who} raised " if who else ""
    return f"<p>{raised}{type(error).__name__}: {escape(str(error))}</p>"


def table(decode, before, after, ids):
    """The tokens `ids` as HTML: grey bars for `before`, blue ones for `after`, both [vocab]
    probabilities. What is cut is struck out."""
    rows = []
    for i in ids:
        crossed = "" if after[i] > 0 else "text-decoration:line-through;opacity:0.7;"
        bars = "".join(
            f'<div style="width:{100 * share:.2f}%;height:7px;background:{colour}"></div>'
            for share, colour in ((before[i], "#9a9a9a"), (after[i], "#0072B2"))
        )
        left = f"{after[i]:.3f}" if after[i] > 0 else "cut"
        rows.append(
            f'<tr><td style="{crossed}font-family:monospace;white-space:pre;text-align:right">'
            f"{escape(repr(decode([i])))}</td>"
            f'<td style="width:60%;padding:0 8px">{bars}</td>'
            f'<td style="text-align:right;white-space:nowrap">{before[i]:.3f} → {left}</td></tr>'
        )
    return f'<table style="width:95%;line-height:1.2">{"".join(rows)}</table>'
