"""SEPA files: transfers in euros that the schema allows; account numbers are in no log."""
# ruff: noqa: ANN001, ANN201, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import datetime as dt
import re
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sepaxml.validation
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples, some_of
from tests.study.test_payment_files import line
from tests.study.test_payments import finished, paying
from uproot_nb import IBANField, Page, Payment, StringField, UprootError, append_to_csv
from uproot_nb.study.bank_accounts import BankAccount, account_of, read_accounts, sepa_text
from uproot_nb.study.payment_line import PaymentLine
from uproot_nb.study.sepa import sepa_file
from uproot_nb.testing import served

GERMAN, DUTCH, PAYERS = "DE89370400440532013000", "NL91ABNA0417164300", "DE02120300000000202051"
PAYER = {"name": "Universität Köln, Labor & Co", "iban": "DE02 1203 0000 0000 2020 51",
         "bic": "COBADEFFXXX"}  # fmt: skip
ANN = {"session": "pilot", "player": "ann", "name": "Änne Groß", "iban": GERMAN}
BOB = {"session": "pilot", "player": "bob", "name": "Łukasz Дмитрий", "iban": DUTCH.lower(),
       "bic": "ABNANL2A"}  # fmt: skip
TODAY = dt.date(2026, 11, 29)
DAY = dt.date(2026, 12, 1)
SPACE = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}


def transfers(*lines: PaymentLine, text: str = "Experiment 12", **changes: Any) -> Any:
    """Write a file and parse it, once the schema allows it."""
    given = {"accounts": [ANN, BOB], "payer": PAYER, "on": DAY, **changes}
    content = sepa_file(lines, "pilot", given["accounts"], given["payer"], text, given["on"], TODAY)
    sepaxml.validation.try_valid_xml(content, "pain.001.001.09")
    return ElementTree.fromstring(content)


def iban(number: int) -> str:
    """Return one of many German account numbers."""
    bank = f"{37040044:08}{number:010}"
    return f"DE{98 - int(bank + '131400') % 97:02}{bank}"


def texts(root: Any, path: str) -> list[str]:
    return [element.text for element in root.iterfind(f".//p:{path}", SPACE)]


@pytest.mark.long
def test_each_gets_a_transfer_and_the_sums_are_right() -> None:
    root = transfers(line(), line("bob", amount=Decimal("10.00")))
    assert texts(root, "CtrlSum") == ["16.20", "16.20"]
    assert texts(root, "NbOfTxs") == ["2", "2"]
    assert texts(root, "InstdAmt") == ["6.20", "10.00"]
    assert {element.get("Ccy") for element in root.iterfind(".//p:InstdAmt", SPACE)} == {"EUR"}
    assert texts(root, "CdtrAcct//p:IBAN") == [GERMAN, DUTCH]
    assert texts(root, "ReqdExctnDt/p:Dt") == ["2026-12-01"]


@pytest.mark.long
def test_recipients_learn_nothing_of_the_session_from_the_id_of_a_payment() -> None:
    root = transfers(line(), line("bob"))
    first, second = texts(root, "EndToEndId")
    assert re.fullmatch(r"[0-9A-F]{12}-ann", first)
    assert first[:12] != second[:12]
    assert texts(transfers(line(amount=Decimal(1))), "EndToEndId") == [first]
    assert b"pilot" not in ElementTree.tostring(root)


@pytest.mark.long
def test_names_are_in_the_characters_that_banks_take() -> None:
    root = transfers(line(), line("bob"), text="Studie „Bäume“ 10 %")
    assert texts(root, "Cdtr/p:Nm") == ["Aenne Gross", "Lukasz Dmitrii"]
    assert texts(root, "Dbtr/p:Nm") == ["Universitaet Koeln, Labor + Co"]
    assert all(re.fullmatch(r"[A-Za-z0-9/\-?:().,'+ ]*", text) for text in texts(root, "Ustrd"))


@pytest.mark.long
def test_a_bank_that_is_not_known_by_its_bic_is_known_by_the_iban() -> None:
    own = {"name": "Lab", "iban": PAYERS}
    root = transfers(line(), line("bob"), payer=own)
    assert texts(root, "DbtrAgt//p:Id") == ["NOTPROVIDED"]
    assert texts(root, "CdtrAgt//p:BICFI") == ["ABNANL2A"]


@pytest.mark.long
def test_the_same_payments_have_the_same_numbers_on_another_day_and_others_have_not() -> None:
    first, later = transfers(line()), transfers(line(), on=dt.date(2026, 12, 24))
    other = transfers(line(amount=Decimal("6.25")))
    assert texts(first, "MsgId") == texts(first, "PmtInfId") == texts(later, "MsgId")
    assert texts(other, "MsgId") != texts(first, "MsgId")
    assert sepa_file([line()], "pilot", [ANN], PAYER, "x", DAY, TODAY) == sepa_file(
        [line()], "pilot", [ANN], PAYER, "x", DAY, TODAY
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iban": "DE89370400440532013001"}, "account of ann has no valid IBAN"),
        ({"iban": ""}, "account of ann has no valid IBAN"),
        ({"iban": "SA0380000000608010167519"}, r"country without SEPA \(SA\)"),
        ({"bic": "NOBANK"}, "account of ann has no valid BIC"),
        ({"name": "  "}, "account of ann has no name"),
        ({"player": "zoe"}, r"no accounts of ann in"),
    ],
)
def test_a_wrong_account_is_named_by_its_player_and_never_by_its_number(
    change: dict[str, str], why: str
) -> None:
    with pytest.raises(UprootError, match=why) as raised:
        transfers(line(), accounts=[{**ANN, **change}])
    assert "0532013" not in str(raised.value)
    assert "0380000" not in str(raised.value)


def test_only_euros_are_sent_and_both_sides_have_to_be_known() -> None:
    with pytest.raises(UprootError, match="are in EUR, and the amounts are in CHF"):
        transfers(line(currency="CHF"))
    for missing in ("accounts", "payer"):
        with pytest.raises(UprootError, match="needs the accounts of the players, and yours"):
            transfers(line(), **{missing: None})


def test_the_account_is_that_of_the_session_whose_player_it_is() -> None:
    monday = {**ANN, "session": "monday", "iban": DUTCH}
    assert read_accounts([ANN, monday], "pilot", ["ann"]) == {"ann": account_of(ANN, "ann")}
    assert read_accounts([ANN, monday], "monday", ["ann"])["ann"].iban == DUTCH
    with pytest.raises(UprootError, match=r"no accounts of ann in the session 'tuesday'"):
        read_accounts([ANN, monday], "tuesday", ["ann"])


@pytest.mark.parametrize("session", ["pilot", "", None])
def test_rows_of_a_player_that_differ_are_refused_and_the_same_twice_is_one(
    tmp_path: Path, session: str | None
) -> None:
    head, row = ("session,", f"{session},") if session is not None else ("", "")
    path = tmp_path / "accounts.csv"
    path.write_text(
        f"{head}player,name,iban\n{row}ann,Ann,{GERMAN}\n{row}ann,Ann,{DUTCH}\n", "utf-8"
    )
    with pytest.raises(UprootError, match=r"several accounts of ann, and they differ") as raised:
        read_accounts(path, "pilot", ["ann"])
    assert DUTCH not in str(raised.value)
    twice = [ANN, {**ANN, "iban": " DE89 3704 0044 0532 0130 00"}]
    assert read_accounts(twice, "pilot", ["ann"]) == {"ann": account_of(ANN, "ann")}


def test_rows_that_do_not_say_of_which_session_they_are_count_with_a_warning() -> None:
    old = {**ANN, "session": ""}
    with pytest.warns(UserWarning, match=r"accounts of ann do not say of which session"):
        assert read_accounts([old], "pilot", ["ann"]) == {"ann": account_of(ANN, "ann")}
    with pytest.raises(UprootError, match="and they differ"):
        read_accounts([{**old, "iban": DUTCH}, ANN], "pilot", ["ann"])


def test_an_account_number_is_not_in_the_text_of_an_account() -> None:
    assert account_of({**ANN, "iban": DUTCH}, "ann") == BankAccount("Aenne Gross", DUTCH)
    assert DUTCH not in repr(account_of({**ANN, "iban": DUTCH}, "ann"))


@pytest.mark.long
def test_one_account_of_several_players_is_a_warning_that_names_them() -> None:
    with pytest.warns(UserWarning, match=r"one of ann, bob\.\nIf somebody"):
        transfers(line(), line("bob"), accounts=[ANN, {**BOB, "iban": GERMAN, "bic": ""}])
    with pytest.warns(UserWarning, match=r"the payer's own of ann\."):
        transfers(line(), payer={**PAYER, "iban": GERMAN})


@pytest.mark.long
def test_the_day_of_a_transfer_is_a_date_or_its_text_and_not_past() -> None:
    for day in (DAY, "2026-12-01", dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)):
        assert texts(transfers(line(), on=day), "ReqdExctnDt/p:Dt") == ["2026-12-01"]
    assert texts(transfers(line(), on=None), "ReqdExctnDt/p:Dt") == ["2026-11-29"]
    with pytest.raises(UprootError, match=r"2026-11-28 is past: today is 2026-11-29"):
        transfers(line(), on="2026-11-28")
    for wrong in ("tomorrow", "2026-02-30", 5):
        with pytest.raises(UprootError, match="is not a day"):
            transfers(line(), on=wrong)


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UprootError, match=r"not installed\.\nInstall it: %pip install"):
        account_of(ANN, "ann")


@given(st.text(max_size=200), st.integers(1, 140))
def test_any_text_becomes_one_that_a_bank_takes(text: str, longest: int) -> None:
    made = sepa_text(text, longest)
    assert len(made) <= longest
    assert re.fullmatch(r"[A-Za-z0-9/\-?:().,'+ ]*", made)
    assert "//" not in made
    assert made == made.strip("/ ")


@examples(20)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=some_of(20)))
def test_the_control_sum_is_the_sum_of_the_amounts(cents: list[int]) -> None:
    amounts = [Decimal(one).scaleb(-2) for one in cents]
    lines = [line(f"p{n}", amount=amount) for n, amount in enumerate(amounts)]
    accounts = [{**ANN, "player": one.player, "iban": iban(n)} for n, one in enumerate(lines)]
    root = transfers(*lines, accounts=accounts)
    assert {Decimal(text) for text in texts(root, "CtrlSum")} == {sum(amounts)}
    assert list(map(Decimal, texts(root, "InstdAmt"))) == amounts


# ---- from the page to the bank ----


ACCOUNTS = "accounts.csv"


class Bank(Page):
    """# Where may we send your money?"""

    fields = {"name": StringField(label="BankAccount holder"), "iban": IBANField(label="IBAN")}
    stealth_fields = ["name", "iban"]

    def handle_stealth_fields(page, player, data):
        row = {"session": player.session.name, "player": player.name, **data}
        append_to_csv(ACCOUNTS, row, private=True)


@pytest.mark.long
def test_an_account_number_is_in_no_log_and_in_files_of_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"payment": Payment(fee=5, per_point=0)}
    with served([Bank], players=2, names=names, effects=True, db="lab.sqlite3") as session:
        session[0].assert_form_refused(name="", iban=DUTCH)
        session[0].submit(name="Ann", iban=GERMAN)
        session[1].submit(name="Bob", iban=DUTCH)
        session.settle()
        made = session.run.payment_file("sepa", "pay.xml", accounts=ACCOUNTS, payer=PAYER)
        session.run.mark_paid(made.players)
        session.run.export("data", progress=False)
    assert made.total == Decimal("10.00")
    held = {path for path in tmp_path.rglob("*") if path.is_file() and _knows(path)}
    assert {path.name for path in held} <= {ACCOUNTS, "pay.xml", f".{ACCOUNTS}.waiting"}
    assert {ACCOUNTS, "pay.xml"} <= {path.name for path in held}
    assert {stat.S_IMODE(path.stat().st_mode) for path in held} == {0o600}


def _knows(path: Path) -> bool:
    content = path.read_bytes()
    return any(iban.encode() in content for iban in (GERMAN[4:], DUTCH[4:]))


def test_a_test_of_the_whole_way_writes_no_file_for_nobody(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 1)
        with pytest.raises(UprootError, match="no accounts of"):
            session.run.payment_file("sepa", tmp_path / "pay.xml", accounts=[], payer=PAYER)
        assert list(tmp_path.iterdir()) == []
