"""What can go wrong on a bus."""

from __future__ import annotations


class Disconnected(Exception):
    """The connection to the bus ended, or never came to be."""


class Malformed(Exception):
    """Bytes that are no D-Bus message; a bus that sends such is not to be talked to."""


class ErrorReply(Exception):
    """The peer answered a call with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class CallRefused(Exception):
    """A call to us is answered with a standard error, as every D-Bus object would."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.name = f"org.freedesktop.DBus.Error.{kind}"
