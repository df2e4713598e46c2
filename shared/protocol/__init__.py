"""Topics and payloads."""
