"""The cloud's side: the daemon that keeps the lamps, and the command line around it."""
