"""Code that the lamp and the cloud share: the wire format and the MQTT client."""

__version__ = "0.1.0"
