"""Run the `llmlib` command as `python -m classroom VERB`, where its folder is not on the PATH."""

import sys

from classroom.cli import main

if __name__ == "__main__":
    sys.exit(main())
