"""Serve the engine behind Talk, the learner's so far, to JupyterLab's server alone.

    python -m classroom.lab.chat FOLDER    a line of JSON, {"port", "token"} or {"fault"}

It is a process of its own (`chat_process` starts it): it runs the learner's functions, and the
model takes 1 GB. Only who knows the token is answered, and it ends with its standard input.
"""

import json
import os
import sys
import threading
from pathlib import Path

from classroom import serve_command, talk
from classroom.checking import check_notebooks
from llmlib.serve.server import Server


def main() -> None:
    """Serve the engine made of the notebooks in FOLDER until nobody holds the other end of standard
    input any more: a server that was killed leaves nothing behind."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # what a learner's functions print goes to the terminal
        try:
            engine = talk.engine_so_far(check_notebooks.folder_of(Path(sys.argv[1])))
            server = Server(engine, defaults=serve_command.DEFAULTS)
        except (OSError, ValueError) as error:
            return print(json.dumps({"fault": str(error)}), file=answer)
        print(json.dumps({"port": server.port, "token": server.token}), file=answer)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    server.serve_forever()


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)  # at once: Python's own end would abort beside torch's thread


if __name__ == "__main__":
    main()
