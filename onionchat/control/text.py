"""Text that came from somebody else, made safe to show: it can say anything and do nothing.

Laws: pure, and the same for every way in (messages, names, words of other programs). What leaves here has
no control character but the newline, no escape sequence, no bidirectional control and nothing invisible; a
second pass changes nothing. Undecodable or unknown characters become U+FFFD, so that a reader sees that
something was there.

What is kept on purpose: the joiners ZWJ and ZWNJ between two letters of a script that is spelled with them
(Arabic to Sinhala, Myanmar, Khmer, Mongolian), in messages only: a name is compared by eye, and a joiner can
be invisible. Joined emoji come apart into the emoji they are made of, and variation selectors go: terminals
disagree about the width of what they make, and a line of the wrong width moves its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from .limits import MAX_NAME

MAX_MARKS: Final = 4
"""Combining marks on one character; the most that any living orthography stacks is three or four."""

UNKNOWN: Final = "\ufffd"
TAB: Final = " " * 4

_SEQUENCE: Final = re.compile(
    # ECMA-48 section 5.4 (CSI), 5.6 (OSC, DCS, APC, PM, SOS with their terminator; xterm also takes BEL),
    # 5.2 and 5.5 (all other escapes); a string without an end loses its opening only: nothing is hidden
    # possessive: what a string without an end cost to look at is not paid again on the way back
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x18\x1a\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|\x1b[ -/]*+[0-~]"
)
_BREAK: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_PRINTABLE: Final = re.compile(r"[ -~\n]*")
_BLANKS: Final = re.compile("[\\s\u2800]+")

_INVISIBLE: Final = frozenset(
    # letters, marks and symbols that are drawn as nothing: fillers, selectors, a silent note head
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_VISIBLE_FORMAT: Final = frozenset(
    # Arabic, Syriac and Kaithi number signs: of category Cf, but drawn
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
_JOINERS: Final = frozenset("\u200c\u200d")
_JOINING: Final = ((0x0600, 0x08FF), (0x0900, 0x0DFF), (0x1000, 0x109F), (0x1780, 0x18AF))
_GROWING: Final = ((0x1F000, 0x1FAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD))
"""Emoji and ideographs gain characters every year: what this Python does not know may be in use already."""


def plain(text: str, *, multiline: bool = True) -> str:
    """``text`` without anything that could act on a terminal or deceive a reader (Unicode TR 36, TR 39).

    With ``multiline`` (messages) line breaks of every kind become newlines and a tab becomes four spaces.
    Without (names) every run of white space becomes one space, compatibility forms become ordinary letters
    (NFKC: «Ａｄａ» is «Ada»), and the result has at most `MAX_NAME` characters; it may be empty.
    """
    if not multiline:
        return _one_line(text)
    if _PRINTABLE.fullmatch(text):
        return text
    return _visible(_BREAK.sub("\n", _SEQUENCE.sub("", text)).replace("\t", TAB))


def _one_line(text: str) -> str:
    """`plain` for names."""
    text = _BLANKS.sub(" ", _BREAK.sub("\n", _SEQUENCE.sub("", text)))
    for joiner in _JOINERS:
        text = text.replace(joiner, "")
    text = unicodedata.normalize("NFKC", _visible(text))
    # what normalising made is looked at again: it can bring blanks, and marks that stand on them
    return _BLANKS.sub(" ", _visible(_BLANKS.sub(" ", text))).strip()[:MAX_NAME].strip()


def _visible(text: str) -> str:
    """What of ``text`` is drawn, character by character."""
    kept: list[str] = []
    marks = MAX_MARKS  # none without a base: it would sit on what we draw before it
    for index, character in enumerate(text):
        category = unicodedata.category(character)
        if category in {"Mn", "Me"}:
            if marks < MAX_MARKS and character not in _INVISIBLE:
                kept.append(character)
                marks += 1
            continue
        if character == "\n" or category == "Zs":
            kept.append(character)
            marks = MAX_MARKS
            continue
        if character in _JOINERS:
            if _joins(kept, text[index + 1 : index + 2]):
                kept.append(character)
            continue
        if (
            category == "Cc"
            or character in _INVISIBLE
            or (category == "Cf" and character not in _VISIBLE_FORMAT)
        ):
            continue
        unknown = category in {"Cs", "Co"} or (category == "Cn" and not _within(ord(character), _GROWING))
        kept.append(UNKNOWN if unknown else character)
        marks = 0
    return "".join(kept)


def _joins(kept: list[str], following: str) -> bool:
    """Whether a joiner may stand between what was kept so far and the character that follows."""
    return bool(
        kept
        and following
        and _within(ord(kept[-1]), _JOINING)
        and unicodedata.category(kept[-1])[0] in "LM"
        and _within(ord(following), _JOINING)
        and unicodedata.category(following)[0] == "L"
    )


def _within(code: int, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in blocks)
