"""Pure rules, that know no state."""
