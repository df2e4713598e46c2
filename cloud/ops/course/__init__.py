"""Moving in from a LAMPI course site: reading its Django database, choosing, and writing into the cloud's own."""
