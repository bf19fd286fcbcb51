"""Published vectors through the functions that the program calls, every case, the refused ones counted.

What every checkout runs comes from packages. The newest files are run where they are; a file among them that
nothing here knows is an error.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Final

import pytest
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from onionchat.crypto import RandomSource, kdf, link, ratchet, symmetric
from onionchat.crypto.kdf import hkdf_sha512
from onionchat.crypto.kem import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, KEM_SEED_SIZE, KemPair, encapsulate
from onionchat.crypto.keys import exchange
from onionchat.crypto.onion import OnionKey, onion_address, onion_public
from onionchat.crypto.sealing import seal, unseal
from onionchat.errors import CryptoError, DecryptionError

from .published import NEWEST, Case, blocks, cases, groups, needs_folder, octets, packaged, sources

pytestmark = pytest.mark.vectors

KNOWN: Final = {
    "ed25519_test.json",
    "hkdf_sha512_test.json",
    "hmac_sha512_test.json",
    "mlkem_768_encaps_test.json",
    "mlkem_768_keygen_seed_test.json",
    "mlkem_768_semi_expanded_decaps_test.json",
    "mlkem_768_test.json",
    "x25519_test.json",
    "xchacha20_poly1305_test.json",
}


@needs_folder
def test_every_newest_file_is_known() -> None:
    assert {file.name for file in NEWEST.iterdir()} == KNOWN


@sources("Protocol")
def test_x25519(source: str) -> None:
    """What is refused are the points of small order, whose result is all zero."""
    seen: Counter[str] = Counter()
    for case in cases(source, "x25519_test.json"):
        if set(octets(case, "shared")) == {0}:
            assert "LowOrderPublic" in case["flags"]
            with pytest.raises(CryptoError, match="not usable"):
                exchange(octets(case, "private"), octets(case, "public"))
            seen["refused"] += 1
        else:
            assert exchange(octets(case, "private"), octets(case, "public")) == octets(case, "shared")
            seen[case["result"]] += 1
    assert seen == {"valid": 264, "acceptable": 223, "refused": 31}


class TestSealing:
    """XChaCha20-Poly1305 of what is kept, and of the ratchet's headers and bodies."""

    @sources("Cipher")
    def test_what_is_kept(self, source: str) -> None:
        seen: Counter[str] = Counter()
        for case in cases(source, "xchacha20_poly1305_test.json"):
            key, nonce, ad = octets(case, "key"), octets(case, "iv"), octets(case, "aad")
            sealed = nonce + octets(case, "ct") + octets(case, "tag")
            if case["result"] == "valid":
                plain = octets(case, "msg")
                assert seal(key, plain, ad=ad, random=fixed(nonce)) == sealed
                assert unseal(key, sealed, ad=ad) == plain
            else:
                with pytest.raises(DecryptionError):
                    unseal(key, sealed, ad=ad)
            seen["valid" if case["result"] == "valid" else case["flags"][0]] += 1
        assert seen == {"valid": 246, "ModifiedTag": 60, "InvalidNonceSize": 9}

    @sources("Cipher")
    def test_what_the_ratchet_calls(self, source: str) -> None:
        seen = aead(ratchet, cases(source, "xchacha20_poly1305_test.json"))
        assert seen == {"valid": 246, "ModifiedTag": 60, "InvalidNonceSize": 9}

    @pytest.mark.parametrize("module", [link, symmetric])
    def test_what_links_and_handshakes_call(self, module: ModuleType) -> None:
        """ChaCha20-Poly1305 with a nonce of 12 bytes, of which our counters fill the last eight."""
        seen = aead(module, cases("Cipher", "chacha20_poly1305_test.json"))
        assert seen == {"valid": 256, "ModifiedTag": 60, "InvalidNonceSize": 9}


def fixed(nonce: bytes) -> RandomSource:
    return lambda size: nonce[:size]


def aead(module: ModuleType, found: list[Case]) -> Counter[str]:
    """Run cases through the calls that ``module`` makes; wrong nonces are refused before anything is done."""
    seen: Counter[str] = Counter()
    for case in found:
        plain, ad, nonce, key = (octets(case, name) for name in ("msg", "aad", "iv", "key"))
        sealed = octets(case, "ct") + octets(case, "tag")
        if case["result"] == "valid":
            assert module._seal(plain, ad, nonce, key) == sealed
            assert module._open(sealed, ad, nonce, key) == plain
            seen["valid"] += 1
        elif case["flags"] == ["InvalidNonceSize"]:
            for call, data in ((module._seal, plain), (module._open, sealed)):
                with pytest.raises(TypeError, match="Nonce must be"):
                    call(data, ad, nonce, key)
            seen["InvalidNonceSize"] += 1
        else:
            assert module._seal(plain, ad, nonce, key) != sealed
            with pytest.raises(module._SodiumError):
                module._open(sealed, ad, nonce, key)
            seen["ModifiedTag"] += 1
    return seen


class TestDerivation:
    """HKDF and the HMAC in it."""

    @sources("Protocol")
    def test_hkdf_sha512(self, source: str) -> None:
        """What is refused asks for more than 255 blocks."""
        seen: Counter[str] = Counter()
        for case in cases(source, "hkdf_sha512_test.json"):
            salt, ikm, info = (octets(case, name) for name in ("salt", "ikm", "info"))
            if case["result"] == "valid":
                okm = hkdf_sha512(salt=salt, ikm=ikm, info=info, size=case["size"])
                assert okm == octets(case, "okm")
            else:
                assert case["flags"] == ["SizeTooLarge"]
                with pytest.raises(OverflowError):
                    hkdf_sha512(salt=salt, ikm=ikm, info=info, size=case["size"])
            seen[case["result"]] += 1
        assert seen == {"valid": 80, "invalid": 3}

    @pytest.mark.parametrize(
        ("path", "number"),
        [
            ("KDF/rfc-5869-HKDF-SHA256.txt", 3),
            ("KDF/rfc-5869-HKDF-SHA1.txt", 4),
            ("KDF/hkdf-generated.txt", 1),
        ],
    )
    def test_the_construction_with_other_hashes(
        self, path: str, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """RFC 5869 has no case with SHA-512: its cases run through our steps with the hash that they name."""
        found = blocks(packaged("cryptography_vectors", path))
        assert len(found) == number
        for case in found:
            name = case["Hash"].replace("-", "").lower()
            monkeypatch.setattr(kdf, "digest", with_hash(name))
            okm = hkdf_sha512(
                salt=octets(case, "salt"),
                ikm=octets(case, "IKM"),
                info=octets(case, "info"),
                size=int(case["L"]),
            )
            assert okm == octets(case, "OKM")

    def test_hmac_sha512_of_rfc_4231(self) -> None:
        found = blocks(packaged("cryptography_vectors", "HMAC/rfc-4231-sha512.txt"))
        assert len(found) == 6
        for case in found:
            assert expands_from(octets(case, "Key"), octets(case, "Msg"), octets(case, "MD"))

    @needs_folder
    def test_hmac_sha512_of_wycheproof(self) -> None:
        """The modified tags are those of no key and message: nothing expands from them."""
        seen: Counter[tuple[str, int]] = Counter()
        for group in groups("newest", "hmac_sha512_test.json"):
            for case in group["tests"]:
                tag = octets(case, "tag")
                expected = case["result"] == "valid"
                assert expands_from(octets(case, "key"), octets(case, "msg"), tag) == expected
                seen[case["result"], len(tag)] += 1
        assert seen == {("valid", 64): 33, ("valid", 32): 33, ("invalid", 64): 54, ("invalid", 32): 54}


def with_hash(name: str) -> Callable[[bytes, bytes, str], bytes]:
    return lambda key, data, _: hmac.digest(key, data, name)


def expands_from(key: bytes, message: bytes, tag: bytes) -> bool:
    """Whether the HMAC inside our HKDF, which is its extracting step, gives ``tag`` for this key and message.

    A shortened tag is compared with the beginning of what the standard library gives, which expands to ours.
    """
    prk = hmac.digest(key, message, "sha512")
    expanded = hkdf_sha512(salt=key, ikm=message, info=b"", size=64)
    assert expanded == hmac.digest(prk, b"\1", "sha512")
    return prk[: len(tag)] == tag


class TestMlKem:
    """ML-KEM-768. Encapsulation draws its own randomness: its vectors give keys to accept and to refuse."""

    def test_known_answers(self) -> None:
        found = blocks(packaged("cryptography_vectors", "asymmetric/MLKEM/kat_MLKEM_768.rsp"))
        assert len(found) == 1000
        for case in found:
            pair = KemPair.from_seed(octets(case, "d") + octets(case, "z"))
            assert pair.public == octets(case, "pk")
            assert pair.decapsulate(octets(case, "ct")) == octets(case, "ss")
            assert pair.decapsulate(octets(case, "ct_n")) == octets(case, "ss_n")

    @needs_folder
    def test_keys_from_seeds(self) -> None:
        found = cases("newest", "mlkem_768_keygen_seed_test.json")
        assert len(found) == 100
        for case in found:
            pair = KemPair.from_seed(octets(case, "seed"))
            assert pair.public == octets(case, "ek")
            assert pair.seed() == octets(case, "seed")

    @needs_folder
    def test_decapsulation(self) -> None:
        seen: Counter[str] = Counter()
        for case in cases("newest", "mlkem_768_test.json"):
            seed, ciphertext = octets(case, "seed"), octets(case, "c")
            if case["result"] == "valid":
                pair = KemPair.from_seed(seed)
                assert pair.public == octets(case, "ek")
                assert pair.decapsulate(ciphertext) == octets(case, "K")
                seen["valid"] += 1
            elif len(seed) != KEM_SEED_SIZE:
                with pytest.raises(CryptoError, match="64 bytes"):
                    KemPair.from_seed(seed)
                seen["seed of a wrong length"] += 1
            else:
                with pytest.raises(CryptoError, match="1,088"):
                    KemPair.from_seed(seed).decapsulate(ciphertext)
                seen["ciphertext of a wrong length"] += 1
        assert seen == {"valid": 153, "seed of a wrong length": 20, "ciphertext of a wrong length": 20}

    @needs_folder
    def test_encapsulation(self) -> None:
        """A key of a known seed gives its owner the same secret; of others only sizes can be checked."""
        seeds = {
            case["ek"]: octets(case, "seed")
            for name in ("mlkem_768_keygen_seed_test.json", "mlkem_768_test.json")
            for case in cases("newest", name)
            if case["result"] == "valid"
        }
        seen: Counter[str] = Counter()
        for case in cases("newest", "mlkem_768_encaps_test.json"):
            key = octets(case, "ek")
            if case["result"] == "valid":
                secret, ciphertext = encapsulate(key)
                assert (len(secret), len(ciphertext)) == (32, KEM_CIPHERTEXT_SIZE)
                if case["ek"] in seeds:
                    assert KemPair.from_seed(seeds[case["ek"]]).decapsulate(ciphertext) == secret
                seen["seed known" if case["ek"] in seeds else "seed unknown"] += 1
            else:
                why = "not usable" if len(key) == KEM_KEY_SIZE else "1,184 bytes"
                with pytest.raises(CryptoError, match=why):
                    encapsulate(key)
                seen[why] += 1
        assert seen == {"seed known": 130, "seed unknown": 3, "not usable": 112, "1,184 bytes": 20}

    @needs_folder
    def test_expanded_keys(self) -> None:
        """A private key is its seed: keys in the expanded form are refused, well-formed or not."""
        seen: Counter[str] = Counter()
        pair = KemPair.from_seed(bytes(KEM_SEED_SIZE))
        for case in cases("newest", "mlkem_768_semi_expanded_decaps_test.json"):
            with pytest.raises(CryptoError, match="64 bytes"):
                KemPair.from_seed(octets(case, "dk"))
            seen[case["result"]] += 1
            if "IncorrectCiphertextLength" in case["flags"]:
                with pytest.raises(CryptoError, match="1,088"):
                    pair.decapsulate(octets(case, "c"))
                seen["ciphertext of a wrong length"] += 1
        assert seen == {"valid": 3, "invalid": 6, "ciphertext of a wrong length": 2}


class TestEd25519:
    """Onion keys are all that Ed25519 is for: a public key from a seed. No signature is made or checked."""

    def test_public_keys_from_seeds(self) -> None:
        lines = packaged("cryptography_vectors", "asymmetric/Ed25519/sign.input").splitlines()
        assert len(lines) == 1024
        for line in lines:
            seed, public = (bytes.fromhex(field) for field in line.split(":")[:2])
            key = OnionKey.from_seed(seed[:32])
            assert key.public == public
            assert crypto_scalarmult_ed25519_base_noclamp(key.expanded()[:32]) == public

    @pytest.mark.parametrize(
        ("source", "keys", "signatures"),
        [("Signature", 111, 210), pytest.param("newest", 78, 151, marks=needs_folder)],
    )
    def test_signatures_are_not_ours(self, source: str, keys: int, signatures: int) -> None:
        """Wycheproof's cases are signatures to check: of them we can use the keys, as addresses."""
        found = groups(source, "ed25519_test.json")
        publics = [octets(group["publicKey"], "pk") for group in found]
        assert (len(publics), sum(len(group["tests"]) for group in found)) == (keys, signatures)
        for public in publics:
            assert onion_public(onion_address(public)) == public
