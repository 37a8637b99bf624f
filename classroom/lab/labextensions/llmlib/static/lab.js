/* The course in JupyterLab: a start page, and the buttons above each of its notebooks.
 *
 * Written by hand as the federated module that JupyterLab loads, so that nothing has to be built:
 * `init` receives the packages that JupyterLab shares, `get` returns our plugins.
 */
(() => {
  let shared, element, gradeId, source, connected;

  const ask = async (lab, verb, words = {}, body) => {
    const settings = lab.services.ServerConnection.makeSettings();
    const query = lab.coreutils.URLExt.objectToQueryString(words);
    const address = lab.coreutils.URLExt.join(settings.baseUrl, "llmlib", verb) + query;
    const request = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const answer = await lab.services.ServerConnection.makeRequest(address, request, settings);
    if (!answer.ok) {  // over HTTP/2 there is no statusText
      const { reason } = await answer.json().catch(() => ({}));
      throw new Error(reason || answer.statusText || `status ${answer.status}`);
    }
    return answer;
  };

  const isExercise = cell => cell.model.getMetadata("nbgrader")?.solution === true;

  /* Show the exercise of that name: its statement on top, its cell active. */
  async function goTo(lab, panel, name) {
    const at = panel.content.widgets.findIndex(cell => gradeId(cell) === name);
    if (at < 0) return;
    panel.content.activeCellIndex = at;
    panel.content.activate();  // a dialog that closes gives the focus back to its button
    prepare(lab, panel, at);
    await scroll(panel, Math.max(at - 1, 0), "start");
  }

  /* Bring a cell into view; the newest call wins. */
  async function scroll(panel, at, where) {
    const turn = (panel.scrolling = {});
    for (const wait of [0, 400, 800]) {  // cells above it are still finding their height
      await new Promise(done => setTimeout(done, wait));
      if (panel.scrolling !== turn || panel.isDisposed) return;
      await panel.content.scrollToItem(at, where);
    }
  }

  /* Whoever comes back has a kernel that knows nothing. Run what the cell `at` needs and the kernel has
   * not run: the given cells above it, and the functions above it. It shows no output, and says so. */
  async function prepare(lab, panel, at) {
    const above = panel.content.widgets.slice(0, at).filter(cell => {
      const kind = cell.model.getMetadata("nbgrader");
      return cell.model.type === "code" && kind && !kind.grade && (kind.locked || kind.solution);
    });
    if (!above.length || panel.content.widgets.some(cell => gradeId(cell) === "q01")) return;
    await connected(panel);
    const { kernel } = panel.sessionContext.session ?? {};
    if (!kernel || panel.isDisposed) return;
    const texts = JSON.stringify(above.map(cell => source(cell).replace(/\n+$/, "")));
    const names = JSON.stringify(above.map(cell => isExercise(cell) ? gradeId(cell) : ""));
    const known = "[name in globals() if name else text in get_ipython().history_manager.input_hist_raw"
      + ` for name, text in zip(${names}, ${texts})]`;
    const { content } = await kernel.requestExecute(
      { code: "", silent: true, store_history: false, user_expressions: { known } }).done;
    const answers = content.user_expressions?.known?.data?.["text/plain"].match(/True|False/g) ?? [];
    const lacking = above.filter((_, i) => answers[i] === "False");
    if (!lacking.length) return;
    const { Notification } = lab.apputils;
    const id = Notification.emit("Running the set-up above this cell …", "in-progress");
    const faults = [];
    for (const cell of lacking) {
      const done = await kernel.requestExecute({ code: source(cell), stop_on_error: false }).done;
      if (done.content.status === "error") faults.push(`${done.content.ename}: ${done.content.evalue}`);
    }
    const message = faults.length ? `A cell of the set-up above failed: ${faults[0]}`
      : "Your kernel was new. The set-up above, and your functions there, were run for you.";
    Notification.update({
      id, message, type: faults.length ? "warning" : "success", autoClose: 10_000 });
  }

  /* A reload comes back to the cell that was active. The browser's tab keeps it, as JupyterLab keeps
   * which notebooks are open. */
  async function comeBack(lab, panel) {
    const { content, context } = panel, place = `llmlib:cell:${context.path}`;
    const at = content.widgets.findIndex(
      cell => cell.model.id === window.sessionStorage.getItem(place));
    if (at > 0) content.activeCellIndex = at;
    content.activeCellChanged.connect((_, cell) =>
      cell && window.sessionStorage.setItem(`llmlib:cell:${context.path}`, cell.model.id));
    if (at <= 0) return;
    prepare(lab, panel, at);
    while (!panel.isVisible && !panel.isDisposed) await new Promise(done => setTimeout(done, 200));
    if (content.activeCellIndex === at) await scroll(panel, at, "center");
  }

  // Talk --------------------------------------------------------------------------------------

  /* A chat with the learner's engine so far, in a tab of its own: it opens at once, since browsers
   * block one that comes later. */
  async function talk(lab, panel) {
    const tab = window.open("", "_blank");
    const say = words => void (tab.document.body.textContent = words);
    if (!tab) return;
    tab.document.title = "Chat";
    tab.document.documentElement.style.colorScheme = "light dark";
    tab.document.body.style.font = "16px/1.5 system-ui, sans-serif";
    say("Your functions are being checked and put into the engine. The course's fill the gaps. "
      + "This takes half a minute …");
    try {
      if (panel?.context.model.dirty) await panel.context.save();
      tab.location.replace((await (await ask(lab, "talk", {}, {})).json()).address);
    } catch (error) {
      say(`There is no chat: ${error.message}`);
    }
  }

  // The start page ----------------------------------------------------------------------------

  /* Where this browser tab has the start page: "front", "behind" another tab, or "closed". The tab
   * itself keeps it, since a workspace's layout is saved half a second late, and a reset empties it. */
  const PLACE = "llmlib:start-page";

  /* Where it goes when JupyterLab has loaded: where it was before a reload, otherwise in front unless
   * the address names a `file`. It always comes in front if nothing else would be there. */
  function placeAtStart(last, file, empty) {
    const reloaded = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
    const place = (reloaded && last) || (file ? "closed" : "front");
    return empty && !file ? "front" : place;
  }

  /* Whether `path`, from the page's address, is a file: JupyterLab opens it. */
  const isFile = (app, path) => app.serviceManager.contents.get(path, { content: false })
    .then(model => model.type !== "directory", () => false);

  const isLauncher = panel => !!panel.content?.node.classList.contains("jp-Launcher");

  /* When the pointer that is pressed now has been released, and its click dealt with. */
  const nextRelease = () => new Promise(done => {
    for (const end of ["pointerup", "pointercancel"])
      window.addEventListener(end, () => setTimeout(done), { once: true });
  });

  function startPage(lab) {
    const { Widget } = lab.widgets;

    class Page extends Widget {
      constructor(app, moved) {
        super();
        this.app = app;
        this.moved = moved;
        this.addClass("llm-page");
        this.node.tabIndex = 0;
        this.node.addEventListener("pointerdown", () => this.released = nextRelease());
        this.node.addEventListener("click", event => this.clicked(event));
        app.serviceManager.contents.fileChanged.connect(this.saved, this);
      }
      saved(_, change) {
        if (change.type === "save" && this.isVisible) this.refresh();
      }
      onAfterAttach() {
        this.shown();
        this.moved();
      }
      onAfterShow() {
        this.shown();
        this.moved();
      }
      onAfterHide() {
        this.moved();
      }
      shown() {  // a reload attaches and shows the page: one check is enough
        if (!this.turn) this.refresh();
      }
      async refresh() {
        const turn = (this.turn = {});  // the newest one wins: what an older one hears is dropped
        try {
          if (!this.node.hasChildNodes()) await this.fill(await ask(lab, "start", { known: 0 }));
          if (turn !== this.turn) return;
          const known = await ask(lab, "start");
          if (turn === this.turn) await this.fill(known);
        } catch (error) {
          this.node.textContent = `The page cannot be shown (${error.message}). Open a notebook on the left.`;
        }
        if (turn === this.turn) this.turn = null;
      }
      async fill(answer) {
        const words = await answer.text();
        await this.released;  // a press and a release on two different links are no click
        const held = document.activeElement;
        const at = this.node.contains(held) && held.dataset.notebook;
        this.show(words);
        for (const link of this.node.querySelectorAll("a[data-notebook]"))
          link.href = lab.coreutils.URLExt.join(
            lab.coreutils.PageConfig.getBaseUrl(), "lab/tree", link.dataset.notebook);
        const again = `a[class="${held.className}"][data-notebook="${at}"]`;
        if (at) this.node.querySelector(again)?.focus();
      }
      /* The live machine stays as it is, with what was typed: all around it is new. */
      show(words) {
        const made = element("div", ""), playing = this.node.querySelector(".llm-live");
        made.innerHTML = words;
        const place = made.querySelector(".llm-live");
        if (!playing || !place) {
          this.node.replaceChildren(...made.childNodes);
          if (place) lab.live(place);
          return;
        }
        const parts = [...place.parentNode.childNodes], at = parts.indexOf(place);
        for (const old of [...playing.parentNode.childNodes]) if (old !== playing) old.remove();
        playing.before(...parts.slice(0, at));
        playing.after(...parts.slice(at + 1));
      }
      async clicked(event) {
        if (event.target.closest(".llm-talk")) return void talk(lab);
        const link = event.target.closest("a[data-notebook]");
        if (!link || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        const { notebook, exercise } = link.dataset;
        const panel = await this.app.commands.execute("docmanager:open", { path: notebook });
        await panel.revealed;
        if (exercise) goTo(lab, panel, exercise);
      }
    }

    return {
      id: "llmlib:start",
      autoStart: true,
      optional: [
        lab.application.ILayoutRestorer, lab.apputils.ICommandPalette, lab.mainmenu.IMainMenu],
      activate: (app, restorer, palette, menu) => {
        const tracker = new lab.apputils.WidgetTracker({ namespace: "llmlib-start" });
        const command = "llmlib:start";
        const { PageConfig } = lab.coreutils;
        const last = window.sessionStorage.getItem(PLACE), path = PageConfig.getOption("treePath");
        let loaded = false;
        const remember = () => {
          const panel = tracker.find(() => true);
          const place = !panel ? "closed" : panel.isVisible ? "front" : "behind";
          if (loaded) window.sessionStorage.setItem(PLACE, place);
        };
        app.commands.addCommand(command, {
          label: "Start Page of the Course",
          execute: ({ activate = true }) => {
            let panel = tracker.find(() => true);
            if (!panel) {
              panel = new lab.apputils.MainAreaWidget({ content: new Page(app, remember) });
              panel.id = "llmlib-start";
              panel.title.label = "Start";
              panel.title.closable = true;
              panel.toolbar.hide();
              tracker.add(panel);
              panel.disposed.connect(remember);  // after the tracker, which forgets it then
            }
            if (!panel.isAttached) app.shell.add(panel, "main", { activate });
            if (activate) app.shell.activateById(panel.id);
            return panel;
          },
        });
        restorer?.restore(tracker, { command, name: () => "start", args: () => ({ activate: false }) });
        palette?.addItem({ command, category: "Help" });
        menu?.helpMenu.addGroup([{ command }], 0);
        app.restored.then(async () => {
          if (window.innerWidth < 700) app.shell.collapseLeft?.();
          const file = path !== "" && await isFile(app, path);
          const main = [...app.shell.widgets("main")], launchers = main.filter(isLauncher);
          const place = placeAtStart(last, file, launchers.length === main.length);
          if (place !== "closed") {
            app.commands.execute(command, { activate: place === "front" });
            launchers.forEach(each => each.close());  // JupyterLab fills an empty page with one
          }
          loaded = true;
          remember();
        });
      },
    };
  }

  // Check -------------------------------------------------------------------------------------

  const WORDS = { failing: "✗ wrong", done: "✓ done", untouched: "· not written yet" };

  function table(said, jump) {
    const done = said.lines.filter(line => line.state === "done").length;
    const rows = said.lines.map(line => {
      const name = element("button", "llm-jump", `${line.number} ${line.name}`.trim());
      name.onclick = () => jump(line.name);
      return element("tr", `llm-${line.state}`,
        element("td", "", WORDS[line.state]), element("td", "", name),
        element("td", "", line.message));
    });
    const head = element("p", "", `${done} of ${said.lines.length} done.`);
    const notes = said.notes.map(note => element("p", "", `Note: ${note}`));
    return [head, ...notes, element("table", "llm-table", element("tbody", "", ...rows))];
  }

  async function check(lab, panel) {
    if (panel.context.model.dirty) await panel.context.save();  // it may have to ask something
    const body = new lab.widgets.Widget({
      node: element("div", "llm-check", "Saved. Checking, a few seconds …") });
    body.node.setAttribute("aria-live", "polite");
    body.node.tabIndex = 0;  // a dialog's Tab goes to what could have the focus when it opened
    const dialog = new lab.apputils.Dialog({
      title: "Check", body, buttons: [lab.apputils.Dialog.okButton({ label: "Close" })] });
    const closed = dialog.launch().finally(() => panel.content.activate());
    const jump = async name => {
      dialog.resolve();
      await closed;
      goTo(lab, panel, name);
    };
    try {
      const said = await (await ask(lab, "check", {}, { path: panel.context.path })).json();
      body.node.replaceChildren(...(said.fault ? [said.fault] : table(said, jump)));
    } catch (error) {
      body.node.textContent = `Not checked: ${error.message}.`;
    }
  }

  // Solution ----------------------------------------------------------------------------------

  const tried = new WeakMap();  // {notebook: the name of the check that failed last}

  function executed(_, { notebook, cell, success }) {
    const name = /^test_(.*)/.exec(gradeId(cell))?.[1];
    if (!name) return;
    if (!success) tried.set(notebook, name);
    else if (tried.get(notebook) === name) tried.delete(notebook);
  }

  /* The exercise whose cell or check is active; else the one whose check failed last; else the one
   * above. */
  function exerciseAt({ content }) {
    const cells = content.widgets, at = content.activeCellIndex;
    const named = name => cells.find(cell => isExercise(cell) && gradeId(cell) === name);
    return named(gradeId(cells[at]).replace(/^test_/, "")) ?? named(tried.get(content))
      ?? cells.slice(0, at).findLast(isExercise) ?? cells.find(isExercise);
  }

  async function solution(lab, panel) {
    const { Dialog, showDialog } = lab.apputils;
    const exercise = gradeId(exerciseAt(panel));
    const asked = await showDialog({
      title: `Show a solution of ${exercise}?`,
      body: "A failed attempt teaches more than a solution does. "
        + "The hints above the exercise open one at a time.",
      buttons: [Dialog.cancelButton({ label: "Not yet" }), Dialog.okButton({ label: "Show it" })],
      defaultButton: 0,
    });
    panel.content.activate();  // else the button keeps the focus and its outline
    if (!asked.button.accept) return;
    const body = new lab.widgets.Widget({ node: element("div", "llm-check") });
    try {
      const answer = await ask(lab, "solution", { path: panel.context.path, exercise });
      body.node.append(element("pre", "llm-code", (await answer.json()).code));
    } catch (error) {
      body.node.append(`Not shown: ${error.message}.`);
    }
    await showDialog({ title: `One way to write ${exercise}`, body,
      buttons: [Dialog.okButton({ label: "Close" })] });
    panel.content.activate();
  }

  // Run All -----------------------------------------------------------------------------------

  const RUN_ALL = ["notebook:run-all-cells", "notebook:restart-run-all"];

  /* Where Run All has stopped, or else the last cell that shows something: JupyterLab goes to the
   * last cell, which may be empty. */
  async function land(panel) {
    const kinds = panel.content.widgets.map(cell =>
      (cell.model.type === "code" ? cell.model.toJSON().outputs : []).map(each => each.output_type));
    const stopped = kinds.findIndex(each => each.includes("error"));
    const at = stopped >= 0 ? stopped : kinds.findLastIndex(each => each.length);
    if (at < 0) return;
    panel.content.activeCellIndex = at;
    await scroll(panel, at, "center");
  }

  function runAll() {
    return {
      id: "llmlib:run-all",
      autoStart: true,
      activate: app => void app.commands.commandExecuted.connect(async (_, { id, result }) => {
        const panel = app.shell.currentWidget;
        if (!RUN_ALL.includes(id) || !panel?.content?.widgets) return;
        await result;
        await land(panel);
      }),
    };
  }

  /* JupyterLab notes the language's version in a notebook that it opens, and then asks whether to
   * save it. Where nothing else has changed there is nothing to save. */
  async function untouched(panel) {
    const { model } = panel.context;
    const cells = () => JSON.stringify(model.toJSON().cells);
    const before = cells();
    if (model.dirty) return;
    await panel.sessionContext.ready;
    await panel.sessionContext.session?.kernel?.info;
    await new Promise(done => setTimeout(done, 500));
    if (cells() === before) model.dirty = false;
  }

  function buttons(lab) {
    const hasTalk = lab.coreutils.PageConfig.getOption("llmlibTalk") !== "off";
    const add = panel => {
      const { ToolbarButton } = lab.apputils;
      const made = [
        ["llm-check", "✓ Check", "Save, then check all exercises of this notebook", check],
        ["llm-talk", "Talk", "Chat with your engine so far: your functions, and the course's in the gaps", talk],
        ["llm-solution", "Solution", "Show a solution of the current exercise; it asks first", solution],
      ].filter(([name]) => name !== "llm-talk" || hasTalk).map(([name, label, tooltip, act], i) => {
        const onClick = () => {
          act(lab, panel);
          setTimeout(() => void (button.pressed = false));  // JupyterLab holds it down, with a frame
        };
        const button = new ToolbarButton({ label, tooltip, onClick });
        button.hide();
        panel.toolbar.insertItem(10 + i, name, button);
        return button;
      });
      panel.context.ready.then(() => {
        if (panel.content.widgets.some(isExercise)) made.forEach(button => button.show());
        untouched(panel);
        comeBack(lab, panel);
      });
    };
    return {
      id: "llmlib:check",
      autoStart: true,
      activate: app => {
        app.docRegistry.addWidgetExtension("Notebook", { createNew: add });
        lab.notebook.NotebookActions.executed.connect(executed);
      },
    };
  }

  (window._JUPYTERLAB ??= {}).llmlib = {
    init: scope => void (shared = scope),
    get: async () => {
      const common = await import("../../llmlib-quiz/static/common.js");
      const from = common.sharing(shared);
      ({ element, gradeId, source, connected } = common);
      const { predictions } = await import("./predictions.js");
      const lab = { widgets: await from("@lumino/widgets") };
      for (const name of ["application", "apputils", "coreutils", "mainmenu", "notebook", "services"])
        lab[name] = await from(`@jupyterlab/${name}`);
      const { live } = await import("./live.js");
      const { submit } = await import("./submit.js");
      lab.ask = (...words) => ask(lab, ...words);
      lab.live = section => live(lab, section, common);
      const plugins = [startPage(lab), buttons(lab), runAll(), predictions(lab, common),
        submit(lab, { element, isExercise, WORDS })];
      const module = { __esModule: true, default: plugins };
      return () => module;
    },
  };
})();
