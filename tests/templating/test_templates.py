"""What a page class and its variables become in a participant's browser."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uproot_nb.errors import BadPage
from uproot_nb.templating.templates import OUR_FOLDER, Templates

BOOT = {"page": 2, "since": 41, "end": False, "vars": {}, "C": {}, "state": "running"}
HOSTILE = "<img src=x onerror=alert(1)> **bold** [a](javascript:x) {{ 7 * 7 }} \"quoted\" 'too'"


def page(name: str = "Market", doc: str | None = None, template: str | None = None) -> type:
    return type(name, (), {"__doc__": doc, "template": template})


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    return Templates([tmp_path], version="v1")


def show(templates: Templates, shown: type, **context: Any) -> str:
    return templates.render(shown, context, BOOT)


def main_of(html: str) -> str:
    found = re.search(r"<main.*</main>", html, re.DOTALL)
    assert found is not None
    return found.group()


# ---- where a template comes from -----------------------------------------------------------


def test_a_template_on_the_class_beats_a_cell_which_beats_a_file_which_beats_the_docstring(
    tmp_path: Path,
) -> None:
    cells = {"Market": "<p>cell</p>"}
    templates = Templates([tmp_path], version="v1", cells=cells)
    (tmp_path / "Market.html").write_text("<p>html</p>")
    (tmp_path / "Market.md").write_text("*markdown*")
    documented = page(doc="docstring")
    assert "<p>class</p>" in show(templates, page(doc="docstring", template="<p>class</p>"))
    assert "<p>cell</p>" in show(templates, documented)
    cells.clear()
    assert "<p>html</p>" in show(templates, documented)
    (tmp_path / "Market.html").unlink()
    assert "<em>markdown</em>" in show(templates, documented)
    (tmp_path / "Market.md").unlink()
    assert "<p>docstring</p>" in show(templates, documented)


def test_a_one_line_template_is_a_path_into_the_folders(
    templates: Templates, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "Offer.html").write_text("<p>{{ price }}</p>")
    assert "<p>7</p>" in show(templates, page(template="shared/Offer.html"), price=7)


def test_the_first_folder_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "Market.html").write_text(f"<p>{folder.name}</p>")
    assert "<p>first</p>" in show(Templates([first, second], "v1"), page())


@pytest.mark.long
def test_only_loaded_apps_have_files_that_add_to_our_pages(tmp_path: Path) -> None:
    names = ["EndInfo", "LandingPageInfo", "PairInfo", "project/ProjectHead", "project/ProjectBody"]
    (tmp_path / "project").mkdir()
    for name in names:
        (tmp_path / f"{name}.html").write_text(f"[{name}]")

    def shown(name: str, lenient: bool) -> str:
        templates = Templates([tmp_path], version="v1", lenient=lenient)
        return templates.render_own(name, {"waiting_info": "PairInfo.html"})

    ours = ("End", "Landing", "Wait")
    assert "[" not in "".join(main_of(shown(name, False)) for name in ours)
    assert "[project" not in shown("End", False)
    both = "".join(shown(name, True) for name in ours)
    assert [name for name in names[:3] if f"[{name}]" not in both] == []


def test_a_file_that_changes_is_read_again(templates: Templates, tmp_path: Path) -> None:
    file = tmp_path / "Market.html"
    file.write_text("<p>old</p>")
    assert "<p>old</p>" in show(templates, page())
    file.write_text("<p>new</p>")
    os.utime(file, ns=(0, 0))
    assert "<p>new</p>" in show(templates, page())


def test_a_page_named_like_one_of_our_templates_is_not_mistaken_for_it(
    templates: Templates,
) -> None:
    assert "<p>mine</p>" in show(templates, page("Trouble", doc="mine"))


def test_a_docstring_is_markdown_and_its_heading_is_the_title(templates: Templates) -> None:
    html = show(templates, page(doc="# Post a *price*\n\n    Everybody sees it."))
    assert "<title>Post a price</title>" in html
    assert '<h1 id="uproot-title">Post a <em>price</em></h1>' in html
    assert html.count("<h1") == 1


def test_a_page_without_template_and_docstring_still_has_its_next_button(
    templates: Templates,
) -> None:
    html = show(templates, page())
    assert "<title>Study</title>" in html
    assert 'id="uproot-next"' in html


# ---- how it is laid out --------------------------------------------------------------------


def test_text_that_extends_nothing_becomes_the_main_block(templates: Templates) -> None:
    html = show(templates, page(template="<p>Hello</p>"))
    assert html.startswith("<!doctype html>")
    assert "<p>Hello</p>" in main_of(html)


def test_blocks_without_extends_are_put_into_their_places(templates: Templates) -> None:
    text = "{% block title %}Sale{% endblock %}{% block main %}<p>Hi</p>{% endblock %}"
    html = show(templates, page(template=text))
    assert "<title>Sale</title>" in html
    assert "<p>Hi</p>" in main_of(html)


def test_a_template_that_extends_base_fills_every_block(templates: Templates) -> None:
    names = ("title", "head", "pre_container", "main", "late")
    text = '{% extends "Base.html" %}\n' + "".join(
        f"{{% block {name} %}}[{name}]{{% endblock %}}" for name in names
    )
    html = show(templates, page(template=text))
    assert all(f"[{name}]" in html for name in names)
    assert html.index("[pre_container]") < html.index("[main]") < html.index("[late]")


@pytest.mark.parametrize(
    "template",
    ["{% set buttons = False %}<p>x</p>", '{% extends "Base.html" %}{% set buttons = False %}'],
)
def test_buttons_can_be_switched_off(templates: Templates, template: str) -> None:
    assert "uproot-next" not in show(templates, page(template=template))


def test_buttons_can_be_switched_off_in_a_docstring(templates: Templates) -> None:
    html = show(templates, page(doc="Wait.\n\n{% set buttons = False %}"))
    assert "uproot-next" not in html
    assert "{%" not in html


def test_the_form_names_its_page(templates: Templates) -> None:
    html = show(templates, page())
    assert '<input type="hidden" name="_uproot_page" value="2">' in html
    assert '<input type="hidden" name="_uproot_visit" value="' in html


def test_static_files_are_addressed_by_version_below_the_page(templates: Templates) -> None:
    html = show(templates, page(template="<img src=\"{{ static('a.png') }}\">"))
    assert 'src="../../static/v1/a.png"' in html
    assert 'src="../../static/v1/uproot.js"' in html


def test_an_authors_base_replaces_ours_and_can_extend_it(
    templates: Templates, tmp_path: Path
) -> None:
    (tmp_path / "Base.html").write_text(
        '{% extends "uproot_nb/Base.html" %}{% block head %}<meta name="lab">{% endblock %}'
    )
    html = show(templates, page(doc="Hello"))
    assert '<meta name="lab">' in html
    assert "<p>Hello</p>" in main_of(html)


def test_the_end_and_the_trouble_page_are_calm(templates: Templates) -> None:
    assert "Thank you" in templates.render_end(BOOT)
    trouble = templates.render_failure()
    assert "Something went wrong on this page." in trouble
    assert 'href=""' in trouble
    assert "uproot-page" not in trouble


def test_trouble_does_not_depend_on_an_authors_broken_base(
    templates: Templates, tmp_path: Path
) -> None:
    (tmp_path / "Base.html").write_text("{% nonsense %}")
    assert "Something went wrong" in templates.render_failure(BOOT)


# ---- what templates can say ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("sum([1, 2]) + len('abc') + max(1, 2) - min(3, 4)", "5"),
        ("sorted([2, 1]) | list", "[1, 2]"),
        ("round(2.345, 1)", "2.3"),
        ("list(zip([1], [2]))", "[(1, 2)]"),
        ("list(enumerate('a'))", "[(0, &#39;a&#39;)]"),
        ("3.14159 | to(2)", "3.14"),
        ("-2.5 | to(1)", "-2.5"),
        ("-0.001 | to(2)", "0.00"),
        ("1234567.891 | fmtnum(pre='$', sep=',')", "$1,234,567.89"),
        ("-5 | fmtnum(pre='€', places=0)", "−€5"),
        ("1234.5 | fmtnum(post=' EUR', sep='.', decsep=',')", "1.234,50 EUR"),
        ("0 | fmtnum(places=0)", "0"),
        ("1.005 | fmtnum ~ ' ' ~ 0.125 | fmtnum ~ ' ' ~ 2.675 | to", "1.01 0.13 2.68"),
        ("0.5 | to(0) ~ ' ' ~ 2.5 | to(0) ~ ' ' ~ 1e21 | to(1)", "1 3 1000000000000000000000.0"),
        ("1e400 | fmtnum ~ ' ' ~ -1e400 | to ~ ' ' ~ True | to", "inf -inf 1.00"),
        ("'a' | repr", "&#39;a&#39;"),
        ("[1, None] | tojson", "[1,null]"),
    ],
)
def test_builtins_and_filters(templates: Templates, expression: str, shown: str) -> None:
    assert f"<p>{shown}</p>" in show(templates, page(template=f"<p>{{{{ {expression} }}}}</p>"))


@pytest.mark.parametrize(
    "name", ["open", "eval", "exec", "compile", "__import__", "input", "getattr", "globals"]
)
def test_no_dangerous_builtin_is_there(templates: Templates, name: str) -> None:
    with pytest.raises(BadPage, match=f"'{name}' is undefined"):
        show(templates, page(template=f"<p>{{{{ {name}('x') }}}}</p>"))


def test_markdown_keeps_an_authors_html_tables_and_statements(templates: Templates) -> None:
    doc = """
    <div class="card">{{ 6 * 7 }}</div>

    {% for trade in trades %}
    - sold at {{ trade["price"] | to(1) }}
    {% endfor %}

    | buyer | price |
    |---|---|
    | you | {{ trades[0].price }} |
    """
    html = main_of(show(templates, page(doc=doc), trades=[{"price": 3}, {"price": 4}]))
    assert '<div class="card">42</div>' in html
    assert re.findall(r"<li>(.*?)</li>", html) == ["sold at 3.0", "sold at 4.0"]
    assert "<td>3</td>" in html
    assert "<p></p>" not in html


# ---- what participants type ----------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [page(template="<p>{{ said }}</p>"), page(doc="{{ said }}"), page(doc="# {{ said }}\n\nx")],
    ids=["html", "markdown", "heading"],
)
def test_hostile_text_stays_text(templates: Templates, shown: type) -> None:
    html = show(templates, shown, said=HOSTILE)
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt; **bold** [a](javascript:x) {{ 7 * 7 }}" in html


@settings(deadline=None)
@given(said=st.text(alphabet=st.sampled_from("<>&\"'`*_#[]()!|\\{}%-~\n ab1"), max_size=30))
def test_no_text_becomes_markup_in_markdown(said: str) -> None:
    templates = Templates([], version="v1")
    doc = "before **{{ said }}** [link](/x?{{ said }}) `{{ said }}`\n\n- {{ said }}"
    plain = main_of(show(templates, page(doc=doc), said="x"))
    hostile = main_of(show(templates, page(doc=doc), said=said))
    assert re.findall(r"</?[a-z]+[0-9]?", hostile) == re.findall(r"</?[a-z]+[0-9]?", plain)


@settings(deadline=None)
@given(value=st.text(max_size=40) | st.sampled_from(["</script>", "<!--", "\u2028", "<script>"]))
def test_what_the_page_starts_from_cannot_break_out_of_its_script(value: str) -> None:
    value = value.encode("utf-8", "ignore").decode()
    boot = {**BOOT, "vars": {"said": value}}
    html = Templates([], version="v1").render(page(), {}, boot)
    found = re.search(r'id="uproot-page">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    assert json.loads(found.group(1)) == boot
    assert not set(found.group(1)) & set("<>&\u2028\u2029")


# ---- what is wrong and where ---------------------------------------------------------------


def test_a_missing_file_is_named_with_the_folder_it_belongs_into(
    templates: Templates, tmp_path: Path
) -> None:
    with pytest.raises(BadPage) as caught:
        show(templates, page(template="Ofer.html"))
    assert caught.value.page == "Market"
    assert "Ofer.html" in caught.value.what
    assert str(tmp_path) in caught.value.remedy


def test_a_syntax_error_names_page_file_and_line(templates: Templates, tmp_path: Path) -> None:
    (tmp_path / "Market.html").write_text("<p>\n{% if x %}\n{{ y + }}\n{% endif %}")
    with pytest.raises(BadPage) as caught:
        show(templates, page())
    assert caught.value.where == f"{tmp_path / 'Market.html'}, line 3"


@pytest.mark.parametrize(
    ("doc", "line"),
    [
        ("a\n\nb\n\nc {{ x", 5),
        ("a\n\n{% if x %}\nb", 3),
        ("# T\n\na\n\n| b |\n|---|\n| {{ 1 | nope }} |", 7),
    ],
)
def test_a_syntax_error_in_markdown_names_the_line_of_the_markdown(
    templates: Templates, doc: str, line: int
) -> None:
    with pytest.raises(BadPage) as caught:
        show(templates, page(doc=doc))
    assert caught.value.where == f"docstring of Market, line {line}"


@pytest.mark.parametrize(
    ("shown", "where"),
    [
        (page(template="<p>\n\n{{ price }}"), "Market.template, line 3"),
        (page(template="<p>\n{{ price | to(2) }}"), "Market.template, line 2"),
        (page(template="<p>\n{{ price | tojson }}"), "Market.template, line 2"),
        (page(doc="# T\n\na\n\n- b\n- {{ price }}"), "docstring of Market, line 6"),
    ],
)
def test_an_unknown_variable_is_named_with_its_line(
    templates: Templates, shown: type, where: str
) -> None:
    with pytest.raises(BadPage, match="'price' is undefined") as caught:
        show(templates, shown)
    assert caught.value.where == where


def test_an_unknown_variable_in_an_included_file_names_that_file(
    templates: Templates, tmp_path: Path
) -> None:
    (tmp_path / "book.html").write_text("\n{{ bids }}")
    with pytest.raises(BadPage, match="'bids' is undefined") as caught:
        show(templates, page(template='<p>x</p>{% include "book.html" %}'))
    assert caught.value.where == f"{tmp_path / 'book.html'}, line 2"


def test_a_parent_that_is_nowhere_is_named(templates: Templates) -> None:
    with pytest.raises(BadPage, match=r"Bass\.html"):
        show(templates, page(template='{% extends "Bass.html" %}'))


def test_a_file_that_is_no_text_is_refused(templates: Templates, tmp_path: Path) -> None:
    (tmp_path / "Market.html").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadPage, match="UTF-8"):
        show(templates, page())


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("<p>\n{{ formfields }}", "Write instead: {{ fields() }}.\n"),
        ("<p>\n{{ formfield 'age' }}", "Write instead: {{ field(form.age) }}.\n"),
        ("<p>\n{{ if player.x }}a{{ endif }}", "{{ if … }}, write {% if … %}.\n"),
        ("<p>\n{{ subsession.round_number }}", "Write instead: session.\n"),
    ],
)
def test_an_error_translates_otrees_template_words(
    templates: Templates, text: str, remedy: str
) -> None:
    with pytest.raises(BadPage) as caught:
        show(templates, page(template=text))
    assert remedy in caught.value.remedy
    assert caught.value.where == "Market.template, line 2"


def test_other_mistakes_do_not_mention_otree(templates: Templates) -> None:
    for text in ("<p>{{ price }}", "<p>{{ y + }}"):
        with pytest.raises(BadPage) as caught:
            show(templates, page(template=text))
        assert "oTree" not in caught.value.remedy


def test_our_own_templates_leave_static_to_authors() -> None:
    texts = [path.read_text("utf-8") for path in OUR_FOLDER.glob("*.html")]
    assert len(texts) > 5
    assert not [text for text in texts if re.search(r"(?<![\w.])static\(", text)]
