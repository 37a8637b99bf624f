/* The start page's live machine: type, and the tokens, the likeliest next ones and where a head looks
 * change.
 *
 * What was recorded is drawn at once; the server has the model (classroom/lab/live.py), and loads
 * it when somebody first goes to the text or clicks.
 */

const PAUSE = 120; // milliseconds without a key before a text is sent
const SVG = "http://www.w3.org/2000/svg";

/* A token as Python shows it: its spaces and line breaks are seen. A part of a character comes as its
 * bytes. */
const shown = token => Array.isArray(token)
  ? `‹${token.map(byte => byte.toString(16).padStart(2, "0")).join(" ")}›`
  : `'${token.replace(/\n/g, "\\n").replace(/\t/g, "\\t")}'`;
const PART = "Bytes between ‹ and › are a part of a character.";
const percent = share =>
  (share > 0 && share < 0.01 ? "<1" : `${Math.round(100 * share)}`) + "\u00a0%";
const DOES = {
  induction: "This head looks for what followed the last time. With nothing to find, it rests on the "
    + "first token.",
  previous: "This head looks at the token before.",
};

export function live(lab, section, { element }) {
  const part = name => section.querySelector(`.llm-live-${name}`);
  const field = section.querySelector("textarea"), said = part("said");
  const head = section.querySelector("select");
  let seen, at, turn, waiting, asked = false;
  const rows = []; // of the next tokens: they stay, so that their bars can move

  function draw(found) {
    seen = found;
    at = found.tokens.length - 1;
    found.next.forEach(([token, chance], i) => {
      const row = (rows[i] ??= nextRow());
      row.button.dataset.token = token;
      row.button.disabled = field.readOnly || Array.isArray(token);  // no text to append
      row.label.textContent = shown(token);
      row.bar.style.width = `${100 * chance}%`;
      row.chance.textContent = percent(chance);
      row.button.setAttribute("aria-label", Array.isArray(token)
        ? `${shown(token)}, part of a character, ${percent(chance)}`
        : `${shown(token)}, ${percent(chance)}: append it`);
    });
    part("tokens").replaceChildren(...found.tokens.map(chip));
    const cut = [...found.tokens, ...found.next.map(([token]) => token)].some(Array.isArray);
    part("bytes").textContent = cut ? PART : "";
    drawHead();
  }

  function drawHead() {
    part("head").replaceChildren(pattern(seen.attention[head.value]));
    look();
  }

  function nextRow() {
    const label = element("code", ""), bar = element("i", ""), chance = element("span", "");
    const button = element("button", "", label, element("span", "llm-live-bar", bar), chance);
    button.type = "button";
    button.title = "Append this token";
    button.onclick = () => {
      field.value += button.dataset.token;
      ask();
    };
    part("next").append(button);
    return { button, label, bar, chance };
  }

  function chip(token, i) {
    const made = element("button", "", element("i", ""), element("code", "", shown(token)));
    made.type = "button";
    made.onfocus = made.onpointerenter = made.onclick = () => look(i);
    made.onkeydown = event => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -i, End: seen.tokens.length - 1 - i };
      const to = step[event.key] !== undefined && part("tokens").children[i + step[event.key]];
      if (!to) return;
      event.preventDefault();
      to.focus();
    };
    return made;
  }

  /* Where token i looks: a bar over each token up to it, and its row of the pattern. */
  function look(i = at) {
    at = i;
    const shares = seen.attention[head.value][i];
    const names = seen.tokens.map(shown);
    [...part("tokens").children].forEach((made, n) => {
      made.firstChild.style.height = `${30 * (shares[n] ?? 0)}px`;
      made.classList.toggle("llm-later", n > i);
      made.tabIndex = n === i ? 0 : -1; // one stop of Tab; the arrows go on from there
      made.setAttribute("aria-pressed", n === i);
      const there = n > i ? "not seen" : percent(shares[n]);
      made.setAttribute("aria-label", `${names[n]}: ${there}`);
    });
    part("head").querySelectorAll("[data-row]").forEach(row =>
      row.classList.toggle("llm-chosen", Number(row.dataset.row) === i));
    const most = shares.map((share, n) => [share, n]).sort(([a], [b]) => b - a).slice(0, 2);
    const told = most.filter(([share]) => share >= 0.05)
      .map(([share, n]) => `${names[n]} (${percent(share)})`).join(" and ");
    part("looks").textContent = `${names[i]} looks at ${told}. ${DOES[head.value]}`;
  }

  /* A row for each token that looks, a column for each that is looked at. */
  function pattern(attention) {
    const size = attention.length, svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "A row for each token that looks, a column for each that it looks "
      + "at. The tokens beside it say the same in percent.");
    attention.forEach((shares, i) => {
      const row = document.createElementNS(SVG, "g");
      row.dataset.row = i;
      shares.forEach((share, n) => {
        const square = document.createElementNS(SVG, "rect");
        const place = { x: n, y: i, width: 1, height: 1, "fill-opacity": Math.sqrt(share) };
        for (const [key, value] of Object.entries(place)) square.setAttribute(key, value);
        row.append(square);
      });
      row.onpointerenter = () => look(i);
      svg.append(row);
    });
    return svg;
  }

  const tell = words => {
    if (said.textContent !== words) said.textContent = words;
  };

  /* The newest text wins: what an older one hears is dropped. */
  async function ask() {
    clearTimeout(waiting);
    const mine = (turn = {});
    if (!asked) tell("Loading the model, a few seconds …");
    try {
      const found = await (await lab.ask("live", {}, { text: field.value })).json();
      if (turn !== mine) return;
      asked = true;
      if (found.tokens) {
        draw(found);
        const [token, chance] = found.next[0];
        tell(`Next, most likely: ${shown(token)} (${percent(chance)}).`);
      } else if (found.fault) tell(found.fault);
    } catch (error) {
      if (turn === mine) tell(`${error.message}.`);
    }
  }

  field.oninput = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  };
  head.onchange = drawHead;
  draw(JSON.parse(section.dataset.recorded));
  if (field.readOnly) return;  // switched off on this server, as the label says
  field.onfocus = () => void (asked || turn || ask());
  tell("Recorded. Click into the text, and the model starts.");
}
