"""Runs both frameworks, each in its own process, and judges whether they are the same network."""
