"""Every secret that one side of a session meets, written down as it is made."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from onionchat.crypto import handshake, link, noise, ratchet, symmetric, turn
from onionchat.crypto.keys import KEY_SIZE
from onionchat.crypto.root import RootStep
from onionchat.lab.memory import Sought


class Ledger:
    """What is known of a session; a secret has the last kind that it was given."""

    def __init__(self) -> None:
        self._kinds: dict[bytes, str] = {}

    def note(self, kind: str, *secrets: bytes) -> None:
        for secret in secrets:
            self._kinds[secret] = kind

    def sought(self) -> list[Sought]:
        return [Sought(kind=kind, data=secret) for secret, kind in self._kinds.items()]

    def count(self, kind: str) -> int:
        return list(self._kinds.values()).count(kind)

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """Write down what this process's own side makes, until the patch is undone."""

        def follow(module: ModuleType, name: str, noted: Callable[[Any, tuple[Any, ...]], None]) -> None:
            original = getattr(module, name)

            def followed(*args: Any, **named: Any) -> Any:
                result = original(*args, **named)
                noted(result, args)
                return result

            patch.setattr(module, name, followed)

        for module in (turn, ratchet):
            follow(module, "chain_step", self._chain)
        follow(turn, "root_step", self._root)
        follow(noise, "encapsulate", lambda result, _: self.note("shared secret", result[0]))
        follow(symmetric, "hkdf_sha512", lambda okm, _: self.note("handshake key", *_keys(okm)))
        follow(handshake, "hkdf_sha512", lambda okm, _: self._session(okm))
        advance = link._LinkCipher._next_key

        def next_key(cipher: link._LinkCipher) -> bytes:
            key = advance(cipher)
            self.note("link key", key)
            return key

        patch.setattr(link._LinkCipher, "_next_key", next_key)

    def _chain(self, step: tuple[bytes, bytes], given: tuple[Any, ...]) -> None:
        self.note("chain key", given[0], step[0])
        self.note("message key", step[1])

    def _root(self, step: RootStep, given: tuple[Any, ...]) -> None:
        root, shared, mixed = given
        self.note("root key", root, step.root)
        self.note("chain key", step.chain)
        self.note("header key", step.next_header)
        self.note("shared secret", shared)
        if mixed is not None:
            self.note("shared secret", mixed[:KEY_SIZE])

    def _session(self, okm: bytes) -> None:
        """What a handshake leaves; or, where it is one key alone, what it began with."""
        if len(okm) == KEY_SIZE:
            self.note("psk", okm)
            return
        root, initiator, responder, _, psk = _keys(okm)
        self.note("root key", root)
        self.note("header key", initiator, responder)
        self.note("psk", psk)


def _keys(okm: bytes) -> list[bytes]:
    return [okm[start : start + KEY_SIZE] for start in range(0, len(okm), KEY_SIZE)]
