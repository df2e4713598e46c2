"""What the lamp and the cloud have in common: the wire and the link to the broker."""

__version__ = "0.1.0"
