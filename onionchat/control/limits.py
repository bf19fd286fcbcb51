"""Bounds of the control socket, each checked before anything is allocated for it."""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 64 * 1024
"""Characters of one message: one byte each makes 37 cells, 74 s at the default tick; longer is a file."""

MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes of one line. The longest is a reply with 1,000 messages; requests stay far below."""

MAX_REQUEST_LINE: Final = 512 * 1024
"""Bytes of one request line: a text of `MAX_TEXT` characters, each escaped, and room beside it."""

MAX_HANDLE: Final = 64
MAX_NAME: Final = 64
MAX_CODE: Final = 512
MAX_PASSPHRASE: Final = 1024
MAX_PATH: Final = 4096

FACTOR_SIZE: Final = 32
MAX_CREDENTIAL: Final = 512
"""Bytes of a second factor's secret, and of what a security key finds its own by."""

MIN_LIFETIME: Final = 5
"""Seconds; a shorter message would be gone before it is read."""

MAX_LIFETIME: Final = 28 * 24 * 3600
"""Seconds; below the time that skipped message keys are kept."""

MIN_IDLE: Final = 60
MAX_IDLE: Final = 7 * 24 * 3600
"""Seconds without anybody there after which a vault may lock itself."""

MIN_TICK: Final = 0.25
MAX_TICK: Final = 30.0
"""Seconds between two batches on a link."""

MIN_BUDGET: Final = 0.1
MAX_BUDGET: Final = 10_000.0
"""Thousand bytes of cells per second, for all links together."""

USUAL_MEMORY: Final = 512
"""MiB that a try of a passphrase takes where a machine has them."""
