"""Leased addresses, and who keeps their leases alive."""
