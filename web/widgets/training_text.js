// The training of notebook 5: what the model writes after some of its steps, beside its loss. It needs no
// kernel and no model: all its numbers are given.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { sliderOver } from "./pictures/controls.js";
import { svg } from "./pictures/svg.js";

const WIDTH = 420, HEIGHT = 290, LEFT = 26, RIGHT = 114, TOP = 8, BOTTOM = 40;
const APART = 15; // from one label to the next

export const title = strings.training.title;

/** given { losses: [[step, nats]], unseen: [[step, nats]], marks: { rule: nats }, samples: [{ step, loss,
 * text, distances: { rule: nats } }] } */
export function draw(box, { given }) {
  const texts = strings.training, { samples } = given, place = element("div", "training");
  const steps = samples.map(each => each.step);
  const slider = sliderOver(steps, texts.step, steps[0], String, () => show());
  const show = () => place.replaceChildren(...drawn(given, samples[steps.indexOf(slider.value)]));
  box.append(slider.place, place);
  show();
}

function drawn(given, sample) {
  const texts = strings.training, { step, loss, text, distances } = sample;
  const words = element("p", "found", say(texts.said, { step, loss: loss.toFixed(2) }));
  const longest = Math.max(...given.samples.flatMap(each => Object.values(each.distances)));
  const rows = Object.entries(distances).map(([name, nats]) => row(name, nats, longest));
  const table = element("table", "losses distances", element("caption", "", texts.distance), element("tbody", "", ...rows));
  return [curve(given, sample), element("div", "", words, element("blockquote", "", text), table)];
}

/** A rule, its distance as a bar and as a number. */
function row(rule, nats, longest) {
  const bar = element("span", "bar"), name = element("th", "", rule);
  bar.style.setProperty("--share", nats / longest);
  name.scope = "row";
  return element("tr", "", name, element("td", "", bar), element("td", "number", nats.toFixed(2)));
}

/** The loss up to the sample's step in colour, after it in grey; the rules as lines across. */
function curve({ losses, unseen, marks }, { step, loss }) {
  const texts = strings.training, [end] = losses.at(-1);
  const all = [...losses, ...unseen].map(each => each[1]).concat(Object.values(marks));
  const low = Math.floor(Math.min(...all)), high = Math.max(...all) + 0.2;
  const x = at => LEFT + (WIDTH - LEFT - RIGHT) * at / end, y = nats => TOP + (HEIGHT - TOP - BOTTOM) * (high - nats) / (high - low);
  const path = points => `M${points.map(([at, nats]) => `${x(at).toFixed(1)},${y(nats).toFixed(1)}`).join(" L")}`;
  const part = (points, kind) => [points.filter(([at]) => at <= step), points.filter(([at]) => at >= step)]
    .map((some, later) => (some.length > 1 ? [svg("path", { d: path(some), class: `${kind} ${later ? "later" : ""}` })] : [])).flat();
  const label = (at, nats, words, kind = "") => svg("text", { x: at, y: nats, class: kind }, words);
  const rules = Object.values(marks).map(nats =>
    svg("path", { d: `M${LEFT} ${y(nats)} H${WIDTH - RIGHT}`, class: "rule" }));
  const ends = { ...marks, [texts.unseen]: unseen.at(-1)[1], [texts.batches]: losses.at(-1)[1] };
  let above = -APART;  // where the label above stands: none is written over another
  const names = Object.entries(ends).sort((a, b) => b[1] - a[1])
    .map(([name, nats]) => label(x(end) + 4, above = Math.max(y(nats) + 4, above + APART), name));
  const ticks = [];
  for (let nats = low; nats < high; nats++) ticks.push(label(LEFT - 6, y(nats) + 4, String(nats), "end"));
  const made = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${texts.loss}: ${say(texts.said, { step, loss: loss.toFixed(2) })}` });
  made.append(svg("path", { d: `M${LEFT} ${TOP} V${HEIGHT - BOTTOM} H${WIDTH - RIGHT}`, class: "axis" }), ...rules, ...ticks,
    ...part(losses, "batches"), ...part(unseen, "unseen"),
    svg("path", { d: `M${x(step)} ${TOP} V${HEIGHT - BOTTOM}`, class: "now" }),
    svg("circle", { cx: x(step), cy: y(loss), r: 5, class: "at" }),
    label(LEFT, HEIGHT - BOTTOM + 16, "0", "middle"), label(x(end), HEIGHT - BOTTOM + 16, String(end), "middle"),
    label((LEFT + x(end)) / 2, HEIGHT - 6, texts.step, "middle"),
    label(LEFT + 6, TOP + 10, texts.loss), ...names);
  return made;
}
