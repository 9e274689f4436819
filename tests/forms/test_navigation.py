"""Navigation: the buttons and the countdown that a template places by itself."""

from __future__ import annotations

from uproot_nb.forms.navigation import Navigation


def german(text: str) -> str:
    return {"Next": "Weiter", "Back": "Zurück", "Time remaining": "Restzeit"}[text]


def test_the_next_button_sends_the_form() -> None:
    shown = Navigation(german, back=False).button_next()
    wanted = '<button type="submit" id="uproot-next" class="btn btn-primary">Weiter</button>'
    assert shown == wanted


def test_a_button_takes_a_label_and_attributes() -> None:
    shown = Navigation(german, True).button_next(label="<Go>", class_="btn", data_unit="x")
    assert shown == (
        '<button type="submit" id="uproot-next" class="btn" data-unit="x">&lt;Go&gt;</button>'
    )


def test_the_back_button_is_there_where_one_can_go_back() -> None:
    shown = Navigation(german, back=True).button_back()
    assert 'name="_uproot_back"' in shown
    assert ">Zurück<" in shown
    assert Navigation(german, back=False).button_back() == ""


def test_a_placed_button_takes_the_place_of_ours() -> None:
    next_one, back_one = Navigation(german, False), Navigation(german, False)
    assert not next_one.placed
    next_one.button_next()
    back_one.button_back()
    assert next_one.placed
    assert back_one.placed


def test_the_countdown_may_stand_anywhere() -> None:
    shown = Navigation(german, False).timeout_box(class_="mine")
    assert shown == (
        '<div class="mine" role="timer">Restzeit <span data-uproot-timeout></span></div>'
    )
    assert Navigation(german, False).timeout(class_="big").startswith('<span class="big"')
