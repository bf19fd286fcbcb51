"""A process that ends between any two commands: what was stored is enough, and nothing happens twice."""

from __future__ import annotations

import pytest

from .world import Person, World, introduced, meeting

SHARDS = 8
LONG = "from Ben " * 500


class Scene:
    """A first contact; both write, Ben more than fits one cell, and Ada takes something back."""

    def __init__(self, seed: int) -> None:
        self.world, self.ada, self.ben = meeting(seed)
        self.written: list[bytes] = []

    def play(self) -> None:
        ada, ben, world = self.ada, self.ben, self.world
        self.write(ben, LONG)
        world.until(lambda: ada.contact is not None)
        regretted = ada.write("regretted")
        self.write(ada, "from Ada")
        world.run(20)
        ada.burn(regretted)
        if ada.stored(regretted):  # the process ended at that very moment: the user asks again
            ada.burn(regretted)
        world.until(lambda: introduced(ada, ben))
        world.run(20)

    def write(self, person: Person, text: str) -> None:
        message = person.write(text)
        if not person.stored(message):
            message = person.write(text)
        self.written.append(message)


def uneventful() -> World:
    scene = Scene(0)
    scene.play()
    return scene.world


COMMANDS = max(2 * len(person.log) for person in uneventful().people)


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", ["Ada", "Ben"])
def test_a_process_may_end_between_any_two_commands(name: str, shard: int) -> None:
    crashes = 0
    for fuse in range(shard, COMMANDS, SHARDS):
        scene = Scene(fuse)
        ada, ben = scene.ada, scene.ben
        person = ada if name == "Ada" else ben
        person.fuse = fuse
        scene.play()
        crashes += person.crashes
        assert ada.texts() == [LONG]
        assert ben.texts() == ["from Ada"]
        assert len(ben.shown()) == len(set(ben.shown()))
        assert len(ada.shown()) == len(set(ada.shown()))
        assert ada.lines() == ben.lines() == []
        assert ada.kinds() == ben.kinds() == {"contact", "session", "seen", "message"}
    assert crashes > COMMANDS // SHARDS // 2
