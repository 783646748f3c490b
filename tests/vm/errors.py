"""What can go wrong with a guest."""


class GuestError(Exception):
    """The guest, or QEMU, did not do what was asked of it; the message says what it said."""
