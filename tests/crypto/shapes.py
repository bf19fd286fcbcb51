"""What every class of a package that only holds data has in common."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module

import msgspec


def data_classes(package: str) -> list[type]:
    """The dataclasses and structs that a package defines, in the order of their names."""
    module = import_module(package)
    names = [package, *(f"{package}.{one.name}" for one in pkgutil.iter_modules(module.__path__))]
    found = {
        one
        for name in names
        for one in vars(import_module(name)).values()
        if isinstance(one, type)
        and one.__module__ == name
        and (is_dataclass(one) or issubclass(one, msgspec.Struct))
    }
    return sorted(found, key=lambda one: (one.__module__, one.__qualname__))


def frozen(kind: type) -> bool:
    """Whether what was made never changes."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_config__.frozen
    return bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # every dataclass has it


def by_place(kind: type) -> Iterator[str]:
    """The fields that a caller may give without their names."""
    if is_dataclass(kind):
        return (field.name for field in fields(kind) if not field.kw_only)
    given = inspect.signature(kind).parameters.values()
    return (one.name for one in given if one.kind is not inspect.Parameter.KEYWORD_ONLY)


def strict(kind: type[msgspec.Struct]) -> bool:
    """Whether reading one back refuses what it does not know."""
    return kind.__struct_config__.forbid_unknown_fields
