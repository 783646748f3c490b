"""The /etc/hostname.IF grammar: one file's commands carried out on the draft of its interface.

The rules are those of the reference, section 2 (ifconfig and the Solaris boot scripts).  A
command is carried out word by word on the current logical interface; at its first fault it ends,
what stood before stays done, what follows is only read for further faults, and the next command
is carried out as usual (behaviour 89).  Where we differ on purpose:

- blank lines do not count, `#` begins a comment;
- the implied `netmask + broadcast +` of a one-line file gives way to an explicit netmask or
  broadcast of the same logical interface, which Solaris would replace by the one it computes;
- `addif` with an address that an earlier line has already is a fault found by the loader.
"""

from __future__ import annotations

from rcmd.configuration.commands import Command, split_commands
from rcmd.configuration.draft import Computed, Draft, Logical
from rcmd.configuration.files import HostnameName
from rcmd.configuration.hostname_words import WORDS, Run, unknown_word
from rcmd.configuration.hosts import Hosts
from rcmd.configuration.netmasks import Netmasks
from rcmd.configuration.text import Place
from rcmd.configuration.values import Wrong, is_link_local
from rcmd.model import AddressKind, Family, Fault

META_INTERFACE = "meta-interfaces are not used here: put the data addresses in the file of a member"


class HostnameFileReader:
    """Reads files one after the other, in the order of configuration."""

    def __init__(self, hosts: Hosts, netmasks: Netmasks) -> None:
        self.hosts = hosts
        self.netmasks = netmasks

    def read(self, name: HostnameName, text: str, draft: Draft) -> tuple[Fault, ...]:
        """Carry out a file on the draft; the faults and warnings in it."""
        commands, warnings = split_commands(name.path, text)
        if commands and commands[0][0].text == "ipmp":
            place = commands[0][0].place
            return (*warnings, Fault(place.file, place.line, META_INTERFACE))
        draft.families.add(name.family)
        faults = list(warnings)
        start = Place(name.path, 1)
        taken = draft.logicals.get((name.family, name.logical))
        if taken is not None and taken.address is not None:
            message = (
                f"logical interface {name.logical} is taken by the addif of {taken.address} "
                f"at {taken.place}"
            )
            return (*faults, Fault(name.path, 1, message))
        draft.logical(name.family, name.logical, start)
        for command in commands:
            is_classic = name.family is Family.IPV4 and len(commands) == 1
            faults += self._carry_out(command, name, draft, is_classic=is_classic)
        if name.family is Family.IPV6 and not any(not fault.is_warning for fault in faults):
            draft.logical(name.family, name.logical, start).wants_up = True
        return tuple(faults)

    def _carry_out(
        self, command: Command, name: HostnameName, draft: Draft, *, is_classic: bool
    ) -> list[Fault]:
        run = Run(draft, name.family, name.logical, self.hosts, list(command))
        while run.words:
            word = run.words.pop(0)
            run.place = word.place
            try:
                _carry_out_word(run, word.text)
            except Wrong as wrong:
                run.fault(str(wrong))
                # The command has ended; its other words are tried on a copy, for their faults.
                if run.draft is draft:
                    run.draft = draft.copy()
        if run.draft is draft and is_classic and not run.is_taken_by_dhcp:
            _imply(run)
        run.draft = draft
        self._settle(run)
        return run.faults

    def _settle(self, run: Run) -> None:
        for number in sorted(run.touched):
            logical = run.draft.logicals.get((run.family, number))
            if logical is not None and not logical.settle(self.netmasks):
                _warn_of_guess(run, logical)


def _carry_out_word(run: Run, text: str) -> None:
    known = WORDS.get(text)
    if known is None:
        unknown_word(run, text)
        return
    argument = ""
    if known.takes_argument:
        if not run.words:
            raise Wrong(f"no argument for {text}")
        argument = run.words.pop(0).text
    if known.only is not None and known.only is not run.family:
        other = "inet6" if run.family is Family.IPV6 else "inet"
        raise Wrong(f"Operation {text} not supported for {other}")
    known.apply(run, argument)


def _imply(run: Run) -> None:
    """`netmask + broadcast + up`, on the logical interface that is current (behaviour 84)."""
    logical = run.logical
    if logical.wants_up is False:
        run.warn("the implied `up` of a one-line file wins over `down`")
    logical.wants_up = True
    if logical.netmask_word is None:
        logical.netmask_word = Computed.COMPUTED
    if logical.broadcast is None:
        logical.broadcast = Computed.COMPUTED


def _warn_of_guess(run: Run, logical: Logical) -> None:
    if is_link_local(logical.address):
        return
    run.warn(
        f"{logical.address} has no prefix length or netmask: taken as "
        f"{logical.address}/{logical.prefix}",
        logical.place,
    )


def address_warnings(draft: Draft) -> tuple[Fault, ...]:
    """Addresses that will not be where, or what, the administrator may think."""
    return tuple(
        Fault(
            logical.place.file,
            logical.place.line,
            f"{logical.address} {message}",
            is_warning=True,
        )
        for logical in draft.logicals.values()
        if logical.address is not None and not is_link_local(logical.address)
        for message in _surprises(draft, logical)
    )


def _surprises(draft: Draft, logical: Logical) -> list[str]:
    surprises: list[str] = []
    if logical.wants_up is None:
        surprises.append("stays down: there is no `up` for it")
    # Behaviours 21 and 22; one with `-failover` has been told of its order.
    if draft.is_standby and logical.kind is AddressKind.DATA and not logical.is_fixed:
        surprises.append("is a data address on a standby: it will be put on another member")
    return surprises
