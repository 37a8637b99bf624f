// The landing page: a text, its pictures, and the loop that makes it longer. It begins with a recorded
// run; once the reader has started the engine, the same page follows any text.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { choose, rowsOf } from "../widgets/choose.js";
import { engineNow, LiveRun, LONGEST, startEngine, withEngine } from "../widgets/live_run.js";
import { likelyTable } from "../widgets/pictures/choice.js";
import { button, filterSliders, slider } from "../widgets/pictures/controls.js";
import { chip, joined, shown } from "../widgets/pictures/words.js";
import { recordedInside, recordedLength, recordedView, prompt, settings, shape } from "../widgets/recorded_run.js";
import { runHere } from "../widgets/run_here.js";
import * as stages from "./stages.js";
import { viewLinks } from "./view_link.js";

const TURN = 1600; // ms between two tokens of a recorded run that plays
const GLANCE = 120; // the same where the model is live
const THOUGHT = 500; // ms that the chosen token is marked before it joins the text
const TYPED = "llmlib:prompt";
const find = id => document.getElementById(id);
const place = name => document.querySelector(`[data-picture="${name}"]`);
const LATEST = 60; // letters of the text beside the buttons
const MANY = 60; // tokens that are written at full speed
const still = matchMedia("(prefers-reduced-motion: reduce)");

const state = {
  views: [recordedView(0)], // one for each token made; the last one is shown
  made: [], // { token, p, rank } of each new token
  live: null, // a LiveRun
  look: { layer: 17, head: 5, at: null }, // at: null means the last token
  layer: shape.n_layer,
  matrices: null,
  u: null, // null: the view's own
  playing: null,
  busy: false,
};
const view = () => state.views.at(-1);
const u = () => state.u ?? view().u;

/* Drawing ---------------------------------------------------------------------------------------- */

const sliders = filterSliders(settings, () => drawChoice());
const uSlider = slider(strings.widgets.u, { min: 0, max: 0.999, step: 0.001, value: 0, format: each => each.toFixed(3) }, value => {
  state.u = value;
  drawChoice();
});
const choicePicture = element("div", "");

const choiceNow = () => choose(view().logits, u(), sliders.settings());

/** Whether the page can go on with the token that the sliders draw: a recorded run goes on in one way. */
const canFollow = made => Boolean(state.live) || made.chosen === view().next.id;

/** Fill a stage once its picture is ready; an earlier one that comes late is dropped. */
const wanted = new Map();
async function fill(name, picture) {
  const ticket = {};
  wanted.set(name, ticket);
  const made = await picture;
  if (wanted.get(name) === ticket) place(name).replaceChildren(...made);
}

/** The text and its next tokens are in the page as it was loaded, and moving: they are drawn again
 * only when something has changed. */
let moved = false;

function draw() {
  const now = view();
  if (moved) drawText();
  fill("tokens", stages.tokens(now));
  fill("vectors", stages.vectors(now, shape));
  drawAttention();
  drawLayers();
  fill("again", stages.again(now, shape, state.made));
  uSlider.value = u();
  drawChoice();
  find("back").disabled = state.made.length === 0;
  find("onward").disabled = ended();
  find("fast").hidden = !state.live;
  find("fast").disabled = ended();
  find("play").textContent = state.playing ? strings.landing.pause : ended() ? strings.landing.replay : strings.landing.play;
}

function drawAttention() {
  return fill("attention", stages.attention(view(), shape, state.look, async pick => {
    Object.assign(state.look, pick);
    layerSlider.value = state.look.layer;
    headSlider.value = state.look.head;
    await drawAttention();
    if ("at" in pick) place("attention").querySelector("[aria-pressed=true]").focus({ preventScroll: true });
  }).then(made => (made.length > 1 ? [...made.slice(0, 2), headSliders, ...made.slice(2)] : made)));
}

function drawLayers() {
  return fill("layers", stages.layers(view(), state.layer, async layer => {
    state.layer = layer;
    await drawLayers();
    place("layers").querySelector("[aria-pressed=true]").focus({ preventScroll: true });
  }, state.matrices));
}

function drawChoice() {
  const made = choiceNow(), follows = canFollow(made);
  choicePicture.replaceChildren(...stages.choice(view(), made, u()));
  if (!follows) choicePicture.prepend(element("p", "found", otherTurn(made)), button(strings.landing.asRecorded, asRecorded));
  find("onward").textContent = follows ? strings.landing.onward : strings.widgets.needsModel;
  fill("scores", stages.scores(view(), made));
  if (moved) drawNext(made);
}

const otherTurn = made => say(strings.widgets.otherTurn, { token: shown(view().textOf(made.chosen)), recorded: shown(view().next) });

/** The sliders and u as they were in the recorded run. */
function asRecorded() {
  sliders.set(settings);
  state.u = null;
  uSlider.value = u();
  drawChoice();
}

/** The hero's list: the model's own probabilities. */
function drawNext(made) {
  moved = true;
  find("machine").classList.add("moved");
  const own = { ...made, after: made.before, order: made.order.slice(0, 6), chosen: state.chosen };
  find("next").querySelector("ol").replaceWith(likelyTable(rowsOf(own, view().textOf)));
}

/** A long text scrolls in its frame, by keyboard as well, and shows its end. */
function toEnd(text) {
  text.scrollTop = text.scrollHeight;
  if (text.scrollHeight > text.clientHeight) text.tabIndex = 0;
  else text.removeAttribute("tabindex");
}

function drawText() {
  const before = view().tokens.length - state.made.length;
  const chips = view().tokens.map((token, i) => chip(token, i, i < before ? "" : "new"));
  find("text").replaceChildren(...chips, element("span", "caret"));
  toEnd(find("text"));
  const words = joined(view().tokens);
  find("now").textContent = words.length > LATEST ? `…${words.slice(-LATEST)}` : words;
}

const headSliders = element("div", "sliders two");
const layerSlider = slider(strings.widgets.layer, { min: 0, max: shape.n_layer - 1, step: 1, value: state.look.layer }, value => {
  state.look.layer = value;
  drawAttention();
});
const headSlider = slider(strings.widgets.head, { min: 0, max: shape.n_head - 1, step: 1, value: state.look.head }, value => {
  state.look.head = value;
  drawAttention();
});
headSliders.append(layerSlider.place, headSlider.place);

/* The loop --------------------------------------------------------------------------------------- */

function ended() {
  const { live, made } = state;
  return live ? made.at(-1)?.stop || view().tokens.length >= LONGEST : made.length >= recordedLength - 1;
}

/** One turn: the token is chosen, marked for a moment, and joins the text. */
async function onward() {
  if (state.busy || ended()) return;
  const now = view(), made = choiceNow(), id = made.chosen;
  if (!canFollow(made)) {
    tell(otherTurn(made));
    find("run-here").focus();
    return;
  }
  state.busy = true;
  try {
    const token = state.live ? await state.live.token(id) : now.next;
    state.chosen = id;
    drawNext(made);
    if (!still.matches) await new Promise(resolve => setTimeout(resolve, state.live ? GLANCE : THOUGHT));
    if (view() !== now) return; // another text was read meanwhile
    const next = state.live
      ? await state.live.view([...now.tokens, token])
      : recordedView(state.made.length + 1);
    if (view() !== now) return;
    state.made.push({ token, p: made.before[id], rank: rankOf(made.before, id), stop: state.live?.stops(id) });
    state.views.push(next);
    find("announce").textContent = say(strings.landing.said, { token: shown(token) });
  } catch (error) {
    stop();
    if (error.name !== "AbortError") tell(error);
  } finally {
    state.busy = false;
    state.chosen = undefined;
    state.u = null;
    draw();
  }
}

const rankOf = (p, id) => p.reduce((rank, each) => rank + (each > p[id]), 1);

async function back() {
  stop();
  if (state.busy || !state.made.pop()) return;
  state.views.pop();
  if (!view()) { // written at full speed: never drawn so far
    const tokens = [...state.views[0].tokens, ...state.made.map(each => each.token)];
    state.views[state.views.length - 1] = await state.live.view(tokens);
  }
  draw();
}

function play() {
  if (!state.live) asRecorded();
  if (ended()) {
    state.views.length = 1;
    state.made = [];
  }
  const turn = async () => {
    await onward();
    if (state.playing && !ended()) state.playing = setTimeout(turn, state.live ? 0 : TURN);
    else stop();
  };
  state.playing = setTimeout(turn, 0);
  draw();
}

function stop() {
  clearTimeout(state.playing);
  state.playing = null;
  draw();
}

/** The recorded run plays by itself as long as the reader looks at its text: further down, pictures
 * that change by themselves would be in the way. */
function playWhileSeen() {
  play();
  new IntersectionObserver(([{ isIntersecting }], observer) => {
    if (isIntersecting) return;
    observer.disconnect();
    if (!state.live) stop();
  }).observe(find("machine"));
}

/** As fast as the engine can: only the text is drawn until it is written. */
async function fullSpeed() {
  stop();
  if (state.busy || !state.live || ended()) return;
  state.busy = true;
  const { live } = state, now = view(), fresh = [], began = performance.now();
  try {
    const room = LONGEST - now.tokens.length;
    const asked = { ...sliders.settings(), max_new_tokens: Math.min(MANY, room), seed: Math.floor(Math.random() * 2 ** 32) };
    const ids = await live.engine.generate(now.tokens.map(each => each.id), asked, ({ id, text, candidates }) => {
      const rank = candidates.findIndex(each => each.id === id) + 1;
      fresh.push({ token: { id, text }, rank: rank || null, stop: live.stops(id) });
      find("text").insertBefore(chip({ text }, fresh.length, "new"), find("text").lastChild);
      toEnd(find("text"));
    });
    const seconds = (performance.now() - began) / 1000, written = await live.engine.tokens(ids);
    written.forEach((token, i) => {
      fresh[i].token = token;
    });
    const text = [...now.tokens, ...written], next = await live.view(text);
    const losses = await live.engine.losses(text.map(each => each.id)); // −ln p, as the model has it
    if (view() !== now) return; // another text was read meanwhile
    fresh.forEach((each, i) => {
      each.p = Math.exp(-losses[now.tokens.length + i - 1]);
    });
    state.made.push(...fresh);
    state.views = [...state.views, ...fresh.slice(1).map(() => null), next];
    tell(say(strings.landing.speed, { tokens: ids.length, seconds: seconds.toFixed(1), rate: Math.round(ids.length / seconds) }));
  } catch (error) {
    if (error.name !== "AbortError") tell(error);
  } finally {
    state.busy = false;
    state.u = null;
    draw();
  }
}

/* The reader's own text -------------------------------------------------------------------------- */

const field = find("prompt");
const tell = error => {
  find("run-status").textContent = typeof error === "string" ? error : error.message;
};

async function read() {
  const engine = engineNow();
  if (!engine) {
    if (field.value !== prompt) {
      tell(strings.landing.needsModel);
      find("run-here").focus();
    }
    return;
  }
  stop();
  if (state.busy) engine.cancel(); // what is being written belongs to the text before
  try {
    const found = await engine.encode(field.value);
    if (!found.length) return tell(strings.landing.empty);
    if (found.length > LONGEST) return tell(say(strings.landing.longer, { tokens: found.length, longest: LONGEST }));
    moved = true;
    const live = new LiveRun(engine, Math.floor(Math.random() * 2 ** 32));
    const first = await live.view(found);
    Object.assign(state, { live, views: [first], made: [], u: null, chosen: undefined });
    state.look.at = null;
    tell(strings.landing.live);
    find("run-why").hidden = true;
    draw();
  } catch (error) {
    tell(error);
  }
}

/** Show what a link asks for. @returns whether it can be seen: another text needs the model */
function showView({ text, layer, head, ...values }) {
  field.value = text;
  keepTyped();
  Object.assign(state.look, { layer, head });
  layerSlider.value = layer;
  headSlider.value = head;
  sliders.values = values;
  draw();
  if (engineNow()) read();
  else if (text !== prompt) {
    tell(strings.link.needsModel);
    find("here").scrollIntoView({ block: "center" });
    return false;
  }
  return true;
}

function keepTyped() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
  try {
    localStorage.setItem(TYPED, field.value);
  } catch {
    // the browser keeps nothing: the text stays as long as the page
  }
}

function start() {
  place("choice").append(
    element("div", "choice-controls", sliders.place, uSlider.place,
      button(strings.widgets.drawAgain, () => {
        state.u = Math.random();
        uSlider.value = state.u;
        drawChoice();
      })),
    choicePicture);
  try {
    field.value = localStorage.getItem(TYPED) ?? field.value;
  } catch {
    // the prompt of the recorded run stays
  }
  viewLinks({
    ranges: { layer: [0, shape.n_layer - 1], head: [0, shape.n_head - 1], ...sliders.ranges },
    view: () => ({ text: field.value, layer: state.look.layer, head: state.look.head, ...sliders.values }),
    show: showView,
    tell,
  });
  keepTyped();
  field.oninput = keepTyped;
  field.onkeydown = event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    find("prompt-form").requestSubmit();
  };
  find("prompt-form").onsubmit = event => {
    event.preventDefault();
    read();
  };
  find("onward").onclick = () => {
    stop();
    onward();
  };
  find("back").onclick = back;
  find("fast").onclick = fullSpeed;
  find("play").onclick = () => (state.playing ? stop() : play());
  runHere({ button: find("run-here"), progress: find("progress"), status: find("run-status"), remove: find("remove"), start: startEngine });
  withEngine(read);
  draw();
  recordedInside().then(({ matrices }) => {
    state.matrices = matrices;
    drawLayers();
  });
  if (!still.matches) playWhileSeen();
}

start();
