"""The machine: the lamp's broker, button, backlight, display."""
