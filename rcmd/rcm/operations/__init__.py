"""What changes something, or says what would: detach, attach, power-off, and their undoing."""
