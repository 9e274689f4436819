"""OwnTexts: what one person wrote is found where it was copied to, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.log.codec import Codec
from uproot_nb.log.erasing.own_texts import OwnTexts, find_own_texts
from uproot_nb.log.events import Event

WORDS = st.text(min_size=1, max_size=30)


def event(seq: int, kind: str, subject: str, value: object, actor: str = "") -> Event:
    text = orjson.dumps(value).decode()
    return Event(seq, float(seq), "market", kind, subject, "says", text, actor, "", "", "")


def answer(seq: int, player: str, *texts: str) -> Event:
    form = [["says", text] for text in texts]
    return event(seq, "submit", f"player/{player}", {"form": form}, player)


def own_of(events: Sequence[Event], player: str = "abc12") -> OwnTexts:
    return find_own_texts(lambda: iter(events), player)


def test_a_text_is_replaced_as_a_whole_and_inside_longer_ones() -> None:
    own = own_of([answer(1, "abc12", "I come from Kiel")])
    assert own.clean('["I come from Kiel","he said: I come from Kiel!"]') == '["…1","he said: …!"]'
    nested = orjson.dumps({"fields": '{"said":"I come from Kiel"}'}).decode()
    assert orjson.loads(own.clean(nested)) == {"fields": '{"said":"…1"}'}


def test_a_label_goes_everywhere_also_from_what_the_experimenter_wrote() -> None:
    own = own_of([event(1, "join", "player/abc12", {"id": 0, "label": "PC-04"})])
    assert own.clean_names('{"source":"labels=[\'PC-04\']"}') == '{"source":"labels=[\'…\']"}'


def test_words_that_the_code_offers_or_others_wrote_too_stay() -> None:
    offered = event(1, "code", "session", {"source": 'choices = ["defect", "cooperate"]'})
    events = [offered, answer(2, "abc12", "defect", "blue"), answer(3, "xyz34", "blue")]
    assert own_of(events).clean('["defect","blue"]') == '["defect","blue"]'


def test_a_long_text_that_somebody_wrote_after_the_person_is_the_persons() -> None:
    text = "my landlord is a difficult man"
    events = [answer(1, "abc12", text), answer(2, "xyz34", text)]
    assert own_of(events).clean(events[1].value) == '{"form":[["says","…1"]]}'
    assert own_of(events, "xyz34").clean(events[0].value) == events[0].value


def test_names_of_players_and_values_that_json_lacks_are_nobodys_text() -> None:
    stored = {"$decimal": "12.50"}
    events = [
        event(1, "set", "player/abc12", ["xyz34", "market", stored]),
        event(2, "set", "player/xyz34", stored),
    ]
    own = own_of(events)
    assert [own.clean(one.value) for one in events] == [one.value for one in events]


def test_keys_of_the_logs_own_formats_stay_though_somebody_wrote_these_words() -> None:
    own = own_of([answer(1, "abc12", "path", "values", "a key of mine")])
    change = event(2, "append", "session", {"path": ["a key of mine"], "values": [1]})
    assert own.clean(change.value) == '{"path":["…3"],"values":[1]}'
    assert own.clean('{"a key of mine":1}') == '{"…3":1}'


@given(st.lists(WORDS, max_size=4), st.recursive(WORDS | st.integers() | st.none(), st.lists))
def test_cleaning_keeps_json_and_is_done_once(texts: list[str], value: object) -> None:
    own, text = OwnTexts(texts=texts), Codec().encode(value)
    cleaned = own.clean(text)
    orjson.loads(cleaned)
    assert OwnTexts().clean(cleaned) == cleaned
    assert not set(texts) & set(_leaves(orjson.loads(cleaned)))


def _leaves(value: object) -> list[str]:
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value] if isinstance(value, str) else []
