"""The web page where users associate and manage lamps. It uses the services and the database, never the broker."""
