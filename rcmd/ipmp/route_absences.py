"""The problem of an interface whose routes are on no device: all of them are one problem."""

from __future__ import annotations

from collections.abc import Iterator

from rcmd.ipmp.absences import Refusals
from rcmd.ipmp.ledger import RouteAtHome
from rcmd.ipmp.route_words import describe_route
from rcmd.ipmp.scene import Scene
from rcmd.model import Problem, ProblemCode, ProblemSeverity, Route, RouteKey

MOST_LISTED = 3


def absent_routes(scene: Scene, refusals: Refusals) -> Iterator[Problem]:
    """Known ones that another program keeps removing, or that the kernel would not have."""
    away: dict[str, dict[str, str]] = {}
    for home, route, cause in (*_given_up(scene), *_refused(scene, refusals)):
        away.setdefault(home, {}).setdefault(describe_route(route), cause)
    for home, routes in away.items():
        yield Problem(
            ProblemCode.ROUTE_MISSING,
            ProblemSeverity.WARNING,
            home,
            f"{_listed(list(routes))} on no interface: {next(iter(routes.values()))}",
        )


def _given_up(scene: Scene) -> Iterator[tuple[str, Route, str]]:
    for known, given_up in scene.drift.given_up.items():
        if isinstance(known, RouteAtHome) and given_up.route is not None:
            yield known.home, given_up.route, "another program keeps removing it"


def _refused(scene: Scene, refusals: Refusals) -> Iterator[tuple[str, Route, str]]:
    for (_, item), text in refusals.items():
        if isinstance(item, RouteKey):
            for home in scene.ledger.homes_of_route(item):
                known = RouteAtHome(home, item)
                if not scene.route_hosts(known):
                    yield home, scene.ledger.routes[known], text


def _listed(routes: list[str]) -> str:
    if len(routes) == 1:
        return f"the route {routes[0]} is"
    more = len(routes) - MOST_LISTED
    rest = f" and {more} more" if more > 0 else ""
    return f"{len(routes)} routes ({', '.join(routes[:MOST_LISTED])}{rest}) are"
