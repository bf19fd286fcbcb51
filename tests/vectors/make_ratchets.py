"""The vectors of the ratchet's single steps."""

from __future__ import annotations

from onionchat.crypto.chain import chain_step
from onionchat.crypto.epoch import Epoch, KemCiphertext
from onionchat.crypto.header import pack_header
from onionchat.crypto.kem import KemPair
from onionchat.crypto.ratchet import _seal  # type: ignore[attr-defined]  # the call that seals headers
from onionchat.crypto.root import root_step
from onionchat.crypto.session import associated_data

from .make import Folder, Head, encapsulations, flipped, value
from .replay import recorded, seed_of
from .vector import Vector


def folders() -> list[Folder]:
    return [*steps(), kems(), headers()]


def steps() -> list[Folder]:
    roots, chains, ads = Folder("root-step"), Folder("chain-step"), Folder("associated-data")
    root, shared, mixed = value("root"), value("shared"), value("kem", 64)
    head: Head = [("root", root.hex()), ("shared", shared.hex())]
    roots.add("ok", "ok", "root key, chain key, header key", head, *root_step(root, shared, None))
    roots.add(
        "ok-kem",
        "ok",
        "with a KEM secret and its binding",
        [*head, ("kem", mixed.hex())],
        *root_step(root, shared, mixed),
    )
    chain = value("chain")
    chains.add("ok", "ok", "chain key, message key", [("chain", chain.hex())], *chain_step(chain))
    names = ("session-id", "initiator-static", "responder-static")
    vector = Vector(name="", head=tuple((name, value(name).hex()) for name in names))
    ads.add("ok", "ok", "what every body is bound to", list(vector.head), associated_data(seed_of(vector)))
    return [roots, chains, ads]


def kems() -> Folder:
    folder = Folder("kem")
    for number, (seed, secret, ciphertext) in enumerate(encapsulations()):
        epoch = number + 1
        with recorded(seed=seed, secret=secret, ciphertext=ciphertext):
            offering = Epoch(number=number, proposer=True).propose()
        mixed = offering.accept(KemCiphertext(epoch=epoch, ciphertext=ciphertext)).mixed
        assert mixed is not None
        head: Head = [
            ("epoch", str(epoch)),
            ("seed", seed.hex()),
            ("secret", secret.hex()),
            ("binding", mixed[32:].hex()),
        ]
        folder.add(f"ok-{number}", "ok", "key, ciphertext", head, KemPair.from_seed(seed).public, ciphertext)
    public = KemPair.from_seed(encapsulations()[0][0]).public
    for name, about, block in (
        ("short", "a byte too few", public[:-1]),
        ("long", "a byte too many", public + b"\0"),
        ("range", "the first coefficient is the modulus itself", _first_coefficient(public, 3329)),
        ("range-last", "all that twelve bits can hold", _first_coefficient(public, 4095)),
    ):
        folder.add(f"refused-{name}", "unusable-key", about, [], block)
    return folder


def _first_coefficient(public: bytes, number: int) -> bytes:
    return bytes((number & 255, public[1] & 0xF0 | number >> 8)) + public[2:]


def headers() -> Folder:
    folder = Folder("header")
    key, nonce, dh = value("header key"), value("header nonce", 24), value("header dh")
    common: Head = [("key", key.hex()), ("nonce", nonce.hex()), ("dh", dh.hex())]
    sealed = b""
    for name, numbers in (("ok", (7, 11, 3)), ("ok-zeros", (0, 0, 0)), ("ok-greatest", (2**32 - 1,) * 3)):
        sealed = _seal(pack_header(dh, *numbers), None, nonce, key)
        fields = list(zip(("previous", "number", "epoch"), map(str, numbers), strict=True))
        folder.add(name, "ok", "a sealed header", [*common, *fields], sealed)
    folder.add("refused-flipped", "decryption", "one bit is changed", common, flipped(sealed, 20))
    wrong = [("key", dh.hex()), *common[1:]]
    folder.add("refused-key", "decryption", "under another key", wrong, sealed)
    return folder
