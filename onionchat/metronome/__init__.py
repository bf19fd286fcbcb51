"""The sending process: one cell per link and deadline, nothing else."""
