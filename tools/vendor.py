"""Vendor: fetches the browser libraries that pages use, at pinned versions, into the package.

    python tools/vendor.py

It needs npm. What it writes is committed, so that nobody else needs npm, and no page a CDN.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "uproot_nb" / "static" / "vendor"

MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


@dataclass(frozen=True)
class Library:
    """One npm package: its pinned version, and which of its files (path in the package) we ship.

    `licence` is the text for a package that ships none of its own; else its LICENSE is taken.
    """

    name: str
    version: str
    files: tuple[str, ...]
    licence: str = ""


LIBRARIES = (
    Library(
        "bootstrap",
        "5.3.9",
        (
            "dist/css/bootstrap.min.css",
            "dist/css/bootstrap.rtl.min.css",
            "dist/js/bootstrap.bundle.min.js",
        ),
    ),
    Library(
        "alpinejs",
        "3.17.5",
        ("dist/cdn.min.js",),
        "MIT License\n\nCopyright © 2019-2021 Caleb Porzio and contributors\n\n" + MIT,
    ),
    Library(
        "@fontsource-variable/inter",
        "5.3.0",
        (
            "files/inter-latin-wght-normal.woff2",
            "files/inter-latin-ext-wght-normal.woff2",
            "files/inter-greek-wght-normal.woff2",
            "files/inter-cyrillic-wght-normal.woff2",
            "files/inter-vietnamese-wght-normal.woff2",
        ),
    ),
    Library("uplot", "1.6.32", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
)
NEW_NAMES = {"cdn.min.js": "alpine.min.js"}


def main() -> None:
    """Fetch every library and write down its version."""
    for library in LIBRARIES:
        with tempfile.TemporaryDirectory() as folder:
            unpack(library, pack(library, Path(folder)))
    versions = {library.name: library.version for library in LIBRARIES}
    text = json.dumps(versions, indent=2, sort_keys=True) + "\n"
    (VENDOR / "VERSIONS.json").write_text(text, encoding="utf-8")


def pack(library: Library, folder: Path) -> Path:
    """Return the library's archive, which npm has put into *folder*."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm was not found. Install Node.js and run this again.")
    subprocess.run(
        [npm, "pack", f"{library.name}@{library.version}", "--silent"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = folder.glob("*.tgz")
    return archive


def unpack(library: Library, archive: Path) -> None:
    """Write the library's files and licence below the vendor folder."""
    target = VENDOR / library.name.rsplit("/", 1)[-1]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(archive) as package:
        for path in library.files:
            name = path.rsplit("/", 1)[-1]
            content = read(package, path)
            if name.endswith((".js", ".css")):
                content = without_source_map(content)
            (target / NEW_NAMES.get(name, name)).write_bytes(content)
        licence = library.licence.encode() or read(package, "LICENSE")
        (target / "LICENSE").write_bytes(licence)


def read(package: tarfile.TarFile, path: str) -> bytes:
    """Return the content of one file of an npm package."""
    member = package.extractfile(f"package/{path}")
    if member is None:
        sys.exit(f"The archive holds no file '{path}'. Correct LIBRARIES and run this again.")
    return member.read()


def without_source_map(content: bytes) -> bytes:
    """Drop the pointer to a source map; we ship none, and developer tools would ask for it."""
    lines = content.rstrip().split(b"\n")
    return b"\n".join(line for line in lines if b"sourceMappingURL=" not in line[:60]) + b"\n"


if __name__ == "__main__":
    main()
