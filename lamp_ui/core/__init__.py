"""What the screen states, without Kivy and MQTT."""
