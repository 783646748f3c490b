"""The JSON of `rcmctl resources`, as the manager gives it."""

from __future__ import annotations

from typing import Any

from rcmd.ports.resource import Resource


def resource_document(resource: Resource) -> dict[str, Any]:
    """The resource with everything below it."""
    return {
        "name": resource.name,
        "kind": resource.kind.value,
        "note": resource.note,
        "children": [resource_document(child) for child in resource.children],
    }
