"""Markdown with statements and expressions in it: what HTML the natural way to write it gives."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup

from tests.examples import examples
from uproot_nb.templating.markdown import PARAGRAPH, paragraph, read_prose

CHAT = Markup('<uproot-chat><div role="log"></div></uproot-chat>')
VALUES: dict[str, Any] = {
    "rows": [(1, 2), (3, 4)], "names": ["Ann", "Bob"], "yes": True, "no": False, "chat": CHAT,
}  # fmt: skip


def environment() -> Environment:
    made = Environment(autoescape=True)
    made.filters[PARAGRAPH] = paragraph
    return made


def html_of(text: str, **values: Any) -> str:
    """Return the HTML of a Markdown text, without space between elements."""
    prose = read_prose(environment(), text, "text")
    html = environment().from_string(prose.body).render({**VALUES, **values})
    return re.sub(r"\s*(</?[a-z][^<>]*>)\s*", r"\1", html)


TABLE = "| a | b |\n|---|---|\n"
ROWS = "| {{ row[0] }} | {{ row[1] }} |\n"


def rows_of(html: str) -> list[list[str]]:
    assert html.count("<table>") == html.count("</table>") == 1
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", body)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("{% for row in rows %}\n" + ROWS + "{% endfor %}", [["1", "2"], ["3", "4"]]),
        ("| x | y |\n{% for row in rows %}\n" + ROWS + "{% endfor %}\n| z | z |\n",
         [["x", "y"], ["1", "2"], ["3", "4"], ["z", "z"]]),
        ("{% for row in rows -%}\n{% if row[0] > 1 %}\n" + ROWS
         + "{% else %}\n| no | no |\n{% endif %}\n{%- endfor %}", [["no", "no"], ["3", "4"]]),
        ("{% if no %}\n| x | y |\n{% endif %}\n{% if yes %}\n| z | z |\n{% endif %}", [["z", "z"]]),
        ("{% for row in [] %}\n" + ROWS + "{% else %}\n| none | |\n{% endfor %}", [["none", ""]]),
        ("{% for row in rows %}\n{% set sum = row[0] + row[1] %}\n| {{ sum }} | |\n{% endfor %}",
         [["3", ""], ["7", ""]]),
        ("{# a remark #}\n| x | y |\n", [["x", "y"]]),
        ("{%- for row in rows %}\n" + ROWS + "{%- endfor %}", [["1", "2"], ["3", "4"]]),
        ("{% for row in rows -%}\n" + ROWS + "{% endfor -%}\n| z | z |\n",
         [["1", "2"], ["3", "4"], ["z", "z"]]),
        ("{%- for row in rows -%}\r\n" + ROWS + "{%- endfor -%}", [["1", "2"], ["3", "4"]]),
        ("{% for row in rows %}" + ROWS + "{% endfor %}| z | z |\n",
         [["1", "2"], ["3", "4"], ["z", "z"]]),
        ("| x | y |{% for row in rows %}\n" + ROWS.strip() + "{% endfor %}",
         [["x", "y"], ["1", "2"], ["3", "4"]]),
        ("{% for row in rows %}" + ROWS.strip() + "{% endfor %}", [["1", "2"], ["3", "4"]]),
        ("{% for row in rows %}{% if row[0] > 1 %}" + ROWS + "{% endif %}{% endfor %}",
         [["3", "4"]]),
    ],
)  # fmt: skip
def test_statements_between_rows_keep_the_table_whole(text: str, rows: list[list[str]]) -> None:
    html = html_of(f"{TABLE}{text}\n\nThe end.")
    assert rows_of(html) == rows
    assert html.endswith("<p>The end.</p>")


def test_a_table_without_outer_lines_and_with_alignment_has_rows_too() -> None:
    html = html_of("a | b\n:--|--:\n{% for row in rows %}\n{{ row[0] }} | x\n{% endfor %}")
    assert rows_of(html) == [["1", "x"], ["3", "x"]]
    assert 'style="text-align:right"' in html


def test_a_statement_around_a_table_is_about_all_of_it() -> None:
    assert html_of("{% if no %}\n" + TABLE + "| x | y |\n{% endif %}\n\nend") == "<p>end</p>"
    several = html_of("{% for name in names %}\n\n" + TABLE + "| x | y |\n\n{% endfor %}")
    assert several.count("<table>") == 2


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("{% for name in names %}\n- {{ name }}\n{% endfor %}",
         "<ul><li>Ann</li><li>Bob</li></ul>"),
        ("1. first\n{% for name in names %}\n1. {{ name }}\n{% endfor %}\n1. last",
         "<ol><li>first</li><li>Ann</li><li>Bob</li><li>last</li></ol>"),
        ("- a\n{% if no %}\n- b\n{% endif %}\n{% if yes %}\n- c\n{% endif %}\n- d",
         "<ul><li>a</li><li>c</li><li>d</li></ul>"),
        ("- a\n  {% for name in names %}\n  - {{ name }}\n  {% endfor %}\n- z",
         "<ul><li>a<ul><li>Ann</li><li>Bob</li></ul></li><li>z</li></ul>"),
        ("- a\n  {% for name in names %}\n  - {{ name }}\n  {% endfor %}",
         "<ul><li>a<ul><li>Ann</li><li>Bob</li></ul></li></ul>"),
        ("{% for name in names %}\n\n1. {{ name }}\n\n{% endfor %}",
         "<ol><li>Ann</li></ol><ol><li>Bob</li></ol>"),
        ("intro\n{% for name in names %}\n* {{ name }}\n{% endfor %}\noutro",
         "<p>intro</p><ul><li>Ann</li><li>Bob</li></ul><p>outro</p>"),
        ("{% for name in names %}\n## {{ name }}\nHello.\n{% endfor %}",
         "<h2>Ann</h2><p>Hello.</p><h2>Bob</h2><p>Hello.</p>"),
        ("{% if no %}\none\n{% elif yes %}\ntwo\n{% else %}\nthree\n{% endif %}", "<p>two</p>"),
        ("> {% if yes %}\n> quoted\n> {% endif %}", "<blockquote><p>quoted</p></blockquote>"),
        ("- a\n{% for name in names %}- {{ name }}\n{% endfor %}- z",
         "<ul><li>a</li><li>Ann</li><li>Bob</li><li>z</li></ul>"),
        ("{% if no %}- a{% else %}\n- b {% if yes %}c{% endif %}\n{%- endif %}",
         "<ul><li>b c</li></ul>"),
        ("one\n\n{%- if yes %}\n\ntwo\n\n{%- endif -%}\n\nthree",
         "<p>one</p><p>two</p><p>three</p>"),
        ("Hello\n{%- if yes %}, Ann{% endif -%}\n.", "<p>Hello, Ann.</p>"),
        ("{% set a = 3 %}\n\nIt is {{ a }}.", "<p>It is 3.</p>"),
        ("a {% if yes %}b{% endif %} c", "<p>a b c</p>"),
        ("{% if yes %}one\n\ntwo{% endif %}", "<p>one</p><p>two</p>"),
    ],
)  # fmt: skip
def test_statements_on_lines_of_their_own_stand_between_blocks(text: str, html: str) -> None:
    assert html_of(text) == html


def test_statements_in_code_leave_no_lines_behind() -> None:
    code = "```\n{% for name in names %}\nhello {{ name }}\n{% endfor %}\n```"
    prose = read_prose(environment(), code, "text")
    html = environment().from_string(prose.body).render(VALUES)
    assert "<pre><code>hello Ann\nhello Bob\n</code></pre>" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("{{ chat }}", f'<div class="uproot-paragraph">{CHAT}</div>'),
        ("Talk: {{ chat }}", f'<div class="uproot-paragraph">Talk:{CHAT}</div>'),
        ("{% if yes %}{{ chat }}{% endif %}", f'<div class="uproot-paragraph">{CHAT}</div>'),
        ("- {{ chat }}", f"<ul><li>{CHAT}</li></ul>"),
        ("{{ names[0] }}", "<p>Ann</p>"),
        ("{{ '<div>' }}", "<p>&lt;div&gt;</p>"),
        ("**{{ names[0] }}** and {{ 7 }}", "<p><strong>Ann</strong>and 7</p>"),
    ],
)
def test_what_ends_a_paragraph_is_in_none(text: str, html: str) -> None:
    """The parser of a browser closes `<p>` before a block, and what was in it is torn apart."""
    assert html_of(text) == html


def test_a_portable_text_needs_no_filter_of_ours() -> None:
    prose = read_prose(Environment(), "{{ chat }}\n\nx {{ y }}", "text", portable=True)
    assert "filter" not in prose.body
    assert "<div>{{ chat }}</div>" in prose.body


LINES = ["- a", "  - b", "1. c", "| x | y |", "", "text", "> q", "## h", "    code", "```"]


@examples(200)
@given(
    st.lists(st.sampled_from([*LINES, "IF", "FOR"]), max_size=12), st.randoms(use_true_random=False)
)
def test_wherever_statements_stand_the_text_is_a_template(lines: list[str], rng: Any) -> None:
    """Each is closed somewhere behind where it began, properly nested, and nothing is lost."""
    text, ends = [TABLE.strip()], []
    for line in lines:
        while ends and rng.random() < 0.4:
            text.append(ends.pop())
        if line in ("IF", "FOR"):
            start = "if yes" if line == "IF" else "for it in [1]"
            end = "endif" if line == "IF" else "endfor"
            text.append(rng.choice(["{% S %}", "{%- S %}", "{% S -%}"]).replace("S", start))
            ends.append(rng.choice(["{% S %}", "{%- S %}", "{% S -%}"]).replace("S", end))
        else:
            text.append(line)
    text += reversed(ends)
    html = html_of("\n".join(text))
    assert html.count("text") == lines.count("text")
    assert "%}" not in html
