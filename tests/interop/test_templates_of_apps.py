"""What templates of the framework's apps find: the app, its buttons, its blocks, unknown names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest

from tests.interop.projects import write_app, write_files
from tests.running import BEGIN_FORM
from uproot_nb import Run, serve
from uproot_nb.interop.apps import load_app
from uproot_nb.testing import served as robots

ServeApp = Callable[..., Run]
BASE = '{{% extends "Base.html" %}}{{% block main %}}{}{{% endblock %}}'
CODE = """
    class C:
        PRIZES = [10, 20]

    LABELS = {"a": "Apple"}

    def tax(amount):
        return amount * 2

    class Hello(Page):
        pass

    page_order = [Hello]
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServeApp]:
    with ExitStack() as stack:

        def serve_app(template: str, code: str = CODE) -> Run:
            app = load_app(write_app(tmp_path, "market", code, Hello_html=template))
            run = serve(
                app=app, players=1, name="s", db=":memory:", embedded=True, port=0, namespace={}
            )
            stack.callback(run.close)
            return run

        yield serve_app


def page(run: Run) -> str:
    with urlopen(run.link(run.players[0]), BEGIN_FORM) as answer:
        return str(answer.read().decode())


def warnings(run: Run) -> list[str]:
    rows = run.errors
    return [m for m, kind in zip(rows["message"], rows["type"], strict=True) if kind == "Warning"]


def test_app_is_the_apps_module(served: ServeApp) -> None:
    text = "{{ app.C.PRIZES[1] }} {{ app.LABELS.a }} {{ app.tax(4) }}"
    assert "20 Apple 8" in page(served(BASE.format(text)))


@pytest.mark.long
def test_a_template_places_its_own_button(served: ServeApp) -> None:
    html = page(served(BASE.format('{{ button_next(label="I agree") }}{{ button_back() }}')))
    assert html.count('id="uproot-next"') == 1
    assert ">I agree</button>" in html
    assert 'id="uproot-back"' not in html


def test_a_template_without_a_button_has_ours(served: ServeApp) -> None:
    assert page(served(BASE.format("Hello"))).count('id="uproot-next"') == 1


@pytest.mark.long
def test_an_unknown_name_is_shown_as_nothing_and_the_researcher_is_warned(
    served: ServeApp,
) -> None:
    run = served(BASE.format("\n[{{ player.bid }}][{{ nobody.name }}]{% if no %}!{% endif %}"))
    assert "[][]" in page(run)
    assert "[][]" in page(run)
    first, second = warnings(run)
    assert first.startswith("market/Hello (")
    assert "Hello.html, line 2)" in first
    assert "has no attribute 'bid'" in first
    assert "'nobody' is undefined" in second


@pytest.mark.long
def test_an_unknown_name_that_is_repeated_over_is_empty(served: ServeApp) -> None:
    run = served(BASE.format("[{% for x in nothing %}{{ x }}{% endfor %}]"))
    assert "[]" in page(run)
    assert len(warnings(run)) == 1


@pytest.mark.long
def test_every_block_of_the_framework_has_a_place(served: ServeApp) -> None:
    blocks = [
        "pre_form", "header_start", "header_end", "form_start", "pre_main", "titlearea",
        "main", "main_full_width", "main2", "main2_full_width", "main3", "uproot_main_buttons",
        "post_main", "form_end", "late", "late2", "footer", "timeoutbox", "head",
    ]  # fmt: skip
    made = "".join(f"{{% block {name} %}}[{name}]{{% endblock %}}" for name in blocks)
    html = page(served('{% extends "Base.html" %}' + made))
    assert [name for name in blocks if html.count(f"[{name}]") != 1] == []


@pytest.mark.long
def test_alpine_can_be_left_out(served: ServeApp) -> None:
    html = page(served('{% set disable_alpinejs = true %}{% extends "Base.html" %}'))
    assert "alpine" not in html


@pytest.mark.long
def test_switches_of_the_whole_project_hold_for_each_page(served: ServeApp) -> None:
    code = CODE + '    import uproot.deployment as u\n    u.TEMPLATE_DEFAULTS["buttons"] = False\n'
    html = page(served(BASE.format("Hello"), code))
    assert 'id="uproot-next"' not in html


@pytest.mark.long
def test_a_page_knows_its_number(served: ServeApp) -> None:
    assert "page 0 of market" in page(served(BASE.format("page {{ player.show_page }} of market")))


@pytest.mark.long
@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("<i x='{{ [\"<\", 1] | tojson }}'>", "<i x='[&#34;\\u003c&#34;,1]'>"),
        ("<script>x = {{ {'a': '</script>'} | tojson | safe }}", '{"a":"\\u003c/script\\u003e"}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ getattr(player, 'id') }}|{{ hasattr(player, 'x') }}|{{ len([1]) }}", "0|False|1"),
        ("{{ 1.005 | fmtnum }}|{{ 3 | type }}", "1.01|&lt;class &#39;int&#39;&gt;"),
        ("{{ 3723.5 | unixtime2datetime }}", "01:02:03.500"),
        ("<{% if input or not id %}{{ id }}{% else %}no{% endif %}>{{ max(1, len('ab')) }}", "<>2"),
        ("{% set id = 7 %}{{ id }}{{ isinstance(1, int) }}{{ str.upper('a') }}", "7TrueA"),
        ("[{{ a | fmtnum('$') }}{{ b | to(1) }}{{ c | unixtime2datetime }}]", "[]"),
        ("{{ 0 | unixtime2datetime(precise=True) }}", "1970-01-01 00:00:00.000000"),
        ('{% include_markdown "Rules.md" %}', "<p>Be <strong>quick</strong>, 0</p>"),
        ('{% include_markdown "Rules.md:title" %}', "The rules"),
        ('{% include_markdown "$Page.md" %}', "<p>Of <em>Hello</em></p>"),
    ],
)
def test_filters_builtins_and_markdown_are_the_frameworks(
    served: ServeApp, tmp_path: Path, template: str, shown: str
) -> None:
    files = {"Rules.md": "# The rules\n\nBe **quick**, {{ player.id }}", "Hello.md": "Of *Hello*"}
    write_files(tmp_path / "market", files)
    assert shown in page(served(BASE.format(template)))


@pytest.mark.long
def test_safe_html_may_be_written_and_stored(served: ServeApp) -> None:
    code = """
        def new_player(player):
            player.dot = safe("<b>dot</b>")

        class Hello(Page):
            def jsvars(page, player): return {"dot": player.dot}

        page_order = [Hello]
    """
    run = served(BASE.format('{{ player.dot }}{{ safe("<i>i</i>") }}'), code)
    assert "<b>dot</b><i>i</i>" in page(run)
    assert type(run.players[0].dot).__name__ == "Markup"


@pytest.mark.long
def test_a_page_knows_whether_it_fills_itself_in_and_what_is_wrong(served: ServeApp) -> None:
    text = "{{ _uproot_simulate }} {{ session._uproot_simulate }}{{ _uproot_field_errors }}"
    assert "False False{}" in page(served(BASE.format(text)))


def test_an_apps_code_knows_whether_pages_fill_themselves_in(tmp_path: Path) -> None:
    code = """
        def new_player(player): player.is_robot = player.session._uproot_simulate
        page_order = []
    """
    app = load_app(write_app(tmp_path, "market", code))
    run = serve(
        app=app, players=1, simulate=True, name="s", db=":memory:", embedded=True, port=0,
        namespace={},
    )  # fmt: skip
    with closing(run):
        assert run.players[0].is_robot is True


@pytest.mark.long
@pytest.mark.parametrize(
    ("hook", "template", "line"),
    [
        ("    def templatevars(page, player): return {'x': player.nothing}", "", "__init__.py"),
        ("    def jsvars(page, player): return {'x': 1 / 0}", "", "__init__.py"),
        ("    def show(page, player): raise KeyError('x')", "", "__init__.py"),
        ("    pass", "\n{{ 1 / 0 }}", 'Hello.html", line 2'),
        ("    pass", "\n\n{{ tax(3) }}", "Hello.html, line 3"),
        ("    pass", "\n{% endif %}", "Hello.html, line 2"),
    ],
)
def test_an_error_on_a_page_names_app_page_line_and_cause(
    served: ServeApp, capsys: pytest.CaptureFixture[str], hook: str, template: str, line: str
) -> None:
    code = f"class Hello(Page):\n{hook}\n\npage_order = [Hello]\n"
    run = served(BASE.format(template), code)
    with pytest.raises(HTTPError, match="500"):
        page(run)
    assert run.errors["page"].tolist() == ["market/Hello"]
    assert line in run.errors["traceback"][0]
    assert run.errors["message"][0]
    printed = "".join(capsys.readouterr())
    assert printed.startswith("market/Hello.")
    assert f"for player/{run.players[0].name} failed" in printed
    assert line in printed


@pytest.mark.long
def test_files_of_the_app_and_the_project_add_to_our_pages(tmp_path: Path) -> None:
    code = """
        class Pair(GroupCreatingWait): group_size = 2
        class Wait(SynchronizingWait): pass
        class Hello(Page): pass
        page_order = [Pair, Hello, Wait]
    """
    files = {
        "GroupCreatingWaitInfo.html": "<i>Who will come?</i>",
        "EndInfo.html": "<i>Bye {{ player.id }}</i>",
        "SynchronizingWaitInfo.html": "<i>{{ player.group.players | length }} of us</i>",
        "ProjectBody.html": "<i>not the project's</i>", "Hello.html": "<p>Hello</p>",
    }  # fmt: skip
    app = write_app(tmp_path, "shop", code)
    write_files(app, files)
    write_files(tmp_path, {"ProjectBody.html": "<i>page {{ player.show_page }}</i>"})
    with robots(load_app(app), players=2, arrive=False) as session:
        ann, bob = session
        ann.arrive()
        assert "<i>Who will come?</i>" in ann.html
        bob.arrive()
        assert "<i>page 1</i>\n</body>" in bob.html
        assert "not the project's" not in bob.html
        bob.submit()
        assert "<i>2 of us</i>" in bob.html
        ann.reload()
        ann.submit()
        assert "<i>Bye 0</i>" in ann.html


@pytest.mark.long
def test_a_mistake_in_markdown_is_named_with_its_line(served: ServeApp, tmp_path: Path) -> None:
    write_files(tmp_path / "market", {"Rules.md": "# Rules\n\nBe quick.\n\n{{ 1 + }}\n"})
    run = served(BASE.format('{% include_markdown "Rules.md" %}'))
    with pytest.raises(HTTPError, match="500"):
        page(run)
    assert "Rules.md, line 5" in run.errors["message"][0]


@pytest.mark.long
def test_static_finds_a_file_of_the_app_before_one_of_its_project(
    served: ServeApp, tmp_path: Path
) -> None:
    folders = {"market/_static": "app", "_static": "project"}
    for folder, text in folders.items():
        write_files(tmp_path / folder, {"a.txt": text, f"{text}.txt": text})
    names = ("a.txt", "app.txt", "project.txt", "nobody.txt", "uproot.css")
    tags = "".join(f"<i>{{{{ static('{name}') }}}}</i>" for name in names)
    run = served(BASE.format(tags))
    own, app, project, nobodys, ours = re.findall("<i>(.*?)</i>", page(run))
    assert [read(run, address) for address in (own, app, project)] == ["app", "app", "project"]
    assert nobodys == own.replace("a.txt", "nobody.txt")
    assert ours.startswith("../../static/")


@pytest.mark.long
def test_an_apps_file_does_not_replace_one_of_the_package(served: ServeApp, tmp_path: Path) -> None:
    write_files(tmp_path / "market/_static", {"uproot.css": "* { display: none }"})
    html = page(served(BASE.format("{{ internalstatic('uproot.js') }}")))
    assert not re.search(r"/files/[^/]+/uproot.css", html)
    assert re.search(r"/static/[^/]+/uproot.css", html)


def read(run: Run, address: str) -> str:
    with urlopen(urljoin(run.link(run.players[0]), address)) as answer:
        return str(answer.read().decode())
