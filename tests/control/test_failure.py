from __future__ import annotations

import pytest

from onionchat.control import code_of, failure_of
from onionchat.control.replies import Failure
from onionchat.errors import (
    ConfigError,
    ControlError,
    DecryptionError,
    DiskFull,
    OnionchatError,
    TorTooOld,
    VaultInUse,
    WrongPassphrase,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WrongPassphrase(), "wrong-passphrase"),
        (VaultInUse("x"), "vault-in-use"),
        (TorTooOld("x"), "tor-too-old"),
        (DiskFull("x"), "disk-full"),
        (ConfigError("x"), "config-error"),
        (DecryptionError(), "decryption-error"),
        (ControlError("not-found", "x"), "not-found"),
    ],
)
def test_the_code_is_the_class_in_kebab_case_or_the_error_s_own(error: OnionchatError, code: str) -> None:
    assert code_of(error) == code


def test_line_hint_and_status_cross() -> None:
    error = WrongPassphrase()
    assert failure_of(error) == Failure(
        code="wrong-passphrase", message=error.message, hint=error.hint, exit_code=5
    )
