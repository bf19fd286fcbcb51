"""The process that holds the vault and the links."""
