"""Whether it is cheap to refuse: the costliest input that is refused, beside the costliest that is taken.

At every place where something comes from outside, each kind of bad input must be refused at no more than
what it costs to take the largest good one: else sending rubbish would be the better attack. Each door's
figure is the time of its costliest refusal over that of its costliest acceptance; ``reject_over_accept`` is
the largest. A tenth is allowed: an input that is found bad at its very end costs what a good one does, and
raising an exception on top.

The doors: an invite's text; a line on the control socket; each message of a handshake, at a responder with
the six psks that it may hold, with what follows at once where the message is taken; and a cell to its end:
its seal, its layout, the envelope in it and the parts in that. The costliest cell that is taken makes the
receiver skip 1,000 envelopes in each of two chains. Then the vault's rows, likewise to their end: a session
and a message. Not here is what our own processes say to each other through channels that nobody else can
reach: what is refused there is a mistake of ours, and ends the process.

The control is a responder with twice as many psks: refusing must be seen to cost twice as much.

Laws: an input that is expected to be refused and is taken, or the other way round, ends the measurement.
"""

from __future__ import annotations

from typing import Final

from .cell_door import cell_door
from .door import Door
from .evidence import Control, Figure, at_most, between, fact
from .handshake_doors import message_1_door, message_2_door, message_3_door
from .stopwatch import fastest
from .text_doors import control_door, invite_door
from .vault_doors import message_door, session_door

ALLOWED: Final = 1.1

DOORS: Final = (
    invite_door,
    control_door,
    message_1_door,
    message_2_door,
    message_3_door,
    cell_door,
    session_door,
    message_door,
)


def measure_rejections(turns: int) -> tuple[list[Figure], list[Control]]:
    """The figures of every door, and the control."""
    doors = [make() for make in DOORS]
    ratios = {door.name: _ratio(door, turns) for door in doors}
    figures = [at_most("reject_over_accept", max(ratios.values()), "", ALLOWED)]
    figures += [fact(f"reject_{name}", ratio, "") for name, ratio in ratios.items()]
    twice = _ratio(message_1_door(2), turns) / ratios["message_1"]
    return figures, [between("refusing_with_twice_the_psks", twice, 1.5, 2.5)]


def _ratio(door: Door, turns: int) -> float:
    seconds = fastest(
        {f"taken {name}": one for name, one in door.taken.items()}
        | {f"refused {name}": one for name, one in door.refused.items()},
        turns,
    )
    taken = max(seconds[f"taken {name}"] for name in door.taken)
    return max(seconds[f"refused {name}"] for name in door.refused) / taken
