"""The process that writes cells at their deadlines, and does nothing else.

Laws: this package knows no ratchet, no vault and no contact; it imports the standard library, the link
cipher, the cell's layout, the pace and the errors. What the engine needs of it are its channel's messages.
"""

from .channel import (
    QUEUE_LIMIT,
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    Window,
    WindowOver,
    decode_to_engine,
    decode_to_metronome,
    encode,
)

__all__ = [
    "QUEUE_LIMIT",
    "Begin",
    "Change",
    "Drop",
    "Ended",
    "Finish",
    "Lay",
    "Left",
    "Reason",
    "ToEngine",
    "ToMetronome",
    "Window",
    "WindowOver",
    "decode_to_engine",
    "decode_to_metronome",
    "encode",
]
