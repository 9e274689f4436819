"""The mutations of `make mutants`: how many there are, and that each is undone."""

from __future__ import annotations

from pathlib import Path

from mutants import REPOSITORY, Mutation, mutated, read_mutations


def test_there_are_sixty_and_each_has_a_name_of_its_own() -> None:
    names = [mutation.name for mutation in read_mutations()]
    assert len(names) == len(set(names)) >= 60


def test_each_still_applies() -> None:
    texts = [path.read_text("utf-8") for path in (REPOSITORY / "uproot_nb").rglob("*.py")]
    lost = [
        mutation.name
        for mutation in read_mutations()
        if sum(text.count(mutation.old) for text in texts) != 1
    ]
    assert lost == []


def test_a_file_is_whole_again_after_its_mutation(tmp_path: Path) -> None:
    path = tmp_path / "rule.py"
    path.write_text("a = 1\n", "utf-8")
    with mutated(path, Mutation("change a number", "= 1", "= 2", ())):
        assert path.read_text("utf-8") == "a = 2\n"
    assert path.read_text("utf-8") == "a = 1\n"
