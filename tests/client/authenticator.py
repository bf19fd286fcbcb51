"""A security key made of software, behind the device interface of the `fido2` package.

It speaks CTAP 2.1 as far as a vault needs: a PIN under protocol 2, credentials that it can find again, and
hmac-secret with a secret for who proved the PIN.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice, CtapError
from fido2.ctap2.pin import PinProtocolV2
from fido2.hid import CAPABILITY

ERR = CtapError.ERR
USER_PRESENT, USER_VERIFIED, ATTESTED, EXTENDED = 0x01, 0x04, 0x40, 0x80


class Authenticator(CtapDevice):
    """One key. What it keeps is in memory; ``touches`` counts how often it was touched."""

    def __init__(self, pin: str | None = "1234", *, hmac_secret: bool = True) -> None:
        self.pin = pin
        self.tries = 3
        self.touches = 0
        self.untouched = False
        self._hmac_secret = hmac_secret
        self._master = os.urandom(32)
        self._agreement = ec.generate_private_key(ec.SECP256R1())
        self._token = os.urandom(32)
        self._protocol: Any = PinProtocolV2()  # it has no types

    @property
    def capabilities(self) -> int:
        return CAPABILITY.CBOR

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        yield from ()

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        command = data[0]
        asked: Any = cbor.decode(data[1:]) if data[1:] else {}
        try:
            answer = {0x01: self._make, 0x02: self._get, 0x04: self._info, 0x06: self._client_pin}[command](
                asked, on_keepalive
            )
        except CtapError as error:
            return bytes([error.code])
        return b"\0" + cbor.encode(answer)

    def _info(self, _asked: Mapping[int, Any], _waiting: object) -> dict[int, Any]:
        return {
            1: ["FIDO_2_1"],
            2: ["hmac-secret"] if self._hmac_secret else [],
            3: bytes(16),
            4: {"rk": True, "up": True, "clientPin": self.pin is not None, "pinUvAuthToken": True},
            5: 1200,
            6: [2],
        }

    def _client_pin(self, asked: Mapping[int, Any], _waiting: object) -> dict[int, Any]:
        if asked[2] == 0x02:
            return {1: self._public(self._agreement)}
        assert asked[2] == 0x09
        if not self.tries:
            raise CtapError(ERR.PIN_BLOCKED)
        shared = self._shared(asked[3])
        given = self._protocol.decrypt(shared, asked[6])
        if given != hashlib.sha256((self.pin or "").encode()).digest()[:16]:
            self.tries -= 1
            raise CtapError(ERR.PIN_INVALID)
        return {2: self._protocol.encrypt(shared, self._token)}

    def _make(self, asked: Mapping[int, Any], waiting: Callable[[STATUS], None] | None) -> dict[int, Any]:
        self._verify(asked[1], asked.get(8))
        self._touched(waiting)
        nonce = os.urandom(32)
        identifier = nonce + self._tag(asked[2]["id"], nonce)
        signer = self._signer(identifier)
        public = cbor.encode(self._cose(signer))
        flags = USER_PRESENT | USER_VERIFIED | ATTESTED | EXTENDED
        data = self._data(asked[2]["id"], flags)
        data += bytes(16) + struct.pack(">H", len(identifier)) + identifier + public
        data += cbor.encode({"hmac-secret": bool((asked.get(6) or {}).get("hmac-secret"))})
        return {1: "none", 2: data, 3: {}}

    def _get(self, asked: Mapping[int, Any], waiting: Callable[[STATUS], None] | None) -> dict[int, Any]:
        self._verify(asked[2], asked.get(6))
        ours = [each["id"] for each in asked[3] if self._is_ours(asked[1], each["id"])]
        if not ours:
            raise CtapError(ERR.NO_CREDENTIALS)
        identifier = ours[0]
        if (asked.get(5) or {}).get("up", True):
            self._touched(waiting)
        wanted = (asked.get(4) or {}).get("hmac-secret")
        flags = USER_PRESENT | USER_VERIFIED | (EXTENDED if wanted else 0)
        data = self._data(asked[1], flags)
        if wanted:
            shared = self._shared(wanted[1])
            if self._protocol.authenticate(shared, wanted[2]) != wanted[3]:
                raise CtapError(ERR.PIN_AUTH_INVALID)
            salt = self._protocol.decrypt(shared, wanted[2])
            secret = hmac.digest(self._of("verified", identifier), salt, "sha256")
            data += cbor.encode({"hmac-secret": self._protocol.encrypt(shared, secret)})
        signature = self._signer(identifier).sign(data + asked[2], ec.ECDSA(hashes.SHA256()))
        return {1: {"id": identifier, "type": "public-key"}, 2: data, 3: signature}

    def _verify(self, client_data: bytes, given: bytes | None) -> None:
        if given is None or given != self._protocol.authenticate(self._token, client_data):
            raise CtapError(ERR.PUAT_REQUIRED)

    def _touched(self, waiting: Callable[[STATUS], None] | None) -> None:
        if waiting is not None:
            waiting(STATUS.UPNEEDED)
        if self.untouched:
            raise CtapError(ERR.USER_ACTION_TIMEOUT)
        self.touches += 1

    def _data(self, party: str, flags: int) -> bytes:
        return hashlib.sha256(party.encode()).digest() + struct.pack(">BI", flags, self.touches)

    def _shared(self, theirs: Mapping[int, Any]) -> bytes:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(theirs[-2]), int.from_bytes(theirs[-3]), ec.SECP256R1()
        )
        return bytes(self._protocol.kdf(self._agreement.exchange(ec.ECDH(), numbers.public_key())))

    @staticmethod
    def _public(key: ec.EllipticCurvePrivateKey) -> dict[int, Any]:
        numbers = key.public_key().public_numbers()
        return {1: 2, 3: -25, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    @staticmethod
    def _cose(signer: ec.EllipticCurvePrivateKey) -> dict[int, Any]:
        numbers = signer.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def _of(self, what: str, identifier: bytes) -> bytes:
        return hmac.digest(self._master, what.encode() + identifier, "sha256")

    def _tag(self, party: str, nonce: bytes) -> bytes:
        return hmac.digest(self._master, party.encode() + nonce, "sha256")

    def _is_ours(self, party: str, identifier: bytes) -> bool:
        return identifier[32:] == self._tag(party, identifier[:32])

    def _signer(self, identifier: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self._of("signer", identifier)[:31]) + 1, ec.SECP256R1())
