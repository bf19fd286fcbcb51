"""The tor process, its controller, onion services and dialling."""
