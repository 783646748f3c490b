"""What org.rcmd1 offers: every interface with its members and signatures, as one table.

What the signatures do not say:

Detach, QueryDetach   take the options `force` (b) and `session` (s: the remote and the local
                      address of the caller's own session, so that it can be warned); give
                      `resource` (s), `vetoes` (aa{sv}: resource, client, reason), `moves` (aa{sv}:
                      kind `address` or `route`, what, address, from, to; `to` is empty for what
                      has nowhere to go) and `warnings` (as)
QueryDetach           asks clients and scripts, changes nothing.  Open to every user, so it gives
                      way: one at a time, none during a removal (one under way is broken off, and
                      asked anew afterwards), 4 at a time for a user other than root, and no longer
                      than its caller waits for it (`rcmd.bus.dry_runs`)
Attach                takes no options; gives `resource` (s)
GetStatus             the JSON object of `rcmctl status --json`
GetHistory            a JSON array of the newest `limit` (at most 2000) events at or after the time,
                      oldest first: time_us, severity, kind, subject, message, detail
GetHistoryPage        the same without the newest `skip` of them
GetTargets            the JSON object of `rcmctl targets --json`
GetProbes             a JSON array of the newest `limit` (at most 2000) probes that were decided
                      about after the one of number `since`, oldest first: number, time_us,
                      interface, family, sequence, target, outcome, network_rtt_us, rtt_us; each
                      member keeps 52 per family.  The numbers begin anew with the daemon
ListOperations        number (u), kind, resource, caller, step (s), started_usec (t), forced (b),
                      waiting_for (as: the clients that were asked and have not answered)
Cancel                undoes a detach, ends an attach (what has appeared stays in use), and returns
                      when that is done; the one who asked for it gets the error RolledBack.
                      NoSuchResource where it is over already
GetResources          the JSON object of `rcmctl resources --json`
GetScripts            the JSON object of `rcmctl scripts --json`
Problems              rows as in the JSON object of `rcmctl status --json`: code, severity, subject,
                      text, since, advice; empty when all is well
Event                 `detail` has `message` (s) and `severity` (u, as in syslog) besides its own
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rcmd.bus.names import (
    GROUP,
    INTERFACE,
    INTROSPECTABLE,
    MANAGER,
    OBJECT_MANAGER,
    OPERATION,
    PEER,
    PROPERTIES,
)


class Action(Enum):
    """What polkit is asked about."""

    DETACH = "org.rcmd1.detach"
    ATTACH = "org.rcmd1.attach"
    OFFLINE = "org.rcmd1.offline"
    RELOAD = "org.rcmd1.reload"
    REGISTER = "org.rcmd1.register"


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    signature: str


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    takes: tuple[Argument, ...] = ()
    gives: tuple[Argument, ...] = ()
    action: Action | None = None
    """None: it changes nothing and is open to every user."""
    ends_with_caller: bool = False
    """A caller that leaves while it waits for the answer takes the call along."""
    only_reads: bool = True
    """Whoever wants no answer to it wants nothing; a mistake of ours in it costs the call alone."""

    @property
    def takes_signature(self) -> str:
        return "".join(argument.signature for argument in self.takes)

    @property
    def gives_signature(self) -> str:
        return "".join(argument.signature for argument in self.gives)


@dataclass(frozen=True, slots=True)
class Signal:
    name: str
    carries: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    signature: str
    is_constant: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    name: str
    methods: tuple[Method, ...] = ()
    signals: tuple[Signal, ...] = ()
    properties: tuple[Property, ...] = ()

    def method(self, name: str) -> Method | None:
        return next((method for method in self.methods if method.name == name), None)


def _arguments(*pairs: str) -> tuple[Argument, ...]:
    """From `name:signature` words."""
    return tuple(Argument(*pair.split(":")) for pair in pairs)


_RESOURCE = _arguments("resource:s", "options:a{sv}")
_PLAN = _arguments("plan:a{sv}")
_EVENT = _arguments("time_usec:t", "kind:s", "subject:s", "detail:a{sv}")

MANAGER_INTERFACE = Interface(
    MANAGER,
    methods=(
        Method("Detach", _RESOURCE, _PLAN, Action.DETACH, ends_with_caller=True, only_reads=False),
        Method("QueryDetach", _RESOURCE, _PLAN, ends_with_caller=True),
        Method(
            "Attach",
            _RESOURCE,
            _arguments("result:a{sv}"),
            Action.ATTACH,
            ends_with_caller=True,
            only_reads=False,
        ),
        Method(
            "Offline",
            _arguments("interface:s", "options:a{sv}"),
            action=Action.OFFLINE,
            only_reads=False,
        ),
        Method("UndoOffline", _arguments("interface:s"), action=Action.OFFLINE, only_reads=False),
        Method(
            "RegisterClient",
            _arguments("name:s", "resources:as", "path:o"),
            action=Action.REGISTER,
            only_reads=False,
        ),
        # Whoever may not register has nothing to unregister.
        Method("UnregisterClient", _arguments("path:o"), only_reads=False),
        Method("Reload", action=Action.RELOAD, only_reads=False),
        Method("GetStatus", gives=_arguments("json:s")),
        Method("GetHistory", _arguments("since_usec:t", "limit:u"), _arguments("json:s")),
        Method(
            "GetHistoryPage",
            _arguments("since_usec:t", "skip:u", "limit:u"),
            _arguments("json:s"),
        ),
        Method("GetTargets", gives=_arguments("json:s")),
        Method("GetProbes", _arguments("since:t", "limit:u"), _arguments("json:s")),
        Method("ListOperations", gives=_arguments("operations:aa{sv}")),
        Method("Cancel", _arguments("number:u"), action=Action.DETACH, only_reads=False),
        Method("GetResources", gives=_arguments("json:s")),
        Method("GetScripts", gives=_arguments("json:s")),
    ),
    signals=(Signal("Event", _EVENT),),
    properties=(
        Property("Version", "s", is_constant=True),
        Property("State", "s"),
        Property("Problems", "aa{sv}"),
    ),
)

GROUP_INTERFACE = Interface(
    GROUP,
    properties=(
        Property("Name", "s", is_constant=True),
        Property("State", "s"),
        Property("Interfaces", "as"),
        Property("FailureDetectionTime", "u"),
        Property("Spares", "u"),
    ),
)

INTERFACE_INTERFACE = Interface(
    INTERFACE,
    properties=(
        Property("Name", "s", is_constant=True),
        Property("Index", "u"),
        Property("Group", "s"),
        Property("State", "s"),
        Property("Flags", "as"),
        Property("LinkUp", "b"),
        Property("Standby", "b"),
        Property("Probe", "s"),
        Property("HardwareAddress", "s"),
        Property("BusPath", "s"),
        Property("Driver", "s"),
        Property("DataAddresses", "as"),
        Property("TestAddresses", "as"),
    ),
)

OPERATION_INTERFACE = Interface(
    OPERATION,
    methods=(Method("Cancel", action=Action.DETACH, only_reads=False),),
    properties=(
        Property("Number", "u", is_constant=True),
        Property("Kind", "s", is_constant=True),
        Property("Resource", "s", is_constant=True),
        Property("Caller", "s", is_constant=True),
        Property("Step", "s"),
        Property("WaitingFor", "as"),
        Property("StartedAt", "t", is_constant=True),
        Property("Forced", "b", is_constant=True),
    ),
)

STANDARD_INTERFACES = (
    Interface(INTROSPECTABLE, (Method("Introspect", gives=_arguments("xml:s")),)),
    Interface(PEER, (Method("Ping"), Method("GetMachineId", gives=_arguments("machine_uuid:s")))),
    Interface(
        PROPERTIES,
        methods=(
            Method("Get", _arguments("interface:s", "property:s"), _arguments("value:v")),
            Method("GetAll", _arguments("interface:s"), _arguments("properties:a{sv}")),
            Method("Set", _arguments("interface:s", "property:s", "value:v")),
        ),
        signals=(
            Signal(
                "PropertiesChanged",
                _arguments("interface:s", "changed:a{sv}", "invalidated:as"),
            ),
        ),
    ),
)

OBJECT_MANAGER_INTERFACE = Interface(
    OBJECT_MANAGER,
    methods=(Method("GetManagedObjects", gives=_arguments("objects:a{oa{sa{sv}}}")),),
    signals=(
        Signal("InterfacesAdded", _arguments("object:o", "interfaces:a{sa{sv}}")),
        Signal("InterfacesRemoved", _arguments("object:o", "interfaces:as")),
    ),
)

OWN_INTERFACES = {
    interface.name: interface
    for interface in (
        MANAGER_INTERFACE,
        GROUP_INTERFACE,
        INTERFACE_INTERFACE,
        OPERATION_INTERFACE,
    )
}

CHANGING = frozenset(
    method.name
    for interface in (*OWN_INTERFACES.values(), *STANDARD_INTERFACES, OBJECT_MANAGER_INTERFACE)
    for method in interface.methods
    if not method.only_reads
)
"""The methods that do something even for somebody who wants no answer."""
