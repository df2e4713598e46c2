"""The HTTP API under /api/v1, for other front ends; see `register_api`."""
