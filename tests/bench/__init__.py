"""What rcmd costs and how fast it is, measured on the real kernel; run by `make bench`."""
