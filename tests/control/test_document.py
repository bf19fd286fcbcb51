"""docs/control.md says what the structs say: each name, type, bound and default. It can never drift."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onionchat import errors
from onionchat.control import code_of, limits
from onionchat.control.notices import Notice
from onionchat.control.replies import Budget, Failure, Reply, Result, Schedule, TorState, Window
from onionchat.control.requests import Request

TEXT = (Path(__file__).parents[2] / "docs" / "control.md").read_text()
GROUPS: dict[str, list[type[msgspec.Struct]]] = {
    "Requests": [*Request.__subclasses__()],
    "Results": [*Result.__subclasses__()],
    "Notices": [*Notice.__subclasses__()],
    "Objects": [Reply, Failure, TorState, Schedule, Budget, Window],
}
STRUCTS = [(group, cls) for group, classes in GROUPS.items() for cls in classes]


def title(cls: type[msgspec.Struct]) -> str:
    tag = cls.__struct_config__.tag
    return str(tag) if tag is not None else cls.__name__


def bounded(noun: str, low: int | None, high: int | None) -> str:
    match low, high:
        case None, None:
            return noun
        case None, _:
            return f"{noun}, at most {high}"
        case _:
            return f"{noun}, {low} to {high}"


def words(kind: msgspec.inspect.Type) -> str:
    """A field's type as the document writes it."""
    match kind:
        case msgspec.inspect.StrType(pattern=str()):
            return "handle"
        case msgspec.inspect.StrType():
            unit = "" if kind.max_length is None else " characters"
            return bounded("string", kind.min_length, kind.max_length) + unit
        case msgspec.inspect.BytesType(min_length=low, max_length=high):
            span = f"{high} " if low == high else f"{low} to {high} "
            return f"{span if high else ''}bytes in base64"
        case msgspec.inspect.IntType():
            return bounded("whole number", kind.ge, kind.le)
        case msgspec.inspect.FloatType(ge=low, le=high):
            return "number" if low is None else f"number, {low:g} to {high:g}"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.LiteralType():
            return ", ".join(
                f"`{value}`"
                for value in sorted(kind.values, key=lambda value: (isinstance(value, str), value))
            )
        case msgspec.inspect.ListType():
            unit = "" if kind.max_length is None else f", at most {kind.max_length}"
            return f"list of {words(kind.item_type)}{unit}"
        case msgspec.inspect.StructType():
            return title(kind.cls)
        case msgspec.inspect.UnionType():
            parts = [each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)]
            told = [isinstance(each, msgspec.inspect.StructType) for each in parts]
            one = "a result" if len(parts) > 1 and all(told) else "; or ".join(words(each) for each in parts)
            return one if len(parts) == len(kind.types) else f"{one}, or null"
    raise AssertionError(f"nobody said how to write a {kind}")


def expected_rows(cls: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    """Name, type and default of each field; the ``id`` that all requests have is written of once."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    rows = []
    for field in info.fields:
        if field.name == "id" and issubclass(cls, Request):
            continue
        default = "" if field.required else f"`{msgspec.json.encode(field.default).decode()}`"
        rows.append((f"`{field.name}`", words(field.type), default))
    return rows


def sections() -> dict[tuple[str, str], str]:
    """The document's text below each pair of headings (##, ###)."""
    found = {}
    for group in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        name, _, rest = group.partition("\n")
        for part in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            heading, _, body = part.partition("\n")
            found[name, heading.strip("`")] = body
    return found


def written_rows(body: str) -> list[tuple[str, str, str]]:
    lines = [line for line in body.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == 4 and row[3] for row in cells), "each field is explained"
    return [(row[0], row[1], row[2]) for row in cells]


@pytest.mark.parametrize(("group", "cls"), STRUCTS, ids=lambda value: getattr(value, "__name__", value))
def test_each_struct_is_written_down(group: str, cls: type[msgspec.Struct]) -> None:
    assert written_rows(sections()[group, title(cls)]) == expected_rows(cls)


def test_nothing_else_is_written_down() -> None:
    known = {(group, title(cls)) for group, cls in STRUCTS}
    assert {pair for pair in sections() if pair[0] in GROUPS} == known


@pytest.mark.parametrize("cls", GROUPS["Requests"], ids=title)
def test_each_request_names_its_reply(cls: type[msgspec.Struct]) -> None:
    reply = re.search(r"Reply: `replies\.(\w+)`", cls.__doc__ or "")
    assert reply is not None
    (result,) = [each for each in GROUPS["Results"] if each.__name__ == reply[1]]
    assert f"Reply: `{title(result)}`" in sections()["Requests", title(cls)]


def every_class(base: type[errors.OnionchatError]) -> list[type[errors.OnionchatError]]:
    return [base, *(each for child in base.__subclasses__() for each in every_class(child))]


def told_codes() -> dict[str, str]:
    """Each code in the document and its exit status."""
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", sections()["Errors", "Codes"], flags=re.MULTILINE)
    return {code: status for codes, status in rows for code in re.findall("`([a-z-]+)`", codes)}


def test_each_kind_of_error_has_its_code_in_the_document() -> None:
    for cls in every_class(errors.OnionchatError):
        if cls.__module__ != errors.__name__ or cls.__subclasses__() or cls is errors.ControlError:
            continue  # bases are never raised, and a ControlError has codes of its own
        assert told_codes()[code_of(cls.__new__(cls))] == str(cls.exit_code), cls


def raised_codes() -> Iterator[tuple[str, str]]:
    """Each code that the program gives to a `ControlError`, with its status, where scripts can meet it."""
    root = Path(errors.__file__).parent
    for path in (
        path for floor in ("control", "engine", "client", "cli") for path in (root / floor).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "ControlError"
            ):
                given = [each.value for each in node.keywords if each.arg == "exit_code"]
                if isinstance(node.args[0], ast.Constant) and all(
                    isinstance(each, ast.Constant) for each in given
                ):
                    yield str(node.args[0].value), ast.unparse(given[0]) if given else "1"


def test_each_code_that_is_raised_is_in_the_document_with_its_status() -> None:
    found = set(raised_codes())
    assert len(found) > 10
    assert found <= set(told_codes().items())


@pytest.mark.parametrize("name", ["MAX_LINE", "MAX_REQUEST_LINE", "MAX_TEXT"])
def test_the_bounds_in_the_text_are_those_in_force(name: str) -> None:
    value: Any = getattr(limits, name)
    assert f"{value:,}" in TEXT


def test_the_lines_of_the_examples_are_requests() -> None:
    from onionchat.control import decode_request

    lines = re.findall(r"^(\{\"do\".*\})$", TEXT, flags=re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        assert isinstance(decode_request(line.encode()), Request)


def test_the_python_of_the_example_is_python_and_finds_what_it_imports() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    tree = ast.parse(example)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(imports) == 4
    exec(compile(ast.Module(body=list(imports), type_ignores=[]), "docs/control.md", "exec"), {})
