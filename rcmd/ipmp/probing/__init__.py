"""Whom each member probes, when, and what the answers come to."""
