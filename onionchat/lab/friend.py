"""``python -m onionchat.lab.friend SOCKET``: a friendly peer who answers what you write in the demo.

Laws: a client of its engine like any other, in a process of its own; it ends when its engine does. What it
says about the program is true.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..client.blocking import Client
from ..control import notices, replies, requests
from ..errors import ControlError

GREETING: Final = (
    "Hello! I am Robin, a small program with an engine and a vault of its own. "
    "What you write reaches me through a private Tor network on this machine."
)
TOPICS: Final = "Ask me about: timers, delete, keys, cover, invites."
SHORT_LIFE: Final = 15
REGRET_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to say, and how long it shall live (seconds; None: as the conversation has it)."""

    text: str
    lifetime: int | None = None
    regretted: bool = False
    """Delete it for both after a moment."""


_TOPICS: Final[tuple[tuple[tuple[str, ...], tuple[Answer, ...]], ...]] = (
    (
        ("timer", "expire", "vanish", "lifetime", "disappear"),
        (
            Answer(
                text="Every message has a lifetime. Its clock starts when it was shown, for your own when it "
                "was delivered; then it is erased on both sides. Ctrl+t sets it for this conversation."
            ),
            Answer(text=f"This one lives {SHORT_LIFE} seconds. Watch it go.", lifetime=SHORT_LIFE),
        ),
    ),
    (
        ("delete", "erase", "burn", "remove"),
        (
            Answer(
                text="Go to a message of yours and press d: you can delete it here, or for both of us. My "
                "program obeys; but whoever has read something has read it."
            ),
            Answer(text="I regret having said this, and delete it for both of us.", regretted=True),
        ),
    ),
    (
        ("key", "keys", "crypt", "secure", "quantum", "ratchet"),
        (
            Answer(
                text="Each message has a key of its own, made by a double ratchet with X25519 and ML-KEM-768 "
                "and thrown away after use. All this is inside of Tor's own encryption."
            ),
        ),
    ),
    (
        ("cover", "wire", "traffic", "observer", "see"),
        (
            Answer(
                text="Our engines send one cell of 1952 bytes at every tick, whether we talk or not. Who "
                "watches the wire sees that, and not when you write. Here the tick is a quarter second; "
                "normally it is two."
            ),
        ),
    ),
    (
        ("invite", "contact", "meet", "address"),
        (
            Answer(
                text="I made an invite and your engine accepted it. Then both of us made an onion address "
                "that nobody but the other knows. Ctrl+n makes an invite for somebody else."
            ),
        ),
    ),
    (
        ("hello", "hi", "hey", "good morning", "good evening"),
        (Answer(text="Hello! It is good to hear from you."),),
    ),
    (
        ("thank", "bye", "goodbye"),
        (Answer(text="With pleasure. Ctrl+q ends the demo and erases all of it."),),
    ),
    (("help", "?"), (Answer(text=TOPICS),)),
)
_OTHERWISE: Final = (
    f"I got that, whole and only once. {TOPICS}",
    "I am a simple program, but a good listener. Try: timers.",
    "Noted, until it expires. Try: delete.",
    "Yes? Try: cover.",
)


def answers(text: str, turn: int) -> tuple[Answer, ...]:
    """What the friend says to ``text``, the ``turn``-th message from you (from 0)."""
    lower = text.lower()
    words = {word.strip(".,;:!?«»\"'()") for word in lower.split()} | ({"?"} if "?" in lower else set())
    for topics, said in _TOPICS:
        if any(_names(word, topic) for topic in topics for word in words):
            return said
    return (Answer(text=_OTHERWISE[turn % len(_OTHERWISE)]),)


def _names(word: str, topic: str) -> bool:
    """Whether ``word`` speaks of ``topic``: «deleted» of «delete», but «his» not of «hi»."""
    return word.startswith(topic) if len(topic) > 3 else word == topic


def greet(client: Client) -> None:
    """Say hello to every contact."""
    found = client.ask(requests.ContactList())
    if isinstance(found, replies.Contacts):
        for contact in found.contacts:
            for text in (GREETING, TOPICS):
                client.ask(requests.Send(contact=contact.contact, text=text))


def converse(client: Client) -> None:
    """Answer until the engine ends."""
    turn = 0
    for notice in client.watch():
        if isinstance(notice, notices.MessageArrived) and not (notice.message.mine or notice.message.system):
            said = notice.message
            client.ask(requests.Shown(contact=said.contact, messages=[said.message]))
            for answer in answers(said.text, turn):
                _say(client, said.contact, answer)
            turn += 1


def _say(client: Client, contact: str, answer: Answer) -> None:
    sent = client.ask(requests.Send(contact=contact, text=answer.text, lifetime=answer.lifetime))
    if answer.regretted and isinstance(sent, replies.Message):
        time.sleep(REGRET_SECONDS)
        client.ask(requests.Delete(contact=contact, message=sent.message, both=True))


def main(argv: list[str]) -> int:
    """Greet, then answer."""
    try:
        with Client.connect(Path(argv[0])) as client:
            greet(client)
            converse(client)
    except ControlError as error:
        if error.code != "engine-gone":
            sys.stderr.write(f"error: {error.message}\n")
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
