"""The bends: what is changed in a module, one change at a time.

Laws: pure; the same source always gives the same mutants in the same order. A mutant's name does not depend
on where in the file it stands. Left alone are: annotations (but not the bounds inside ``msgspec.Meta``),
docstrings, imports, ``__slots__``, the names of types, and words for people: the wording of errors, the
values of an ``Enum``, any text with a blank in it.

The operators are those of the literature (Offutt and others, «An experimental determination of sufficient
mutant operators», 1996), with what Python adds to them: keywords, slices, comprehensions, cases.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

Step = tuple[str, int | None]
"""From a node to one of its parts: the field, and the place in it where it is a list."""

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
SIBLINGS: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "reversed": "list",
}
NAMED_TYPES: Final = {"TypeVar", "NewType", "Literal"}
SILENT_KEYWORDS: Final = {"slots", "hint"}
"""``slots`` costs memory only; ``hint`` is wording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change.

    Attributes:
        name: ``where operator: before -> after``, with ``#2`` and so on where the same is done again.
        where: the qualified name of the function or class, empty for the module itself.
        lines: first and last line of the statement, or of the part, that is changed.
        deferred: whether it is inside a function, and so runs when that is called, not at import.
        path: the way to the node that is replaced.
        replacement: what stands there instead; None where a list loses it.
    """

    name: str
    where: str
    lines: tuple[int, int]
    deferred: bool
    path: tuple[Step, ...] = field(repr=False)
    replacement: ast.AST | None = field(repr=False)

    def apply(self, tree: ast.Module) -> ast.Module:
        """A copy of ``tree`` with this change."""
        changed = copy.deepcopy(tree)
        parent: ast.AST = changed
        for name, place in self.path[:-1]:
            part = getattr(parent, name)
            parent = part if place is None else part[place]
        name, place = self.path[-1]
        if place is None:
            setattr(parent, name, self.replacement)
        elif self.replacement is None:
            del getattr(parent, name)[place]
        else:
            getattr(parent, name)[place] = self.replacement
        return ast.fix_missing_locations(changed)


def surroundings(tree: ast.Module, mutant: Mutant) -> str:
    """What a verdict depends on: the function around the mutant, or else the statement of the module."""
    node: ast.AST = tree
    found: ast.AST | None = None
    for name, place in mutant.path:
        part = getattr(node, name)
        node = part if place is None else part[place]
        found = found or node
        if mutant.deferred and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = node
            break
    return ast.unparse(found or tree)


def mutants(tree: ast.Module) -> list[Mutant]:
    """Every change of a module, in the order of its text."""
    walker = _Walker()
    walker.parts(tree)
    return walker.found


@dataclass
class _Walker:
    """Walks down and notes changes; what it carries is where it is."""

    found: list[Mutant] = field(default_factory=list)
    path: tuple[Step, ...] = ()
    scope: tuple[str, ...] = ()
    functions: int = 0
    statement: ast.stmt | None = None
    quiet: bool = False
    """Inside the wording of an error."""
    times: Counter[str] = field(default_factory=Counter)

    def note(self, operator: str, old: ast.AST, new: ast.AST | None, steps: tuple[Step, ...] = ()) -> None:
        """A change of the present node, or of the part of it to which ``steps`` lead."""
        where = ".".join(self.scope)
        after = "" if new is None else f" -> {_short(new)}"
        name = f"{where} {operator}: {_short(old)}{after}".strip()
        self.times[name] += 1
        if self.times[name] > 1:
            name += f" #{self.times[name]}"
        first, last = _lines(old)
        if isinstance(self.statement, ast.stmt) and not hasattr(self.statement, "body"):
            first, last = _lines(self.statement)
        if isinstance(new, ast.expr | ast.stmt) and not hasattr(new, "lineno"):
            ast.copy_location(new, old)
        self.found.append(
            Mutant(
                name=name,
                where=where,
                lines=(first, last),
                deferred=self.functions > 0,
                path=self.path + steps,
                replacement=new,
            )
        )

    # --- the walk ----------------------------------------------------------------------------------

    def parts(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                self.child(value, node, (name, None))
            elif isinstance(value, list):
                for place, one in enumerate(value):
                    if isinstance(one, ast.AST):
                        self.child(one, node, (name, place))

    def child(self, node: ast.AST, parent: ast.AST, step: Step) -> None:
        before = (self.path, self.scope, self.functions, self.statement, self.quiet)
        self.path = (*self.path, step)
        if isinstance(node, ast.stmt):
            self.statement = node
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.function(node)
            case ast.ClassDef():
                self.scope = (*self.scope, node.name)
                self.parts(node)
            case _ if step[0] in {"annotation", "returns"}:
                self.bounds(node)
            case _ if not self.skipped(node, parent):
                self.changes(node, parent, step)
                self.parts(node)
        self.path, self.scope, self.functions, self.statement, self.quiet = before

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope = (*self.scope, node.name)
        for name in ("decorator_list", "args", "returns"):
            value = getattr(node, name)
            if isinstance(value, ast.AST):
                self.child(value, node, (name, None))
            for place, one in enumerate(value if isinstance(value, list) else ()):
                self.child(one, node, (name, place))
        self.functions += 1
        for place, one in enumerate(node.body):
            self.child(one, node, ("body", place))

    def bounds(self, node: ast.AST) -> None:
        """Inside an annotation only calls count: ``msgspec.Meta`` and what it is given."""
        if isinstance(node, ast.Call):
            self.changes(node, node, ("annotation", None))
            self.parts(node)
            return
        for name, value in ast.iter_fields(node):
            for place, one in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(one, ast.AST):
                    before = self.path
                    self.path = (*self.path, (name, place))
                    self.bounds(one)
                    self.path = before

    def skipped(self, node: ast.AST, parent: ast.AST) -> bool:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.expr_context() | ast.operator() | ast.cmpop():
                return True
            case ast.Expr(value=ast.Constant(value=str())):
                return True
            case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
                return True
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return True
            case ast.Assign() if isinstance(parent, ast.ClassDef) and _is_enum(parent):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in NAMED_TYPES:
                return True
            case ast.Subscript(value=ast.Name(id="Literal")):
                return True
            case ast.Subscript(value=ast.Name(id="Annotated" | "dict" | "list" | "tuple")):
                self.bounds(node)
                return True
            case ast.keyword(arg=name) if name in SILENT_KEYWORDS:
                return True
            case ast.Constant(value=str()) | ast.JoinedStr() if self.quiet:
                return True
            case ast.Raise():
                self.quiet = True
            case ast.Call(func=ast.Name(id=name)) if name.endswith("Error"):
                self.quiet = True
        return False

    # --- the changes ---------------------------------------------------------------------------------

    def changes(self, node: ast.AST, parent: ast.AST, step: Step) -> None:  # noqa: PLR0912 - one line each
        match node:
            case ast.Compare():
                self.comparison(node)
            case ast.BinOp():
                self.arithmetic(node)
            case ast.BoolOp():
                self.boolean(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.note("condition", node, operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self.note("arithmetic", node, operand)
            case ast.Constant():
                self.constant(node)
            case ast.If() | ast.While() | ast.IfExp():
                self.negate(node.test, (("test", None),))
            case ast.comprehension():
                for place, test in enumerate(node.ifs):
                    self.negate(test, (("ifs", place),))
            case ast.match_case():
                self.case(node, parent, step)
            case ast.Slice():
                for name in ("lower", "upper"):
                    if getattr(node, name) is not None:
                        self.note(f"slice without {name}", node, _without(node, name))
            case ast.Call():
                self.call(node)
            case ast.stmt():
                self.deletion(node)

    def comparison(self, node: ast.Compare) -> None:
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                changed = ast.Compare(node.left, list(node.ops), node.comparators)
                changed.ops[place] = other()
                self.note("comparison", node, changed)

    def arithmetic(self, node: ast.BinOp) -> None:
        if not self.functions and isinstance(node.op, ast.BitOr):
            return  # a union of types
        other = ARITHMETIC[type(node.op)]
        self.note("arithmetic", node, ast.BinOp(node.left, other(), node.right))
        if isinstance(node.op, ast.Add):
            self.note("operand", node, node.left)
            self.note("operand", node, node.right)

    def boolean(self, node: ast.BoolOp) -> None:
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.note("boolean", node, ast.BoolOp(other, node.values))
        for place in range(len(node.values)):
            left = [value for at, value in enumerate(node.values) if at != place]
            self.note("operand", node, left[0] if len(left) == 1 else ast.BoolOp(node.op, left))

    def constant(self, node: ast.Constant) -> None:
        match node.value:
            case bool():
                self.note("constant", node, ast.Constant(not node.value))
            case int() | float():
                for other in (node.value + 1, node.value - 1):
                    self.note("constant", node, ast.Constant(other))
            case bytes():
                self.note("constant", node, ast.Constant(node.value[:-1] + b"~" if node.value else b"~"))
            case str() if " " not in node.value:
                self.note("constant", node, ast.Constant(node.value[:-1] + "~" if node.value else "~"))

    def negate(self, test: ast.expr, steps: tuple[Step, ...]) -> None:
        plain = isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _NEGATED_ANYWAY
        if not plain and not isinstance(test, ast.UnaryOp):
            self.note("condition", test, ast.UnaryOp(ast.Not(), test), steps)

    def case(self, node: ast.match_case, parent: ast.AST, step: Step) -> None:
        if node.guard is not None:
            self.negate(node.guard, (("guard", None),))
            self.note("guard", node.guard, None, (("guard", None),))
        if isinstance(parent, ast.Match) and len(parent.cases) > 1:
            self.note("case", node.pattern, None)

    def call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in SIBLINGS:
            other = ast.Name(SIBLINGS[node.func.id], ast.Load())
            self.note("sibling", node.func, other, (("func", None),))
        for place, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in SILENT_KEYWORDS:
                self.note("keyword", keyword, None, (("keywords", place),))

    def deletion(self, node: ast.stmt) -> None:
        match node:
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                self.note("return", value, ast.Constant(None), (("value", None),))
            case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Return() | ast.Delete():
                self.note("deletion", node, ast.Pass())
            case ast.Assign(targets=targets) if not all(isinstance(one, ast.Name) for one in targets):
                self.note("deletion", node, ast.Pass())
            case ast.AnnAssign(target=ast.Attribute(), value=ast.expr()):
                self.note("deletion", node, ast.Pass())
            case ast.Break():
                self.note("loop", node, ast.Continue())
            case ast.Continue():
                self.note("loop", node, ast.Break())


_NEGATED_ANYWAY: Final = {
    ast.Eq,
    ast.NotEq,
    ast.Is,
    ast.IsNot,
    ast.In,
    ast.NotIn,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
}
"""The comparison operator gives the negation of these already."""


def _is_enum(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Enum" for base in node.bases)


def _lines(node: ast.AST) -> tuple[int, int]:
    """Where a node stands; a pattern, a keyword or a slice has lines as expressions do."""
    first = getattr(node, "lineno", None)
    if first is None:
        inner = [one.lineno for one in ast.walk(node) if hasattr(one, "lineno")]
        return min(inner), max(inner)
    return first, getattr(node, "end_lineno", None) or first


def _without(node: ast.Slice, name: str) -> ast.Slice:
    parts = {"lower": node.lower, "upper": node.upper, "step": node.step, name: None}
    return ast.Slice(parts["lower"], parts["upper"], parts["step"])


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _short(node: ast.AST) -> str:
    """A node as text, on one line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:60]} … {text[-38:]}"
