"""Widgets and screens (Kivy)."""
