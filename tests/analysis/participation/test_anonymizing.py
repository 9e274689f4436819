"""Anonymous exports: no name, no label, no date and no word of a participant is in any format."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import csv
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uproot_nb import (
    Entry,
    Page,
    RadioField,
    StringField,
    add_entry,
    create_group,
    create_model,
    live,
    open_log,
)
from uproot_nb.cli import main
from uproot_nb.errors import UprootError
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.testing import Participant, Served, served

WORKER, VISIT, PHONE = "5f1e00aa11bb22cc", "visit-id-of-prolific", "0171 2345678"
ANSWER, NEWS = "I live in Kiel, on the canal", "my cat is called Mimi"
NOW = 1_764_000_000.25
FORMATS = ("csv", "jsonl", "parquet", "dta", "sav", "xlsx")


class Remark(metaclass=Entry):
    """What somebody said."""

    said: str
    price: int


class Ask(Page):
    """Ask."""

    fields = {  # noqa: RUF012
        "home": StringField(label="Where do you live?"),
        "phone": StringField(label="Phone"),
        "choice": RadioField(label="Choice", choices=["cooperate", "defect"]),
    }

    @live
    def remark(page, player, said: str):
        player.said = [said]
        player.partner_name = player.session.first
        setattr(player, f"sent_by_{player.name}", {f"{player.name}_1": 1})
        player.session.first = player.name
        player.session.news = f"{player.name}:\n{player.name} says {said}"
        player.when = player.session._world.journal.clock()
        add_entry(player.session.remarks, player, Remark, said=said, price=7)
        return said


class End(Page):
    """End."""


def new_session(session):
    session.remarks = create_model(session, tag="remarks")
    session.first = ""


def new_player(player):
    player.treatment = "treated"


def play(session: Served, answer: str = ANSWER, news: str = NEWS, phone: str = PHONE) -> None:
    newcomers = session.run._runtime.flow.newcomers
    newcomers.way_in = WayIn.of(None, "prolific", None)
    places = list(session.run.players)
    links = [
        f"{session.run.link(place)}?PROLIFIC_PID={n}{WORKER}&SESSION_ID={n}{VISIT}"
        for n, place in enumerate(places)
    ]
    for link, place in zip(links, places, strict=True):
        someone = Participant(session, link, place)
        someone.arrive()
        someone.call("remark", news)
        someone.submit(home=answer, phone=phone, choice="cooperate")
    create_group(session.run.session, places)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("anonymous") / "log.sqlite3"
    with served([Ask, End], players=2, arrive=False, db=path, now=NOW) as session:
        play(session)
    return path


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is in each file; of zipped ones, such as Excel's, what is in their parts."""
    for path in (one for one in folder.rglob("*") if one.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".parquet":
            import pyarrow.parquet

            yield name, str(pyarrow.parquet.read_table(path).to_pydict()).encode()
        elif path.suffix == ".sav":
            import pyreadstat

            frame, about = pyreadstat.read_sav(path)
            yield name, f"{frame.to_dict()} {about.column_names_to_labels}".encode()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                yield from ((f"{name}/{one}", parts.read(one)) for one in parts.namelist())
        else:
            yield name, path.read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.sample(2)
def test_no_format_has_a_name_a_label_a_date_or_a_word(
    db: Path, tmp_path: Path, format: str
) -> None:
    with open_log(db) as log:
        names = list(log.state.index)
        log.export(tmp_path / "whole", format)
        log.export(tmp_path / "public", format, anonymous=True)
    secrets = [*names, WORKER, VISIT, PHONE, ANSWER, NEWS, "2025-11-24"]
    everything = b"".join(text for _, text in contents(tmp_path / "whole"))
    assert [secret for secret in secrets[:-1] if secret.encode() not in everything] == []
    found = dict(contents(tmp_path / "public"))
    assert [(n, s) for n, text in found.items() for s in secrets if s.encode() in text] == []
    assert not [name for name in found if name.endswith(".ipynb")]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_what_is_no_free_text_stays_and_tables_still_fit_together(db: Path, tmp_path: Path) -> None:
    with open_log(db) as log:
        log.export(tmp_path / "public", anonymous=True)
    players = rows(tmp_path / "public/latest/players.csv")
    names = {row["player"] for row in players}
    assert len(names) == 2
    assert {(row["choice"], row["treatment"]) for row in players} == {("cooperate", "treated")}
    assert {row["id"] for row in players} == {"0", "1"}
    assert {row["player"] for row in rows(tmp_path / "public/calls.csv")} == names
    assert {row["player"] for row in rows(tmp_path / "public/page_times.csv")} == names
    assert {row["partner_name"] for row in players} - {""} < names
    times = [float(row["time"]) for row in rows(tmp_path / "public/ultralong/players.csv")]
    assert min(times) >= 0
    assert max(times) < 3600
    remarks = rows(tmp_path / "public/models/remarks.csv")
    assert {row["price"] for row in remarks} == {"7"}
    assert all(0 <= float(row["time"]) < 3600 for row in remarks)
    assert "label" not in players[0]
    assert "query" not in players[0]


@pytest.mark.long
def test_texts_of_named_fields_stay(db: Path, tmp_path: Path) -> None:
    with open_log(db) as log:
        log.export(tmp_path / "public", anonymous=True, free_text=["home"])
    found = b"".join(text for _, text in contents(tmp_path / "public"))
    assert ANSWER.encode() in found
    assert NEWS.encode() not in found


@pytest.mark.long
def test_the_key_is_a_private_file_of_its_own(db: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    with open_log(db) as log:
        log.export(tmp_path / "public", anonymous=True, key=key)
        names = list(log.state.index)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    players = rows(tmp_path / "public/latest/players.csv")
    assert {row["anonymous"]: row["player"] for row in rows(key)}.keys() == {
        row["player"] for row in players
    }
    assert sorted(row["player"] for row in rows(key)) == sorted(names)
    assert sorted(row["label"] for row in rows(key)) == [f"0{WORKER}", f"1{WORKER}"]


@pytest.mark.long
def test_two_exports_cannot_be_joined_by_their_names(db: Path, tmp_path: Path) -> None:
    seen = []
    with open_log(db) as log:
        for name in ("one", "two"):
            log.export(tmp_path / name, anonymous=True)
            seen.append({row["player"] for row in rows(tmp_path / name / "latest/players.csv")})
    assert not seen[0] & seen[1]


@pytest.mark.long
def test_a_key_is_never_replaced_nor_in_the_export_nor_left_without_one(
    db: Path, tmp_path: Path
) -> None:
    key, target = tmp_path / "key.csv", tmp_path / "public"
    with open_log(db) as log:
        with pytest.raises(UprootError, match="would be part of the export"):
            log.export(target, anonymous=True, key=target / "key.csv")
        target.write_text("something else")
        with pytest.raises(UprootError):
            log.export(target, anonymous=True, key=key)
        assert not key.exists()
        key.write_text("of another export")
        with pytest.raises(UprootError, match="the key of another export"):
            log.export(tmp_path / "other", anonymous=True, key=key)
        with pytest.raises(UprootError, match="anonymous=True"):
            log.export(tmp_path / "other", key=tmp_path / "k.csv")
    assert key.read_text() == "of another export"
    assert not (tmp_path / "other").exists()


@pytest.mark.long
def test_the_terminal_exports_anonymously_too(db: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    arguments = ["--anonymous", "--free-text", "home", "--key", str(key)]
    assert main(["export", str(db), "test", str(tmp_path / "public"), *arguments]) == 0
    found = b"".join(text for _, text in contents(tmp_path / "public"))
    assert ANSWER.encode() in found
    assert WORKER.encode() not in found
    assert key.exists()


@pytest.mark.long
def test_the_readme_says_what_was_done(db: Path, tmp_path: Path) -> None:
    with open_log(db) as log:
        log.export(tmp_path / "public", anonymous=True)
    readme = (tmp_path / "public/README.txt").read_text("utf-8")
    assert "Anonymous: players have names that were drawn at random" in readme
    json.loads((tmp_path / "public/codebook.json").read_text("utf-8"))


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=5)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=WORDS.map(lambda text: f" zq{text}qz\r\n"),
    news=WORDS.map(lambda text: f" zq {text} says so "),
    phone=st.from_regex(r"0[0-9]{8,12}", fullmatch=True),
)
def test_whatever_they_have_written_nothing_of_it_is_in_the_export(
    tmp_path_factory: pytest.TempPathFactory, answer: str, news: str, phone: str
) -> None:
    folder = tmp_path_factory.mktemp("anonymous")
    with served([Ask, End], players=2, arrive=False, now=NOW) as session:
        play(session, answer, news, phone)
        session.run.export(folder / "public", "jsonl", anonymous=True)
    for _, text in contents(folder / "public"):
        for secret in (answer.strip(), news.strip(), phone):
            assert json.dumps(secret, ensure_ascii=False)[1:-1].encode() not in text
