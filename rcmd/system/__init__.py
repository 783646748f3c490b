"""The outside: one file per thing, no decisions."""
