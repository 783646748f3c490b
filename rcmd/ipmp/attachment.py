"""Who is a member: taken into care, offline and back, detached and reattached, or given up.

What is done here is done to members and the ledger; where the addresses then go is not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.multicast.tracking import keep_where_they_are
from rcmd.ipmp.placement.desired import held_by
from rcmd.ipmp.reconcile.adoption import adopt_on, forget_foreign
from rcmd.ipmp.reconcile.plumbing import release_of
from rcmd.ipmp.reconcile.renaming import called_home, lose_name
from rcmd.ipmp.rules.slaac import is_autoconfigured
from rcmd.ipmp.state.address_book import MovableKey
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.restoring import recollect_member
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.network import IPAddress
from rcmd.model.settings import Configuration, InterfaceConfig


def configure(
    scene: Scene, configuration: Configuration, memory: Memory, now: float
) -> list[Command]:
    """The configured interfaces are the members; what is no longer one is given back."""
    scene.settings = configuration.settings
    commands: list[Command] = []
    configuration = _without_shadowed(scene, configuration)
    old = scene.members
    scene.view.call_by(frozenset(configuration.interfaces))
    scene.members = {}
    for name in sorted(configuration.interfaces):
        member = old.pop(name, None)
        config = configuration.interfaces[name]
        if member is None:
            member = Member(config)
            recollect_member(member, memory)
            _resume(scene, member, now)
        else:
            commands += _prepare_for(scene, member, config)
        member.config = config
        scene.members[name] = member
    for member in old.values():
        if member.ifindex and member.plumbed == member.ifindex:
            commands.append(release_of(scene, member, take_down=False))
    for member in scene.members.values():
        link = scene.view.links.get(member.ifindex)
        if link is not None and link.name != member.name:
            # There is a file by a name now that comes first.
            commands += lose_name(scene, member, link)
    homes = {key: it.home for key, it in scene.ledger.configured.items()} or memory.away
    scene.ledger.configure(configuration, lost_with_detached(scene))
    scene.numbers = {key: it for key, it in scene.numbers.items() if scene.ledger.knows(key)}
    _keep_guests(scene, homes)
    for home in scene.memberships.joined.keys() - scene.members.keys():
        keep_where_they_are(scene, home)
    forget_foreign(scene)
    return commands


def _without_shadowed(scene: Scene, configuration: Configuration) -> Configuration:
    """Of several files for one device, by its name and alternative names, the first counts."""
    interfaces = configuration.interfaces
    scene.shadowed = {}
    for link in scene.view.links.values():
        counts, *others = [*(it for it in link.names if it in interfaces), ""]
        scene.shadowed |= {name: counts for name in others if name}
    left = {name: it for name, it in interfaces.items() if name not in scene.shadowed}
    return replace(configuration, interfaces=left)


def _prepare_for(scene: Scene, member: Member, config: InterfaceConfig) -> list[Command]:
    """A device that is in use will be configured like this."""
    if not _needs_plumbing(member.config, config):
        return []
    member.plumbed, plumbed = 0, member.plumbed
    if member.config.group and not config.group and member.ifindex and plumbed:
        return [release_of(scene, member, take_down=False)]
    return []


def lost_with_detached(scene: Scene) -> frozenset[IPAddress]:
    """Data addresses of files that an unplumbed interface took along."""
    return frozenset(
        key
        for member in scene.members.values()
        for key, original in member.lost.items()
        if original is None
    )


def _keep_guests(scene: Scene, homes: Mapping[IPAddress, str]) -> None:
    """What an interface left with others stays there when its file is gone (behaviour 121)."""
    for key, held in scene.copies().items():
        home = homes.get(key)
        if home and home not in scene.members and not scene.ledger.knows(key):
            scene.ledger.adopt(*next(iter(held.items())))


def _resume(scene: Scene, member: Member, now: float) -> None:
    """Hold on to a device that was in our care when the last process ended.

    All of them at once: if they came one by one, the first would be taken for the only one,
    and given what the others hold.
    """
    link = scene.view.links.get(member.ifindex)
    if link is None or link.name != member.name:
        # The device that was detached is gone; another may have its index.
        member.ifindex = 0
    link = scene.view.links.get(member.plumbed)
    if member.intent is Intent.DETACHED or link is None or link.name != member.name:
        return
    watch = member.watch
    member.bind(link, now)
    member.watch = watch


def attach(scene: Scene, name: str, config: InterfaceConfig | None, now: float) -> list[Command]:
    """What is in use already stays in use; where its file says something else now, that counts."""
    scene.view.call_by(scene.view.names | {name})
    link = scene.view.link_named(name)
    member = scene.members.get(name)
    if member is None:
        if config is None:
            return []
        member = scene.members[name] = Member(config)
        scene.members = dict(sorted(scene.members.items()))
    was_detached = member.intent is Intent.DETACHED
    if link is None:
        return []
    commands: list[Command] = []
    for other in scene.members.values():
        if other.ifindex == link.ifindex and other is not member:
            # There is a file by a name now that comes first.
            commands += lose_name(scene, other, link)
    if link.ifindex == member.ifindex and not was_detached:
        return _configure_anew(scene, member, config)
    if was_detached or link.ifindex != member.plumbed:
        _replay(scene, member, config)
        member.plumbed = 0
    if was_detached:
        member.intent = Intent.IN
        _bring_back(scene, member, config)
    member.lost.clear()
    member.recalls = called_home(scene, name)
    member.is_spare = False
    if link.ifindex != member.plumbed:
        # Of another device this was remembered.
        member.was_failed = member.failed_by_probes = False
        member.known_as = ""
    member.needs_proof = scene.has_settled and link.ifindex != member.plumbed
    member.bind(link, now)
    adopt_on(scene, member)
    return commands


def _bring_back(scene: Scene, member: Member, config: InterfaceConfig | None) -> None:
    """What was added by hand and went with it, if there is a file for it at all."""
    for key, original in member.lost.items() if config is not None else ():
        is_made_anew = original is None or is_autoconfigured(original)
        if original is not None and not is_made_anew and not scene.ledger.knows(key):
            scene.ledger.adopt(member.name, original)


def _configure_anew(scene: Scene, member: Member, config: InterfaceConfig | None) -> list[Command]:
    if config is None or config == member.config:
        return []
    commands = _prepare_for(scene, member, config)
    _replay(scene, member, config)
    adopt_on(scene, member)
    return commands


def _replay(scene: Scene, member: Member, config: InterfaceConfig | None) -> None:
    """Without a file its addresses stay where they are, and are no longer called home."""
    if config is not None:
        member.config = config
        scene.ledger.replay(member.name, config)
        return
    for key, held in scene.copies().items():
        for host, copy in held.items():
            known = scene.ledger.configured.get(key)
            if known and known.home == member.name and host != member.name:
                scene.ledger.adopt(host, copy)
    scene.ledger.replay(member.name, None)
    keep_where_they_are(scene, member.name)
    member.config = InterfaceConfig(member.name)


def offline(scene: Scene, name: str) -> None:
    """What the group shares has no home to return to: it is noted that it was here."""
    member = scene.members[name]
    member.intent = Intent.OFFLINE
    shared: set[MovableKey] = {data.key for data in scene.ledger.addresses() if data.group}
    member.recalls = frozenset(shared & held_by(scene, name)) - _recalled_elsewhere(scene, name)
    member.guests = {
        key: number
        for key, (where, number) in scene.numbers.items()
        if where == name and key in member.recalls
    }


def undo_offline(scene: Scene, name: str) -> None:
    """Fails back whether or not failback is enabled (solaris.md 1.9)."""
    member = scene.members[name]
    member.intent = Intent.IN
    ledger = scene.ledger
    member.recalls |= {data.key for data in ledger.addresses() if data.home == name}
    member.recalls |= {known for known in ledger.routes if known.home == name}


def leave(scene: Scene, name: str) -> None:
    guests = {key: number for key, (where, number) in scene.numbers.items() if where == name}
    held = held_by(scene, name) - _recalled_elsewhere(scene, name)
    scene.members[name].leave(frozenset(held), guests)


def _recalled_elsewhere(scene: Scene, name: str) -> set[MovableKey]:
    """Guests that are only here until they may return: not to be called back here."""
    others = (member for member in scene.members.values() if member.name != name)
    # Who is detached calls nothing.
    calling = (other for other in others if other.intent is not Intent.DETACHED)
    return {key for other in calling for key in other.recalls}


def unplumb(scene: Scene, name: str) -> None:
    """Give it up; where it is given up already, also the device that came back in its place."""
    member = scene.members[name]
    link = scene.view.link_named(name)
    if member.intent is Intent.DETACHED and link is not None:
        member.ifindex = link.ifindex
        if link.is_up:
            # An attach had begun with it: it is to be given back once more.
            member.plumbed = link.ifindex
    member.intent = Intent.DETACHED
    for data in list(scene.ledger.addresses()):
        if data.home == name and name in scene.copies_of(data.key):
            member.lost[data.key] = None if data.lease else data.original
            scene.ledger.withdraw(data.key)


def stay(scene: Scene, name: str, now: float) -> None:
    member = scene.members[name]
    member.recalls |= member.lost.keys()
    for key, original in member.lost.items():
        if original is None:
            scene.ledger.withdrawn.discard(key)
        else:
            scene.ledger.adopt(name, original)
    member.lost.clear()
    link = scene.view.link_named(name)
    if link is None:
        member.intent = member.intent_before
        member.lose()
        return
    # A process that died while it undid this may not have got to set the device up.
    is_half_undone = member.intent is not Intent.LEAVING and not link.is_up
    if is_half_undone or member.intent is Intent.DETACHED or link.ifindex != member.ifindex:
        # Of hardware that was taken away and brought back the device is another one.
        member.plumbed = 0
        # It had been set down to be detached: that it had failed then says nothing.
        member.was_failed = False
        member.bind(link, now)
    member.intent = member.intent_before


def _needs_plumbing(old: InterfaceConfig, new: InterfaceConfig) -> bool:
    return (old.families, old.mtu, old.hardware_address, bool(old.group)) != (
        new.families,
        new.mtu,
        new.hardware_address,
        bool(new.group),
    )
