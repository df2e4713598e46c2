"""An MQTT client for the daemon, which knows of each message whether the broker accepted it.

`protocol` is the state machine, without any I/O; `client` runs it on a socket and a thread.
"""
