"""Those who are asked before anything goes: scripts, programs on the bus."""
