"""Print setup.cfg's lower bounds as pip's constraints: `numpy>=1.26` becomes `numpy==1.26`."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "setup.cfg"

OPTIONAL = (
    "data", "export", "fast", "gym", "iban", "metrics", "nats", "parquet", "plots", "postgres",
    "sepa", "statistics", "wtforms",
)  # fmt: skip
"""The extras that the package itself imports."""
_REQUIREMENT = re.compile(r"^([\w-]+)(?:\[\w+\])?>=([^,\s]+)", re.MULTILINE)


def lowest(text: str) -> Iterator[str]:
    """Yield a constraint for each requirement of the package and its optional parts."""
    setup = configparser.ConfigParser()
    setup.read_string(text)
    extras = setup["options.extras_require"]
    lines = [setup["options"]["install_requires"], *(extras[name] for name in OPTIONAL)]
    for name, bound in _REQUIREMENT.findall("\n".join(lines)):
        yield f"{name}=={bound}"


if __name__ == "__main__":
    print(*lowest(SETUP.read_text("utf-8")), sep="\n")
