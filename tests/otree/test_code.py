"""oTree's Python, expression by expression, in our terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otree.projects import write_app
from uproot_nb.otree.app import read_app
from uproot_nb.otree.code import Translator
from uproot_nb.otree.remarks import Remarks

LINES = [
    ("player.participant.label", "player.label"),
    ("player.participant.code", "player.name"),
    ("player.participant.vars['x']", "player.x"),
    ("participant.vars.get('x', 3)", "participant.get('x', 3)"),
    ("player.participant.vars[name]", "getattr(player, name)"),
    ("player.participant.vars[name] = 3", "setattr(player, name, 3)"),
    ("'x' in participant.vars", "'x' in participant.fields()"),
    ("session.vars['x'] = 1", "session.x = 1"),
    ("player.session.config['x']", "player.session.settings['x']"),
    ("player.id_in_group == 1", "(player.member_id + 1) == 1"),
    ("player.round_number", "player.round"),
    ("group.subsession.round_number", "group.round"),
    ("player.subsession.x", "player.session.x"),
    ("subsession.session.x", "subsession.x"),
    ("group.get_players()", "group.players"),
    ("ps = group.get_players()", "ps = list(group.players)"),
    ("player.get_others_in_group()[0].x", "player.others_in_group[0].x"),
    ("group.get_player_by_id(2)", "group.players[2 - 1]"),
    ("group.get_player_by_role('Buyer')", "group.players.find_one(role='Buyer')"),
    ("subsession.get_groups()", "subsession.groups"),
    ("session.num_participants", "len(session.players)"),
    ("player.in_round(2).x", "player.within(round=2).x"),
    ("player.in_rounds(1, 3)", "rounds_of(player)[1 - 1 : 3]"),
    ("player.field_maybe_none('x')", "player.get('x')"),
    ("player.field_display('x')", "label_of(player, 'x')"),
    ("player.get_x_display()", "label_of(player, 'x')"),
    ("subsession.group_randomly()", "regroup_randomly(subsession)"),
    ("Constants.x + C.WHOLE", "C.x + C.WHOLE"),
    ("player.payoff * 1.5", "player.payoff * cu(1.5)"),
    ("player.payoff * 2", "player.payoff * 2"),
    ("C.PRIZE * C.SHARE", "C.PRIZE * cu(C.SHARE)"),
    ("C.PRIZE * C.WHOLE", "C.PRIZE * C.WHOLE"),
    ("(a + b) * cu(3)", "cu(a + b) * cu(3)"),
    ("player.payoff += x", "player.payoff += cu(x)"),
    ("player.payoff = x", "player.payoff = cu(x)"),
    ("player.payoff = C.PRIZE", "player.payoff = C.PRIZE"),
    ("sum(p.payoff for p in ps) / x", "sum(p.payoff for p in ps) / cu(x)"),
    ("random.uniform(0, C.PRIZE)", "random.uniform(0, float(C.PRIZE))"),
    ("x: int = 3", "x = 3"),
    ("def f(player: Player) -> int: return 3", "def f(player): return 3"),
    ("open(__name__ + '/a.csv')", "open('small' + '/a.csv')"),
]  # fmt: skip


def translator(folder: Path, code: str) -> tuple[Translator, str, Remarks]:
    constants = "    PRIZE = cu(5)\n    SHARE = 0.5\n    WHOLE = 4"
    text = f"def probe(player):\n    {code}\n\n\npage_sequence = []\n"
    app = read_app(write_app(folder, text, rounds=3, constants=constants))
    remarks = Remarks()
    made = Translator(app, remarks)
    return made, made.text(app.functions["probe"]).partition("\n")[2].strip(), remarks


@pytest.mark.long
@pytest.mark.parametrize(("theirs", "ours"), LINES)
def test_an_expression_is_written_in_our_terms(tmp_path: Path, theirs: str, ours: str) -> None:
    _, text, remarks = translator(tmp_path, theirs)
    assert text == ours
    assert remarks.all == []


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ("participant.vars.update(x=1)", "'vars.update' is not translated"),
        ("participant.payoff_plus_participation_fee()", "add the participation fee yourself"),
        ("group.get_player_by_id()", "other arguments than expected"),
        ("subsession.group_randomly(fixed_id_in_group=True)", "named arguments"),
    ],
)
def test_what_has_no_counterpart_is_remarked(tmp_path: Path, theirs: str, reason: str) -> None:
    _, _, remarks = translator(tmp_path, theirs)
    assert [reason in remark.text for remark in remarks.all] == [True]
    assert remarks.all[0].line == 27


def test_payoffs_of_a_participant_are_those_of_all_rounds(tmp_path: Path) -> None:
    made, text, _ = translator(tmp_path, "player.participant.payoff")
    assert text == "total_payoff(player)"
    assert made.stand_ins == {"total_payoff", "rounds_of"}
