"""The vault: sealed, erasable records."""
