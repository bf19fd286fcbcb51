"""The control socket's clients (asyncio for the TUI, blocking for scripts), and what they unlock a vault with."""
