"""Clients of the control socket (asyncio for the TUI, blocking for scripts), and what they unlock with."""
