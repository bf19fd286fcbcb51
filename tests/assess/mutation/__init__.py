"""Mutation testing of the pure packages: how many small bends of the code do their tests notice?

`operators` makes the bends, `trace` says which tests ran which line, `trial` runs tests against one bend in a
forked process, `ledger` remembers what was found, `run` puts them together.
"""
