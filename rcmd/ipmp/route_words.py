"""A route in words."""

from __future__ import annotations

from rcmd.model import Route


def describe_route(route: Route) -> str:
    """As `ip route` would say it, without the device."""
    is_default = route.destination.prefixlen == 0
    parts = ["default" if is_default else str(route.destination)]
    if route.gateway is not None:
        parts.append(f"via {route.gateway}")
    if route.table != 254:
        parts.append(f"table {route.table}")
    return " ".join(parts)
