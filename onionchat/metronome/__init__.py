"""The process that writes cells at their deadlines, and does nothing else.

Laws: this package knows no ratchet, no vault and no contact; it imports the standard library, the link
cipher, the cell's layout and the errors. What the engine needs of it are the messages of its channel.
"""

from .channel import (
    QUEUE_LIMIT,
    Begin,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    decode_to_engine,
    decode_to_metronome,
    encode,
)

__all__ = [
    "QUEUE_LIMIT",
    "Begin",
    "Drop",
    "Ended",
    "Finish",
    "Lay",
    "Left",
    "Reason",
    "ToEngine",
    "ToMetronome",
    "decode_to_engine",
    "decode_to_metronome",
    "encode",
]
