"""Text in, values out.  Pure."""
