"""The messages between the participant server and a kernel, and their channels."""
