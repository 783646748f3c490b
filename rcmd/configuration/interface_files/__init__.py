"""The files that configure interfaces: their grammar, and what they come to."""
