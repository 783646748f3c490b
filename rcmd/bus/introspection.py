"""Introspection data ("Introspection Data Format" of the D-Bus specification)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as xml

from rcmd.bus.members import Argument, Interface

_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    '"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
_CHANGES = "org.freedesktop.DBus.Property.EmitsChangedSignal"


def introspect(interfaces: Iterable[Interface], children: Iterable[str]) -> str:
    """The XML of an object with these interfaces, and objects of these names below it."""
    node = xml.Element("node")
    for interface in interfaces:
        _describe(node, interface)
    for child in children:
        xml.SubElement(node, "node", name=child)
    xml.indent(node)
    return _DOCTYPE + xml.tostring(node, encoding="unicode")


def _describe(node: xml.Element, interface: Interface) -> None:
    element = xml.SubElement(node, "interface", name=interface.name)
    for method in interface.methods:
        described = xml.SubElement(element, "method", name=method.name)
        _arguments(described, method.takes, direction="in")
        _arguments(described, method.gives, direction="out")
    for signal in interface.signals:
        _arguments(xml.SubElement(element, "signal", name=signal.name), signal.carries)
    for item in interface.properties:
        described = xml.SubElement(
            element, "property", name=item.name, type=item.signature, access="read"
        )
        if item.is_constant:
            xml.SubElement(described, "annotation", name=_CHANGES, value="const")


def _arguments(
    element: xml.Element, arguments: tuple[Argument, ...], direction: str | None = None
) -> None:
    for argument in arguments:
        described = xml.SubElement(element, "arg", name=argument.name, type=argument.signature)
        if direction is not None:
            described.set("direction", direction)
