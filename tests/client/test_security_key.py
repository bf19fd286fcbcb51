from __future__ import annotations

import pytest
from fido2.hid import CtapHidDevice

from onionchat.client.security_key import enrol, find, secret_of
from onionchat.errors import ConfigError

from .authenticator import Authenticator


class Person:
    """Knows a PIN, and touches what blinks."""

    def __init__(self, pin: str = "1234") -> None:
        self._pin = pin
        self.asked = 0
        self.touched = 0

    def pin(self) -> str:
        self.asked += 1
        return self._pin

    def touch(self) -> None:
        self.touched += 1


def test_a_key_gives_the_same_secret_each_time_and_another_for_each_credential() -> None:
    key, person = Authenticator(), Person()
    credential, secret = enrol(key, person)
    other_credential, other_secret = enrol(key, person)
    assert len(secret) == 32
    assert len({credential, other_credential, secret, other_secret}) == 4
    assert secret_of(key, credential, person) == secret_of(key, credential, Person()) == secret
    assert secret_of(key, other_credential, person) == other_secret
    assert key.touches >= 6
    assert person.touched >= 5


def test_another_key_does_not_do() -> None:
    credential, _ = enrol(Authenticator(), Person())
    with pytest.raises(ConfigError, match="another security key"):
        secret_of(Authenticator(), credential, Person())


def test_the_pin_is_the_keys_own_business() -> None:
    key = Authenticator()
    credential, _ = enrol(key, Person())
    for _ in range(3):
        with pytest.raises(ConfigError, match="not the security key's PIN") as caught:
            secret_of(key, credential, Person("4321"))
        assert "4321" not in caught.value.message + caught.value.hint
    with pytest.raises(ConfigError, match="locked"):
        secret_of(key, credential, Person())


def test_no_pin_no_secret() -> None:
    key = Authenticator()
    credential, _ = enrol(key, Person())
    with pytest.raises(ConfigError, match="was not given"):
        secret_of(key, credential, Person(""))
    with pytest.raises(ConfigError, match="neither PIN nor fingerprint"):
        enrol(Authenticator(pin=None), Person())


def test_a_key_that_is_not_touched() -> None:
    key = Authenticator()
    credential, _ = enrol(key, Person())
    key.untouched = True
    with pytest.raises(ConfigError, match="in time"):
        secret_of(key, credential, Person())


def test_a_key_that_makes_no_secrets() -> None:
    with pytest.raises(ConfigError, match="no secret"):
        enrol(Authenticator(hmac_secret=False), Person())


@pytest.mark.parametrize(("count", "said"), [(0, "no security key"), (2, "more than one")])
def test_exactly_one_key(monkeypatch: pytest.MonkeyPatch, count: int, said: str) -> None:
    keys = [Authenticator() for _ in range(count)]
    monkeypatch.setattr(CtapHidDevice, "list_devices", lambda: iter(keys))
    with pytest.raises(ConfigError, match=said):
        find()
    the_one = Authenticator()
    monkeypatch.setattr(CtapHidDevice, "list_devices", lambda: iter([the_one]))
    assert find() is the_one
