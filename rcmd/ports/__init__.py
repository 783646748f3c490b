"""What the core and the transactions need of the outside, as Protocols and values."""
