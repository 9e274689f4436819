"""Participants' pages below Jupyter's own address, as behind a JupyterHub."""
