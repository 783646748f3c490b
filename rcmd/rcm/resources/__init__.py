"""Resources: what they are called, what hangs on them, what goes with them."""
