"""Why the next failure in a group would leave addresses nowhere to live.

Of every other member it is said what keeps it from taking them: who reads that has to know whether
to do something about it, or only to wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rcmd.ipmp.forecast.redundancy import holders
from rcmd.ipmp.placement.capability import incapacity
from rcmd.ipmp.placement.shortcomings import is_new, is_usable, what_keeps
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.model.network import Family
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity


def no_spare(scene: Scene, group: str, members: Sequence[Member]) -> Problem:
    """`members`: by configuration, also those that are missing, detached, or not let in."""
    usable = [it for it in members if is_usable(it)]
    others = [it for it in members if not is_usable(it)]
    is_passing = bool(usable and others) and all(map(is_new, others))
    held = holders(scene, [it for it in members if not it.rejected])
    beginning = "no spare yet" if is_passing else "no spare is left"
    reasons = dict.fromkeys(_reasons(scene, members, held))
    if reasons:
        beginning += f" ({', '.join(reasons)})"
    return Problem(
        ProblemCode.NO_SPARE,
        ProblemSeverity.NOTICE if is_passing else ProblemSeverity.WARNING,
        group,
        f"{beginning}: {'; '.join(_dependences(held))}",
        _advice(is_passing=is_passing, is_complete=not others),
    )


def _reasons(
    scene: Scene, members: Sequence[Member], held: Mapping[Family, Sequence[str]]
) -> Iterator[str]:
    for member in members:
        if not is_usable(member):
            yield f"{member.name} {what_keeps(scene, member)}"
            continue
        for family in (it for it, names in held.items() if len(names) < 2):
            if member.name in held[family]:
                continue
            if family not in member.config.families:
                yield f"{member.name} is not plumbed for {family}"
            elif why := incapacity(scene, member, family):
                yield f"{member.name}: {why}"


def _dependences(held: Mapping[Family, Sequence[str]]) -> Iterator[str]:
    """On whom it depends that addresses have a place, in sentences."""
    alone: dict[str, list[Family]] = {}
    for family, names in held.items():
        if not names:
            yield f"no interface can hold {family} addresses"
        elif len(names) == 1:
            alone.setdefault(names[0], []).append(family)
    for name, families in alone.items():
        which = "" if len(families) == len(held) else f"{' and '.join(map(str, families))} "
        yield f"if {name} fails or goes, {which}addresses have nowhere to live"


def _advice(*, is_passing: bool, is_complete: bool) -> str:
    if is_passing:
        return ""
    if is_complete:
        return (
            "Let another member hold them, too: it needs a hostname file for the family, and a"
            " device that can."
        )
    return "Bring another member of the group back into service."
