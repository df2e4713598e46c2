"""MQTT client for the daemon that reports an outcome for each message.

`protocol` is the state machine without I/O; `client` runs it on a socket and a thread.
"""
