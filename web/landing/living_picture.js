// The living picture at the top of the landing page: tokens rise through the layers of the model, look
// back on the way and change the draft of the next token; the bars come out, and the token that is
// chosen flies back into the text. All of it is drawn from a view (recorded_run.js says what that is).
//
// What moves is a canvas and transforms, by one clock. The clock stands while the picture is paused, out of
// view or in a hidden tab, and where the reader wants no motion it is never started.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { likelyTable } from "../widgets/pictures/choice.js";
import { colour, inTheme } from "../widgets/pictures/colours.js";
import { chip, percent, shown } from "../widgets/pictures/words.js";

export const PACE = { first: 2.6, next: 1.7, typed: 0.6 }; // seconds from the text to the top
const CUT = 0.25; // and so much of that before, while the text is seen as tokens
const OUT = 0.6; // seconds until all bars are out
const MARKED = 0.6; // seconds that the chosen bar is marked before its token flies
const FLIGHT = 0.8;
const FRAME = 0.05; // seconds: a longer one, of a busy device, counts as so long
const TOP = 10; // pixels of the canvas above the last layer
const AXIS = 22; // and to the left of the first column
const COOLING = 6; // layers that an arc needs until it is only a trace
const LABEL = 17; // pixels between two drafts that are written out
const LETTERS = 9; // of a draft
const OWN = 2, OTHERS = 4; // look-backs of a layer, of the last token and of those before it
const NEWEST = 16; // tokens whose look-backs are drawn
const TOLD = 3; // look-backs that the description names

const clamp = x => Math.min(1, Math.max(0, x));
const ease = x => x * x * (3 - 2 * x);

export class LivingPicture {
  #find; #canvas; #links; #still = matchMedia("(prefers-reduced-motion: reduce)");
  #scene = null; #level = 0; #columns = []; #scroll = 0; #size = null; #font = "monospace";
  #now = null; #last = 0; #frame = 0; #paused = false; #seen = false; #waiting = [];

  /** @param place the element that holds the picture */
  constructor(place) {
    this.#find = selector => place.querySelector(selector);
    this.#canvas = this.#find(".tower");
    this.append = null; // called with the id of a bar that is clicked; without it a click opens the stage
    this.#links = [...place.querySelectorAll(".to")].sort((a, b) => a.textContent.localeCompare(b.textContent));
    const open = number => this.#links[number - 1].click();
    this.#canvas.onclick = event => open(event.offsetX > this.#size?.right ? 4 : 3);
    this.#find(".text").onclick = () => open(1);
    this.#find(".next").onclick = () => {
      if (!this.append) open(5);
    };
    inTheme(this.#canvas, () => this.#draw());
    new ResizeObserver(() => this.#measure()).observe(this.#canvas);
    const box = this.#canvas.getBoundingClientRect();
    let inView = box.top < innerHeight && box.bottom > 0;
    const look = () => {
      this.#seen = inView && !document.hidden;
      if (this.#seen) for (const each of this.#waiting.splice(0)) each();
      else if (!this.#paused) this.hurry();
    };
    look();
    new IntersectionObserver(entries => {
      inView = entries.at(-1).isIntersecting;
      look();
    }, { threshold: 0.25 }).observe(this.#canvas);
    document.addEventListener("visibilitychange", look);
    this.#still.addEventListener("change", () => this.hurry());
  }

  /** Whether a reader sees it move. */
  get moves() {
    return this.#seen && !this.#still.matches;
  }

  /** Resolved as soon as the picture is in view. */
  seen() {
    return this.#seen ? Promise.resolve() : new Promise(resolve => this.#waiting.push(resolve));
  }

  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.#go();
  }

  /** End at once what moves. */
  hurry() {
    if (this.#now) this.#end();
  }

  /** A text as it stands when it has been read.
   * @param scene a view with { prompt: how many of its tokens the reader gave, weights, n_head, rows:
   *   [{ id, text, before: its probability }] of the likeliest tokens } */
  show(scene) {
    this.hurry();
    this.#begin(scene);
    this.#top();
    this.#phase();
  }

  /** Read a text: what is new in it rises. */
  read(scene, seconds) {
    this.hurry();
    this.#begin(scene);
    if (!this.moves) {
      this.#top();
      return this.#phase();
    }
    const layers = this.#layers, cut = CUT * seconds, all = cut + seconds + OUT;
    let bars = null;
    this.#find(".next").classList.add("before");
    return this.#run(all, t => {
      const risen = (t * all - cut) / seconds, out = (t * all - cut - seconds) / OUT;
      if (out < 0) {
        this.#level = Math.max(-1, -1 + (layers + 1) * risen);
        this.#phase(...(risen < -0.5 * CUT ? [1] : risen < 0 ? [2] : [3, 4]));
      } else {
        bars ??= this.#top();
        this.#phase(5);
        this.#level = layers + COOLING * clamp(out);
        grow(bars, clamp(out));
      }
      this.#draw();
    });
  }

  /** The token of a bar is chosen and flies to the end of the text.
   * @param row { id, text, before } of the token, which need not be among the likeliest */
  choose(row, token) {
    this.hurry();
    const rows = this.#scene.rows, among = rows.some(({ id }) => id === row.id);
    const listed = (among ? rows : [...rows.slice(0, -1), row]).map(each => ({ ...each, chosen: each.id === row.id }));
    const list = this.#bars(listed), text = this.#find(".text");
    this.#phase(6);
    if (!this.moves) return Promise.resolve();
    const landed = chip(token, this.#scene.tokens.length, "new flying"), flyer = chip(token, this.#scene.tokens.length, "flyer");
    const place = this.#canvas.parentElement.getBoundingClientRect();
    let from, to, scrolled, scrolls;
    return this.#run(MARKED + FLIGHT, t => {
      const way = ease(clamp((t * (MARKED + FLIGHT) - MARKED) / FLIGHT));
      if (way > 0 && !from) {
        this.#phase(7);
        from = list.querySelector(".chosen .word").getBoundingClientRect();
        scrolled = text.scrollLeft;
        text.insertBefore(landed, text.lastChild);
        text.scrollLeft = text.scrollWidth;
        to = landed.getBoundingClientRect();
        scrolls = text.scrollLeft - scrolled;
        this.#canvas.parentElement.append(flyer);
      }
      if (!from) return;
      if (scrolls) {
        text.scrollLeft = this.#scroll = scrolled + scrolls * way;
        this.#draw();
      }
      const x = from.right - to.width + (to.left - from.right + to.width) * way - place.left;
      const y = from.top + (to.top - from.top) * way - place.top;
      flyer.style.transform = `translate(${x}px, ${y}px)`;
      if (t === 1) {
        flyer.remove();
        landed.classList.remove("flying");
      }
    });
  }

  /** A token that is written without a picture of its own. */
  type(token, written) {
    const text = this.#find(".text");
    this.#find(".next").classList.add("before");
    text.insertBefore(chip(token, text.childElementCount - 1, "new"), text.lastChild);
    text.scrollLeft = text.scrollWidth;
    this.#write(written);
  }

  /** Nothing moves for some seconds of the picture's clock. */
  rest(seconds) {
    return this.#run(seconds, () => {});
  }

  /* The clock ------------------------------------------------------------------------------------ */

  /** Call step with 0 … 1 in as many seconds as are asked for; resolved when it has been called with 1. */
  #run(seconds, step) {
    this.hurry();
    this.#paused = false;
    return new Promise(resolve => {
      this.#now = { seconds, step, resolve, at: 0 };
      this.#go();
    });
  }

  #end() {
    const { step, resolve } = this.#now;
    this.#now = null;
    step(1);
    resolve();
  }

  #go() {
    if (this.#frame || !this.#now || this.#paused) return;
    this.#last = performance.now();
    const frame = time => {
      this.#frame = 0;
      if (!this.#now || this.#paused) return;
      this.#now.at += Math.min(FRAME, Math.max(0, time - this.#last) / 1000);
      this.#last = time;
      if (this.#now.at >= this.#now.seconds) this.#end();
      else this.#now.step(this.#now.at / this.#now.seconds);
      if (this.#now) this.#frame = requestAnimationFrame(frame);
    };
    this.#frame = requestAnimationFrame(frame);
  }

  /* The parts ------------------------------------------------------------------------------------ */

  /** The text of a scene, and what is needed to draw it. */
  #begin(scene) {
    const known = this.#scene?.tokens ?? [];
    let from = 0;
    while (from < known.length && known[from].id === scene.tokens[from]?.id) from++;
    from = Math.min(from, scene.tokens.length - 1); // the last token is read in any case
    const best = scene.stream.map(([each]) => ({ text: shown(each), p: each.p }));
    this.#scene = { ...scene, from, best, arcs: lookBacks(scene, from), drafts: drafts(best) };
    const chips = scene.tokens.map((token, i) => chip(token, i, i < scene.prompt ? "" : "new"));
    this.#find(".text").replaceChildren(...chips, element("span", "caret"));
    this.#write(scene.written);
    this.#measure();
  }

  #write(written) {
    this.#find(".written span").textContent = written;
  }

  /** All layers have been passed. @returns the bars */
  #top() {
    this.#level = this.#layers + COOLING;
    this.#draw();
    this.#canvas.setAttribute("aria-label", described(this.#scene));
    this.#find(".next").classList.remove("before");
    return this.#bars(this.#scene.rows);
  }

  #bars(rows) {
    const old = this.#find(".next ol"), focused = [...old.children].findIndex(each => each.contains(document.activeElement));
    const list = likelyTable(rows.map(row => ({ ...row, after: row.before })));
    if (this.append) {
      rows.forEach(({ id, text, before }, i) => {
        const line = list.children[i], press = element("button", "", ...line.childNodes);
        press.type = "button";
        press.ariaLabel = say(strings.landing.append, { token: shown(text), share: percent(before) });
        press.onclick = () => this.append(id);
        line.append(press);
      });
    }
    old.replaceWith(list);
    list.children[focused]?.querySelector("button")?.focus({ preventScroll: true });
    return list;
  }

  /** Mark the stages of the page that are shown just now. */
  #phase(...numbers) {
    for (const [i, each] of this.#links.entries()) each.classList.toggle("lit", numbers.includes(i + 1));
  }

  /* The canvas ----------------------------------------------------------------------------------- */

  get #layers() {
    return this.#scene.stream.length - 1;
  }

  /** Where the columns stand: above the middle of their tokens. */
  #measure() {
    if (!this.#scene) return;
    const canvas = this.#canvas, text = this.#find(".text"), box = canvas.getBoundingClientRect(), sharp = Math.min(2, devicePixelRatio);
    text.scrollLeft = text.scrollWidth;
    const frame = text.getBoundingClientRect();
    this.#scroll = text.scrollLeft;
    text.classList.toggle("more", this.#scroll > 0);
    this.#size = { width: box.width, height: box.height, left: frame.left - box.left, right: frame.right - box.left, sharp };
    this.#columns = [...text.children].slice(0, -1).map(each => {
      const { left, width } = each.getBoundingClientRect();
      return left + width / 2 - box.left + this.#scroll;
    });
    canvas.width = Math.round(box.width * sharp);
    canvas.height = Math.round(box.height * sharp);
    this.#font = getComputedStyle(text.firstChild).fontFamily;
    this.#draw();
  }

  #draw() {
    if (!this.#size?.width) return;
    const { width, height, left, right, sharp } = this.#size, { tokens, from, arcs } = this.#scene;
    const layers = this.#layers, level = this.#level, step = (height - TOP) / layers;
    const y = layer => Math.max(0, height - (layer + 0.5) * step);
    const x = i => this.#columns[i] - this.#scroll;
    const context = this.#canvas.getContext("2d");
    const paint = (name, strength = 1) => `rgb(${colour(name).join(" ")} / ${strength})`;
    const line = (x0, y0, x1, y1) => {
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      context.stroke();
    };
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    context.clearRect(0, 0, width, height);
    context.lineCap = "round";

    context.strokeStyle = paint("--line");
    context.lineWidth = 1;
    for (let layer = 0; layer < layers; layer++) line(left, y(layer), right, y(layer));
    const passing = Math.floor(level);
    if (passing >= 0 && passing < layers) {
      context.fillStyle = paint("--blue", 0.18);
      context.fillRect(left, y(passing) - step / 2, right - left, step);
    }

    context.save();
    context.beginPath();
    context.rect(left, 0, width - left, height);
    context.clip();
    for (let i = 0; i < tokens.length; i++) {
      if (x(i) < left) continue;
      const last = i === tokens.length - 1, head = i < from ? 0 : y(level);
      context.lineWidth = last ? 3 : 1.5;
      context.strokeStyle = paint(i < from ? "--model" : "--blue", last || i < from ? 1 : 0.7);
      line(x(i), height, x(i), head);
      if (head > 0 && level < layers) {
        context.fillStyle = paint("--blue");
        context.beginPath();
        context.arc(x(i), head, last ? 5 : 3.5, 0, 2 * Math.PI);
        context.fill();
      }
    }
    for (let layer = 0; layer < Math.min(layers, level); layer++) {
      const age = level - layer, heat = clamp(1 - age / COOLING);
      for (const { i, j, share } of arcs[layer]) {
        const stays = i === tokens.length - 1 ? 0.45 : 0; // of the last token, which says what comes next
        context.lineWidth = 1 + 2.5 * share * (stays + (1 - stays) * heat);
        context.strokeStyle = paint("--orange", (stays + (1 - stays) * heat) * (0.25 + 0.75 * share));
        arc(context, x(j), x(i), y(layer), clamp(age / 2));
      }
    }
    context.restore();
    this.#drawAxis(context, paint, y, passing);
    this.#drawDrafts(context, paint, y, step, right + 8);
  }

  /** The numbers of the layers. */
  #drawAxis(context, paint, y, passing) {
    const layers = this.#layers, here = passing >= 0 && passing < layers;
    const ticks = [0, Math.round(layers / 3), Math.round(2 * layers / 3), layers - 1];
    context.textBaseline = "middle";
    context.textAlign = "right";
    const write = (layer, font, name) => {
      context.font = font;
      context.fillStyle = paint(name);
      context.fillText(layer, AXIS - 5, Math.max(6, y(layer)));
    };
    for (const each of ticks) {
      if (!here || Math.abs(y(each) - y(passing)) > LABEL) write(each, `11px ${this.#font}`, "--faint");
    }
    if (here) write(passing, `bold 12px ${this.#font}`, "--ink");
    context.textAlign = "left";
  }

  /** Beside each layer how sure the draft is; beside those where it changes, the draft. */
  #drawDrafts(context, paint, y, step, at) {
    const layers = this.#layers, level = this.#level, { best } = this.#scene, room = this.#size.width - at;
    const wide = Math.min(36, room * 0.27), words = at + wide + 5, final = best[layers].text;
    for (let layer = 0; layer < Math.min(layers, level); layer++) {
      const { text, p } = best[layer + 1];
      context.fillStyle = paint(text === final ? "--blue" : "--model");
      context.fillRect(at, y(layer) - step / 2 + 0.5, Math.max(1, wide * p), Math.max(1, step - 1));
    }
    const passed = Math.min(layers, Math.floor(level) + 1), moving = level < layers;
    const pulse = this.#between(y(level));
    const write = (text, where, name, strong) => {
      const letters = cut(text);
      context.font = `${strong ? "bold " : ""}12px ${this.#font}`;
      context.beginPath();
      context.roundRect(words, where - LABEL / 2 + 0.5, context.measureText(letters).width + 8, LABEL - 1, 4);
      context.fillStyle = paint(name);
      context.fill();
      context.fillStyle = paint("--ink");
      context.fillText(letters, words + 4, where + 0.5);
    };
    for (const { layer, text, where } of this.#placed(y)) {
      if (layer >= passed || moving && Math.abs(where - pulse) < LABEL) continue;
      write(text, where, text === final ? "--tint-0" : "--line", text === final);
    }
    if (!moving || level < 0) return;
    const now = best[passed].text, changed = passed < 2 || best[passed - 1].text !== now;
    write(now, pulse, changed ? "--tint-1" : "--tint-0", true);
    context.strokeStyle = paint("--chosen-line");
    context.lineWidth = changed ? 2 : 1;
    context.stroke();
  }

  /** A height at which a draft can be written. */
  #between(y) {
    return Math.min(this.#size.height - LABEL / 2, Math.max(LABEL / 2, y));
  }

  /** The drafts for whose text there is room: the last one, and then those that last longest. */
  #placed(y) {
    const { drafts } = this.#scene, [last, ...others] = drafts.toReversed(), placed = [];
    for (const each of [last, ...others.toSorted((a, b) => b.lasts - a.lasts)]) {
      const where = this.#between(y(each.layer));
      if (placed.every(other => Math.abs(other.where - where) >= LABEL)) placed.push({ ...each, where });
    }
    return placed;
  }
}

/* What is drawn ------------------------------------------------------------------------------------ */

/** For each layer the strongest look-backs of the tokens that are read now: [[{ i, j, share }] …], token i
 * takes `share` from token j in one of the heads. The first token is left out: heads rest on it when they
 * find nothing. */
export function lookBacks({ tokens, stream, weights, n_head }, from) {
  const n = tokens.length, first = Math.max(from, n - NEWEST), layers = stream.length - 1;
  return Array.from({ length: layers }, (_, layer) => {
    const found = [];
    for (let i = first; weights && i < n; i++) {
      for (let j = 1; j < i; j++) {
        let share = 0;
        for (let head = 0; head < n_head; head++) share = Math.max(share, weights(layer, head, i, j));
        found.push({ i, j, share });
      }
    }
    const strongest = found.sort((a, b) => b.share - a.share), own = strongest.filter(each => each.i === n - 1);
    return [...own.slice(0, OWN), ...strongest.filter(each => each.i < n - 1).slice(0, OTHERS)];
  });
}

/** The drafts of the next token: { layer: the first that says it, text, lasts: so many layers }. */
function drafts(best) {
  const found = [];
  best.slice(1).forEach(({ text }, layer) => {
    if (found.at(-1)?.text === text) found.at(-1).lasts += 1;
    else found.push({ layer, text, lasts: 1 });
  });
  return found;
}

/** The picture in words. */
function described({ tokens, written, drafts, arcs, rows }) {
  const texts = strings.landing.living;
  const looks = arcs.flatMap((each, layer) => each.map(arc => ({ ...arc, layer })))
    .filter(each => each.i === tokens.length - 1).sort((a, b) => b.share - a.share).slice(0, TOLD);
  const told = [...drafts].sort((a, b) => b.lasts - a.lasts).slice(0, TOLD);
  const listed = drafts.filter(each => told.includes(each) || each === drafts.at(-1));
  const parts = [
    say(texts.read, { written, tokens: tokens.length, layers: arcs.length }),
    say(texts.drafts, { drafts: listed.map(({ layer, text }) => say(texts.draft, { layer, token: text })).join(", ") }),
    say(texts.likely, { token: shown(rows[0].text), share: percent(rows[0].before) }),
  ];
  if (looks.length) {
    parts.push(say(texts.looks, {
      looks: looks.map(({ layer, j, share }) => say(texts.look, { layer, token: shown(tokens[j]), share: percent(share) })).join(", "),
    }));
  }
  return parts.join(" ");
}

/** From x0 over the line to x1: the first part of the arc, up to t = 1. */
function arc(context, x0, x1, y, t) {
  const high = Math.min(26, 6 + Math.abs(x1 - x0) / 6), middle = (x0 + x1) / 2;
  const over = [x0 + (middle - x0) * t, y - 2 * high * t]; // de Casteljau
  const down = [middle + (x1 - middle) * t, y - 2 * high * (1 - t)];
  context.beginPath();
  context.moveTo(x0, y);
  context.quadraticCurveTo(...over, over[0] + (down[0] - over[0]) * t, over[1] + (down[1] - over[1]) * t);
  context.stroke();
}

/** The bars come out, one after the other. */
function grow(list, t) {
  [...list.children].forEach((line, i) => {
    const out = ease(clamp(t * 2 - i / list.childElementCount));
    line.style.opacity = out;
    line.style.transform = out < 1 ? `translateY(${14 * (1 - out)}px)` : "";
    line.querySelector(".left").style.transform = out < 1 ? `scaleX(${out})` : "";
  });
}

const cut = text => (text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text);
