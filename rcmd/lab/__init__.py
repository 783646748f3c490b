"""A virtual host to try everything on: namespaces, cables, a switch, a router."""
