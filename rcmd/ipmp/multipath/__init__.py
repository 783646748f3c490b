"""Load spreading: nexthop groups, routes through several members, sources."""
