"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import (
    backup,
    body,
    cell,
    channels,
    control,
    greeting,
    handshake,
    invite,
    planted,
    ratchet,
    records,
    vault,
    words,
)
from .target import Target

_ALL: Final = (
    *invite.TARGETS,
    *handshake.TARGETS,
    *greeting.TARGETS,
    *cell.TARGETS,
    *ratchet.TARGETS,
    *body.TARGETS,
    *control.TARGETS,
    *vault.TARGETS,
    *backup.TARGETS,
    *records.TARGETS,
    *channels.TARGETS,
    *words.TARGETS,
)

TARGETS: Final[Mapping[str, Target]] = {target.name: target for target in _ALL}
PLANTED: Final[Mapping[str, Target]] = {target.name: target for target in planted.TARGETS}
