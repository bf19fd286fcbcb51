"""What the requests about unlocking do: opening the vault, recovering it, and changing what opens it.

Laws: every passphrase that comes in is tried under `Patience`; a change needs the passphrase again, also
while the vault is open. Whether a second passphrase burns is told to nobody: who forces an unlocking would
learn it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..control import replies, requests
from ..crypto.factor import Factors
from ..crypto.passphrase import MIB
from ..errors import ControlError
from ..store import DiskVault, create_vault, open_vault, recover_vault, vault_exists, vault_needs
from .engine import Engine
from .opening_time import OpeningTime
from .patience import Patience
from .process import give_back_memory

Change = (
    requests.VaultPassphrase
    | requests.VaultKeyFile
    | requests.VaultSecurityKey
    | requests.VaultRecovery
    | requests.VaultDuress
)
UnlockRequest = requests.Unlock | requests.VaultShow | requests.VaultRecover | Change

_NO_DISK: Final = "an amnesic vault has no passphrase"


class Unlocker:
    """Unlocks the engine's vault, and changes how it is unlocked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._folder = Path(engine.plan.vault)
        self._patience = Patience(self._folder, engine.clock.now)

    def answer(self, request: UnlockRequest) -> replies.AnyResult:
        """Carry out one request.

        Raises:
            OnionchatError: it was not carried out.
        """
        match request:
            case requests.Unlock():
                factors = Factors(key_file=request.key_file or b"", security_key=request.security_key or b"")
                self.unlock(request.passphrase, create=request.create, factors=factors)
            case requests.VaultRecover():
                self._require_locked()
                with self._patience.one_try():
                    vault = recover_vault(self._folder, request.words, request.new, random=os.urandom)
                self._engine.open(vault)
                give_back_memory()
            case requests.VaultShow():
                return self._show()
            case _:
                self._change(request)
        return replies.Done()

    def unlock(self, passphrase: str, *, create: bool, factors: Factors) -> None:
        """Open the vault, or make it.

        Raises:
            OnionchatError: see `create_vault`, `open_vault` and `Patience.one_try`.
        """
        self._require_locked()
        if create:
            self._engine.open(create_vault(self._folder, passphrase, random=os.urandom))
            give_back_memory()
            return
        taken = OpeningTime()
        with self._patience.one_try():
            vault = open_vault(
                self._folder, passphrase, random=os.urandom, factors=factors, stretched=taken.begin
            )
        self._engine.open(vault)
        give_back_memory()
        taken.wait()

    def _change(self, request: Change) -> None:
        vault = self._engine.vault
        if vault is None:
            raise ControlError(
                "vault-locked", "the vault is locked", hint="unlock it first: onionchat unlock", exit_code=5
            )
        if not isinstance(vault, DiskVault):
            raise ControlError("amnesic", _NO_DISK, hint="it is gone when the engine ends")
        ways = vault.unlocking
        with self._patience.one_try():
            match request:
                case requests.VaultPassphrase():
                    ways.change_passphrase(request.passphrase, request.new)
                case requests.VaultKeyFile():
                    ways.set_key_file(request.passphrase, request.key_file or b"")
                case requests.VaultSecurityKey():
                    if (request.credential is None) != (request.security_key is None):
                        raise ControlError(
                            "bad-request", "a credential comes with what it gives, or not at all"
                        )
                    ways.set_security_key(
                        request.passphrase, request.credential or b"", request.security_key or b""
                    )
                case requests.VaultRecovery():
                    ways.set_recovery(request.passphrase, request.words or "")
                case requests.VaultDuress():
                    ways.set_duress(request.passphrase, request.duress or "")
        give_back_memory()

    def _show(self) -> replies.VaultWays:
        vault = self._engine.vault
        recovery: bool | None = None
        if isinstance(vault, DiskVault):
            ways = vault.unlocking
            needs, cost, recovery = ways.needs, ways.cost, ways.has_recovery
        elif vault is None and vault_exists(self._folder):
            needs, cost = vault_needs(self._folder)
        elif vault is None:
            raise ControlError(
                "no-vault", "there is no vault yet", hint="make it: onionchat unlock --create", exit_code=4
            )
        else:
            raise ControlError("amnesic", _NO_DISK, hint="it is gone when the engine ends")
        return replies.VaultWays(
            key_file=needs.key_file,
            credential=needs.credential,
            memory=cost.memory // MIB,
            passes=cost.passes,
            wait=self._patience.wait(),
            recovery=recovery,
        )

    def _require_locked(self) -> None:
        if self._engine.vault is not None:
            raise ControlError("vault-open", "the vault is open already")
