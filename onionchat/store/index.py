"""Which slot holds which name: in memory only, rebuilt from the key tree at each opening.

Laws: it knows tags and slot numbers, never keys or values, and changes only after a commit held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, repeat

from .page import NO_TAG, SLOTS_PER_PAGE, Entry
from .record import Tags


class Index:
    """Taken slots by name and by scope, and the free ones in the order in which they became free."""

    def __init__(self) -> None:
        self._by_name: dict[bytes, int] = {}
        self._by_scope: dict[bytes, set[int]] = {}
        self._free: dict[int, None] = {}
        self._pages = 0

    def add_page(self, places: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in the next page of the tree: the tags at each place, `NO_TAG` where it is free.

        A vault that is opened goes through here with every value that it holds, so no call is made for one.
        """
        first = self._pages * SLOTS_PER_PAGE
        self._pages += 1
        free = []
        by_name, by_scope = self._by_name, self._by_scope
        for slot, (name, scope) in enumerate(places, first):
            if name == NO_TAG:
                free.append(slot)
                continue
            by_name[name] = slot
            if scope in by_scope:
                by_scope[scope].add(slot)
            else:
                by_scope[scope] = {slot}
        self._free.update(dict.fromkeys(reversed(free)))

    def slot_of(self, tags: Tags) -> int | None:
        """The slot of a name."""
        return self._by_name.get(tags.name)

    def slots_in(self, scope_tag: bytes) -> list[int]:
        """The slots of a scope, in the order in which they lie on the disk."""
        return sorted(self._by_scope.get(scope_tag, ()))

    def taken(self) -> set[int]:
        """All slots that hold something."""
        return set(self._by_name.values())

    def vacant(self, count: int) -> list[int]:
        """Slots to put that many new values into: the last freed first, past those such as need a new page.

        What is freed and taken often thus stays on few pages.
        """
        slots = list(islice(reversed(self._free), count))
        first_new = self._pages * SLOTS_PER_PAGE
        return slots + list(range(first_new, first_new + count - len(slots)))

    def apply(self, entries: Mapping[int, Entry], freed: Mapping[int, Tags], pages: int) -> None:
        """Take over a commit that held and left the tree with that many pages."""
        while self._pages < pages:
            self.add_page(repeat((NO_TAG, NO_TAG), SLOTS_PER_PAGE))
        for slot, tags in freed.items():
            self._release(slot, tags)
        for slot, entry in entries.items():
            del self._free[slot]
            self._take(slot, entry.tags)

    def _take(self, slot: int, tags: Tags) -> None:
        self._by_name[tags.name] = slot
        self._by_scope.setdefault(tags.scope, set()).add(slot)

    def _release(self, slot: int, tags: Tags) -> None:
        del self._by_name[tags.name]
        slots = self._by_scope[tags.scope]
        slots.remove(slot)
        if not slots:
            del self._by_scope[tags.scope]
        self._free[slot] = None
