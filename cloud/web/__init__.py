"""The page on which a person associates a lamp. It knows the association service and the database, never the broker."""
