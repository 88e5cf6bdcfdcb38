"""What the user writes: the schema of a scenario and its loader."""
