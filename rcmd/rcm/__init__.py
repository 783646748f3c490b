"""Reconfiguration as transactions that read top to bottom."""
