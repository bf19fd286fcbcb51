"""One value of every struct in a union, made from its types alone: seeds that keep up with the program.

Laws: the smallest value that each bound allows; optional fields are filled, too, so that none stays unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

_PLAIN: Final[dict[type, Any]] = {
    inspect.StrType: "ab",
    inspect.FloatType: 1.5,
    inspect.BoolType: True,
    inspect.NoneType: None,
    inspect.DictType: {},
}


def samples(union: object) -> Sequence[Any]:
    """A struct of each kind in ``union`` (or of the one that it is)."""
    info = inspect.type_info(union)
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [_value(kind) for kind in kinds]


def _value(kind: inspect.Type) -> Any:
    """A value of any type."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{field.name: _value(field.type) for field in fields})
        case inspect.UnionType(types=types):
            return _value(next(one for one in types if not isinstance(one, inspect.NoneType)))
        case inspect.ListType(item_type=item):
            return [_value(item)]
        case inspect.VarTupleType(item_type=item):
            return (_value(item),)
        case _:
            return _plain(kind)


def _plain(kind: inspect.Type) -> Any:
    match kind:
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.EnumType(cls=cls):
            return list(cls)[-1]
        case inspect.IntType(ge=least):
            return 1 if least is None else least
        case inspect.BytesType(min_length=size):
            return bytes(at % 256 for at in range(16 if size is None else size))
        case _:
            return _PLAIN[type(kind)]


def packed(union: object) -> Sequence[bytes]:
    """The samples as JSON."""
    return [msgspec.json.encode(one) for one in samples(union)]
