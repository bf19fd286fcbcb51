"""The pure state machines of the wire."""
