"""Who works and who has failed."""
