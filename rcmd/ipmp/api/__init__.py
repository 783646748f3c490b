"""What goes into the engine and comes out of it: events, commands, and the values in them."""
