"""Local development stack for `make run`: brokers, the daemon under supervisord, the web page and one lamp."""
