"""Who is healthy, and where every address lives.  Pure: no clock, no socket, no await."""
