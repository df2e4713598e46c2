"""The HTTP API for other front ends, /api/v1: a blueprint for the web application, see `register_api`."""
