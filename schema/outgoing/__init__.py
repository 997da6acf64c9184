"""Messages that the service sends to others."""
