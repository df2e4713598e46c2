"""The whole loop on one desk, for trying: brokers, the daemon under supervisord, and one lamp (`make run`)."""
