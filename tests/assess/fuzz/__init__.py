"""Fuzzing: every decoder of what comes from outside, under inputs that coverage guides.

`target` says what a target is, `targets` lists all of them, `routine` runs them and counts, `child` is the
process that fuzzes one, `corpus` keeps what was learnt. Only `child` needs atheris.
"""
