"""A record of the kernel log."""

from __future__ import annotations

from dataclasses import dataclass

_FACILITY_SHIFT = 3


@dataclass(frozen=True, slots=True)
class KernelLogLine:
    """One record of the kernel log (linux:Documentation/ABI/testing/dev-kmsg)."""

    priority: int
    """Facility and level, as in syslog(3)."""
    sequence: int
    time_us: int
    """Microseconds since the boot, on the kernel's monotonic clock."""
    message: str

    @property
    def is_from_kernel(self) -> bool:
        """The kernel lets no process write with facility 0 (kernel/printk/printk.c)."""
        return self.priority >> _FACILITY_SHIFT == 0
