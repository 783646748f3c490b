"""The structure as it is: what is in each folder, who imports whom, and how long everything is.

`make architecture` prints the figures and draws docs/architecture.svg.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rcmd"
MODULES = sorted(PACKAGE.rglob("*.py"))
PICTURE = ROOT / "docs" / "architecture.svg"
DRAWN = ("", "ipmp")
"""Folders that are drawn."""
LONG_FILE, LONG_FUNCTION = 400, 40


def name_of(path: Path) -> str:
    """`rcmd/ipmp/rules/health.py` is `ipmp.rules.health`; a package has the name of its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    return name.partition(".")[0]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, as a full name.

    `from rcmd.ipmp.rules import health` is both `rcmd.ipmp.rules` and `rcmd.ipmp.rules.health`.
    """
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)


@dataclass(frozen=True, slots=True)
class Folder:
    """What is directly in a folder of the package, files and folders, and who imports whom."""

    name: str
    """`ipmp.rules`; empty for the package itself."""
    arrows: Mapping[str, Set[str]]
    """Of each of them, the others in the folder that it imports."""

    @property
    def count(self) -> int:
        return sum(map(len, self.arrows.values()))

    @property
    def floors(self) -> Mapping[str, int]:
        """From 1 up; each stands above all that it imports.  Raises ValueError for a circle."""
        found: dict[str, int] = {}

        def floor(room: str, above: tuple[str, ...]) -> int:
            if room in above:
                raise ValueError(f"a circle: {' imports '.join((*above, room))}")
            if room not in found:
                below = (floor(it, (*above, room)) for it in self.arrows[room])
                found[room] = 1 + max(below, default=0)
            return found[room]

        for room in self.arrows:
            floor(room, ())
        return found


def look(folder: str) -> Folder:
    inside = f"{folder}." if folder else ""
    arrows: dict[str, set[str]] = {}
    for path in MODULES:
        name = name_of(path)
        if name.startswith(inside) and name:
            arrows.setdefault(room_of(name.removeprefix(inside)), set())
    for path in MODULES:
        name = name_of(path)
        if not name.startswith(inside) or not name:
            continue
        origin = room_of(name.removeprefix(inside))
        for each in imports_of(path):
            target = each.removeprefix("rcmd.")
            if each.startswith("rcmd.") and target.startswith(inside):
                room = room_of(target.removeprefix(inside))
                if room != origin and room in arrows:
                    arrows[origin].add(room)
    return Folder(folder, arrows)


# --- figures ---


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def report() -> Iterator[str]:
    folders = sorted({name_of(path.parent / "__init__.py") for path in MODULES})
    for folder in (look(name) for name in folders):
        floors = max(folder.floors.values(), default=0)
        name = f"rcmd.{folder.name}".rstrip(".")
        yield f"{name}: {len(folder.arrows)} rooms, {floors} floors, {folder.count} arrows"
    lengths = {path: len(path.read_text().splitlines()) for path in MODULES}
    median = statistics.median(lengths.values())
    yield f"{len(MODULES)} files, {sum(lengths.values())} lines, median {median:g}"
    for path, length in lengths.items():
        if length > LONG_FILE:
            yield f"{path.relative_to(ROOT)}: {length} lines"
    for path in MODULES:
        for name, length in functions_of(path):
            if length > LONG_FUNCTION:
                yield f"{path.relative_to(ROOT)}: {name}: {length} lines"


# --- picture ---

WIDE, HIGH, GAP, MARGIN, CHARACTER = 110, 30, 46, 30, 7.2


def drawn(folder: Folder, top: float) -> tuple[list[str], float, float]:
    """The folder as SVG below `top`: elements, width and height."""
    floors = folder.floors
    highest = max(floors.values())
    places: dict[str, tuple[float, float]] = {}
    for level in range(highest, 0, -1):
        rooms = sorted(room for room, floor in floors.items() if floor == level)
        y = top + MARGIN + (highest - level) * (HIGH + GAP)
        for number, room in enumerate(rooms):
            places[room] = (MARGIN + number * (WIDE + 24) + (level % 2) * 40, y)
    lines = [
        f'<line x1="{places[origin][0] + WIDE / 2:g}" y1="{places[origin][1] + HIGH:g}"'
        f' x2="{places[room][0] + WIDE / 2:g}" y2="{places[room][1]:g}" class="arrow"/>'
        for origin, rooms in folder.arrows.items()
        for room in sorted(rooms)
    ]
    boxes = [
        f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="5"/>'
        f'<text x="{x + WIDE / 2:g}" y="{y + HIGH / 2 + 4:g}">{room}</text>'
        for room, (x, y) in places.items()
    ]
    title = f"rcmd.{folder.name}".rstrip(".")
    head = f'<text x="{MARGIN}" y="{top + 18:g}" class="title">{title}</text>'
    width = max(x for x, _ in places.values()) + WIDE + MARGIN
    return [head, *lines, *boxes], width, MARGIN + highest * (HIGH + GAP)


def picture() -> str:
    parts: list[str] = []
    width, top = 0.0, 0.0
    for name in DRAWN:
        elements, wide, high = drawn(look(name), top)
        parts += elements
        width, top = max(width, wide), top + high + MARGIN
    style = (
        "text{font:12px sans-serif;text-anchor:middle}.title{font-weight:bold;text-anchor:start}"
        "rect{fill:#eef3fa;stroke:#456}.arrow{stroke:#9ab;stroke-width:1;marker-end:url(#tip)}"
    )
    tip = (
        '<marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6"'
        ' orient="auto"><path d="M0 0 6 3 0 6z" fill="#9ab"/></marker>'
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{top:g}">',
            f"<style>{style}</style><defs>{tip}</defs>",
            '<rect width="100%" height="100%" style="fill:white;stroke:none"/>',
            *parts,
            "</svg>\n",
        ]
    )


def main() -> None:
    for line in report():
        print(line)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture())
    sys.stderr.write(f"drawn: {PICTURE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
