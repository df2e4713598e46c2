"""The daemon: leader election, presence, publishing, and syncing with the broker on each connection."""
