"""Installation on a server, and the files to install."""
