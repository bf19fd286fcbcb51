"""Every error that onionchat raises on purpose.

Laws: no other module defines an error class that crosses a package border. A message is one plain line that
says what happened; ``hint`` is one line that says what the user can do. Neither ever holds a secret.
"""

from __future__ import annotations


class OnionchatError(Exception):
    """Base of all: a line for people, a hint, an exit status, and whether trying again can help."""

    retryable = False
    exit_code = 1
    default_hint = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class ProtocolError(OnionchatError):
    """The rules of the wire were broken."""


class LocalProtocolError(ProtocolError):
    """Our own bug: a machine was called in an order that its state table does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer's doing: the link ends."""


class CryptoError(OnionchatError):
    """A key or a value is unusable (an all-zero exchange, an exhausted counter)."""


class DecryptionError(CryptoError):
    """Something did not open. It never says why."""

    def __init__(self) -> None:
        super().__init__("could not be decrypted")


class IdentityMismatch(CryptoError):
    """The peer proved another key than the one we know."""

    default_hint = "do not write to this contact before you have checked with them on another channel"


class TransportError(OnionchatError):
    """Tor, or the way to a peer."""

    retryable = True


class TorUnavailable(TransportError):
    """No tor program, no control port, or no answer from it."""

    exit_code = 3
    default_hint = "install tor (Debian: apt install tor) or point onionchat to a running one with --control"


class TorTooOld(TransportError):
    """A tor whose onion services lack protections that we rely on."""

    retryable = False
    exit_code = 3
    default_hint = "update tor to 0.4.8 or newer"


class PeerUnreachable(TransportError):
    """Nobody answered at an onion address."""


class ConnectionLost(TransportError):
    """A connection ended before it was meant to."""


class StoreError(OnionchatError):
    """The vault."""

    exit_code = 4


class WrongPassphrase(StoreError):
    """The passphrase does not open this vault."""

    exit_code = 5
    default_hint = "try again; there is no way to reset a passphrase"

    def __init__(self, message: str = "this passphrase does not open the vault", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)


class VaultInUse(StoreError):
    """Another engine holds the vault's lock."""

    default_hint = "use the engine that is running, or stop it with: onionchat stop"


class VaultCorrupt(StoreError):
    """The vault's files are truncated or damaged."""

    default_hint = "nothing was changed; check the disk, then start a new vault elsewhere"


class VaultTooNew(StoreError):
    """The vault was written by a newer onionchat."""

    default_hint = "update onionchat; this version will not touch the vault"


class DiskFull(StoreError):
    """No room for what must be kept; nothing was half-written."""

    retryable = True
    default_hint = "free some disk space and try again; your text was kept"


class ControlError(OnionchatError):
    """The only kind that crosses the control socket: a code for programs, a line and a hint for people."""

    def __init__(self, code: str, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.exit_code = exit_code


class ConfigError(OnionchatError):
    """What the user asked for on the command line or in the environment cannot be done."""

    exit_code = 2
