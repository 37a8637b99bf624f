/* Submit, beside Check: says what is unfinished and what came back, then hands in by nbgrader's
 * exchange. Where none is set up there is no button. */

const time = at => new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export function submit(lab, { element, isExercise, WORDS }) {
  let asked;
  const exchange = () => asked ??= lab.ask("submissions")
    .then(answer => answer.json()).then(said => said.exchange, () => false);

  /* What Check says, as far as it is not done. */
  function unfinished(said) {
    const left = said.lines.filter(line => line.state !== "done");
    if (said.fault) return [element("p", "", said.fault)];
    if (!left.length) return [element("p", "", `All ${said.lines.length} are done.`)];
    const rows = left.map(line => element("tr", `llm-${line.state}`,
      element("td", "", WORDS[line.state]), element("td", "", `${line.number} ${line.name}`.trim())));
    return [
      element("p", "", `${said.lines.length - left.length} of ${said.lines.length} are done. `
        + "You can hand in as it is, and again later. Not finished:"),
      element("table", "llm-table", element("tbody", "", ...rows)),
    ];
  }

  /* What was handed in before, the newest first, with the page that came back. */
  function before({ handed_in: rows }) {
    if (!rows.length) return [element("p", "", "You have not handed it in yet.")];
    const lines = rows.toReversed().map(({ at, page, score }) => {
      const line = element("li", "", time(at));
      if (page) {
        const link = element("a", "", score || "feedback");
        link.href = lab.coreutils.URLExt.join(lab.coreutils.PageConfig.getBaseUrl(), "files",
          lab.coreutils.URLExt.encodeParts(page));
        link.target = "_blank";
        line.append(": ", link);
      }
      return line;
    });
    return [element("p", "", "Handed in before:"), element("ul", "", ...lines)];
  }

  async function show(panel) {
    const { Dialog } = lab.apputils, { path } = panel.context;
    if (panel.context.model.dirty) await panel.context.save();
    const body = new lab.widgets.Widget({
      node: element("div", "llm-check", "Saved. Checking, a few seconds …") });
    body.node.setAttribute("aria-live", "polite");
    body.node.tabIndex = 0;
    const dialog = new Dialog({ title: "Submit", body, defaultButton: 0, buttons: [
      Dialog.cancelButton({ label: "Close" }), Dialog.okButton({ label: "Submit" })] });
    const closed = dialog.launch();
    const button = dialog.node.querySelector(".jp-mod-accept");
    button.disabled = true;
    try {
      const asking = [lab.ask("submissions", { path }), lab.ask("check", {}, { path })];
      const [earlier, said] = await Promise.all(
        asking.map(async answer => (await answer).json()));
      body.node.replaceChildren(...unfinished(said), ...before(earlier));
      if (earlier.fault) body.node.append(element("p", "llm-fault", `Not now: ${earlier.fault}.`));
      button.disabled = !!(said.fault || earlier.fault);
    } catch (error) {
      body.node.textContent = `Nothing can be handed in now: ${error.message}.`;
    }
    const accepted = (await closed).button.accept;
    panel.content.activate();
    if (!accepted) return;
    const { Notification } = lab.apputils;
    const id = Notification.emit("Handing in …", "in-progress");
    const tell = (message, type) => Notification.update({ id, message, type, autoClose: false });
    try {
      const done = await (await lab.ask("submit", {}, { path })).json();
      if (done.fault) tell(`Not handed in: ${done.fault}.`, "error");
      else tell(`${done.notebook} was handed in on ${time(done.at)} as ${done.student}.`, "success");
    } catch (error) {
      tell(`Not handed in: ${error.message}.`, "error");
    }
  }

  const add = panel => {
    const button = new lab.apputils.ToolbarButton({
      label: "Submit", tooltip: "Hand this notebook in; it shows first what is unfinished",
      onClick: () => {
        show(panel);
        setTimeout(() => void (button.pressed = false));  // JupyterLab holds it down, with a frame
      },
    });
    button.hide();
    panel.toolbar.insertAfter("llm-check", "llm-submit", button);
    panel.context.ready.then(async () => {
      if (panel.content.widgets.some(isExercise) && await exchange()) button.show();
    });
  };

  return {
    id: "llmlib:submit",
    autoStart: true,
    activate: app => void app.docRegistry.addWidgetExtension("Notebook", { createNew: add }),
  };
}
