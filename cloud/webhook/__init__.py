"""The webhook: notifies an external receiver when lamps are associated or released."""
