"""`python -m llmlib VERB`: the `llmlib` command, where its folder is not on the PATH."""

import sys

from llmlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
