"""Who may come to the broker: authorities, certificates, and all that a lamp's Pi needs, in one folder."""
