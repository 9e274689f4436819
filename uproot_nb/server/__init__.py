"""The participants' side; runs in the Jupyter server, or embedded in a kernel."""
