"""A second implementation of the protocol, written from `docs/protocol.md` alone.

It is for reading: plain, slow, and with nothing of the program in it. Only the modules named `test_*` know
both, and let them speak with each other.
"""
