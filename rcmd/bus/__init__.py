"""The org.rcmd1 objects, and the client that rcmctl uses.  The only importer of the bus library."""
