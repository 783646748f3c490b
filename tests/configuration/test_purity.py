"""The room turns text into values and touches nothing."""

import ast
from pathlib import Path

import rcmd.configuration

FORBIDDEN = {"asyncio", "logging", "os", "pathlib", "socket", "subprocess", "time"}
EDGES = tuple(
    f"rcmd.{it}" for it in ("bus", "ctl", "daemon", "kernel", "lab", "platform", "ports", "rcm")
)


def imported_by(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return names


def test_nothing_here_imports_the_outside():
    sources = list(Path(rcmd.configuration.__path__[0]).rglob("*.py"))
    assert len(sources) > 10
    for source in sources:
        names = imported_by(source)
        assert not {name.partition(".")[0] for name in names} & FORBIDDEN, source
        assert not [name for name in names if name.startswith(EDGES)], source
