"""What the engine knows: members, addresses, the kernel as it was last seen."""
