"""A route in words."""

from __future__ import annotations

from rcmd.ipmp.state.kernel_view import DEFAULT_IPV6_METRIC
from rcmd.model.network import Route

_USUAL_METRICS = (0, DEFAULT_IPV6_METRIC)


def describe_route(route: Route) -> str:
    """As `ip route` would say it, without the device."""
    is_default = route.destination.prefixlen == 0
    parts = ["default" if is_default else str(route.destination)]
    if route.gateway is not None:
        parts.append(f"via {route.gateway}")
    if route.table != 254:
        parts.append(f"table {route.table}")
    if route.priority not in _USUAL_METRICS:
        parts.append(f"metric {route.priority}")
    if route.tos:
        parts.append(f"tos {route.tos:#x}")
    return " ".join(parts)
