"""The LAMPI cloud: daemon, command line, API and web page."""
