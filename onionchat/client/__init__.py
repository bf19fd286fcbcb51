"""The control socket's clients: asyncio for the TUI, blocking for scripts."""
