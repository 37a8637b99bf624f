"""No IPython runs in the page. What llmlib asks for is here: whether one runs, and how a cell that
is not plain Python becomes Python."""


def get_ipython():
    """None: nothing but Python runs here."""
    return None
