"""Of IPython's syntax the page knows one thing: a cell may be indented as a whole."""

import ast
import re
import textwrap

SYNTAX = re.compile(r"^[ \t]*[%!?].*|.*\?[ \t]*$", re.MULTILINE)


class TransformerManager:
    """Stands for IPython's class of this name."""

    def transform_cell(self, cell):
        """The cell as Python. SyntaxError where it is none."""
        for text in (cell, textwrap.dedent(cell)):
            try:
                ast.parse(text)
                return text
            except SyntaxError as error:
                wrong = error
        if (found := SYNTAX.search(cell)) and not wrong.msg.startswith("unindent"):
            said = f"`{found[0].strip()}` is for the notebook: the page runs Python alone"
            raise SyntaxError(said) from None
        raise wrong
