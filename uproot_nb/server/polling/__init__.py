"""Long polling: participants' connections where WebSockets are blocked."""
