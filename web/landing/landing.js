// The landing page: a text, its pictures, and the loop that makes it longer. It begins with a recorded
// run; once the reader has started the engine, the same page follows any text.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { choose, rowsOf } from "../widgets/choose.js";
import { engineNow, LiveRun, LONGEST, startEngine, withEngine } from "../widgets/live_run.js";
import { button, filterSliders, slider } from "../widgets/pictures/controls.js";
import { shown } from "../widgets/pictures/words.js";
import { recordedInside, recordedLength, recordedView, prompt, settings, shape } from "../widgets/recorded_run.js";
import { runHere } from "../widgets/run_here.js";
import { LivingPicture, PACE } from "./living_picture.js";
import * as stages from "./stages.js";
import { viewLinks } from "./view_link.js";

const LOOK = 1; // seconds between the bars and the choice, while it plays
const END = 3; // and before the recorded run begins again
const TURN = 1600; // ms between two tokens where nothing moves
const PAUSE = 200; // ms without a letter before a text is read
const TYPED = "llmlib:prompt";
const find = id => document.getElementById(id);
const place = name => document.querySelector(`[data-picture="${name}"]`);
const LATEST = 60; // letters of the text beside the buttons
const MANY = 60; // tokens that are written at full speed
const BARS = 6;
const picture = new LivingPicture(find("machine"));

const state = {
  views: [recordedView(0)], // one for each token made; the last one is shown
  made: [], // { token, p, rank } of each new token
  live: null, // a LiveRun
  look: { layer: 17, head: 5, at: null }, // at: null means the last token
  layer: shape.n_layer,
  matrices: null,
  u: null, // null: the view's own
  reading: null, // until the living picture has read the text
  turn: null, // until the token has been chosen
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

/** All stages of a view, each in a task of its own, so that the living picture goes on moving. */
let drawing = 0;
async function draw() {
  drawKeys();
  const mine = ++drawing, now = view();
  const parts = [
    () => fill("tokens", stages.tokens(now)),
    () => fill("vectors", stages.vectors(now, shape)),
    drawAttention,
    drawLayers,
    () => fill("again", stages.again(now, shape, state.made)),
    () => {
      uSlider.value = u();
      drawChoice();
    },
  ];
  for (const part of parts) {
    await new Promise(resolve => setTimeout(resolve));
    if (mine !== drawing) return;
    part();
  }
}

function drawKeys() {
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
}

const otherTurn = made => say(strings.widgets.otherTurn, { token: shown(view().textOf(made.chosen)), recorded: shown(view().next) });

/** The sliders and u as they were in the recorded run. */
function asRecorded() {
  sliders.set(settings);
  state.u = null;
  uSlider.value = u();
  drawChoice();
}

/** What the living picture shows of a view. */
async function sceneOf(now) {
  const { weights } = await now.inside(), made = choose(now.logits, 0, sliders.settings(), BARS);
  return {
    ...now, weights, n_head: shape.n_head, prompt: now.tokens.length - state.made.length,
    rows: made.order.map(id => ({ id, text: now.textOf(id), before: made.before[id] })),
  };
}

/** Let the living picture read the text, in so many seconds; 0: it has been read. */
async function drawPicture(seconds) {
  const now = view(), { written } = now, scene = await sceneOf(now);
  if (view() !== now) return;
  find("machine").classList.add("moved");
  find("now").textContent = written.length > LATEST ? `…${written.slice(-LATEST)}` : written;
  await (seconds ? picture.read(scene, seconds) : picture.show(scene));
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

/** One turn: the token is chosen, flies into the text, and the text is read. `picked`: the id that the
 * reader has chosen. */
async function onward(picked) {
  if (state.busy || ended()) return;
  const now = view(), made = choiceNow(), id = picked ?? made.chosen;
  if (!canFollow(made)) {
    stop();
    tell(otherTurn(made));
    find("run-here").focus();
    return;
  }
  state.busy = true;
  try {
    const token = state.live ? await state.live.token(id) : now.next;
    const after = state.live ? state.live.view([...now.tokens, token]) : recordedView(state.made.length + 1);
    await state.reading;
    const row = { id, text: now.textOf(id), before: made.before[id] };
    const [next] = await Promise.all([after, picture.choose(row, token)]);
    if (view() !== now) return; // another text was read meanwhile
    state.made.push({ token, p: made.before[id], rank: rankOf(made.before, id), stop: state.live?.stops(id) });
    state.views.push(next);
    state.reading = drawPicture(PACE.next);
    find("announce").textContent = say(strings.landing.said, { token: shown(token) });
  } catch (error) {
    stop();
    if (error.name !== "AbortError") tell(error);
  } finally {
    state.busy = false;
    state.u = null;
    draw();
  }
}

const rankOf = (p, id) => p.reduce((rank, each) => rank + (each > p[id]), 1);

async function back() {
  stop();
  if (state.busy || !state.made.length) return;
  state.busy = true;
  try {
    const rest = [...state.views[0].tokens, ...state.made.slice(0, -1).map(each => each.token)], now = view();
    const before = state.views.at(-2) ?? await state.live.view(rest); // written at full speed: never drawn so far
    if (view() !== now) return; // another text was read meanwhile
    state.made.pop();
    state.views.splice(-2, 2, before);
    state.reading = drawPicture(0);
  } catch (error) {
    if (error.name !== "AbortError") tell(error);
  } finally {
    state.busy = false;
    draw();
  }
}

/** Token after token, as long as the picture is seen; a recorded run begins again at its end. */
async function play() {
  const mine = state.playing = {};
  if (!state.live) asRecorded();
  picture.resume();
  drawKeys();
  while (state.playing === mine) {
    await state.turn;
    await state.reading;
    await picture.seen();
    if (state.playing !== mine) return;
    await (picture.moves ? picture.rest(ended() ? END : LOOK) : new Promise(resolve => setTimeout(resolve, TURN)));
    await picture.seen();
    if (state.playing !== mine) return;
    if (!ended()) state.turn = onward();
    else if (state.live) stop();
    else begin();
  }
}

/** The recorded run from its first token. */
function begin() {
  state.views.length = 1;
  state.made = [];
  state.reading = drawPicture(PACE.first);
  draw();
}

/** The reader does something else: what moves ends at once. */
function stop() {
  state.playing = null;
  picture.hurry();
  draw();
}

/** The picture stands still where it is. */
function pause() {
  state.playing = null;
  picture.pause();
  drawKeys();
}

/** As fast as the engine can: only the text is drawn until it is written. */
async function fullSpeed() {
  stop();
  if (state.busy || !state.live || ended()) return;
  state.busy = true;
  const { live } = state, now = view(), fresh = [], began = performance.now();
  let { written } = now;
  try {
    const room = LONGEST - now.tokens.length;
    const asked = { ...sliders.settings(), max_new_tokens: Math.min(MANY, room), seed: Math.floor(Math.random() * 2 ** 32) };
    const ids = await live.engine.generate(now.tokens.map(each => each.id), asked, ({ id, text, candidates }) => {
      const rank = candidates.findIndex(each => each.id === id) + 1;
      fresh.push({ token: { id, text }, rank: rank || null, stop: live.stops(id) });
      written += text; // empty while a character is unfinished
      if (text) picture.type({ text }, written);
    });
    const seconds = (performance.now() - began) / 1000;
    const tokens = await live.engine.tokens(ids);
    tokens.forEach((token, i) => {
      fresh[i].token = token;
    });
    const text = [...now.tokens, ...tokens], next = await live.view(text);
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
    drawPicture(0);
    draw();
  }
}

/* The reader's own text -------------------------------------------------------------------------- */

const field = find("prompt");
const tell = error => {
  find("run-status").textContent = typeof error === "string" ? error : error.message;
};

let latest = 0; // of the texts that were to be read
let typing; // the clock that waits for the next key

async function read(seconds = PACE.first) {
  const engine = engineNow();
  if (!engine) {
    if (field.value !== prompt) {
      tell(strings.landing.needsModel);
      find("run-here").focus();
    }
    return;
  }
  stop();
  clearTimeout(typing); // it is read now
  if (state.busy) engine.cancel(); // what is being written belongs to the text before
  const mine = ++latest;
  try {
    const found = await engine.encode(field.value);
    if (mine !== latest) return; // meanwhile the text has changed
    if (!found.length) return tell(strings.widgets.empty);
    if (found.length > LONGEST) return tell(say(strings.landing.longer, { tokens: found.length, longest: LONGEST }));
    const live = new LiveRun(engine, Math.floor(Math.random() * 2 ** 32));
    const first = await live.view(found);
    if (mine !== latest) return; // meanwhile the text has changed
    Object.assign(state, { live, views: [first], made: [], u: null });
    state.look.at = null;
    picture.append = append;
    state.reading = drawPicture(seconds);
    tell(strings.landing.live);
    find("run-why").hidden = true;
    draw();
  } catch (error) {
    if (error.name !== "AbortError") tell(error);
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

/** A click on a bar: its token joins the text, also in the reader's field. */
async function append(id) {
  stop();
  await onward(id);
  field.value = view().written;
  keepTyped();
}

/** With the model the page reads as one types. */
function typed() {
  keepTyped();
  clearTimeout(typing);
  if (state.live) typing = setTimeout(read, PAUSE, PACE.typed);
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
  field.oninput = typed;
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
  find("play").onclick = () => (state.playing ? pause() : play());
  runHere({ button: find("run-here"), progress: find("progress"), status: find("run-status"), remove: find("remove"), start: startEngine });
  withEngine(() => read());
  draw();
  recordedInside().then(({ matrices }) => {
    state.matrices = matrices;
    drawLayers();
  });
  state.reading = drawPicture(PACE.first);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}

start();
