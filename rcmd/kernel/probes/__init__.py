"""Probes and their answers on the wire."""
