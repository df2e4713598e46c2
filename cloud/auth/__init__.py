"""Accounts, passwords, browser sessions and API tokens."""
