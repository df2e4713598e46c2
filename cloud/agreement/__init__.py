"""The broker made to agree with the database again: what it lost, and what it should not have."""
