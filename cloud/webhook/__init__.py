"""The webhook: a receiver elsewhere is told over HTTP whose lamp became whose."""
