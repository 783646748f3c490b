"""What a dead daemon left half done is undone by the next, or ended where it was as good as over.

| recorded step | what is so in the kernel            | at start                               |
|---------------|-------------------------------------|----------------------------------------|
| asking        | nothing was changed                 | nothing to do                          |
| preparing     | clients have let go                 | told that it stays after all            |
| leaving       | some or all addresses moved off     | stay: they come home; of a slot that   |
|               |                                     | is about to lose its power: goes on    |
| unplumbing    | addresses gone, device maybe down   | stay: plumbed again, as before         |
| removing      | all of the hardware is gone         | it was detached: told to the clients   |
|               | some of it is there                 | hardware brought back, then stay       |
| configuring   | an attach got some way              | what is there is taken as at any       |
|               |                                     | start; what was detached still is      |
| undoing       | any mixture of the above            | hardware brought back, then stay       |
| done, undone, | the operation is over               | nothing to do                          |
| refused       |                                     |                                        |

After a reboot, or where the journal was lost with its disk, nothing is undone: every device is
configured from its files, as at any boot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, assert_never

from rcmd.errors import NoSuchResource
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Stay, Together, Unplumb
from rcmd.ipmp.state.member import Intent
from rcmd.ports.hardware import HardwareFailed
from rcmd.ports.store import Journal, Operation, OperationKind, Step
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.power_off import PATIENCE_S
from rcmd.rcm.resources.hardware_steps import is_removed, restoring_steps_by_name
from rcmd.rcm.resources.tree import find, tree
from rcmd.rcm.runtime import Machine

log = logging.getLogger(__name__)


Resume = Callable[[str, float], bool]
"""Go on with the power-off of a slot, for so many seconds; False where there is nothing in it."""
Rest = Callable[[], Coroutine[Any, Any, None]]
"""What remains to be done, and may take its time."""


def recover(stage: Stage, journal: Journal, resume: Resume = lambda _slot, _left_s: False) -> Rest:
    """Put everything right in the kernel, now; hardware and scripts come later, with the rest."""
    operations = journal.unfinished()
    finished = [_finish(stage, operation, resume) for operation in operations]
    for operation in finished:
        journal.advance(operation, operation.step)

    waiting = stage.clients.pending()
    concerned = (name for before in operations for name in (before.resource, *before.interfaces))
    stage.operations.hold_for_recovery((*waiting, *concerned))

    async def rest() -> None:
        try:
            for before in operations:
                if before.step in (Step.REMOVING, Step.UNDOING):
                    await _restore_hardware(stage, before)
            await _tell_clients(stage, waiting)
        finally:
            stage.operations.hold_for_recovery(())

    return rest


def _finish(stage: Stage, operation: Operation, resume: Resume) -> Operation:
    """The operation as it ended, after what had to be done for that."""
    members = [it for it in operation.interfaces if it in stage.engine.scene.members]
    outcome = "the previous configuration is being restored"
    match operation.step:
        case Step.ASKING | Step.PREPARING:
            outcome = "nothing had been changed"
        case Step.CONFIGURING:
            outcome = "what is there is configured from its files"
            still_detached = tuple(Unplumb(name) for name in _given_up(stage, operation))
            stage.machine.feed(Together(still_detached))
        case Step.LEAVING if _goes_on(operation, resume):
            log.info("going on with the power-off of %s", operation.resource)
            return replace(operation, step=Step.UNDONE)
        case Step.LEAVING if operation.kind is OperationKind.DRAIN and _is_gone(stage, operation):
            stage.machine.feed(Together(tuple(Unplumb(name) for name in members)))
            _tell(stage, "detach", operation, f"{operation.resource} lost its power meanwhile")
            return replace(operation, step=Step.DONE)
        case Step.REMOVING if _is_gone(stage, operation):
            # It cannot be unplumbed; that it was asked to go must be known when it returns.
            stage.machine.feed(Together(tuple(Unplumb(name) for name in members)))
            text = f"{operation.resource} was detached; only the record of it was interrupted"
            _tell(stage, "detach", operation, text)
            return replace(operation, step=Step.DONE)
        case Step.LEAVING | Step.UNPLUMBING | Step.REMOVING | Step.UNDOING:
            stage.machine.feed(Together(tuple(Stay(name) for name in members)))
        case Step.DONE | Step.UNDONE | Step.REFUSED:
            raise AssertionError(f"operation {operation.number} is over, and was not")
        case _:
            assert_never(operation.step)
    kind, resource = operation.kind, operation.resource
    if kind is OperationKind.ATTACH:
        _tell(stage, "attach", operation, f"an attach of {resource} was interrupted; {outcome}")
    else:
        text = f"an interrupted {kind} of {resource} was undone; {outcome}"
        _tell(stage, "detach-undone", operation, text)
    return replace(operation, step=Step.UNDONE)


def _goes_on(operation: Operation, resume: Resume) -> bool:
    """A slot that was about to lose its power when the last process ended still is."""
    if operation.kind is not OperationKind.DRAIN:
        return False
    age_s = time.time() - operation.started_us / 1e6
    slot = operation.resource.partition(":")[2]
    return 0 <= age_s < PATIENCE_S and resume(slot, PATIENCE_S - age_s)


def _given_up(stage: Stage, operation: Operation) -> list[str]:
    """Its interfaces that are remembered as detached: an attach that set one up did not get on."""
    try:
        resource = find(tree(stage.hardware.survey(), stage.engine), operation.resource)
    except NoSuchResource:
        return []
    return [name for name in resource.interfaces() if _is_detached(stage, name)]


def _is_gone(stage: Stage, operation: Operation) -> bool:
    """Is nothing left of the hardware?"""
    return is_removed(operation.resource, stage.hardware.survey())


async def _tell_clients(stage: Stage, waiting: Sequence[str]) -> None:
    """Whoever let go of something, and was not told what became of it."""
    roots = tree(stage.hardware.survey(), stage.engine)
    present = {resource.name for root in roots for resource in root.walk()}
    for name in reversed(waiting):
        if name in present and not _is_detached(stage, name):
            await stage.clients.undo_remove(name)
        else:
            await stage.clients.post_remove(name)


def _is_detached(stage: Stage, name: str) -> bool:
    member = stage.engine.scene.members.get(name)
    return member is not None and member.intent is Intent.DETACHED


async def _restore_hardware(stage: Stage, operation: Operation) -> None:
    """What appears is attached as whatever appears.  Harmless where nothing is missing."""
    if operation.step is Step.REMOVING and _is_gone(stage, operation):
        return
    for step in restoring_steps_by_name(operation.resource, stage.hardware.survey()):
        try:
            await stage.hardware.perform(step)
        except HardwareFailed as error:
            log.error("%s", error)


def _tell(stage: Stage, kind: str, operation: Operation, text: str) -> None:
    stage.machine.report(Report(Severity.NOTICE, kind, operation.resource, text))


def tell_undone_by_reboot(machine: Machine, operations: Iterable[Operation]) -> None:
    """What was under way when the machine went down; the reboot has put every device back."""
    for operation in operations:
        text = (
            f"a {operation.kind} of {operation.resource} was under way when the machine went "
            "down; it was undone by the reboot"
        )
        machine.report(Report(Severity.NOTICE, "detach-undone", operation.resource, text))
