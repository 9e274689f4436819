"""The monitor and the API at the participant server."""
