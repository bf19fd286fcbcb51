"""All commands put together."""

from __future__ import annotations

from . import (
    backup,
    burn,
    chat,
    contact,
    doctor,
    engine,
    evidence,
    identity,
    invite,
    lock,
    message,
    panic,
    policy,
    serve,
    vault,
)

COMMANDS = (
    serve.serve,
    engine.unlock,
    engine.status,
    doctor.doctor,
    engine.stop,
    vault.vault,
    backup.backup,
    identity.identity,
    invite.invite,
    contact.contact,
    message.send,
    message.messages,
    message.delete,
    message.lifetime,
    message.keep,
    message.watch,
    lock.lock,
    burn.burn,
    panic.panic,
    policy.policy,
    policy.presence,
    policy.window,
    evidence.demo,
    evidence.bench,
    evidence.lab,
)

for command in COMMANDS:
    chat.onionchat.add_command(command)


def main() -> None:
    """Run the command line; ends the process.

    Passphrases and messages pass through it: it leaves no core dump, its memory is closed to other programs,
    and its files are for the user alone.
    """
    from ..engine.process import harden

    harden()
    chat.onionchat()
