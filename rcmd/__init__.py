"""rcmd: coordinated NIC removal (RCM) and IP multipathing (IPMP) for Linux.

The words, used alike in code, logs, commands and on the bus:

resource        what a reconfiguration is asked about: a slot, a device, an interface
client          who has an interest in a resource; a veto is its refusal, with a reason
group           interfaces on one IP link that share data addresses
data address    for applications; may move.  Its home is the interface it is configured on
test address    for probes; never moves
standby         kept free of data addresses until needed; inactive while so
failover        addresses leave an interface; failback: they come home
offline         emptied by request; undo-offline takes that back
detach, attach  offline and device given up; device taken (again) into use

The map: `model` has the nouns.  `configuration` turns text into values, `ipmp` decides who is
healthy and where every address lives (both pure), `rcm` runs reconfigurations as transactions,
`ports` says what both need of the outside, `kernel`, `platform` and `bus` are the outside, `daemon`
carries events in and commands out, `ctl` is rcmctl, `lab` a virtual host to try it all on.
docs/architecture.md has more.
"""

__version__ = "0.1.0"
