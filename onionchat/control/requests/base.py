"""What every request has, and the kinds of values that several have.

Laws: unknown fields are refused; a bound stands in the type, so that no longer value is ever decoded.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ..limits import MAX_HANDLE

MAX_ID: Final = 2**53
"""Whole numbers up to this one survive every JSON reader."""

Handle = Annotated[str, msgspec.Meta(max_length=MAX_HANDLE, pattern=r"^[0-9a-f]+\Z")]


class Request(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=True, forbid_unknown_fields=True
):
    """Base of all requests; ``id`` is echoed in the reply (a client numbers its requests itself)."""

    id: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] = 0
