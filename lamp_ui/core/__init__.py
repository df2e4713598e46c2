"""Computes the view state, without Kivy and MQTT."""
