"""How the participant server and a kernel talk."""
