"""rcmctl: one file per verb.  Meets the daemon only over D-Bus."""
