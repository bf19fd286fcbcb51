"""The terminal user interface, a client of the control socket."""
