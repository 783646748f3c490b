"""The /etc/hostname.IF grammar: one file's commands carried out on the draft of its interface.

The rules are those of the reference, section 2 (ifconfig and the Solaris boot scripts).  A
command is carried out word by word on the current logical interface; at its first fault it ends,
what stood before stays done, further lines of it are only read for their faults, and the next
command is carried out as usual (behaviour 89).  Where we differ on purpose:

- blank lines do not count, `#` begins a comment;
- the implied `netmask + broadcast +` of a one-line file gives way to an explicit netmask or
  broadcast of the same logical interface, which Solaris would replace by the one it computes;
- `addif` with an address that an earlier line has already is a fault found by the loader.
"""

from __future__ import annotations

from collections import deque

from rcmd.configuration.files import HostnameName
from rcmd.configuration.findings import Findings, Wrong
from rcmd.configuration.hosts import Hosts
from rcmd.configuration.interface_files.builder import Computed, Draft, Logical
from rcmd.configuration.interface_files.commands import Command, Word, split_commands
from rcmd.configuration.interface_files.grammar import LOWEST_MTU, WORDS, Run, unknown_word
from rcmd.configuration.netmasks import Netmasks
from rcmd.configuration.values import is_link_local
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family

META_INTERFACE = "meta-interfaces are not used here: put the data addresses in the file of a member"
_ENOUGH = 1000
"""Faults after which a file is no hostname file."""
_DHCP_WORDS = ("dhcp", "auto-dhcp")


class HostnameFileReader:
    """Reads files one after the other, in the order of configuration."""

    def __init__(self, hosts: Hosts, netmasks: Netmasks, findings: Findings) -> None:
        self.hosts = hosts
        self.netmasks = netmasks
        self.findings = findings

    def read(self, name: HostnameName, text: str, draft: Draft) -> None:
        """Carry out a file on the draft; the faults and warnings in it go to the findings."""
        commands = split_commands(name.path, text, self.findings)
        if commands and commands[0][0].text == "ipmp":
            self.findings.add(name.path, commands[0][0].line, META_INTERFACE)
            return
        draft.families.add(name.family)
        taken = draft.logicals.get((name.family, name.logical))
        if taken is not None and taken.address is not None:
            message = (
                f"logical interface {name.logical} is taken by the addif of {taken.address} "
                f"at {taken.place}"
            )
            self.findings.add(name.path, 1, message)
            return
        logical = draft.logical(name.family, name.logical, name.path, 1)
        is_classic = name.family is Family.IPV4 and len(commands) == 1
        for command in commands:
            if self.findings.files[name.path] >= _ENOUGH:
                self.findings.add(name.path, command[0].line, "after so many faults, not read on")
                break
            self._carry_out(command, name, draft, is_classic=is_classic)
        if name.family is Family.IPV6 and not self.findings.files[name.path]:
            # It may have been removed, and made anew.
            logical = draft.logical(name.family, name.logical, name.path, 1)
            logical.wants_up = True

    def _carry_out(
        self, command: Command, name: HostnameName, draft: Draft, *, is_classic: bool
    ) -> None:
        run = Run(draft, name, self.hosts, deque(command), self.findings)
        if not self._carry_out_words(run):
            for number in {*run.touched, run.current}:
                if (logical := draft.logicals.get((name.family, number))) is not None:
                    logical.is_broken = True
            self._try_rest(run)
        elif is_classic and not run.is_taken_by_dhcp:
            _imply(run)
        self._settle(run)

    def _carry_out_words(self, run: Run) -> bool:
        """Carry out words up to the first fault; False where there is one."""
        while run.words:
            word = run.words.popleft()
            run.line = word.line
            try:
                _carry_out_word(run, word.text)
            except Wrong as wrong:
                run.fault(wrong)
                return False
        return True

    def _try_rest(self, broken: Run) -> None:
        """The command has ended; its further lines are tried for their faults, on nothing real.

        The rest of the faulty line is not: what follows a word that is misspelt is often called
        wrong for that alone.
        """
        rest = broken.words
        while _skip_line(rest, broken.line):
            trial = Run(
                Draft(broken.draft.name),
                broken.name,
                self.hosts,
                rest,
                self.findings,
                is_trial=True,
            )
            self._carry_out_words(trial)
            broken = trial

    def _settle(self, run: Run) -> None:
        for number in sorted(run.touched):
            logical = run.draft.logicals.get((run.family, number))
            if logical is not None and not logical.settle(self.netmasks):
                _warn_of_guess(run, logical)


def _skip_line(words: deque[Word], line: int) -> bool:
    """Leave out the words of a line, with the argument of its last one; are there further ones?"""
    while words and words[0].line == line:
        text = words.popleft().text
        if text in _DHCP_WORDS:
            words.clear()
        elif text in WORDS and WORDS[text].takes_argument and words:
            words.popleft()
    return bool(words)


def _carry_out_word(run: Run, text: str) -> None:
    known = WORDS.get(text)
    if known is None:
        unknown_word(run, text)
        return
    argument = ""
    if known.takes_argument:
        if not run.words:
            raise Wrong(f"no argument for {text}")
        argument = run.words.popleft().text
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
    if is_link_local(logical.address) or logical.is_broken:
        return
    run.warn(
        f"{logical.address} has no prefix length or netmask: taken as "
        f"{logical.address}/{logical.prefix}",
        logical.place.line,
    )


def warn_of_surprises(draft: Draft, findings: Findings) -> None:
    """What will not be where, or what, the administrator may think."""
    for logical in draft.logicals.values():
        if logical.address is not None and not is_link_local(logical.address):
            for message in _surprises(draft, logical):
                place = logical.place
                text = f"{logical.address} {message}"
                findings.add(place.file, place.line, text, is_warning=True)
    mtu = draft.mtu
    lowest = LOWEST_MTU[Family.IPV6]
    if mtu is not None and mtu.value < lowest and Family.IPV6 in draft.families:
        message = (
            f"mtu {mtu.value} is less than {lowest}: the kernel has no IPv6 on {draft.name} then, "
            f"which /etc/hostname6.{draft.name} asks for"
        )
        findings.add(mtu.place.file, mtu.place.line, message, is_warning=True)


def _surprises(draft: Draft, logical: Logical) -> list[str]:
    surprises: list[str] = []
    if logical.wants_up is None and not logical.is_broken:
        surprises.append("stays down: there is no `up` for it")
    # Behaviours 21 and 22; one with `-failover` has been told of its order.
    is_data = draft.kind(logical) is AddressKind.DATA and not logical.is_fixed
    if draft.is_standby and is_data:
        surprises.append("is a data address on a standby: it will be put on another member")
    return surprises
