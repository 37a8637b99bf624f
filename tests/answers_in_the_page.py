"""Checks answers with the page's own Python: llmlib as the page has it, the stand-in for torch, and
no package. A program of its own, which is started with the unpacked archive of
`python_parts.archive` and nothing else on its path.

Standard input is JSON: a list of [notebook, exercise, code]. Standard output is a line for each:
[null where its check passes, else what a reader is told; seconds on the processor].
"""

import json
import os
import signal
import sys
import time

SECONDS = 120  # of one answer


def main():
    import page_checks

    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        for notebook, name, code in json.load(sys.stdin):
            began = time.process_time()
            try:
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                found = json.loads(page_checks.check(notebook, name, code, {}))
                said = None if found["passed"] else found["message"]
            except KeyboardInterrupt:
                said = "took longer"
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = round(time.process_time() - began, 2)
            out.write(json.dumps([said, seconds]) + "\n")
            out.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, signal.default_int_handler)
    main()
