#!/bin/bash
# Run a udevd with our rules in namespaces of its own, and print what it says of some devices.
# Called as: unshare -n -m -p -f --mount-proc tests/udev_host.sh RULES
set -euo pipefail
rules=$(realpath "$1")

mount -t tmpfs none /run
mount -t sysfs none /sys
mkdir -p /run/upper /run/work /run/udev/rules.d /run/systemd/network
mount -t overlay none -o "lowerdir=/etc,upperdir=/run/upper,workdir=/run/work" /etc
cp "$rules" /run/udev/rules.d/
rm -f /etc/hostname.* /etc/hostname6.*
touch /etc/hostname.rc0 /etc/hostname6.rc1 /etc/hostname.late0 /etc/hostname.lo

# rc2 will be called late0: the name chosen by a .link file.
cat >/run/systemd/network/10-late.link <<'LINK'
[Match]
OriginalName=rc2
[Link]
Name=late0
LINK

for daemon in /usr/lib/systemd/systemd-udevd /lib/systemd/systemd-udevd; do
    [ -x "$daemon" ] && break
done
"$daemon" --daemon
udevadm control --ping

show() {
    udevadm settle --timeout=20
    echo "[$1]"
    udevadm info --query=property "/sys/class/net/$2" |
        grep -E '^(RCMD_|NM_|ID_NET_MANAGED_BY|SYSTEMD_WANTS|TAGS|INTERFACE)' || true
}

ip link add rc0 type veth peer name rc1
ip link add rc2 type veth peer name rc3
show v4 rc0
show v6 rc1
show renamed late0
show none rc3
udevadm trigger --action=change --settle /sys/class/net/lo
show lo lo

touch /etc/hostname.rc3
udevadm trigger --action=change --settle /sys/class/net/rc3
show written rc3
rm /etc/hostname.rc3
udevadm trigger --action=change --settle /sys/class/net/rc3
show erased rc3

touch /etc/hostname.rc4
ip link set rc3 name rc4
show moved rc4
