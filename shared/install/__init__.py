"""Installing files on a machine."""
