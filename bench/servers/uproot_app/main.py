"""The project that uproot serves in the benches."""

import os

import uproot.deployment as upd
from uproot.cli import cli
from uproot.server import load_config, uproot_server

load_config(uproot_server, config="bench", apps=["arena"])
load_config(uproot_server, config="forms", apps=["forms"])
load_config(uproot_server, config="values", apps=["values"])

upd.ADMINS["admin"] = upd.auto_login()
upd.API_KEYS.add(os.environ["BENCH_API_KEY"])
upd.UPSTREAM = False

if __name__ == "__main__":
    cli()
