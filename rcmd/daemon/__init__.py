"""The process: its loop, what it listens to, what it does beside, and how it is put together."""
