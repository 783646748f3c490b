"""What goes wrong with a lab."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message is for the person who asked."""
