"""onionchat: a messenger over Tor onion services whose traffic gives nothing away."""

__version__ = "0.1.0"
