"""Positions, sizes and colours, without Kivy."""
