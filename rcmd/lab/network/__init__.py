"""What a lab is made of: namespaces, cables, a switch, processes in them."""
