"""Every number of the protocol, what is specified apart from what is tunable.

Laws: a number that the peer must agree with stands in the first part and in docs/protocol.md; changing it
makes another protocol version. The second part may be tuned by one side alone.
"""

from __future__ import annotations

from typing import Final

# --- specified: both sides must agree ---------------------------------------------------------

VERSION: Final = 1
SUITE: Final = 1
"""X25519 with ML-KEM-768, ChaCha20-Poly1305, SHA-512 on links; XChaCha20-Poly1305 in envelopes."""

VIRTUAL_PORT: Final = 80
"""The port of every onion service of ours: one that says nothing about the program."""

CELL_SIZE: Final = 1952
"""Bytes of everything that is ever written to a link: four relay cells in either of tor's formats."""
CELL_TAG: Final = 16
CELL_PLAIN: Final = CELL_SIZE - CELL_TAG
CELL_BODY: Final = CELL_PLAIN - 3
"""1,933 bytes beside the type (1) and the length (2)."""

ENVELOPE_SIZE: Final = CELL_BODY
ENVELOPE_BODY: Final = 1833
"""What a ratchet message carries: the envelope less its sealed header, nonce and tag."""

MESSAGE_ID: Final = 16
HAVE_LIST_MAX: Final = CELL_BODY // MESSAGE_ID
"""120 message ids fit one cell."""

MAX_TEXT_BYTES: Final = 64 * 1024
"""A text in UTF-8: about 37 envelopes. Longer ones are files."""
MIN_LIFETIME: Final = 5
MAX_LIFETIME: Final = 28 * 24 * 3600
ONCE: Final = 0
"""The lifetime of a message that is gone when it was read and closed."""
OFF: Final = 2**32 - 1
"""The lifetime of a message that stays until it is deleted, once it was read."""
UNREAD_LIFE: Final = 28 * 24 * 3600
"""Seconds beyond its lifetime, counted from writing, after which a message dies though nobody saw it."""
MAX_UNANSWERED: Final = 1000
"""Envelopes in one sending chain: what a receiver is able to skip."""

LEAST_TICK_MS: Final = 25
"""The quickest that a peer may announce: what measurements need, and a batch's delay ends within its slot."""
MIN_TICK_MS: Final = 250
"""The quickest that a user may choose."""
MAX_TICK_MS: Final = 30_000
BURST_GAP_MS: Final = 250
"""Between two batches of a link in bursts: as seldom as on the quickest steady one."""
KEEP_ALIVE_MS: Final = 30_000
"""A link in bursts sends a cover cell so long after its last one, so that a dead link is noticed."""
MAX_GAP_TICKS: Final = 8
"""Random gaps are drawn again above so many means: one in 3,000."""
WINDOW_TICK_MS: Final = 50
"""The rate of a bulk window: 20 cells a second, about 36 kB of text."""
WINDOW_SECONDS: Final = (16, 32, 64, 128, 256, 512, 1024)
"""How long a bulk window may be."""
LEAST_CELL_MS: Final = 10
"""The quickest mean time between two cells that a peer may announce: what a receiver can always take."""

MESSAGE_1_SECONDS: Final = 10.0
HANDSHAKE_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 60.0
"""Two links that were completed within this time settle by static key; otherwise the newer stays."""

# --- tunable: one side alone ------------------------------------------------------------------

DEFAULT_TICK_MS: Final = 2_000
DEFAULT_LIFETIME: Final = 24 * 3600
ONCE_OPEN: Final = 600
"""Seconds after which a message that lives once is gone though nobody has closed it."""

MAX_DELAY_MS: Final = 20
"""The upper bound of the random delay that each batch gets."""

WIRE_BYTES: Final = 2_136
"""IP bytes in which tor carries one cell away, and that come back for it: measured (docs/metadata.md)."""
WIRE_BYTES_BACK: Final = 123

HALF_OPEN_PAIR: Final = 2
"""Unauthenticated connections at a pair address; counted apart, so that a flood of requests takes none."""
HALF_OPEN_INVITE: Final = 8
DIALS_UNDER_WAY: Final = 8
"""tor allows 32 circuits under construction; a quarter leaves room for publishing."""

SILENCE_SECONDS: Final = 20.0
SILENCE_TICKS: Final = 5
"""A link on which nothing came for so long (added up) is dead, even if its circuit has not noticed.

The first of the ticks is the longest gap that the peer's own pace has: where gaps are random that is
`MAX_GAP_TICKS` means, or else a peer that was merely silent would be taken for dead once in 150 gaps.
"""

DIAL_FIRST_SECONDS: Final = 2.0
DIAL_MAX_SECONDS: Final = 300.0
"""Redials double from the first to the longest wait, each drawn from the upper half of its span."""

MAX_ACKS: Final = 4096
"""Acknowledgements of one contact that wait for an envelope: more come at once only from a flood."""

MAX_SEEN: Final = 50_000
"""Ids of one contact that are remembered: a thousand a day. What would be one more is not taken yet."""

MAX_HELD: Final = 16 * 1024 * 1024
"""Characters of one contact's texts that are alive: more wait at their sender, unacknowledged."""

RATE_MARGIN: Final = 1.5
AHEAD_SECONDS: Final = 60.0
"""A peer's cells come at its own pace, give or take clocks that differ; so much of them may come at once."""
RANDOM_AHEAD_TICKS: Final = 40
"""With random gaps chance alone runs ahead: by k means once in about e^(0.76 k) gaps, so by 40 never."""

WINDOW_ANSWER_SECONDS: Final = 600.0
"""A proposed window that nobody answered in this time is withdrawn."""
PACE_ANSWER_SECONDS: Final = 600.0
"""A link whose peer has not acknowledged another pace in this time ends; the next greeting says the pace."""

MAX_PARTIALS: Final = 4
"""Texts of one contact that are under reassembly at once; a sender finishes one before the next."""
