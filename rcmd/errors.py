"""One table: every error that reaches a user, its name on the bus and its exit status."""

from __future__ import annotations

from dataclasses import dataclass


class RcmError(Exception):
    """The base of what a caller is told; subclasses carry the bus name and the exit status."""

    bus_name = "org.rcmd1.Error.Failed"
    exit_status = 1


class InvalidArgument(RcmError):
    bus_name = "org.rcmd1.Error.InvalidArgument"
    exit_status = 2


@dataclass(frozen=True, slots=True, order=True)
class Veto:
    """A client's refusal, always with a reason."""

    resource: str
    client: str
    reason: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.client}: {self.reason}"


class Vetoed(RcmError):
    """Refused; nothing was changed.  The message is one veto a line."""

    bus_name = "org.rcmd1.Error.Vetoed"
    exit_status = 3

    def __init__(self, vetoes: tuple[Veto, ...]) -> None:
        super().__init__("\n".join(str(veto) for veto in vetoes))
        self.vetoes = vetoes


class RolledBack(RcmError):
    """A step failed and the earlier ones were undone."""

    bus_name = "org.rcmd1.Error.RolledBack"
    exit_status = 1


class NoSuchResource(RcmError):
    bus_name = "org.rcmd1.Error.NoSuchResource"
    exit_status = 4


class NotAuthorized(RcmError):
    bus_name = "org.rcmd1.Error.NotAuthorized"
    exit_status = 5


class Unreachable(RcmError):
    """The daemon does not answer; made by rcmctl, never sent over the bus."""

    bus_name = "org.rcmd1.Error.Unreachable"
    exit_status = 6


class Busy(RcmError):
    """Another operation holds the resource."""

    bus_name = "org.rcmd1.Error.Busy"
    exit_status = 7


class ConfigurationError(RcmError):
    """Files were refused; the message is one `file:line: message` a line."""

    bus_name = "org.rcmd1.Error.Configuration"
    exit_status = 1


BY_BUS_NAME: dict[str, type[RcmError]] = {
    error.bus_name: error
    for error in (
        RcmError,
        InvalidArgument,
        Vetoed,
        RolledBack,
        NoSuchResource,
        NotAuthorized,
        Busy,
        ConfigurationError,
    )
}
