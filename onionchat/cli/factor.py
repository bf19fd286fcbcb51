"""Second factors at the command line: finding the key file, and asking for the security key.

Laws: a factor is asked for at a terminal only; the PIN goes to the security key and nowhere else.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from .secret import hidden

if TYPE_CHECKING:
    from ..control.replies import VaultWays


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What was presented; None where nothing was."""

    key_file: bytes | None = field(default=None, repr=False)
    security_key: bytes | None = field(default=None, repr=False)


class AtTerminal:
    """The person with the security key, asked at the terminal."""

    def pin(self) -> str:
        """The PIN as typed."""
        return hidden("PIN of the security key: ")

    def touch(self) -> None:
        """Say that it waits."""
        click.echo("Touch the security key.", err=True)


def present(ways: VaultWays, key_file: Path | None, *, may_ask: bool) -> Presented:
    """What the vault asks for beside the passphrase, as far as it is here.

    What is not is left out, because under duress nothing but a passphrase is needed; otherwise the engine
    says what is missing.

    Args:
        ways: what unlocks the vault.
        key_file: the one that was named, if one was.
        may_ask: whether a key file that was not named may be asked for.

    Raises:
        ConfigError: a key file that was named cannot be read, or the security key refuses.
    """
    from ..client.key_file import key_file_secret

    if key_file is None and ways.key_file and may_ask and sys.stdin.isatty():
        named = click.prompt("Key file (enter for none)", default="", show_default=False, err=True)
        key_file = Path(named) if named else None
    file_secret = None if key_file is None else key_file_secret(key_file.expanduser())
    key_secret = None
    if ways.credential:
        from ..client.security_key import find, secret_of

        try:
            device = find()
        except ConfigError as error:
            click.echo(f"{error.message}: going on without it", err=True)
            return Presented(key_file=file_secret)
        with device:
            key_secret = secret_of(device, ways.credential, AtTerminal())
    return Presented(key_file=file_secret, security_key=key_secret)
