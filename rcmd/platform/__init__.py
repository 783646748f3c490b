"""The rest of the machine: udev, files, hardware, scripts, the store, the service manager."""
