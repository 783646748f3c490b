"""RCM scripts as files and processes."""
