"""What would become of everything if something failed or went."""
