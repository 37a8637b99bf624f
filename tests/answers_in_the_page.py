"""Checks answers with the page's own Python: llmlib as the page has it, the stand-in for torch, and
no package. A program of its own, which is started with the unpacked archive of
`python_parts.archive` and nothing else on its path.

Each line of standard input is JSON: [notebook, exercise, code]. Each line of standard output is the
answer: null where its check passes, else what a reader is told.
"""

import json
import os
import signal
import sys

SECONDS = 120  # of one answer


def main():
    import page_checks

    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        for line in sys.stdin:
            try:
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                found = json.loads(page_checks.check(*json.loads(line), {}))
                said = None if found["passed"] else found["message"]
            except KeyboardInterrupt:
                said = "took longer"
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            out.write(json.dumps(said) + "\n")
            out.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, signal.default_int_handler)
    main()
