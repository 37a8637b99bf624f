"""A notebook as a kernel runs it, in a process of its own that is forked with torch and IPython."""

import json
import multiprocessing
import os
import tempfile
from pathlib import Path

import forked_checks

from classroom import kernel_checks
from exercises import feedback, torch_blocker


def checks(cells, seconds=300):
    """{exercise: what its check raised, None where it passed} of cells, (title, source) or (title,
    source, id), which run one after the other in IPython; the last run of a check counts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(forked_checks.PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_run, args=(cells, folder))
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
        return json.loads(Path(folder, "said.json").read_text(encoding="utf-8"))


def _run(cells, folder):
    os.chdir(folder)
    torch_blocker.new_board()  # as in a kernel, which nobody forked
    os.environ["IPYTHONDIR"] = folder
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    from IPython.core.interactiveshell import InteractiveShell

    shell, said = InteractiveShell.instance(), {}
    feedback.switch_on()  # which importing the checks does in a kernel; this fork has them already
    kernel_checks.switch_on()
    for title, source, *cell_id in cells:
        result = shell.run_cell(source, store_history=True, cell_id=cell_id[0] if cell_id else None)
        if title.startswith("test_"):
            error = result.error_before_exec or result.error_in_exec
            said[title.removeprefix("test_")] = repr(error) if error else None
    Path("said.json").write_text(json.dumps(said), encoding="utf-8")
    os._exit(0)
