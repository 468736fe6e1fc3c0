"""Every decision, one file each: pure functions over frozen dataclasses."""
