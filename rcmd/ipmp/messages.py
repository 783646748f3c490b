"""The wording of what happens; the texts of the overview chapter and of solaris.md 1.15.

The severity is that of what happened, not of what it ends: a repair is a notice, though in.mpathd
logs each of these lines as an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import assert_never

from rcmd.ipmp.api.commands import Cause, Move, Report, Severity
from rcmd.ipmp.api.events import Moved
from rcmd.ipmp.api.probes import (
    ClockAnomaly,
    DetectionTimeLowered,
    DetectionTimeRaised,
    HostFound,
    HostsSilent,
    ProbeFact,
    ProbesMissed,
    ProbesNotSent,
    ProbesSentAgain,
    TargetDead,
    TargetSlow,
    TargetUnreachable,
)
from rcmd.ipmp.api.source_news import SourceNews
from rcmd.ipmp.rules.health import LINK_UP_PER_MINUTE
from rcmd.ipmp.state.losses import Fate, Tale, Thing, Topic
from rcmd.ipmp.state.memberships import is_autojoin
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress, IPInterface, KernelAddress, Route


def link_changed(name: str, *, is_up: bool) -> Report:
    way = "come up" if is_up else "gone down"
    kind = "link-up" if is_up else "link-down"
    severity = Severity.NOTICE if is_up else Severity.ERROR
    return Report(severity, kind, name, f"The link has {way} on {name}")


def flapping(name: str) -> Report:
    return Report(
        Severity.ERROR,
        "flapping",
        name,
        f"The link has come up on {name} more than {LINK_UP_PER_MINUTE} times in the last minute; "
        "disabling failback until it stabilizes",
    )


def failure(name: str, group: str, cause: str, silent: Sequence[IPAddress] = ()) -> Report:
    """`silent`: the targets that did not answer, where it was probes that found the failure."""
    return Report(
        Severity.ERROR,
        "failure",
        name,
        f"NIC failure detected on {name}{_of(group)}",
        {
            "cause": cause,
            "group": group,
            "found_by": "probes" if silent else "link",
            "targets": listed(silent),
        },
    )


def repair(name: str, group: str) -> Report:
    text = f"NIC repair detected on {name}{_of(group)}"
    return Report(Severity.NOTICE, "repair", name, text, {"group": group})


def group_failed(group: str, causes: Mapping[str, str]) -> Report:
    """`causes`: what is wrong with each member."""
    text = f"All Interfaces in group {group} have failed"
    cause = "; ".join(f"{name}: {cause}" for name, cause in causes.items() if cause)
    return Report(Severity.ERROR, "group-failed", group, text, {"group": group, "cause": cause})


def group_repaired(group: str, name: str) -> Report:
    text = f"At least 1 interface ({name}) of group {group} has repaired"
    return Report(Severity.NOTICE, "group-repaired", group, text, {"interface": name})


def moved(
    answer: Moved, *, left: Sequence[IPInterface] = (), is_of_use: bool = True
) -> Report | None:
    """What a completed move is worth saying; plain configuration is not worth a line.

    Only what has moved is claimed; what was refused is named, with the reason, and what is `left`
    on a dead source.  To where traffic does not pass (not `is_of_use`) nothing moves successfully.
    """
    move = answer.move
    if move.source is None or move.destination is None or move.is_rest:
        return None
    additions = {*move.add, *move.add_routes}
    refused = {
        it.item: it.reason
        for it in answer.refusals
        if it.item in additions
        and not (isinstance(it.item, KernelAddress) and is_autojoin(it.item))
    }
    # What an advertisement made is at home all the time: coming home it is only announced.
    told = [item.address for item in move.announce if item not in refused]
    if not answer.added and not told:
        return None
    addresses = [item for item in answer.added if isinstance(item, KernelAddress)]
    groups = [item.address.ip for item in addresses if is_autojoin(item)]
    if len(groups) == len(answer.added):
        # Somebody joined a group where it cannot be received: nothing else has failed now.
        return None
    added = [item.address for item in addresses if not is_autojoin(item)]
    detail = {
        "cause": move.cause.value,
        "from": move.source,
        "to": move.destination,
        "addresses": ", ".join(dict.fromkeys(str(address) for address in (*added, *told))),
    }
    if groups:
        detail["multicast"] = listed(groups)
    way = _way(move)
    if way is None:
        return None
    kind, severity, subject, what = way
    missed = _refused_items(refused)
    if refused:
        detail["refused"] = "; ".join(missed)
    if left:
        detail["left"] = ", ".join(map(str, left))
        missed += [f"{address} ({_NO_PLACE})" for address in left]
    is_success = not missed and is_of_use and move.cause is not Cause.REBALANCE
    text = f"Successfully {what}" if is_success else _capital(what)
    if not is_of_use:
        severity, text = min(severity, Severity.WARNING), f"{text}, which cannot serve now"
    if missed:
        text = f"{text}, but not {_first(missed)}"
    return Report(severity, kind, subject, text, detail)


_NO_PLACE = "no other interface can take it"


def _way(move: Move) -> tuple[str, Severity, str, str] | None:
    """(kind, severity, subject, what was done), as far as it is worth saying."""
    source, destination = str(move.source), str(move.destination)
    match move.cause:
        case Cause.FAILBACK:
            what = f"failed back to NIC {destination}"
            return "failback", Severity.NOTICE, destination, what
        case Cause.FAILOVER | Cause.OFFLINE | Cause.DETACH | Cause.STANDBY:
            what = f"failed over from NIC {source} to NIC {destination}"
            is_asked_for = move.cause is not Cause.FAILOVER
            severity = Severity.NOTICE if is_asked_for else Severity.WARNING
            return "failover", severity, source, what
        case Cause.REBALANCE:
            what = f"evened out the load from NIC {source} to NIC {destination}"
            return "rebalance", Severity.NOTICE, destination, what
        case Cause.CONFIGURE | Cause.CLEANUP | Cause.MISSING:
            return None
        case _:
            assert_never(move.cause)


def _refused_items(refused: Mapping[KernelAddress | Route, str]) -> list[str]:
    return [
        f"{item.destination if isinstance(item, Route) else item.address} ({reason})"
        for item, reason in refused.items()
    ]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def missing(family: Family, moves: Mapping[str, str | None]) -> Report:
    """The boot message of the overview chapter; several interfaces share one header."""
    parts = [
        f"{name} (moved to {alternative})"
        if alternative
        else f"{name} (couldn't move; no alternative interface)"
        for name, alternative in moves.items()
    ]
    text = f"moving addresses from failed {family} interfaces: {' '.join(parts)}"
    detail = {name: alternative or "" for name, alternative in moves.items()}
    return Report(Severity.ERROR, "missing", next(iter(moves)), text, detail)


def refusal(name: str, what: str, reason: str, *, is_addition: bool) -> str:
    if is_addition:
        return f"the kernel refused {what} on {name}: {reason}"
    return f"the kernel would not remove {what} from {name}: {reason}"


def refused(name: str, text: str) -> Report:
    return Report(Severity.ERROR, "refused", name, text)


def gone(name: str, group: str) -> Report:
    text = f"{name}{_of(group)} has been removed from the kernel"
    return Report(Severity.ERROR, "removed", name, text, {"group": group})


def renamed(name: str, group: str, new: str) -> Report:
    text = f"{name}{_of(group)} is called {new} now"
    return Report(Severity.ERROR, "renamed", name, text, {"group": group, "name": new})


def hardware_address(name: str, old: str, new: str) -> Report:
    text = f"the hardware address of {name} is {new} now, it was {old}: telling the neighbours"
    return Report(Severity.NOTICE, "hardware-address", name, text, {"old": old, "new": new})


def barred(name: str, reason: str) -> Report:
    text = f"{name}: offlining: {reason}"
    return Report(Severity.ERROR, "barred", name, text, {"reason": reason})


def unbarred(name: str, group: str) -> Report:
    text = f"{name} now has a unique hardware address{_in(group)}; onlining"
    return Report(Severity.NOTICE, "unbarred", name, text)


def freed(name: str, group: str) -> Report:
    text = f"{name} receives by itself again{_in(group)}; onlining"
    return Report(Severity.NOTICE, "unbarred", name, text)


def rejected(name: str, group: str, reason: str) -> Report:
    text = f"{name} cannot be a member of group {group}: {reason}"
    return Report(Severity.ERROR, "rejected", name, text, {"reason": reason})


def by_hand(name: str, what: str) -> Report:
    return Report(Severity.NOTICE, "address-added", name, f"{what} was added by hand on {name}")


def loss(topic: Topic, tale: Tale) -> Report:
    """What others took away in one go."""
    name, many = topic.interface, len(tale.things) > 1
    what, were, them = _counted(tale), "were" if many else "was", "they are" if many else "it is"
    who = topic.requester or "another program"
    detail = {"what": _some(tale), "count": str(len(tale.things)), "by": topic.requester}
    removed = f"{what} {were} removed by {who} on {name}"
    match topic.fate:
        case Fate.GONE:
            return Report(Severity.NOTICE, "address-removed", name, removed, detail)
        case Fate.ROUTE_GONE:
            return Report(Severity.NOTICE, "route-removed", name, removed, detail)
        case Fate.LEFT_AWAY:
            text = f"{removed}: {them} left away, as when_removed says"
            return Report(Severity.WARNING, "address-removed", name, text, detail)
        case Fate.PUT_BACK:
            text = f"{removed}, and {'are' if many else 'is'} put back"
            return Report(Severity.NOTICE, "put-back", name, text, detail)
        case Fate.GIVEN_UP:
            text = (
                f"{who} keeps removing {what} from {name}: {them} left alone for a minute, "
                "and put back once a minute at the most from now on"
            )
            return Report(Severity.WARNING, "given-up", name, text, detail)
        case Fate.TAKEN_OFF:
            text = f"{what} {were} taken off {name}: {topic.cause}"
            return Report(Severity.NOTICE, "taken-off", name, text, detail)
        case Fate.DROPPED:
            because = f" ({topic.cause})" if topic.cause else ""
            text = f"{what} {were} taken away by the kernel itself on {name}{because}"
            return Report(Severity.WARNING, "address-dropped", name, text, detail)
        case _:
            assert_never(topic.fate)


_MOST_LISTED = 3


def _counted(tale: Tale) -> str:
    """`10.0.0.1/24`, `the route default via 10.0.0.9`, or `7 addresses and 2 routes (...)`."""
    things = [
        f"the route {words}" if thing is Thing.ROUTE else words
        for words, thing in tale.things.items()
    ]
    if len(things) <= _MOST_LISTED:
        return " and ".join([", ".join(things[:-1]), things[-1]] if things[1:] else things)
    counts = Counter(tale.things.values())
    plurals = {Thing.ADDRESS: "addresses", Thing.ROUTE: "routes"}
    numbers = [
        f"{count} {plurals[thing] if count > 1 else thing.value}" for thing, count in counts.items()
    ]
    return f"{' and '.join(numbers)} ({_some(tale)})"


def _some(tale: Tale) -> str:
    return _first(list(tale.things))


def _first(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_LISTED
    first = ", ".join(texts[:_MOST_LISTED])
    return f"{first} and {more} more" if more > 0 else first


def immovable(name: str, group: IPAddress, sources: Sequence[IPAddress]) -> Report:
    """A source-specific membership: the kernel could join for any source only."""
    text = only_from(name, group, sources)
    return Report(Severity.WARNING, "multicast", name, text, {"group": str(group)})


def only_from(name: str, group: IPAddress, sources: Sequence[IPAddress]) -> str:
    return (
        f"{group} is received on {name} from {listed(sources)} only: "
        "such a membership cannot move to another NIC"
    )


def duplicate(name: str, what: str) -> Report:
    text = (
        f"{what} on {name} is in use by another machine on the link (duplicate address detection "
        "failed); it is not used until that is over"
    )
    return Report(Severity.ERROR, "duplicate-address", name, text, {"address": what})


def unique(name: str, what: str) -> Report:
    text = f"{what} on {name} is no longer in use by another machine, and is in service"
    return Report(Severity.NOTICE, "unique-address", name, text, {"address": what})


def lacking_family(name: str, group: str, family: Family, incapacity: str) -> Report:
    """`incapacity`: why its device cannot hold what it is plumbed for, if that is it."""
    lack = f"is not plumbed for {family}"
    if incapacity:
        lack = f"cannot hold {family} addresses ({incapacity})"
    text = f"NIC {name} of group {group} {lack} and may affect failover capability"
    return Report(Severity.ERROR, "inconsistent", name, text, {"family": str(family)})


def consistent(name: str, group: str) -> Report:
    text = f"NIC {name} is now consistent with group {group} and failover capability is restored"
    return Report(Severity.NOTICE, "consistent", name, text)


def spread_over(group: str, family: Family, names: Sequence[str]) -> Report:
    if names:
        text = f"outgoing {family} traffic of group {group} is spread over {', '.join(names)}"
    else:
        text = f"outgoing {family} traffic of group {group} is not spread any more"
    detail = {"family": str(family), "interfaces": ", ".join(names)}
    return Report(Severity.INFO, "spreading", group, text, detail)


def not_spread(reasons: Sequence[str]) -> Report:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    text = f"load is not spread as it should be: the kernel refused {reasons[0]}{more}"
    detail = {"refused": "; ".join(reasons)}
    return Report(Severity.WARNING, "spreading-refused", "rcmd", text, detail)


def share_put_back(what: str) -> Report:
    text = f"{what} was removed by another program, and is put back"
    return Report(Severity.NOTICE, "put-back", "rcmd", text)


def share_left_alone(what: str) -> Report:
    text = f"another program keeps removing {what}: it is left alone for a minute"
    return Report(Severity.WARNING, "given-up", "rcmd", text)


def listed(targets: Sequence[IPAddress]) -> str:
    return ", ".join(str(target) for target in targets)


def _of(group: str) -> str:
    return f" of group {group}" if group else ""


def _for(group: str) -> str:
    return f' for group "{group}"' if group else ""


def _in(group: str) -> str:
    return f" in group {group}" if group else ""


def test_address(name: str, news: SourceNews) -> Report:
    match news:
        case SourceNews.ABSENT:
            text = f"No test address configured on interface {name}"
            return _source(Severity.INFO, name, f"{text}; {_DISABLING} on it")
        case SourceNews.CONFIGURED:
            text = f"Test address now configured on interface {name}"
            return _source(Severity.INFO, name, f"{text}; {_ENABLING} on it")
        case SourceNews.NOT_NEEDED:
            text = f"Interface {name} is probed without a test address"
            return _source(Severity.INFO, name, f"{text}; {_ENABLING} on it")
        case SourceNews.DUPLICATE:
            text = f"Test address of {name} is not unique in group"
            return _source(Severity.ERROR, name, f"{text}; {_DISABLING} on {name}")
        case SourceNews.UNIQUE:
            text = f"Test address now configured on interface {name}"
            return _source(Severity.NOTICE, name, f"{text}; {_ENABLING} on it")
        case _:
            assert_never(news)


_DISABLING = "disabling probe-based failure detection"
_ENABLING = "enabling probe-based failure detection"


def _source(severity: Severity, name: str, text: str) -> Report:
    return Report(severity, "test-address", name, text)


def on_another_link(name: str, group: str, silent: Sequence[IPAddress]) -> Report:
    """A configuration fault: all members of a group have to be on one IP link."""
    text = (
        f"{name} has never been answered by {listed(silent)}, which answers other members"
        f"{_of(group)}: {_STRANGE}"
    )
    detail = {"group": group, "targets": listed(silent)}
    return Report(Severity.ERROR, "wrong-link", name, text, detail)


_STRANGE = "it seems to be on another IP link"


def on_one_link(name: str, group: str) -> Report:
    text = f"{name} no longer seems to be on another IP link than the other members{_of(group)}"
    return Report(Severity.NOTICE, "one-link", name, text, {"group": group})


def strangeness(silent: Sequence[IPAddress]) -> str:
    """The problem of such an interface, in few words; empty without targets."""
    if not silent:
        return ""
    return f"never answered by {listed(silent)}, which answers other members: {_STRANGE}"


def _missed(fact: ProbesMissed, group: str) -> Report:
    more = len(fact.interfaces) - _MOST_NAMED
    where = ", ".join(fact.interfaces[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    times = f", spread over {fact.occurrences} occurrences" if fact.occurrences > 1 else ""
    probes = "probe" if fact.count == 1 else "probes"
    text = f"missed sending {fact.count} {probes} on {where}{times}"
    detail = {"probes": str(fact.count), "occurrences": str(fact.occurrences)}
    return Report(Severity.INFO, "probes-missed", group or fact.interfaces[0], text, detail)


_MOST_NAMED = 8


def probes_by(family: Family, method: ProbeMethod) -> str:
    return f"{family} probes by {means(family, method)}"


def means(family: Family, method: ProbeMethod) -> str:
    """How somebody is asked."""
    if method is ProbeMethod.ICMP:
        return "echo"
    return "ARP" if family is Family.IPV4 else "neighbour solicitation"


def probe_fact(fact: ProbeFact, group: str) -> Report:
    """The rarer news of the probers (solaris.md 1.15)."""
    match fact:
        case ProbesMissed():
            return _missed(fact, group)
        case TargetDead():
            text = f"target {fact.target} is silent on {fact.interface} while others answer"
            return Report(Severity.INFO, "target-dead", fact.interface, text)
        case TargetSlow():
            text = f"target {fact.target} answers too slowly on {fact.interface}"
            return Report(Severity.INFO, "target-slow", fact.interface, text)
        case HostsSilent():
            text = f"no answer on {fact.interface} from {listed(fact.hosts)} any more"
            reason = (
                "another member hears it, so they are given up"
                if fact.is_heard
                else "nor on any other member, so nothing is known"
            )
            detail = {"targets": listed(fact.hosts), "family": str(fact.family)}
            return Report(
                Severity.NOTICE, "targets-silent", fact.interface, f"{text}, {reason}", detail
            )
        case TargetUnreachable():
            text = f"target {fact.target} cannot be asked on {fact.interface}: {fact.reason}"
            detail = {"target": str(fact.target), "reason": fact.reason}
            return Report(Severity.INFO, "target-dead", fact.interface, text, detail)
        case ProbesNotSent():
            text = f"{probes_by(fact.family, fact.method)} cannot be sent on {fact.interface}"
            text = f"{text}: {fact.reason}; they say nothing about it"
            detail = {"family": str(fact.family), "method": fact.method, "reason": fact.reason}
            return Report(Severity.WARNING, "probes-not-sent", fact.interface, text, detail)
        case ProbesSentAgain():
            text = f"{probes_by(fact.family, fact.method)} can be sent on {fact.interface} again"
            detail = {"family": str(fact.family), "method": fact.method}
            return Report(Severity.NOTICE, "probes-sent", fact.interface, text, detail)
        case HostFound():
            text = f"probe response from {fact.target} on {fact.interface}"
            return Report(Severity.INFO, "target-found", fact.interface, text)
        case ClockAnomaly():
            text = f"answer of {fact.target} on {fact.interface} came before its probe was sent"
            return Report(Severity.ERROR, "clock-anomaly", fact.interface, text)
        case DetectionTimeRaised():
            text = (
                f"Cannot meet requested failure detection time of {fact.requested_ms} ms on "
                f"({fact.family} {fact.interface}) new failure detection time"
                f"{_for(group)} is {fact.detection_ms} ms"
            )
            subject = group or fact.interface
            return Report(Severity.ERROR, "detection-time", subject, text)
        case DetectionTimeLowered():
            text = (
                f"Improved failure detection time {fact.detection_ms} ms on "
                f"({fact.family} {fact.interface}){_for(group)}"
            )
            subject = group or fact.interface
            return Report(Severity.NOTICE, "detection-time", subject, text)
        case _:
            assert_never(fact)
