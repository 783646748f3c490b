"""Tests on a machine with real PCIe slots: a QEMU guest, its NICs on a switch of its own."""
