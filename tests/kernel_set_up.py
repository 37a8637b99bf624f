"""Set up a notebook's kernel as the build does; with ADDING_ORDER=1 (2, 3, …) in its environment it
adds in another order (`adding_order.py`)."""

from pathlib import Path

from authoring import kernel

ORDER = "ADDING_ORDER"
HERE = str(Path(__file__).parent)
# What a start-up script defines, a notebook's names may overwrite: so it imports a module.
STARTUP = f"""import os
if os.environ.get("{ORDER}"):
    import sys
    sys.path.insert(0, {HERE!r})
    import adding_order
    sys.path.remove({HERE!r})
    adding_order.AddingOrder(int(os.environ["{ORDER}"])).__enter__()
    del sys, adding_order
del os
"""


def variables(folder, threads=1):
    """Return the variables for a kernel that keeps IPython's files in `folder`."""
    found = kernel.variables(folder, threads)
    startup = Path(folder, "profile_default", "startup")
    (startup / "other_order.py").write_text(STARTUP, encoding="utf-8")
    return found
