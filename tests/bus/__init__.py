"""The bus, on private message buses."""
