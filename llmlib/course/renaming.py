"""Gives global names of a piece of source other names, where two notebooks mean different things by
one."""

import ast
import symtable


def renamed(source: str, new: dict[str, str]) -> str:
    """`source` with global names changed as in {old: new}; local names, attributes and keywords
    stay as they are.

    Comments go: this is for the rare helper whose name means something else in another notebook.
    """
    return ast.unparse(_Renamed(new).visit(ast.parse(source)))


class _Renamed(ast.NodeTransformer):
    def __init__(self, new: dict[str, str]):
        self.new = new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.new.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.new.get(name, name) for name in node.names]
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        name = node.asname or node.name
        if name in self.new:
            node.asname = self.new[name]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._scope(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._scope(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._scope(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self.new.get(node.name, node.name)
        return self.generic_visit(node)

    def _scope(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> ast.AST:
        """A function: its own name, decorators and defaults lie outside, its local names hide ours
        inside."""
        text = ast.unparse(node)
        name = "lambda" if isinstance(node, ast.Lambda) else node.name
        children = symtable.symtable(text, "cell", "exec").get_children()
        (*_, scope) = (
            each
            for each in children
            if isinstance(each, symtable.Function) and each.get_name() == name
        )
        inner = {old: new for old, new in self.new.items() if old not in scope.get_locals()}
        if not isinstance(node, ast.Lambda):
            node.name = self.new.get(node.name, node.name)
            node.returns = node.returns and self.visit(node.returns)
            node.decorator_list = [self.visit(each) for each in node.decorator_list]
            inside = _Renamed(inner)
            node.body = [inside.visit(each) for each in node.body]
        else:
            node.body = _Renamed(inner).visit(node.body)
        node.args = self.visit(node.args)
        return node
