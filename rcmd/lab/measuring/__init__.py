"""What measures a lab: streams, flows, what goes over a cable."""
