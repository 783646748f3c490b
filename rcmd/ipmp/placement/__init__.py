"""Where everything should be."""
