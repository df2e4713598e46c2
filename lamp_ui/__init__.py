"""The touchscreen on the lamp."""
