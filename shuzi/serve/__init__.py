"""The drawing page and its HTTP API."""
