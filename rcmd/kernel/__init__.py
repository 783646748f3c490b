"""The kernel: netlink, sockets for probes and announcements, sysctls, carriers."""
