"""What strangers and broken peers can send, and what must come of it."""
