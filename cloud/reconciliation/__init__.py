"""Reconciliation of the broker's retained messages with the database: replay, orphans, drift."""
