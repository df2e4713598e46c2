"""The local stack and simulated lamps."""
