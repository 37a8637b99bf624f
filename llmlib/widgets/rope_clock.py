"""The RoPE clock of notebook 2: a query and a key turn as they move along a text."""

import math

import ipywidgets
import torch

from llmlib.widgets.controls import CONTROL, beside, drawn


def rope_clock(apply_rope, q, k, theta):
    """Move a query and a key, q and k [head_dim], along a text, turned by the learner's own
    `apply_rope(x, positions, theta)`; lock their distance and the score stays."""
    half, head_dim = len(q) // 2, len(q)
    at_q = ipywidgets.IntSlider(5, 0, 60, description="q stands at", **CONTROL)
    at_k = ipywidgets.IntSlider(4, 0, 60, description="k stands at", **CONTROL)
    pair = ipywidgets.IntSlider(0, 0, half - 1, description="pair", **CONTROL)
    lock = ipywidgets.Checkbox(True, description="lock the distance", **CONTROL)
    last = [at_q.value, at_k.value]

    def draw():
        q_at, k_at = at_q.value, at_k.value
        if lock.value and (q_at == last[0]) != (k_at == last[1]):  # the other follows, up to an end
            apart, moved_q = last[0] - last[1], q_at != last[0]
            follower = q_at - apart if moved_q else k_at + apart
            follower = min(max(follower, 0), at_q.max)
            q_at, k_at = (follower + apart, follower) if moved_q else (follower, follower - apart)
        last[:] = q_at, k_at
        with at_q.hold_trait_notifications(), at_k.hold_trait_notifications():
            at_q.value, at_k.value = last
        unit = torch.zeros(head_dim)
        unit[pair.value] = 1.0  # a hand at 3 o'clock
        turned = apply_rope(torch.stack([unit, unit, q, k]), torch.tensor([*last, *last]), theta)
        arrows = turned[:2, [pair.value, pair.value + half]].tolist()
        score = (turned[2] @ turned[3] / math.sqrt(head_dim)).item()
        return _clock(arrows, pair.value, last[0] - last[1], score)

    picture = drawn((at_q, at_k, pair, lock), draw, "apply_rope")
    return ipywidgets.VBox([beside(at_q, at_k, pair, lock), picture])


def _clock(arrows, pair, distance, score):
    """The two hands of one pair as an SVG clock, and in words what the score is."""
    lines = []
    looks = (("q", 92, "#0072B2", ""), ("k", 105, "#D55E00", "6 4"))  # names apart where hands meet
    for (x, y), (name, far, colour, dash) in zip(arrows, looks):
        lines.append(
            f'<line x2="{80 * x:.1f}" y2="{-80 * y:.1f}" stroke="{colour}" stroke-width="4" '
            f'stroke-dasharray="{dash}"/><text x="{far * x:.1f}" y="{5 - far * y:.1f}" '
            f'text-anchor="middle">{name}</text>'
        )
    (ax, ay), (bx, by) = arrows
    angle = math.degrees(math.atan2(bx * ay - by * ax, ax * bx + ay * by)) % 360
    return (
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:1em;background:white;'
        'color:black">'
        '<svg role="img" aria-label="Two hands of a clock, q and k" '
        'width="220" height="220" viewBox="-110 -110 220 220"><circle r="80" fill="none" '
        f'stroke="#7F7F7F"/>{"".join(lines)}</svg><div>k stands <b>{distance}</b> back<br>'
        f"from k's hand to q's in pair {pair}: <b>{angle:.0f}°</b><br>"
        f"score of all pairs, q · k / √head_dim: <b>{score:.2f}</b></div></div>"
    )
