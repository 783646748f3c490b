"""The words of the hostname grammar and what each does (reference section 2.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network

from rcmd.configuration import values
from rcmd.configuration.files import HIGHEST_LOGICAL, HostnameName
from rcmd.configuration.findings import Findings, Near, Wrong
from rcmd.configuration.hosts import Hosts, literal_address
from rcmd.configuration.interface_files.builder import Computed, Draft, Logical, Noted
from rcmd.configuration.interface_files.commands import Word
from rcmd.configuration.text import Place, printable, quoted
from rcmd.model.network import Family, IPAddress, family_of

HIGHEST_MTU = 65_535
LOWEST_MTU = {Family.IPV4: 68, Family.IPV6: 1280}
"""RFC 791 and RFC 8200."""

_QUOTES = "\"'"
_SHOWN_WORDS = 20
_SHOWN_LETTERS = 200
"""Of what is ignored after dhcp."""


@dataclass(slots=True)
class Run:
    """A command being carried out."""

    draft: Draft
    name: HostnameName
    """Of the file."""
    hosts: Hosts
    words: deque[Word]
    """What is still to be read."""
    findings: Findings
    is_trial: bool = False
    """Only faults are looked for: the draft is no real one."""
    current: int = field(init=False)
    """The logical interface the words are about."""
    line: int = field(init=False)
    """Of the word being carried out."""
    has_address: bool = False
    """Its address was given in this command: the next unknown word is the destination."""
    has_destination: bool = False
    is_taken_by_dhcp: bool = False
    touched: set[int] = field(default_factory=set)
    """The logical interfaces the command was about."""

    def __post_init__(self) -> None:
        self.current = self.base
        self.line = self.words[0].line

    @property
    def family(self) -> Family:
        return self.name.family

    @property
    def base(self) -> int:
        """The logical interface the file is for: 0, or N of `hostname.IF:N`."""
        return self.name.logical

    @property
    def place(self) -> Place:
        return Place(self.name.path, self.line)

    @property
    def logical(self) -> Logical:
        self.touched.add(self.current)
        return self.draft.logical(self.family, self.current, self.name.path, self.line)

    def fault(self, wrong: Wrong) -> None:
        self.findings.add(self.name.path, self.line, str(wrong), wrong.near)

    def warn(self, message: str, line: int = 0) -> None:
        if not self.is_trial:
            self.findings.add(self.name.path, line or self.line, message, is_warning=True)


# --- addresses ------------------------------------------------------------------------------------


def unknown_word(run: Run, text: str) -> None:
    """The first one is the address, the second the destination."""
    if text.startswith("/") and text != "/":
        run.logical.length_word = values.prefix_length(text[1:], run.family, text)
        return
    try:
        if not run.has_address:
            _set(run, text)
        elif not run.has_destination:
            _destination(run, text)
        else:
            raise Wrong(f"{quoted(text)}: unexpected, address and destination are known already")
    except Wrong as wrong:
        is_number = literal_address(text.partition("/")[0]) is not None
        raise Wrong(str(wrong), None if is_number else Near(text, WORDS)) from None


def _set(run: Run, text: str) -> None:
    word = values.address_word(text, run.family, run.hosts)
    _give(run, word)


def _give(run: Run, word: values.AddressWord) -> None:
    """Give the logical interface the address; the unspecified address takes it away."""
    address, logical = word.address, run.logical
    run.has_address, run.has_destination = True, False
    logical.place = run.place
    logical.prefix = None
    if word.prefix is not None:
        logical.length_word = word.prefix
    is_one = address is not None and not address.is_unspecified
    run.draft.give(run.family, run.current, address if is_one else None)
    if values.is_link_local(address):
        run.warn(f"{address}: the kernel makes the link-local address by itself; ignored")
    _warn_of_edge(run, address, word.prefix)


def _warn_of_edge(run: Run, address: IPAddress | None, prefix: int | None) -> None:
    if address is None or prefix is None or family_of(address) is Family.IPV6 or prefix > 30:
        return
    network = IPv4Network((int(address), prefix), strict=False)
    if address in (network.network_address, network.broadcast_address):
        run.warn(f"{address} is the network or broadcast address of {network}")


def _destination(run: Run, text: str) -> None:
    peer = values.host_address(text, run.family, run.hosts)
    run.logical.peer = None if peer.is_unspecified else peer
    run.has_destination = True


def _addif(run: Run, text: str) -> None:
    if run.base != 0:
        raise Wrong("addif is not valid in the file of a logical interface")
    word = values.address_word(text, run.family, run.hosts)
    number = run.draft.lowest_free(run.family)
    if number > HIGHEST_LOGICAL:
        raise Wrong(f"addif: there are {HIGHEST_LOGICAL} logical interfaces already")
    run.current = number
    _give(run, word)


def _removeif(run: Run, text: str) -> None:
    if run.base != 0:
        raise Wrong("removeif is not valid in the file of a logical interface")
    address = values.address_word(text, run.family, run.hosts).address
    number = None if address is None else run.draft.holder(address)
    if number is not None:
        _remove(run, number)
    elif not run.is_trial:
        raise Wrong(f"{quoted(text)}: no logical interface has it")


def _remove(run: Run, number: int) -> None:
    run.draft.remove(run.family, number)
    if number == 0:
        run.draft.logical(run.family, 0, run.name.path, run.line)
    if run.current == number:
        run.current = 0


def _netmask(run: Run, text: str) -> None:
    run.logical.netmask_word = Computed.COMPUTED if text == "+" else values.netmask_prefix(text)


def _broadcast(run: Run, text: str) -> None:
    run.logical.broadcast = Computed.COMPUTED if text == "+" else values.broadcast_address(text)


# --- flags of a logical interface -----------------------------------------------------------------


def _up(run: Run, _: str) -> None:
    run.logical.wants_up = True


def _down(run: Run, _: str) -> None:
    run.logical.wants_up = False


def _deprecated(run: Run, _: str) -> None:
    run.logical.is_deprecated = True
    if run.family is Family.IPV6 and run.current == 0 and run.logical.address is None:
        run.warn("the link-local address must not be deprecated; ignored")


def _not_deprecated(run: Run, _: str) -> None:
    run.logical.is_deprecated = False


def _failover(run: Run, _: str) -> None:
    run.draft.fix(run.logical, is_fixed=False)


def _not_failover(run: Run, _: str) -> None:
    logical = run.logical
    run.draft.fix(logical, is_fixed=True)
    if run.draft.is_taken_by_standby(logical) and not values.is_link_local(logical.address):
        run.warn(
            f"`-failover` after `standby` is too late: {logical.address} counts as a data address "
            "and moves; put `-failover` before `standby`"
        )
    elif run.family is Family.IPV6 and logical.address is not None:
        run.warn(
            f"{logical.address} will stay here, but IPv6 probes use the link-local address only"
        )


# --- the interface itself -------------------------------------------------------------------------


def _group(run: Run, text: str) -> None:
    name = values.group_name(text)
    if run.base != 0:
        raise Wrong("group is not valid in the file of a logical interface")
    if run.current != 0:
        run.warn(f"group {quoted(name)} after addif is ignored; put it before addif")
        return
    if name in WORDS:
        run.warn(f"the group is named like the word {quoted(name)}; is its name missing?")
    if name[0] in _QUOTES or name[-1] in _QUOTES:
        run.warn(f"there is no quoting here: the name of the group is {name}, quotes and all")
    noted = run.draft.group
    if noted is not None and noted.value != name and noted.place.file != run.place.file:
        raise Wrong(f"group {quoted(name)}: it is {quoted(noted.value)} at {noted.place}")
    run.draft.group = Noted(name, run.place)


def _standby(run: Run, _: str) -> None:
    run.draft.set_standby(is_standby=True)


def _not_standby(run: Run, _: str) -> None:
    run.draft.set_standby(is_standby=False)


def _mtu(run: Run, text: str) -> None:
    mtu = values.number(text, LOWEST_MTU[run.family], HIGHEST_MTU, "MTU")
    noted = run.draft.mtu
    if noted is not None and noted.value != mtu and noted.place.file != run.place.file:
        raise Wrong(f"mtu {mtu}: it is {noted.value} at {noted.place}")
    run.draft.mtu = Noted(mtu, run.place)


def _ether(run: Run, _: str) -> None:
    if not run.words or not values.looks_like_hardware_address(run.words[0].text):
        run.warn("ether without a hardware address does nothing")
        return
    mac = values.hardware_address(run.words.popleft().text)
    noted = run.draft.hardware_address
    if noted is not None and noted.value != mac and noted.place.file != run.place.file:
        raise Wrong(f"ether {mac}: it is {noted.value} at {noted.place}")
    run.draft.hardware_address = Noted(mac, run.place)


def _dhcp(run: Run, _: str) -> None:
    """The rest of the line belongs to it (ifconfig(1M): `primary`, `wait N` and verbs)."""
    rest = [word.text for word in run.words]
    run.words.clear()
    run.is_taken_by_dhcp = True
    if run.family is Family.IPV6:
        run.warn("there is no DHCP for IPv6 here; ignored with the rest of its line")
        return
    run.draft.wants_dhcp = True
    _warn_of_dhcp_words(run, rest)


def _warn_of_dhcp_words(run: Run, rest: list[str]) -> None:
    """`primary` and `wait` say for which lease the boot waits: it waits for none here."""
    ignored = []
    words = iter(rest)
    for word in words:
        if word == "wait":
            next(words, None)
        elif word not in ("primary", "start"):
            ignored.append(word)
    if ignored:
        run.warn(
            f"ignored after dhcp, which takes the rest of its line: {_joined(ignored)}; "
            "put what is for the interface on a line of its own"
        )


def _joined(words: list[str]) -> str:
    shown = " ".join(printable(word) for word in words[:_SHOWN_WORDS])
    return shown if len(shown) <= _SHOWN_LETTERS else shown[:_SHOWN_LETTERS] + "..."


def _auto_revarp(run: Run, _: str) -> None:
    run.draft.wants_dhcp = True
    run.warn("RARP is not spoken any more: the address is asked for by DHCP")


def _plumb(run: Run, _: str) -> None:
    """That the file exists has done it."""


# --- words of no use here -------------------------------------------------------------------------


def _meaningless(word: str, run: Run, _: str) -> None:
    run.warn(f"{word} means nothing on Linux; ignored")


def _unsupported(word: str, _run: Run, _: str) -> None:
    raise Wrong(f"{word} is not supported")


@dataclass(frozen=True, slots=True)
class Known:
    """A word of the grammar."""

    apply: Callable[[Run, str], None]
    takes_argument: bool = False
    only: Family | None = None
    """The one family it is for."""


def _all(
    apply: Callable[[str, Run, str], None], words: str, *, takes_argument: bool
) -> dict[str, Known]:
    return {word: Known(partial(apply, word), takes_argument) for word in words.split()}


WORDS: Mapping[str, Known] = {
    "set": Known(_set, takes_argument=True),
    "destination": Known(_destination, takes_argument=True),
    "addif": Known(_addif, takes_argument=True),
    "removeif": Known(_removeif, takes_argument=True),
    "netmask": Known(_netmask, takes_argument=True, only=Family.IPV4),
    "broadcast": Known(_broadcast, takes_argument=True, only=Family.IPV4),
    "up": Known(_up),
    "down": Known(_down),
    "deprecated": Known(_deprecated),
    "-deprecated": Known(_not_deprecated),
    "failover": Known(_failover),
    "-failover": Known(_not_failover),
    "standby": Known(_standby),
    "-standby": Known(_not_standby),
    "group": Known(_group, takes_argument=True),
    "mtu": Known(_mtu, takes_argument=True),
    "ether": Known(_ether),
    "dhcp": Known(_dhcp),
    "auto-dhcp": Known(_dhcp),
    "auto-revarp": Known(_auto_revarp, only=Family.IPV4),
    "plumb": Known(_plumb),
    "arp": Known(partial(_meaningless, "arp"), only=Family.IPV4),
    "-arp": Known(partial(_meaningless, "-arp"), only=Family.IPV4),
    "nud": Known(partial(_meaningless, "nud"), only=Family.IPV6),
    "-nud": Known(partial(_meaningless, "-nud"), only=Family.IPV6),
    "preferred": Known(partial(_meaningless, "preferred"), only=Family.IPV6),
    "-preferred": Known(partial(_meaningless, "-preferred"), only=Family.IPV6),
    "token": Known(partial(_unsupported, "token"), takes_argument=True, only=Family.IPV6),
    **_all(
        _meaningless,
        "router -router trailers -trailers debug -debug verbose private -private xmit -xmit "
        "anycast -anycast local -local failed -failed -zone all-zones",
        takes_argument=False,
    ),
    **_all(_meaningless, "metric index", takes_argument=True),
    **_all(_unsupported, "unplumb modlist", takes_argument=False),
    **_all(
        _unsupported,
        "subnet usesrc zone tsrc tdst encaplimit thoplimit auth_algs encr_algs encr_auth_algs "
        "modinsert modremove",
        takes_argument=True,
    ),
}
