"""Run JupyterLab, or jupyterhub-singleuser, as the first word says: Ctrl-C while it loads ends it
without a traceback. Once it is there, it asks back by itself."""

import runpy
import sys

if __name__ == "__main__":
    try:
        sys.argv[:] = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        sys.exit(130)
