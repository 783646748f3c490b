"""Multicast memberships that follow their interface."""
