"""Stand-ins: functions that a translated notebook defines where its code needs them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["STAND_INS", "stand_in_code"]

STAND_INS = {
    "rounds_of": '''def rounds_of(entity):
    """Return the values of each round, oldest first."""
    return [then for number, then in entity.along("round")]''',
    "total_payoff": '''def total_payoff(player):
    """Return the payoffs of all rounds together."""
    return sum(then.get("payoff", cu(0)) for then in rounds_of(player))''',
    "label_of": '''def label_of(player, name):
    """Return the label of the choice that was made."""
    choices = LABELS[name](player) if callable(LABELS[name]) else LABELS[name]
    pairs = [c if isinstance(c, (list, tuple)) else (c, c) for c in choices]
    return dict(map(tuple, pairs))[player.get(name)]''',
    "push_answer": '''def push_answer(player, answer):
    """Push what a live_method of oTree returned: data by id_in_group, 0 for the whole group."""
    answers = [answer] if isinstance(answer, dict) else answer or []
    for pushed in answers:
        for number, data in pushed.items():
            members = player.group.players
            send_to(members if number == 0 else [members[number - 1]], data, event="liveRecv")''',
    "currency_range": '''def currency_range(first, last, step):
    """Return amounts from *first* to *last*."""
    first, last, step = cu(first), cu(last), cu(step)
    return [first + step * n for n in range(int((last - first) / step) + 1)]''',
    "group_matrix": '''def group_matrix(session):
    """Return the groups as lists of players."""
    return [list(group.players) for group in session.groups if group.players]''',
    "regroup": '''def regroup(session, matrix):
    """Make new groups: lists of players, or of their numbers from 1."""
    before = [[p.name for p in group.players] for group in session.groups if group.players]
    session.groups_by_round.setdefault("0", before)
    people = session.players
    rows = [[people[p - 1] if isinstance(p, int) else p for p in row] for row in matrix]
    for group in create_groups(session, rows, overwrite=True):
        begin_group(group)
    session.groups_by_round[str(session.round)] = [[p.name for p in row] for row in rows]''',
    "regroup_randomly": '''def regroup_randomly(session):
    """Make new groups by chance."""
    people = rng().sample(list(session.players), len(session.players))
    size = C.PLAYERS_PER_GROUP or len(people)
    regroup(session, [people[at : at + size] for at in range(0, len(people), size)])''',
    "regroup_like_round": '''def regroup_like_round(session, number):
    """Make the groups of an earlier round again."""
    earlier = [n for n in range(number, -1, -1) if str(n) in session.groups_by_round]
    if earlier:
        names = session.groups_by_round[str(earlier[0])]
        regroup(session, [[session.players.get(name) for name in row] for row in names])''',
}
"""What stands in for a method of oTree that has no counterpart, by the name called."""

_NEEDS = {
    "total_payoff": ("rounds_of",), "regroup_randomly": ("regroup",),
    "regroup_like_round": ("regroup",),
}  # fmt: skip


def stand_in_code(names: Iterable[str]) -> str:
    """Return the definitions of these, and of those that they call."""
    wanted = set(names) & STAND_INS.keys()
    wanted |= {needed for name in wanted for needed in _NEEDS.get(name, ())}
    return "\n\n\n".join(code for name, code in STAND_INS.items() if name in wanted)
