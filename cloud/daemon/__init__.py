"""The daemon, by its parts: leading, hearing what lamps are there, and telling the broker what is pending."""
