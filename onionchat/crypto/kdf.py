"""HKDF-SHA512, from the standard library's HMAC.

Laws: every derivation goes through here with a label of ``labels.py``, except Noise's own, which has none,
and the ratchet's chain step, which is BLAKE2b for speed.
"""

from __future__ import annotations

from hmac import digest


def hkdf_sha512(*, salt: bytes, ikm: bytes, info: bytes, size: int) -> bytes:
    """Extract, then expand (RFC 5869).

    Args:
        salt: any length; empty stands for 64 zero bytes.
        ikm: the input keying material, any length.
        info: the label; empty in Noise, whose HKDF is this one with empty ``info``.
        size: bytes wanted, at most 255 * 64.

    Raises:
        OverflowError: more was asked for, which only a mistake of ours can do.
    """
    key = digest(salt, ikm, "sha512")
    block = b""
    output = b""
    counter = 0
    while len(output) < size:
        counter += 1
        block = digest(key, block + info + counter.to_bytes(1, "big"), "sha512")
        output += block
    return output[:size]
