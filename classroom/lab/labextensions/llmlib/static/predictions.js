/* Predictions by click: a prediction cell gets its choices as buttons, or a field for a number.
 *
 * A click writes the guess into the cell, yours="B", runs it and goes on to the next cell. So the
 * guess is the cell's own text, which is saved like one that was typed; nothing here keeps it. What a
 * cell asks, and what a typed number means, is read by the server (exercises/prediction_cells.py).
 * The code that computes an answer stays folded until the guess, the text that explains it until the
 * answer was shown.
 */

const IMPORT = "from classroom.predict import predict, predictions, reveal";
const REVEALED = /^(✓ )?(You said .*)?It is /s;

const noGuess = cell => {
  const [first] = cell.model.toJSON().outputs ?? [];
  return first?.output_type === "error" && first.ename === "NoGuess";
};

/* What a reveal's output begins with tells it from what else its cell prints. */
const answersIn = cell => cell.model.toJSON().outputs
  .filter(each => REVEALED.test([each.data?.["text/plain"] ?? ""].flat().join(""))).length;

export function predictions(lab, { connected, drawAgain, element, source }) {

  class Predictions {
    constructor(panel) {
      this.panel = panel;
      this.asked = new Map(); // what the server has said of a cell's text
      this.forms = new WeakMap(); // of cells
      this.opened = new WeakSet(); // folded cells, opened once: a reader may fold them again
      this.turn = Promise.resolve(); // one click is dealt with after the other
      drawAgain(panel, () => this.draw());
      lab.notebook.NotebookActions.executed.connect(this.executed, this);
      panel.disposed.connect(() => lab.notebook.NotebookActions.executed.disconnect(this.executed, this));
    }

    get code() {
      return this.panel.content.widgets.filter(cell => cell.model.type === "code");
    }

    draw() {
      const cells = this.code.filter(cell => source(cell).includes("predict("));
      if (cells.some(cell => !this.asked.has(source(cell)))) this.ask(cells);
      const shown = this.revealed();
      for (const cell of this.code) {
        const asked = cells.includes(cell) ? this.asked.get(source(cell)) : null;
        if (asked) this.place(cell, asked, shown.get(asked.key));
        else if (asked === null) this.remove(cell);
      }
      this.unfold(cells);
      this.cover(shown);
    }

    /* Ask what the cells are, those that have changed since; not at every letter that is typed. */
    ask(cells) {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(async () => {
        if (this.panel.isDisposed) return;
        const sources = cells.map(source).filter(text => !this.asked.has(text));
        try {
          const { forms } = await (await lab.ask("predictions", {}, { sources })).json();
          sources.forEach((text, i) => this.asked.set(text, forms[i]));
        } catch (error) {  // the cells can still be typed into
          console.warn(error);
        }
        if (!this.panel.isDisposed) this.draw();
      }, this.asked.size ? 300 : 0);
    }

    /* {key: whether its answer has been shown} of all predictions with a reveal. */
    revealed() {
      const found = new Map();
      for (const cell of this.code) {
        if (!source(cell).includes("reveal(")) continue;
        const answers = answersIn(cell);
        [...source(cell).matchAll(/\breveal\(\s*(["'])(.*?)\1/g)]
          .forEach(([, , key], i) => found.set(key, i < answers));
      }
      return found;
    }

    // The form ------------------------------------------------------------------------------

    place(cell, asked, late) {
      const what = JSON.stringify([asked.key, asked.question, asked.options]);
      let form = this.forms.get(cell);
      if (form?.what !== what) {
        form?.node.remove();
        form = { what, ...this.build(cell, asked) };
        this.forms.set(cell, form);
      }
      const below = cell.node.querySelector(":scope > .jp-Cell-outputWrapper");
      if (below && form.node.nextSibling !== below) below.before(form.node);
      const now = JSON.stringify([asked.yours, late, cell.model.toJSON().outputs]);
      if (form.now === now) return; // a change here would be seen as one to draw
      form.now = now;
      form.fields.disabled = late === true;
      for (const button of form.node.querySelectorAll("[data-guess]")) {
        const chosen = button.dataset.guess === asked.yours?.toUpperCase();
        button.setAttribute("aria-pressed", chosen);
        button.querySelector(".mark")?.remove();
        if (chosen) button.append(element("span", "mark", "chosen"));
      }
      if (form.field && asked.yours) form.fill(asked.yours);
      this.tell(cell, form, asked);
    }

    /* A cell that has become another one has no form, and its output is seen. */
    remove(cell) {
      this.forms.get(cell)?.node.remove();
      if (this.forms.delete(cell)) cell.node.classList.remove("llm-no-guess");
    }

    /* What the kernel has said: a guess that it cannot take is told here and not in red below. */
    tell(cell, form, asked) {
      const [first] = cell.model.toJSON().outputs, refused = noGuess(cell);
      cell.node.classList.toggle("llm-no-guess", refused);
      form.said.className = refused ? "llm-refused" : "llm-said";
      const plain = [first?.data?.["text/plain"] ?? ""].flat().join("");
      const firstTime = `Predict first: ${form.field ? "write a number" : "choose one"}.`;
      form.said.textContent = !refused ? plain : asked.yours === null ? firstTime : first.evalue;
    }

    build(cell, asked) {
      const node = element("form", "llm-prediction"), fields = element("fieldset", "");
      const said = element("p", "llm-said");
      said.setAttribute("role", "status");
      const choice = (guess, ...words) => {
        const button = element("button", "", ...words);
        button.type = "button";
        button.dataset.guess = guess;
        button.onclick = () => this.next(cell, guess, button, said);
        return button;
      };
      const none = choice("", "No guess");
      fields.append(element("legend", "", asked.question));
      const letters = Object.entries(asked.options), made = { node, fields, said };
      if (letters.length) {
        const buttons = letters.map(([letter, text]) =>
          choice(letter, element("strong", "", letter), ` ${text}`));
        fields.append(element("div", "llm-options", ...buttons), element("div", "llm-row", none));
      } else {
        const go = element("button", "llm-predict", "Predict"), field = element("input", "");
        field.setAttribute("aria-label", "Your guess, a number such as 0.5, 50% or 1/2");
        field.placeholder = "0.5, 50% or 1/2";
        const row = element("div", "llm-row", field, go, none);
        const slider = asked.range && this.slider(asked.range, field);
        if (slider) row.prepend(slider);
        fields.append(row);
        node.onsubmit = event => {
          event.preventDefault();
          if (field.value.trim()) this.next(cell, field.value, field, said);
        };
        made.field = field;
        made.fill = text => {
          field.value = text;
          if (slider) slider.value = text;
        };
      }
      node.append(fields, said);
      return made;
    }

    slider([low, high], field) {
      const slider = element("input", "");
      Object.assign(slider, { type: "range", min: low, max: high, step: (high - low) / 100 });
      slider.value = (low + high) / 2;
      slider.setAttribute("aria-label", `Your guess, from ${low} to ${high}`);
      slider.oninput = () => void (field.value = slider.value);
      return slider;
    }

    next(cell, guess, control, said) {
      control.setAttribute("aria-busy", true);
      this.turn = this.turn.then(() => this.choose(cell, guess, control))
        .catch(error => {
          said.className = "llm-refused";
          said.textContent = error.message;
        })
        .then(() => control.removeAttribute("aria-busy"));
    }

    /* Write the guess into the cell and run it. Then the next cell is active, so that Shift+Enter goes
     * on; the page does not move. */
    async choose(cell, guess, control) {
      const { content, sessionContext } = this.panel;
      const answer = await lab.ask("guess", {}, { source: source(cell), guess });
      const { fault, source: written } = await answer.json();
      if (fault) throw new Error(fault);
      cell.model.sharedModel.setSource(written);
      const at = content.widgets.indexOf(cell), next = content.widgets[at + 1];
      content.activeCellIndex = at;
      control.focus({ preventScroll: true });
      await connected(this.panel);
      const { kernel } = sessionContext.session;
      // The cell with the import may not have been run; run twice it changes nothing.
      await kernel.requestExecute({ code: IMPORT, silent: true, store_history: false }).done;
      await lab.notebook.NotebookActions.runCells(content, [cell], sessionContext);
      if (!next || content.activeCell !== cell) return; // its reader has gone on already
      content.activeCellIndex = at + 1;
      if (this.focused) content.activate();
    }

    /* Whether the keyboard is in this notebook, or nowhere. */
    get focused() {
      const held = document.activeElement;
      return held === document.body || this.panel.content.node.contains(held);
    }

    /* Whoever runs on past a prediction without a guess is led to its form. */
    executed(_, { notebook, cell, success }) {
      const { content } = this.panel, form = this.forms.get(cell);
      if (notebook !== content || success || !form || !noGuess(cell)) return;
      const at = content.widgets.indexOf(cell), ahead = content.activeCellIndex - at;
      if (content.mode !== "command" || ahead < 0 || ahead > 1 || !this.focused) return;
      content.activeCellIndex = at;
      (form.field ?? form.node.querySelector("[data-guess]")).focus();
    }

    // What computes an answer -----------------------------------------------------------------

    unfold(asking) {
      const forms = asking.map(cell => this.asked.get(source(cell))).filter(Boolean);
      const made = new Set(forms.filter(each => each.yours !== null).map(each => each.key));
      for (const cell of this.code) {
        const keys = cell.model.getMetadata("after_guess");
        if (!keys) continue;
        const open = keys.every(key => made.has(key));
        cell.node.classList.toggle("llm-after-guess", !open);
        if (!open || this.opened.has(cell)) continue;
        this.opened.add(cell);
        cell.inputHidden = false;
      }
    }

    // What explains an answer -----------------------------------------------------------------

    cover(shown) {
      for (const cell of this.panel.content.widgets) {
        if (cell.model.type !== "markdown" || !source(cell).includes("data-prediction=")) continue;
        const keys = [...source(cell).matchAll(/<details class="reveal" data-prediction="(.*?)">/g)];
        cell.node.querySelectorAll(".jp-RenderedMarkdown details.reveal").forEach((details, i) => {
          const key = keys[i]?.[1];
          if (shown.has(key)) this.open(details, shown.get(key));
        });
      }
    }

    open(details, shown) {
      const state = shown ? "open" : "closed", summary = details.querySelector("summary");
      if (details.dataset.state === state || !summary) return;
      if (!details.dataset.state) {
        summary.dataset.words = summary.textContent;
        summary.addEventListener("click", event => {
          if (details.dataset.state === "closed") event.preventDefault();
        });
      }
      details.dataset.state = state;
      details.open = shown;
      summary.textContent = shown ? summary.dataset.words : "Predict and run first";
      summary.setAttribute("aria-disabled", !shown);
    }
  }

  return {
    id: "llmlib:predictions",
    autoStart: true,
    requires: [lab.notebook.INotebookTracker],
    activate: (app, tracker) => {
      window.addEventListener("keydown", event => {
        // In a form, Enter is not JupyterLab's "edit this cell", nor B "insert a cell below"; it
        // opens a folded text. Shift+Enter runs on, with the number that was typed.
        const run = event.key === "Enter" && event.shiftKey;
        const form = run ? event.target.closest?.(".llm-prediction input")?.form : null;
        if (form?.querySelector("input:not([type=range])").value.trim()) {
          event.preventDefault();
          event.stopPropagation();
          return form.requestSubmit();
        }
        const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !run;
        const fold = ["Enter", " "].includes(event.key) && event.target.localName === "summary";
        if (plain && (fold || event.target.closest?.(".llm-prediction"))) event.stopPropagation();
      }, true);
      tracker.widgetAdded.connect(async (_, panel) => {
        await panel.context.ready;
        new Predictions(panel);
      });
    },
  };
}
