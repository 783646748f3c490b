"""The problem of an interface whose routes are on no device: all of them are one problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rcmd.ipmp.forecast.rehearsal import routes_refused
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.ipmp.state.on_link import OnLink
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Route
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity

MOST_LISTED = 3


def absent_routes(scene: Scene) -> Iterator[Problem]:
    """Known ones that another program keeps removing, that the kernel would not have, or that
    nothing leads to the gateway of."""
    away: dict[str, dict[str, str]] = {}
    for home, route, cause in (*_given_up(scene), *_refused(scene), *_without_ground(scene)):
        away.setdefault(home, {}).setdefault(describe_route(route), cause)
    for home, routes in away.items():
        yield Problem(
            ProblemCode.ROUTE_MISSING,
            ProblemSeverity.WARNING,
            home,
            f"{_listed(list(routes))} on no interface: {_causes(routes.values())}",
        )


def _given_up(scene: Scene) -> Iterator[tuple[str, Route, str]]:
    for known, given_up in scene.drift.given_up.items():
        if isinstance(known, RouteAtHome) and given_up.route is not None:
            yield known.home, given_up.route, "another program keeps removing it"


def _refused(scene: Scene) -> Iterator[tuple[str, Route, str]]:
    for key, text in routes_refused(scene.refusals.items()).items():
        for home in scene.ledger.homes_of_route(key):
            known = RouteAtHome(home, key)
            if not scene.route_hosts(known):
                yield home, scene.ledger.routes[known], text


def _without_ground(scene: Scene) -> Iterator[tuple[str, Route, str]]:
    on_link = OnLink(scene.view)
    for place, keys in scene.places().items():
        if place.carriers or place.refusing or (place.next_hop is None and place.source is None):
            continue
        for home in place.homes:
            member = scene.members.get(home)
            if member is None or not member.ifindex or member.intent is Intent.DETACHED:
                # That is said of the interface.
                continue
            for key in keys:
                route = scene.ledger.routes[RouteAtHome(home, key)]
                at_home = route.on(member.ifindex, route.protocol)
                if not on_link.leads_to(at_home.next_hop, at_home.ifindex, None):
                    yield home, route, f"nothing leads to the gateway {route.gateway}"
                elif route.source is not None and not scene.view.copies_of(route.source):
                    yield home, route, f"the source {route.source} is on no interface"


def _causes(causes: Iterable[str]) -> str:
    """Each once; of many routes the first few say enough."""
    return "; ".join(list(dict.fromkeys(causes))[:MOST_LISTED])


def _listed(routes: list[str]) -> str:
    if len(routes) == 1:
        return f"the route {routes[0]} is"
    more = len(routes) - MOST_LISTED
    rest = f" and {more} more" if more > 0 else ""
    return f"{len(routes)} routes ({', '.join(routes[:MOST_LISTED])}{rest}) are"
