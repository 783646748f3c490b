"""The org.rcmd1 objects, their clients, and the calls to polkit.

Of dbus-next, or dbus-fast, this room uses the marshalling of values only; connections, dispatch and
objects are its own, because dbus-next's end at a full socket, hang after a disconnect, starve the
loop and show tracebacks to callers.

library      the D-Bus library: values as bytes, and back
wire         a message as bytes and as a value
connection   one connection to a bus
objects      what is exported: paths, interfaces, properties
manager      the calls of org.rcmd1.Manager
dry_runs     questions what a detach would do, which hold up nobody
departures   calls that end with their callers
users        who the senders are, and who leaves the bus
strangers    calls of senders that the bus has not named yet
waiting      calls that wait for their turn
service      puts all of it on the system bus, and keeps it there
client       the daemon as rcmctl sees it
"""
