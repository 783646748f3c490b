"""What is exported just now, and the signals that take a listener from one picture to the next."""

from __future__ import annotations

import struct
from typing import Any

from rcmd.bus.names import OBJECT_MANAGER, PROPERTIES, ROOT
from rcmd.bus.objects import Exported, Picture, Tree, changed_properties, object_tree
from rcmd.bus.wire import Kind, Message, marshal

MANAGED = "a{oa{sa{sv}}}"
_ARRAY_HEAD = 8
"""Bytes before the first entry: the length, padded to the alignment of a dict entry."""


class Exports:
    """The tree of objects, with everything costly kept until it changes."""

    def __init__(self) -> None:
        self._tree: Tree = object_tree(Picture(), {})
        self._entries: dict[str, tuple[Exported, bytes]] = {}
        self._managed: bytes | None = None

    @property
    def tree(self) -> Tree:
        return self._tree

    def replace(self, picture: Picture) -> list[Message]:
        """Show the new picture; return the signals that say so, at most one per object."""
        old, new = self._tree, object_tree(picture, self._tree)
        self._tree = new
        signals = [_removed(old[path]) for path in old if path not in new]
        signals += [_added(new[path]) for path in new if path not in old]
        for path in new:
            before = old.get(path)
            if before is None or before is new[path]:
                continue
            if changed := changed_properties(before, new[path]):
                body = [new[path].interface, changed, []]
                signals.append(_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body))
        if signals:
            self._managed = None
        return signals

    def managed_objects(self) -> bytes:
        """The body of the answer to GetManagedObjects.

        Marshalled object by object, and kept, so that one change among hundreds of objects does
        not cost a stall.  Entries align to 8 bytes, so each may be marshalled by itself.
        """
        if self._managed is None:
            entries = [self._entry(item) for item in self._tree.values() if item.path != ROOT]
            padded = b"".join(entry + bytes(-len(entry) % 8) for entry in entries[:-1])
            array = padded + b"".join(entries[-1:])
            self._managed = struct.pack("<I4x", len(array)) + array
            self._entries = {
                path: kept for path, kept in self._entries.items() if path in self._tree
            }
        return self._managed

    def _entry(self, item: Exported) -> bytes:
        kept = self._entries.get(item.path)
        if kept is None or kept[0] is not item:
            body = marshal(MANAGED, [{item.path: {item.interface: item.properties}}])
            kept = self._entries[item.path] = (item, body[_ARRAY_HEAD:])
        return kept[1]


def _added(item: Exported) -> Message:
    body = [item.path, {item.interface: item.properties}]
    return _signal(ROOT, OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", body)


def _removed(item: Exported) -> Message:
    return _signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved", "oas", [item.path, [item.interface]])


def _signal(path: str, interface: str, member: str, signature: str, body: list[Any]) -> Message:
    return Message(
        Kind.SIGNAL,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=marshal(signature, body),
    )
