"""PCI functions, slots and USB devices in sysfs."""
