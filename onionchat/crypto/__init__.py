"""The primitives and what is built of them; the only package that touches nacl and cryptography."""
