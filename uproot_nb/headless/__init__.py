"""Headless: a notebook served from a terminal, or by systemd, without JupyterLab."""
