"""Guessing codes: what it costs, how many guesses can be borne, and who must wait."""
