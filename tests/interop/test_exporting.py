"""Writing a notebook's experiment as an app folder."""

from __future__ import annotations

import ast
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.interop.notebooks import Notebook, notebook_in
from tests.interop.projects import write_files
from uproot_nb import Run, serve
from uproot_nb import uuid as our_uuid
from uproot_nb.errors import BadApp, BadPage, NotExportable, UprootError
from uproot_nb.interop.apps import load_app
from uproot_nb.interop.exporting import MARK, export_app

HELLO = """
    class Hello(Page):
        '''# Welcome

        Be kind.'''
"""
ORDER = "page_order = [Hello]"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The notebook's folder."""
    place = tmp_path / "notebooks"
    place.mkdir()
    notebook_in(place, monkeypatch)
    return place


def exported(tmp_path: Path, *cells: str, **names: Any) -> str:
    """Export a notebook and return the app's code, which loads again."""
    target = export_app(Notebook(*cells, **names).names, tmp_path / "project" / "game")
    load_app(target)
    return (target / "__init__.py").read_text("utf-8")


def problems(tmp_path: Path, *cells: str) -> list[str]:
    with pytest.raises(NotExportable) as caught:
        export_app(Notebook(*cells).names, tmp_path / "project" / "game")
    assert not (tmp_path / "project" / "game").exists()
    return caught.value.problems


# ---- what is taken ----


@pytest.mark.long
def test_the_code_is_the_authors_with_its_comments(tmp_path: Path) -> None:
    code = exported(
        tmp_path,
        """
        # What everybody starts with.
        class C:
            ENDOWMENT = 10  # points

        class Hello(Page):
            "Hello."

            # Everybody gets the same.
            def before_once(page, player):
                player.cash = C.ENDOWMENT   # in points
        """,
        ORDER,
    )
    assert code.startswith(MARK)
    assert "from uproot.smithereens import *" in code
    assert "# What everybody starts with.\nclass C:\n    ENDOWMENT = 10  # points" in code
    assert (
        "    # Everybody gets the same.\n    @classmethod\n    def before_once(page, player):\n"
        "        player.cash = C.ENDOWMENT   # in points" in code
    )
    assert "uproot_nb import" not in code


@pytest.mark.long
def test_what_the_experiment_does_not_need_stays_behind(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO, "import math\nfrom statistics import mean\nmean([1])",
        "def helper(): return math.pi", "def unused(): return 1", "print(helper())",
        "def new_player(player):\n    player.pi = helper()", ORDER,
    )  # fmt: skip
    assert "import math" in code
    assert "def helper" in code
    assert "mean" not in code
    assert "unused" not in code
    assert "print" not in code


def test_the_page_order_of_serve_is_taken(tmp_path: Path) -> None:
    served: list[Any] = []
    code = exported(
        tmp_path, HELLO, "class Bye(Page): ...", "run = serve([Hello,\n    Bye], players=2)",
        serve=lambda *a, **k: served.append(a),
    )  # fmt: skip
    assert code.endswith("page_order = [Hello,\n    Bye]\n")
    assert "serve" not in code.replace("serve_", "")


def test_the_last_version_of_a_cell_counts_at_the_place_of_the_first(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "LIMIT = 1",
        "class Hello(Page):\n    fields = dict(x=IntegerField(max=LIMIT))", ORDER, "LIMIT = 2",
    )  # fmt: skip
    assert "LIMIT = 1" not in code
    assert code.index("LIMIT = 2") < code.index("class Hello")


def test_a_definition_stands_before_what_reads_it_at_once(tmp_path: Path) -> None:
    """The first cell was changed, and needs now what a later one defines."""
    code = exported(
        tmp_path, "TOP = 1", "LIMIT = 2", "TOP = LIMIT + 1",
        "class Hello(Page):\n    fields = dict(x=IntegerField(max=TOP))", ORDER,
    )  # fmt: skip
    assert code.index("LIMIT = 2") < code.index("TOP = LIMIT + 1") < code.index("class Hello")


def test_what_changes_a_value_in_place_goes_with_it(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO, "class C:\n    X = 1", "PAGES = []", "PAGES.append(Hello)",
        "PAGES += [Hello]", "C.X = 2", "page_order = [*PAGES]",
    )  # fmt: skip
    assert "PAGES.append(Hello)" in code
    assert "PAGES += [Hello]" in code
    app = load_app(tmp_path / "project" / "game")
    assert len(app.order) == 2


@pytest.mark.long
def test_callbacks_and_what_describes_the_app_are_taken(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO, 'DESCRIPTION = "A game"\nSUGGESTED_MULTIPLE = 2\nLANDING_PAGE = True',
        "def new_session(session):\n    session.pot = 0",
        "def digest(session):\n    return session.pot",
        "class Context(PlayerContext):\n    @property\n    def pot(self):\n        return 1", ORDER,
    )  # fmt: skip
    app = load_app(tmp_path / "project" / "game")
    assert (app.description, app.suggested_multiple, app.landing_page) == ("A game", 2, True)
    assert app.context is not None
    assert "def digest" in code


def serving(**options: Any) -> Run:
    return serve(players=1, db=":memory:", embedded=True, port=0, **options)


def test_a_run_is_exported_as_its_notebook(tmp_path: Path) -> None:
    names = Notebook(HELLO, ORDER).names
    with serving(namespace=names) as run:
        assert list(load_app(export_app(run, tmp_path / "game")).pages) == ["game/Hello"]


def test_a_run_of_apps_has_nothing_to_export(tmp_path: Path) -> None:
    app = load_app(export_app(Notebook(HELLO, ORDER).names, tmp_path / "game"))
    with serving(app=app, namespace={}) as run, pytest.raises(UprootError, match="apps already"):
        export_app(run, tmp_path / "again")


@pytest.mark.parametrize("given", [None, "run", 3])
def test_what_is_no_experiment_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(UprootError, match="Give the run"):
        export_app(given, tmp_path / "game")


def test_a_namespace_without_cells_or_file_is_refused(tmp_path: Path) -> None:
    names = {**Notebook(HELLO, ORDER).names}
    del names["In"]
    with pytest.raises(UprootError, match="experiment has no source"):
        export_app(names, tmp_path / "game")


def test_a_script_is_exported_too(tmp_path: Path) -> None:
    code = "from uproot_nb import *\n\nclass Hello(Page):\n    'Hi.'\n\npage_order = [Hello]\n"
    write_files(tmp_path, {"study.py": code})
    names: dict[str, Any] = {"__name__": "study", "__file__": str(tmp_path / "study.py")}
    exec(compile(code, names["__file__"], "exec", dont_inherit=True), names)
    assert list(load_app(export_app(names, tmp_path / "game")).pages) == ["game/Hello"]


def test_a_callable_page_order_is_taken(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO, "def page_order(player):\n    return [Hello] * player.session.n"
    )
    assert "def page_order(player):" in code


def test_magics_and_broken_cells_are_left_out(tmp_path: Path) -> None:
    notebook = Notebook(HELLO, ORDER)
    notebook.names["In"] += ["%load_ext uproot_nb\nX = 1", "!ls", "def broken(:"]
    target = export_app(notebook.names, tmp_path / "game")
    assert "load_ext" not in (target / "__init__.py").read_text("utf-8")


def test_files_beside_the_notebook_that_the_code_imports_go_with_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(folder, {"game_rules.py": "LIMIT = 3\n", "game_more.py": "MORE = 4\n"})
    monkeypatch.syspath_prepend(folder)
    code = exported(
        tmp_path, "from game_rules import LIMIT", "import game_more as more",
        "class Hello(Page):\n    limit, more = LIMIT, more.MORE", ORDER,
    )  # fmt: skip
    assert "from .game_rules import LIMIT" in code
    assert "from . import game_more as more" in code
    page = load_app(tmp_path / "project" / "game").pages["game/Hello"]
    assert (page.limit, page.more) == (3, 4)  # type: ignore[attr-defined]


# ---- what is said otherwise ----


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("players(session)", "session.players"),
        ("players(session).filter(F.cash > 3)", "session.players.filter(_.cash > 3)"),
        ("[p.cash for p in players(session)]", "[p.cash for p in session.players]"),
        ("players(a or session)", "(a or session).players"),
        ("other_in_group(player).x", "player.other_in_group.x"),
        ("others_in_session(players(session)[0])", "session.players[0].others_in_session"),
        ("notify(player, recipients=x)", "notify(player, to=x)"),
        ("send_to(recipients=x, data=1)", "send_to(recipient=x, data=1)"),
        ("g = create_group(session, x)", "g = materialize(create_group(session, x))"),
        ("create_group(session, x, 'g1')", "create_group(session, x, gname='g1')"),
        ("x = ~player", "x = identify(player)"),
        ("x = ~mask", "x = ~mask"),
        ("isinstance(x, Player)", "isinstance(x, PlayerType)"),
        ("players = session.players; players(1)", "players = session.players; players(1)"),
        ("'ä', players(session)", "'ä', session.players"),
    ],
)
def test_our_functions_become_what_the_framework_has(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    cell = f"def new_session(session, player=None, a=None, x=None, mask=None):\n    {ours}\n"
    assert f"    {theirs}\n" in exported(tmp_path, HELLO, cell, ORDER)


@pytest.mark.long
def test_a_name_that_is_local_is_left_alone(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO,
        "def new_session(session):\n"
        "    def inner(players, F):\n        return players(F)\n"
        "    return (lambda F: F.x)(session), [F for F in 'ab']", ORDER,
    )  # fmt: skip
    assert "return players(F)" in code
    assert "(lambda F: F.x)(session), [F for F in 'ab']" in code


def test_f_stays_f_where_the_author_uses_the_underscore(tmp_path: Path) -> None:
    code = exported(
        tmp_path, HELLO,
        "def new_session(session):\n    for _ in range(3): players(session).filter(F.x)", ORDER,
    )  # fmt: skip
    assert "from uproot.smithereens import _ as F" in code
    assert "session.players.filter(F.x)" in code


def test_random_is_random_order(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "from uproot_nb import Random", HELLO, "page_order = [Random(Hello, Hello)]"
    )
    assert "page_order = [RandomOrder(Hello, Hello)]" in code


def test_uuid_by_name_is_the_frameworks_and_the_module_stays_the_module(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "from uproot_nb import uuid", HELLO, ORDER,
        "def new_session(session):\n    session.code = str(uuid())",
    )  # fmt: skip
    assert "import uuid" not in code
    assert load_app(tmp_path / "project" / "game").namespace["uuid"] is our_uuid
    (tmp_path / "module").mkdir()
    code = exported(
        tmp_path / "module", "import uuid", HELLO, ORDER,
        "def new_session(session):\n    session.code = str(uuid.uuid4())",
    )  # fmt: skip
    assert load_app(tmp_path / "module" / "project" / "game").namespace["uuid"] is uuid


@pytest.mark.long
def test_fields_and_models_are_imported_from_their_modules(tmp_path: Path) -> None:
    code = exported(
        tmp_path,
        "from uproot_nb.experiment.identifiers import PlayerIdentifier",
        "class Offer(Entry):\n    pid: PlayerIdentifier\n    price: float",
        "def new_session(session):\n    session.offers = create_model(session)",
        "class Hello(Page):\n    fields = dict(age=IntegerField(label='Age'))\n"
        "    @live\n    def post(page, player, price: float):\n"
        "        add_entry(player.session.offers, player, Offer, price=price)", ORDER,
    )  # fmt: skip
    assert "from uproot.fields import *" in code
    assert "from uproot.models import Entry, add_entry, create_model" in code
    assert "class Offer(metaclass=Entry):" in code


def test_constants_that_scripts_read_are_named_for_the_framework(tmp_path: Path) -> None:
    constants = "class C:\n    HIGH = 10\n    LOW = 3  # points"
    page = "class Hello(Page):\n    template = '<script>alert(uproot.C.HIGH)</script>'"
    code = exported(tmp_path, constants, page, "def new_player(player): player.x = C.LOW", ORDER)
    assert "    LOW = 3  # points\n\n    __export__ = ['HIGH', 'LOW']\n" in code


def test_constants_that_no_script_reads_stay_with_the_server(tmp_path: Path) -> None:
    code = exported(tmp_path, HELLO, "class C:\n    HIGH = 10", ORDER)
    assert "__export__" not in code


def test_hooks_that_are_class_methods_already_stay_as_they_are(tmp_path: Path) -> None:
    code = exported(
        tmp_path,
        "class Hello(Page):\n    @classmethod\n    def show(page, player):\n        return True\n"
        "    async def before_once(page, player):\n        pass", ORDER,
    )  # fmt: skip
    assert code.count("@classmethod") == 2
    assert "    @classmethod\n    async def before_once" in code


def test_hooks_of_a_mixin_become_class_methods_too(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "class Shown:\n    def show(page, player):\n        return True",
        "class Hello(Shown, Page): ...", ORDER,
    )  # fmt: skip
    assert "class Shown:\n    @classmethod\n    def show" in code


def test_what_cells_say_in_the_frameworks_terms_stays(tmp_path: Path) -> None:
    from uproot_nb.interop.cells import install_names, remove_names

    install_names()
    try:
        code = exported(
            tmp_path, HELLO, "from uproot.smithereens import create_group, send_to",
            "def new_session(session):\n    session.g = create_group(session, [])\n"
            "    send_to([], 1, 'Go')", ORDER,
        )  # fmt: skip
    finally:
        remove_names()
    assert "session.g = create_group(session, [])" in code


# ---- what stands in the way ----


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (
            "class Hello(Page):\n    @live(exclusive='group')\n    def buy(page, player): ...",
            "@live(exclusive=…)",
        ),
        (
            "class Hello(Page):\n    @live(thread=True)\n    def buy(page, player): ...",
            "@live(thread=…)",
        ),
        ("class Hello(Page):\n    def show(page, p): ...", "call its argument 'player'"),
        (
            "class Hello(SynchronizingWait):\n    async def all_here(page, group): ...",
            "cannot be async",
        ),
        ("def new_player(p): ...\nclass Hello(Page): ...", "new_player: call its argument"),
        ("class Hello(Page):\n    def after_once(page, player): redirect(player, '/')", "redirect"),
        ("class Hello(Page):\n    def after_once(page, player): raise Refused('no')", "Refused"),
        (
            "class Hello(Page):\n    def show(page, player):\n"
            "        return players(player.session).filter((F.a > 1) & (F.b > 1))",
            "joined by commas",
        ),
        (
            "class Hello(Page):\n    def show(page, player):\n"
            "        return list(map(players, [player.session]))",
            "has no function there",
        ),
        (
            "class Hello(Page):\n    def after_once(page, player):\n"
            "        notify(player, player, where=Hello)",
            "not a page",
        ),
        (
            "class Hello(Page):\n    def after_once(page, player): move_to_page(player, 0)",
            "not to a position",
        ),
        ("class Hello(Page):\n    def show(page, player): return nowhere", "no cell defines"),
        ("class Hello(Page):\n    def show(page, player): return player.online", ".online"),
        (
            "class Hello(Page):\n    fields = dict(photo=FileField(label='Photo'))",
            "stealth_fields = ['photo']",
        ),
        (
            "import uproot_nb\nclass Hello(uproot_nb.Page): ...",
            "write 'from uproot_nb import *'",
        ),
    ],
)
def test_what_has_no_equivalent_is_listed(tmp_path: Path, cell: str, problem: str) -> None:
    found = problems(tmp_path, cell, ORDER)
    assert any(problem in line for line in found), found


def test_every_obstacle_is_listed_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "class Hello(Page):\n    def show(page, p): ...\n    def after_once(page, player):\n"
        "        redirect(player, '/')\n        run.pause()", ORDER, "run = None",
    )  # fmt: skip
    assert len(found) == 2, found


def test_without_a_page_order_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(BadPage, match="no page order"):
        export_app(Notebook(HELLO).names, tmp_path / "game")


def test_another_apps_folder_is_not_written_over(tmp_path: Path) -> None:
    write_files(tmp_path / "game", {"__init__.py": "page_order = []\n"})
    with pytest.raises(BadApp, match="not exported"):
        export_app(Notebook(HELLO, ORDER).names, tmp_path / "game")


def test_an_earlier_export_is_written_over(tmp_path: Path) -> None:
    notebook = Notebook(HELLO, ORDER)
    export_app(notebook.names, tmp_path / "game")
    notebook.run("LIMIT = 1\nclass Hello(Page):\n    limit = LIMIT", ORDER)
    target = export_app(notebook.names, tmp_path, name="game")
    assert "LIMIT = 1" in (target / "__init__.py").read_text("utf-8")


@pytest.mark.parametrize("name", ["my-game", "uproot"])
def test_a_folder_that_cannot_be_imported_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadApp, match="cannot have this name"):
        export_app(Notebook(HELLO, ORDER).names, tmp_path / name)


# ---- files ----


def template(tmp_path: Path, name: str) -> str:
    return (tmp_path / "project" / "game" / name).read_text("utf-8")


def test_a_docstring_becomes_a_template_with_the_fields(tmp_path: Path) -> None:
    exported(
        tmp_path,
        "class Hello(Page):\n    '''# Welcome\n\n    Be {{ \"*kind*\" }} & *fair*.'''\n"
        "    fields = dict(age=IntegerField(label='Age'))", ORDER,
    )  # fmt: skip
    assert template(tmp_path, "Hello.html") == (
        '{% extends "Base.html" %}\n\n{% block title %}Welcome{% endblock title %}\n\n'
        '{% block main %}\n<p>Be {{ "*kind*" }} &amp; <em>fair</em>.</p>\n\n{{ fields() }}\n'
        "{% endblock main %}\n"
    )


def test_a_markdown_file_becomes_a_template(tmp_path: Path, folder: Path) -> None:
    write_files(folder, {"Hello.md": "Be *kind*: {{ form.age }}"})
    exported(
        tmp_path, "class Hello(Page):\n    fields = dict(age=IntegerField(label='Age'))", ORDER
    )
    text = template(tmp_path, "Hello.html")
    assert "<p>Be <em>kind</em>: {{ form.age }}</p>" in text
    assert "fields()" not in text


def test_an_inline_template_becomes_a_file_and_leaves_the_class(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "class Hello(Page):\n    template = '<p>Hi {{ player.name }}</p>'", ORDER
    )
    assert "template" not in code
    assert template(tmp_path, "Hello.html") == (
        '{% extends "Base.html" %}\n\n{% block main %}\n<p>Hi {{ player.name }}</p>\n'
        "{% endblock main %}\n"
    )


def test_switches_stay_outside_of_the_block(tmp_path: Path) -> None:
    exported(
        tmp_path,
        "class Hello(Page):\n    template = '{% set buttons = False %}\\n<p>Hi</p>'", ORDER,
    )  # fmt: skip
    assert template(tmp_path, "Hello.html").startswith(
        '{% extends "Base.html" %}\n{% set buttons = False %}\n\n{% block main %}\n<p>Hi</p>'
    )


def test_a_cells_template_becomes_a_file(tmp_path: Path) -> None:
    notebook = Notebook(HELLO, ORDER)
    notebook.template(
        "Hello", "{% block title %}Hi{% endblock %}\n{% block main %}Ho{% endblock %}"
    )
    export_app(notebook.names, tmp_path / "project" / "game")
    text = template(tmp_path, "Hello.html")
    assert text.startswith('{% extends "Base.html" %}\n\n{% block title %}Hi')


def test_template_files_go_with_those_that_they_name(tmp_path: Path, folder: Path) -> None:
    write_files(
        folder,
        {
            "Hello.html": '{% extends "Layout.html" %}{% block main %}Hi{% endblock %}',
            "Layout.html": '{% extends "Base.html" %}{% block head %}{% include "css.html" %}'
            "{% endblock %}",
            "css.html": "<style></style>",
        },
    )
    exported(tmp_path, "class Hello(Page): ...", ORDER)
    assert '{% extends "game/Layout.html" %}' in template(tmp_path, "Hello.html")
    assert '{% include "game/css.html" %}' in template(tmp_path, "Layout.html")
    assert template(tmp_path, "css.html") == "<style></style>"


def test_static_files_translations_and_bots_go_with_it(tmp_path: Path, folder: Path) -> None:
    write_files(
        folder,
        {
            "static/picture.svg": "<svg/>",
            "de.yml": "Welcome: Willkommen\n",
            "environment.yml": "name: x\n",
            "simulate.js": 'uproot.simulate.on("Hello", (sim) => sim.submit());',
        },
    )
    code = exported(tmp_path, HELLO, ORDER)
    assert template(tmp_path, "_static/picture.svg") == "<svg/>"
    assert template(tmp_path, "de.yml") == "Welcome: Willkommen\n"
    assert not (tmp_path / "project" / "game" / "environment.yml").exists()
    assert 'simulate.on("game/Hello"' in template(tmp_path, "simulate.js")
    assert "uproot.i18n.load(" in code


@pytest.mark.parametrize("call", ["static('uproot.js')", "internalstatic('own.js')"])
def test_a_file_of_the_package_cannot_be_exported(tmp_path: Path, folder: Path, call: str) -> None:
    write_files(folder, {"static/own.js": ""})
    code = f"class Hello(Page):\n    template = \"{{{{ {call} }}}} {{{{ static('own.js') }}}}\""
    assert [call in text for text in problems(tmp_path, code, ORDER)] == [True]


def test_a_template_finds_the_group_where_the_framework_has_it(tmp_path: Path) -> None:
    text = "'{{ group.total }}, {{ my.group.x }}, group. {% if group %}1{% endif %}'"
    exported(tmp_path, f"class Hello(Page):\n    template = {text}", ORDER)
    assert "{{ player.group.total }}, {{ my.group.x }}, group. {% if player.group %}" in template(
        tmp_path, "Hello.html"
    )


def test_wait_pages_look_as_the_framework_lets_them_look(tmp_path: Path) -> None:
    exported(tmp_path, "class Sync(SynchronizingWait):\n    'Waits.'", "page_order = [Sync]")
    assert sorted(p.name for p in (tmp_path / "project" / "game").iterdir()) == ["__init__.py"]


def test_what_stands_beside_a_template_in_its_class_stays(tmp_path: Path) -> None:
    code = exported(
        tmp_path,
        "class Hello(Page):\n    # Said first.\n    template = '<p>Hi</p>'; limit = 3  # three\n"
        "    # Said next.\n    template = '<p>Ho</p>'\n    other = 4",
        "class Bye(Page): template = '<p>Bye</p>'", "page_order = [Hello, Bye]",
    )  # fmt: skip
    assert "    # Said first.\n    limit = 3  # three\n    # Said next.\n    other = 4" in code
    assert "class Bye(Page):\n    pass" in code


@pytest.mark.parametrize(
    ("call", "attribute"),
    [
        ("(players(session))", "(session.players)"),
        ("players((session))", "(session).players"),
        ("players( session )", "session.players"),
        ("players(session) or 1", "session.players or 1"),
    ],
)
def test_brackets_and_blanks_do_not_matter(tmp_path: Path, call: str, attribute: str) -> None:
    cell = f"def new_session(session):\n    return {call}\n"
    assert f"    return {attribute}\n" in exported(tmp_path, HELLO, cell, ORDER)


def test_names_in_texts_keywords_and_attributes_are_left_alone(tmp_path: Path) -> None:
    cell = "def new_session(session):\n    session.F = dict(F=1, players='players(F)')\n"
    code = exported(tmp_path, HELLO, cell, ORDER)
    assert "session.F = dict(F=1, players='players(F)')" in code


def test_without_libcst_the_cell_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "uproot_nb.interop.rewriting", raising=False)
    monkeypatch.setitem(sys.modules, "libcst", None)
    with pytest.raises(UprootError, match=r"uproot_nb\[export\]"):
        export_app(Notebook(HELLO, ORDER).names, tmp_path / "game")


# ---- there and back ----


def test_an_exported_experiment_loads_with_the_same_pages_and_hooks(tmp_path: Path) -> None:
    notebook = Notebook(
        "class C:\n    HIGH = 10",
        "class Pair(GroupCreatingWait):\n    group_size = 2\n"
        "    def after_grouping(page, group):\n        group.high = C.HIGH",
        "class Decide(Page):\n    '''# Decide'''\n"
        "    fields = dict(keep=RadioField(label='?', choices=[(True, 'yes'), (False, 'no')]))\n"
        "    timeout = 60\n    def timeout_reached(page, player):\n        player.keep = True",
        "page_order = [Pair, Rounds(Decide, n=3)]",
    )
    app = load_app(export_app(notebook.names, tmp_path / "game"))
    ours, theirs = notebook.names["Decide"], app.pages["game/Decide"]
    assert list(app.pages) == ["game/Pair", "game/Decide"]
    assert theirs.fields == ours.fields  # type: ignore[attr-defined]
    assert theirs.timeout == ours.timeout  # type: ignore[attr-defined]
    assert theirs.timeout_reached.__code__.co_code == ours.timeout_reached.__code__.co_code  # type: ignore[attr-defined]
    assert app.order[1].n == 3


def test_the_exported_code_is_valid_python(tmp_path: Path) -> None:
    code = exported(
        tmp_path, "x = 1; y = 2  # two", HELLO, "def new_session(session): x + y", ORDER
    )
    ast.parse(code)
    assert "x = 1; y = 2  # two" in code
