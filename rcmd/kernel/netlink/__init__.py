"""rtnetlink messages as bytes and as values, and the sockets they go through."""
