"""oTree's template tags, one by one, in our Jinja templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb.otree.remarks import Remarks
from uproot_nb.otree.templates import TemplateTranslator

TAGS = [
    ("{{ x }}", "{{ x }}"),
    ("{{x}}", "{{ x }}"),
    ("{% if x %}a{% endif %}", "{% if x %}a{% endif %}"),
    ("{{ if a and not b }}1{{ elif c == 'round_number' }}2{{ else }}3{{ endif }}",
     "{% if a and not b %}1{% elif c == 'round_number' %}2{% else %}3{% endif %}"),
    ("{{ for k, v in pairs }}{{ forloop.counter }}{{ forloop.counter0 }}{{ endfor }}",
     "{% for k, v in pairs %}{{ loop.index }}{{ loop.index0 }}{% endfor %}"),
    ("{{ for field in names }}{{ formfield field }}{{ endfor }}",
     "{% for field_ in names %}{{ field(form[field_]) }}{% endfor %}"),
    ("{{ for x in y }}a{{ empty }}b{{ endfor }}", "{% for x in y %}a{% else %}b{% endfor %}"),
    ("{{ with a = b.c }}{{ endwith }}", "{% with a = b.c %}{% endwith %}"),
    ("{{ block styles }}{{ endblock }}", "{% block head %}{% endblock %}"),
    ("{{ formfields }}", "{{ fields() }}"),
    ("{{ formfield 'age' }}", "{{ field(form.age) }}"),
    ("{{ formfield_errors 'age' }}", '{{ form.age.errors | join(" ") }}'),
    ("{{ static 'a.png' }}", "{{ appstatic('a.png') }}"),
    ("{{ chat }}", "{{ chat(group.chat) }}"),
    ("{# a note #}", "{# a note #}"),
    ("{{ load otree }}", ""),
    ("{{ player.payoff|to2 }}", "{{ player.payoff| to(2) }}"),
    ("{{ x|default('no') }}", "{{ x| default('no', true) }}"),
    ("{{ x|json }}", "{{ x| tojson }}"),
    ("{{ x|cu }}", "{{ x }}"),
    ("{{ a ?? b :: c }}", "{{ b if a else c }}"),
    ("{{ a || b }}", "{{ a or b }}"),
    ("{{ Constants.x }}", "{{ C.x }}"),
    ("{{ player.id_in_group }}", "{{ (player.member_id + 1) }}"),
    ("{{ participant.code }}", "{{ player.name }}"),
    ("{{ player.participant.x }} {{ participant.vars.y }}", "{{ player.x }} {{ player.y }}"),
    ("{{ subsession.x }} {{ session.config.y }}", "{{ session.x }} {{ session.settings.y }}"),
    ("{{ subsession.round_number }}", "{{ player.round }}"),
    ("{{ group.get_players }}", "{{ group.players }}"),
    ("{{ player.in_previous_rounds }}",
     '{{ (player.along("round") | map(attribute=1) | list)[:-1] }}'),
    ("{{ player.field_maybe_none('x') }}", "{{ player.get('x') }}"),
    ("document.getElementById('form').submit()",
     'document.getElementById("uproot-form").submit()'),
]  # fmt: skip


def translated(folder: Path, text: str, rounds: int = 2) -> tuple[str, Remarks]:
    """Return the body of a template with this text."""
    app = folder / "project" / "app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "Page.html").write_text(text, "utf-8")
    remarks = Remarks()
    page = TemplateTranslator(app, "beside", remarks, rounds).page(app / "Page.html")
    head, switch, body = page.split("\n", 2)
    assert head == '{% extends "Base.html" %}'
    assert switch == "{% set buttons = false %}"
    return body.rstrip("\n"), remarks


@pytest.mark.parametrize(("theirs", "ours"), TAGS)
def test_a_tag_is_written_as_ours(tmp_path: Path, theirs: str, ours: str) -> None:
    body, remarks = translated(tmp_path, theirs)
    assert body == ours
    assert remarks.all == []


def test_without_rounds_the_round_is_the_first(tmp_path: Path) -> None:
    assert translated(tmp_path, "{{ player.round_number }}", rounds=1)[0] == "{{ 1 }}"


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ("a\n{{ trans 'x' }}", "this tag has no counterpart"),
        ("\n{{ back_button }}", "write allow_back = True"),
        ("\n{{ include some.name }}", "the name is computed"),
        ("\n{{ chat nickname=x }}", "its arguments were left out"),
        ("\n{{ include_sibling 'gone.html' }}", "the template 'gone.html' was not found"),
        ("\n{{ group.get_player_by_id(1) }}", "compute it in Python"),
    ],
)
def test_what_cannot_be_translated_is_named_with_its_line(
    tmp_path: Path, theirs: str, reason: str
) -> None:
    _, remarks = translated(tmp_path, theirs)
    (remark,) = remarks.all
    assert (remark.file, remark.line) == ("app/Page.html", 2)
    assert reason in remark.text


def test_templates_include_and_extend_others(tmp_path: Path) -> None:
    app, shared = tmp_path / "project" / "app", tmp_path / "project" / "_templates" / "global"
    app.mkdir(parents=True)
    shared.mkdir(parents=True)
    (shared / "Page.html").write_text("{{ extends 'otree/Page.html' }}{{ block x }}!{{ endblock }}")
    (shared / "part.html").write_text("{{ if x }}{{ x }}{{ endif }}")
    (app / "Frame.html").write_text("{{ extends 'global/Page.html' }}{{ block content }}")
    text = "{{ extends 'app/Frame.html' }}{{ include 'global/part.html' with x=1 & y=z }}"
    (app / "Page.html").write_text(text)
    remarks = Remarks()
    translator = TemplateTranslator(app, "beside", remarks)
    page = translator.page(app / "Page.html")
    assert '{% extends "beside/app_Frame.html" %}' in page
    assert '{% with x=1, y=z %}{% include "beside/global_part.html" %}{% endwith %}' in page
    assert translator.included["global_part.html"] == "{% if x %}{{ x }}{% endif %}"
    assert translator.included["app_Frame.html"].startswith('{% extends "Base.html" %}')
    assert [remark.file for remark in remarks.all] == ["_templates/global/Page.html"]
