/* The quiz by clicks: the options in a question's text become buttons.
 *
 * A click writes the letter into the answer cell below, q07 = "B", and runs that cell; what it says
 * comes from the kernel (classroom/quiz_cells.py). So the answer is the cell's own text, which is
 * saved, handed in and graded like one that was typed; nothing here keeps or knows an answer.
 *
 * Written by hand as the federated module that JupyterLab loads, so that nothing has to be built.
 */
(() => {
  let shared, element, gradeId, source, connected, drawAgain;

  const STYLE = `
    .llm-options { list-style: none; padding: 0 !important; }
    .llm-options button {
      display: block; width: 100%; margin: 6px 0; padding: 7px 12px; text-align: left;
      font: inherit; color: inherit; cursor: pointer; background: var(--jp-layout-color1);
      border: 1px solid var(--jp-border-color1); border-left-width: 5px; border-radius: 5px;
    }
    .llm-options button:hover { background: var(--jp-layout-color2); }
    .llm-options button:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
    .llm-options button[aria-busy] { opacity: 0.6; cursor: progress; }
    .llm-options button.right { border-color: #009E73; }
    .llm-options button.wrong { border-color: #D55E00; border-style: dashed; border-left-style: solid; }
    .llm-options .mark { float: right; margin-left: 1em; font-weight: bold; }
    .llm-options button.see { width: auto; padding: 4px 12px; border-left-width: 1px; }
    .llm-aside.jp-mod-noOutputs:not(.jp-mod-active) { display: none; }
    .llm-said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }`;

  const letterOf = cell =>
    /^q\d\d[ \t]*=[ \t]*["']?([A-D])\b/im.exec(source(cell))?.[1].toUpperCase();

  /* What the kernel said below an answer cell: "✓ B is right. …" or "✗ B is not it. …". */
  function saidBy(cell) {
    const outputs = cell.model.outputs;
    for (let i = 0; i < outputs.length; i++) {
      const text = String(outputs.get(i).data["text/plain"] ?? "");
      if (/^[✓✗] /.test(text)) return text;
    }
    return "";
  }

  class Quiz {
    constructor(lab, panel) {
      this.lab = lab;
      this.panel = panel;
      this.turn = Promise.resolve(); // one click is dealt with after the other
      this.ready = false; // whether this kernel has run the first cell and the answers so far
      panel.sessionContext.kernelChanged.connect(() => (this.ready = false));
      panel.sessionContext.statusChanged.connect((_, status) => {
        if (status.includes("restarting")) this.ready = false;
      });
      this.said = element("div", "llm-said"); // read aloud by a screen reader
      this.said.setAttribute("role", "status");
      panel.node.append(this.said);
      drawAgain(panel, () => this.draw());
    }

    get cells() {
      return this.panel.content.widgets;
    }

    /* What a new kernel has not run: the first cell, and the answers so far. */
    get before() {
      return this.ready ? [] : this.cells.filter(cell => cell.model.type === "code" && (
        gradeId(cell) === "given_setup" || (/^q\d\d$/.test(gradeId(cell)) && letterOf(cell))));
    }

    /* Each rendered question gets its buttons and marks; its check and its `see` are out of sight
     * until they have something to say, or are gone to with the keyboard. */
    draw() {
      this.cells.forEach((answer, at) => {
        if (answer.model.type !== "code" || !/^q\d\d$/.test(gradeId(answer))) return;
        for (const cell of [this.cells[at + 1], this.seeCell(answer)])
          cell?.node.classList.add("llm-aside");
        const list = this.cells[at - 1]?.node.querySelector(".jp-RenderedMarkdown ul");
        if (!list) return;
        if (!list.classList.contains("llm-options")) this.fill(list, answer);
        this.mark(list, answer);
      });
    }

    fill(list, answer) {
      list.classList.add("llm-options");
      list.setAttribute("aria-label", `Options of question ${Number(gradeId(answer).slice(1))}`);
      list.addEventListener("dblclick", event => event.stopPropagation());
      for (const item of list.children) {
        const letter = item.querySelector("strong").textContent;
        const button = element("button", "", ...item.childNodes);
        button.dataset.letter = letter;
        button.onclick = () => this.next(button, () => this.choose(answer, letter, button));
        item.append(button);
      }
    }

    mark(list, answer) {
      const letter = letterOf(answer), said = saidBy(answer);
      for (const button of list.querySelectorAll("[data-letter]")) {
        const chosen = button.dataset.letter === letter;
        const told = chosen && said[2] === letter ? said[0] : "";
        const now = `${chosen} ${told}`;
        if (button.dataset.now === now) continue; // a change here would be seen as one to draw
        button.dataset.now = now;
        button.setAttribute("aria-pressed", chosen);
        button.className = { "✓": "right", "✗": "wrong" }[told] ?? "";
        button.querySelector(".mark")?.remove();
        const word = { "✓": "✓ right", "✗": "✗ not it" }[told] ?? "chosen";
        if (chosen) button.append(element("span", "mark", word));
      }
      const see = said[0] === "✓" && said[2] === letter ? this.seeCell(answer) : undefined;
      const shown = list.querySelector(".see");
      if (!see) shown?.parentNode.remove();
      else if (!shown) {
        const button = element("button", "see", "Show it");
        button.onclick = () =>
          this.next(button, () => this.run(answer, [...this.before, see], button));
        list.append(element("li", "", button));
      }
    }

    seeCell(answer) {
      const start = `see("${gradeId(answer)}")`;
      return this.cells.find(cell => cell.model.type === "code" && source(cell).startsWith(start));
    }

    next(button, act) {
      button.setAttribute("aria-busy", true);
      this.turn = this.turn.then(() => connected(this.panel)).then(act).catch(console.error)
        .then(() => button.removeAttribute("aria-busy"));
    }

    async choose(answer, letter, button) {
      const name = gradeId(answer);
      const line = new RegExp(`^(${name}[ \\t]*=[ \\t]*)[^#\\n]*?([ \\t]*(?:#.*)?)$`, "m");
      await this.run(answer, this.before, button);
      const written = source(answer).replace(line, `$1"${letter}"$2`);
      answer.model.sharedModel.setSource(line.test(written) ? written : `${name} = "${letter}"`);
      const score = this.cells.filter(cell => source(cell).startsWith("score()"));
      await this.run(answer, [answer, ...score], button);
      this.said.textContent = saidBy(answer);
      this.ready = this.said.textContent[2] === letter;
    }

    /* Run cells, and leave the page and the focus where they are. */
    async run(answer, cells, button) {
      const { content, sessionContext } = this.panel;
      content.activeCellIndex = this.cells.indexOf(answer) - 1;
      const done = this.lab.NotebookActions.runCells(content, cells, sessionContext);
      button.focus({ preventScroll: true });
      await done;
      if (button.isConnected) button.focus({ preventScroll: true });
    }
  }

  const plugin = lab => ({
    id: "llmlib-quiz:plugin",
    autoStart: true,
    requires: [lab.INotebookTracker],
    activate: (app, tracker) => {
      document.head.append(element("style", "", STYLE));
      window.addEventListener("keydown", event => {
        // On a button, Enter is not JupyterLab's "edit this cell", nor B "insert a cell below".
        const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
        if (plain && event.target.closest?.(".llm-options")) event.stopPropagation();
      }, true);
      tracker.widgetAdded.connect(async (_, panel) => {
        await panel.context.ready;
        if (panel.content.widgets.some(cell => gradeId(cell) === "q01")) new Quiz(lab, panel);
      });
    },
  });

  (window._JUPYTERLAB ??= {})["llmlib-quiz"] = {
    init: scope => void (shared = scope),
    get: async () => {
      const common = await import("./common.js");
      ({ element, gradeId, source, connected, drawAgain } = common);
      const lab = await common.sharing(shared)("@jupyterlab/notebook");
      const module = { __esModule: true, default: plugin(lab) };
      return () => module;
    },
  };
})();
