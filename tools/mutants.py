"""Mutants: break the engine in sixty ways, one at a time, and see which ones the tests catch.

    python tools/mutants.py                   all of mutations.toml
    python tools/mutants.py --only token      those whose names have the word
    python tools/mutants.py --list            only see whether each still applies

Each mutation replaces a piece of source that stands in the package once, in a copy of the
repository, and runs the tests named beside it until one fails. The exit code is 0 if at least
nine of ten are caught and all of them apply.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("mutations.toml")
SHARE = 0.9
SECONDS_PER_TEST = 90
"""A mutant that makes a test hang for so long is caught, too."""


@dataclass(frozen=True)
class Mutation:
    """One way to break the package, and the tests that should notice."""

    name: str
    old: str
    new: str
    tests: tuple[str, ...]

    def find(self, package: Path) -> list[Path]:
        """Return the files in which the source to be replaced stands, once for each time."""
        texts = ((path, path.read_text("utf-8")) for path in sorted(package.rglob("*.py")))
        return [path for path, text in texts for _ in range(text.count(self.old))]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    mutation: Mutation
    word: str
    """ "caught", "survived" or "does not apply"."""
    detail: str
    seconds: float = 0.0


def read_mutations(path: Path = LIST) -> list[Mutation]:
    """Read the list of mutations."""
    rows = tomllib.loads(path.read_text("utf-8"))["mutation"]
    return [Mutation(row["name"], row["old"], row["new"], tuple(row["tests"])) for row in rows]


def copy_repository(target: Path) -> None:
    """Copy what git knows, with the changes that are not committed yet."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPOSITORY, text=True)
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def run_tests(copy: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy until one fails."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-rfE", "--tb=no",
        "-m", "not slow", f"--timeout={SECONDS_PER_TEST}", *(f"tests/{name}" for name in tests),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


@contextmanager
def mutated(path: Path, mutation: Mutation) -> Iterator[None]:
    """Break a file until the block ends."""
    text = path.read_text("utf-8")
    path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
    try:
        yield
    finally:
        path.write_text(text, "utf-8")


def judge(mutation: Mutation, copy: Path) -> Outcome:
    """Apply one mutation to a copy and run its tests."""
    found = mutation.find(copy / "uproot_nb")
    if len(found) != 1:
        return Outcome(mutation, "does not apply", f"its source stands {len(found)} times")
    started = time.monotonic()
    with mutated(found[0], mutation):
        done = run_tests(copy, mutation.tests)
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return Outcome(mutation, "survived", ", ".join(mutation.tests), seconds)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    last = (done.stdout + done.stderr).strip().splitlines() or [""]
    if done.returncode in (4, 5):
        return Outcome(mutation, "does not apply", last[-1], seconds)
    return Outcome(mutation, "caught", failed[1] if failed else last[-1], seconds)


def judge_all(mutations: list[Mutation], jobs: int) -> list[Outcome]:
    """Judge all mutations, some at a time, each in a copy of its own; print each as it is known."""
    with tempfile.TemporaryDirectory(prefix="uproot_nb-mutants-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(jobs):
            copy = Path(folder) / str(number)
            copy_repository(copy)
            copies.put(copy)

        def judge_in_a_copy(mutation: Mutation) -> Outcome:
            copy = copies.get()
            outcome = judge(mutation, copy)
            copies.put(copy)
            print(
                f"{outcome.word:<14} {mutation.name}  ({outcome.seconds:.0f} s, {outcome.detail})"
            )
            sys.stdout.flush()
            return outcome

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(judge_in_a_copy, mutations))


def check_tests(mutations: list[Mutation]) -> bool:
    """Run the tests on a copy as it is: a test that fails anyway catches nothing."""
    named = sorted({name for mutation in mutations for name in mutation.tests})
    with tempfile.TemporaryDirectory(prefix="uproot_nb-mutants-") as folder:
        copy_repository(Path(folder))
        done = run_tests(Path(folder), named)
    if done.returncode:
        print(f"The tests fail without any mutation:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    return not done.returncode


def main() -> int:
    """Judge the mutations that were asked for, print their share, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="mutations with this word in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--list", action="store_true", help="only see whether each applies")
    options = parser.parse_args()
    chosen = [mutation for mutation in read_mutations() if options.only in mutation.name]
    if options.list:
        lost = [
            mutation for mutation in chosen if len(mutation.find(REPOSITORY / "uproot_nb")) != 1
        ]
        for mutation in lost:
            print(f"does not apply: {mutation.name}")
        return 1 if lost else 0
    if not check_tests(chosen):
        return 2
    started = time.monotonic()
    outcomes = judge_all(chosen, options.jobs)
    words = [outcome.word for outcome in outcomes]
    caught = words.count("caught")
    print(f"{caught} of {len(words)} caught ({caught / len(words):.0%}), ", end="")
    print(
        f"{words.count('survived')} survived, {words.count('does not apply')} do not apply; ",
        end="",
    )
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if caught >= SHARE * len(words) and "does not apply" not in words else 1


if __name__ == "__main__":
    sys.exit(main())
