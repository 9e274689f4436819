"""Loading app folders that were written for the framework."""

from __future__ import annotations

import inspect
import linecache
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any
from urllib.request import urlopen

import pytest

from tests.interop.projects import write_app, write_files
from tests.running import BEGIN_FORM
from uproot_nb import RandomOrder, serve
from uproot_nb.errors import BadApp, BadPage, MissingName, MissingPackage
from uproot_nb.experiment.pages import GroupCreatingWait, Page
from uproot_nb.experiment.query import F
from uproot_nb.interop.apps import app_class, language_folders, load_app
from uproot_nb.interop.names import EARLIER, NAMES
from uproot_nb.testing import served

SMALL = """
    class Hello(Page):
        pass

    page_order = [Hello]
"""

FRAMEWORK_NAMES = [
    "Admin", "AdminType", "Any", "Between", "Bracket", "Group", "GroupCreatingWait",
    "GroupIdentifier", "GroupType", "Model", "ModelIdentifier", "ModelType", "NoshowPage", "Page",
    "Player", "PlayerContext", "PlayerIdentifier", "PlayerType", "RandomOrder", "Repeat", "Rounds",
    "Session", "SessionIdentifier", "SessionType", "Storage", "SynchronizingWait", "_",
    "add_to_group", "append_to_csv", "cast", "chat", "combine", "create_group", "create_groups",
    "cu", "data_uri", "fmtnum", "get_setting", "identify", "live", "mark_dropout", "materialize",
    "move_to_end", "move_to_page", "notify", "read_csv", "reload", "rng", "safe", "send_to",
    "send_to_one", "spawn", "to", "transition_to_end", "transition_to_page", "uuid",
    "watch_for_dropout",
]  # fmt: skip
"""What `from uproot.smithereens import *` gives in version 0.10.1."""


# ---- names ----


def test_every_name_of_the_smithereens_is_there(tmp_path: Path) -> None:
    wanted = ", ".join(name for name in FRAMEWORK_NAMES if name != "_")
    app = load_app(
        write_app(tmp_path, "market", SMALL, head=f"from uproot.smithereens import {wanted}\n")
    )
    assert set(FRAMEWORK_NAMES) - {"_"} <= set(app.namespace)


@pytest.mark.parametrize("module", sorted(NAMES))
def test_every_name_that_is_offered_can_be_had(tmp_path: Path, module: str) -> None:
    head = f"from {module} import *\nfrom uproot.smithereens import Page\n"
    app = load_app(write_app(tmp_path, "market", SMALL, head=head))
    assert set(NAMES[module]) <= set(app.namespace)


def test_the_star_gives_an_app_our_own_names(tmp_path: Path) -> None:
    app = load_app(write_app(tmp_path, "market", SMALL))
    assert app.namespace["Page"] is Page
    assert app.namespace["_"] is F
    assert issubclass(app.pages["market/Hello"], Page)


def test_a_module_can_be_imported_under_another_name(tmp_path: Path) -> None:
    code = """
        import uproot.models as um
        import uproot.types
        import uproot as u

        class Offer(metaclass=um.Entry):
            pid: uproot.types.PlayerIdentifier
            price: float

        class Hello(u.types.Page):
            pass

        page_order = [Hello]
    """
    app = load_app(write_app(tmp_path, "market", code, head=""))
    assert app.namespace["Offer"].__name__ == "Offer"


def test_names_of_earlier_versions_are_there_too(tmp_path: Path) -> None:
    code = """
        assert callable(players) and callable(other_in_group)
        class A(Page): pass
        class B(Page): pass
        page_order = [Random(A, B)]
    """
    app = load_app(write_app(tmp_path, "market", code))
    assert set(EARLIER) <= set(app.namespace)
    assert app.namespace["Random"] is RandomOrder


def test_a_name_that_an_app_has_from_elsewhere_is_not_replaced_by_an_earlier_one(
    tmp_path: Path,
) -> None:
    head = "from random import Random\nfrom uproot.smithereens import *\n"
    app = load_app(write_app(tmp_path, "market", SMALL, head=head))
    assert app.namespace["Random"].__module__ == "random"


def test_a_name_that_is_not_offered_is_refused_with_file_and_line(tmp_path: Path) -> None:
    code = "\nfrom uproot.smithereens import teleport\n"
    with pytest.raises(MissingName, match=r"(?s)teleport.*__init__.py, line 5") as caught:
        load_app(write_app(tmp_path, "market", code))
    assert caught.value.missing == "teleport"


def test_an_app_may_try_an_import_and_do_without(tmp_path: Path) -> None:
    code = """
        try:
            from uproot.smithereens import teleport
        except ImportError:
            teleport = None
        try:
            import uproot.nowhere
        except ImportError:
            nowhere = None
    """
    app = load_app(write_app(tmp_path, "market", code + SMALL.replace("\n", "\n    ")))
    assert app.namespace["teleport"] is None
    assert app.namespace["nowhere"] is None


def test_an_attribute_that_is_not_offered_says_so(tmp_path: Path) -> None:
    code = "\nimport uproot.models as um\num.teleport\n"
    with pytest.raises(AttributeError, match=r"has no 'uproot.models.teleport'"):
        load_app(write_app(tmp_path, "market", code))


# ---- whose modules ----


def test_an_installed_uproot_is_left_alone(tmp_path: Path, monkeypatch: Any) -> None:
    other = ModuleType("uproot")
    monkeypatch.setitem(sys.modules, "uproot", other)
    app = load_app(write_app(tmp_path, "market", SMALL))
    assert sys.modules["uproot"] is other
    assert app.namespace["Page"] is Page


def test_python_knows_no_uproot_after_an_app_was_loaded(tmp_path: Path) -> None:
    before = set(sys.modules)
    load_app(write_app(tmp_path, "market", SMALL))
    assert not [name for name in set(sys.modules) - before if name.startswith("uproot.")]
    assert "uproot" not in sys.modules


def test_an_import_inside_a_hook_finds_the_same(tmp_path: Path) -> None:
    code = """
        class Hello(Page):
            @classmethod
            def templatevars(page, player):
                from time import time
                from uproot.smithereens import mark_dropout
                import uproot.models as um
                return dict(now=time(), mark=mark_dropout, add=um.add_entry)

        page_order = [Hello]
    """
    app = load_app(write_app(tmp_path, "market", code))
    found = app.pages["market/Hello"].templatevars(None)  # type: ignore[attr-defined]
    assert found["mark"].__module__.startswith("uproot_nb.")


def test_two_apps_of_one_name_do_not_meet(tmp_path: Path) -> None:
    code = "\nfrom . import rules\n" + _body()
    first, second = (write_app(tmp_path / place, "market", code) for place in "ab")
    write_files(first, {"rules.py": "LIMIT = 1\n"})
    write_files(second, {"rules.py": "LIMIT = 2\n"})
    a, b = load_app(first), load_app(second)
    assert (a.namespace["rules"].LIMIT, b.namespace["rules"].LIMIT) == (1, 2)


def _body() -> str:
    return "from uproot.smithereens import *\nclass Hello(Page): pass\npage_order = [Hello]\n"


def test_loading_again_executes_the_app_anew(tmp_path: Path) -> None:
    folder = write_app(tmp_path, "market", SMALL + "\n    LIMIT = 1\n")
    first = load_app(folder)
    write_app(tmp_path, "market", SMALL + "\n    LIMIT = 2\n")
    assert load_app(folder).namespace["LIMIT"] == 2
    assert first.namespace["LIMIT"] == 1


def test_what_one_app_changes_in_a_module_no_other_app_sees(tmp_path: Path) -> None:
    code = "\nimport uproot.deployment as upd\nbefore = upd.LANGUAGE\nupd.LANGUAGE = 'de'\n"
    a = load_app(write_app(tmp_path, "one", code + _body()))
    b = load_app(write_app(tmp_path, "two", code + _body()))
    assert a.namespace["before"] == b.namespace["before"] == "en"


# ---- an app's own modules ----


@pytest.mark.parametrize(
    "statement",
    [
        "from .find_eq import equilibrium",
        "from . import find_eq; equilibrium = find_eq.equilibrium",
        "from market.find_eq import equilibrium",
        "import market.find_eq as f; equilibrium = f.equilibrium",
        "import market.find_eq; equilibrium = market.find_eq.equilibrium",
        "from find_eq import equilibrium",
    ],
)
def test_an_app_finds_its_own_modules(tmp_path: Path, statement: str) -> None:
    folder = write_app(
        tmp_path, "market", SMALL, head=f"from uproot.smithereens import *\n{statement}\n"
    )
    write_files(folder, {"find_eq.py": "def equilibrium(): return 7\n"})
    assert load_app(folder).namespace["equilibrium"]() == 7


def test_modules_of_an_app_see_the_framework_and_each_other(tmp_path: Path) -> None:
    folder = write_app(tmp_path, "market", SMALL, head="from .parts.pages import Deep, Page\n")
    write_files(
        folder,
        {
            "parts/__init__.py": "",
            "parts/rules.py": "LIMIT = 3\n",
            "parts/pages.py": """
                from uproot.smithereens import Page
                from . import rules
                from ..limits import TOP

                class Deep(Page):
                    limit = rules.LIMIT + TOP
            """,
            "limits.py": "TOP = 4\n",
        },
    )
    assert load_app(folder).namespace["Deep"].limit == 7


@pytest.mark.parametrize(
    "statement", ["import app1", "from . import app1", "from .. import app1", "import app1 as app1"]
)
def test_an_app_finds_the_apps_beside_it(tmp_path: Path, statement: str) -> None:
    write_app(tmp_path, "app1", SMALL, Hello_html="<p>One</p>")
    code = f"\n{statement}\npage_order = [Bracket(*app1.page_order)]\n"
    app = load_app(write_app(tmp_path, "both", code))
    (page,) = app.pages.values()
    assert page.__module__ == "app1"
    assert page.template == "app1/Hello.html"


def test_a_module_that_both_need_is_executed_once(tmp_path: Path) -> None:
    write_files(tmp_path, {"shared.py": "LOADED = []\n"})
    folder = write_app(tmp_path, "market", "\nimport shared\nfrom . import more\n" + _body())
    write_files(folder, {"more.py": "import shared\nshared.LOADED.append(1)\n"})
    assert load_app(folder).namespace["shared"].LOADED == [1]


def test_modules_that_import_each_other_do_not_loop(tmp_path: Path) -> None:
    folder = write_app(tmp_path, "market", "\nfrom . import one\n" + _body())
    write_files(folder, {"one.py": "from . import two\n", "two.py": "from . import one\n"})
    one = load_app(folder).namespace["one"]
    assert one.two.one is one


def test_the_standard_library_wins_over_a_file_of_its_name(tmp_path: Path) -> None:
    write_files(tmp_path, {"random.py": "raise RuntimeError\n"})
    app = load_app(write_app(tmp_path, "market", "\nimport random\n" + _body()))
    assert app.namespace["random"] is sys.modules["random"]


def test_an_app_with_the_name_of_a_standard_module_leaves_that_alone(tmp_path: Path) -> None:
    app = load_app(write_app(tmp_path, "statistics", SMALL))
    assert "statistics/Hello" in app.pages
    import statistics

    assert statistics.mean([1, 3]) == 2


# ---- what an app says about itself ----


def test_an_app_says_what_it_is(tmp_path: Path) -> None:
    code = """
        DESCRIPTION = "A market"
        SUGGESTED_MULTIPLE = 2
        LANDING_PAGE = True

        class C:
            ENDOWMENT = 10

        class Context(PlayerContext):
            @property
            def twice(self):
                return 2 * C.ENDOWMENT

        def new_session(session): ...
        def new_player(player): ...
        def language(player): return "de"
        def digest(session): return []
        def restart(): ...

        class Pair(GroupCreatingWait):
            group_size = 2

        class Hello(Page):
            fields = dict(age=IntegerField(label="Age", min=18))

        page_order = [Pair, Rounds(Hello, n=2)]
    """
    app = load_app(write_app(tmp_path, "market", code))
    assert (app.name, app.description, app.suggested_multiple) == ("market", "A market", 2)
    assert app.landing_page
    assert app.constants.ENDOWMENT == 10
    assert app.language is not None
    assert app.language(None) == "de"
    assert list(app.pages) == ["market/Pair", "market/Hello"]
    assert issubclass(app.pages["market/Pair"], GroupCreatingWait)
    assert {page.app for page in app.pages.values()} == {"market"}
    assert app.context is not None
    assert app.context(None).twice == 20
    assert app.folder == tmp_path / "market"


def test_name_is_the_folders_name(tmp_path: Path) -> None:
    app = load_app(write_app(tmp_path, "market", "\nAPP_NAME = __name__\n" + _body()))
    assert app.namespace["APP_NAME"] == "market"


def test_an_app_tells_its_translations(tmp_path: Path) -> None:
    write_files(tmp_path, {"words/de.yml": "Hello: Hallo\n"})
    code = "\nimport uproot.i18n as i18n\ni18n.load('words/')\n"
    app = load_app(write_app(tmp_path, "market", code + _body()))
    assert language_folders(app) == (tmp_path / "words",)


def test_translations_that_are_not_there_are_named(tmp_path: Path) -> None:
    code = "\nfrom uproot.i18n import load\nload('words/')\n"
    with pytest.raises(BadApp, match="words/"):
        load_app(write_app(tmp_path, "market", code + _body()))


def test_a_projects_main_file_is_understood(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "main.py": """
                import uproot.deployment as upd
                from uproot.cli import cli
                from uproot.rooms import room
                from uproot.server import load_config, uproot_server

                upd.project_metadata(created="1970-01-01", uproot="*.*.*")
                load_config(uproot_server, config="c", apps=["market"], settings={"n": 2})
                upd.ADMINS["admin"] = upd.auto_login()
                upd.DEFAULT_ROOMS.append(room("lab", config="c", labels=["A", "B"]))
                upd.LANGUAGE = "en"

                if __name__ == "__main__":
                    cli()
            """
        },
    )
    with pytest.warns(UserWarning, match="DEFAULT_ROOMS"):
        app = load_app(write_app(tmp_path, "market", "\nimport main\n" + _body()))
    assert app.namespace["main"].upd.DEFAULT_ROOMS[0]["labels"] == ["A", "B"]


# ---- mistakes ----


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadApp, match="there is no folder"):
        load_app(tmp_path / "nowhere")


def test_a_project_is_no_app_and_its_apps_are_named(tmp_path: Path) -> None:
    write_app(tmp_path, "market", SMALL)
    with pytest.raises(BadApp, match=r"(?s)no __init__.py.*market"):
        load_app(tmp_path)


def test_the_apps_own_file_may_be_given(tmp_path: Path) -> None:
    assert load_app(write_app(tmp_path, "market", SMALL) / "__init__.py").name == "market"


@pytest.mark.parametrize("name", ["my-app", "uproot", "1st"])
def test_a_name_that_cannot_be_imported_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadApp, match="cannot be imported"):
        load_app(write_app(tmp_path, name, SMALL))


def test_a_missing_page_order_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadApp, match="no page_order"):
        load_app(write_app(tmp_path, "market", "\nclass Hello(Page): pass\n"))


def test_a_page_order_that_holds_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadPage, match="not a page"):
        load_app(write_app(tmp_path, "market", "\npage_order = ['Hello']\n"))


def test_a_syntax_error_is_told_with_file_and_line(tmp_path: Path) -> None:
    folder = write_app(tmp_path, "market", "\nfrom . import rules\n")
    write_files(folder, {"rules.py": "x = 1\ndef broken(:\n"})
    with pytest.raises(BadApp, match=r"market.rules\.py, line 2"):
        load_app(folder)


@pytest.mark.parametrize("content", [b"x = 1\0", b"\xff\xfe\xfa", b"# \xe4\nx = '\xe4'\n"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    folder = write_app(tmp_path, "market", SMALL)
    (folder / "__init__.py").write_bytes(content)
    with pytest.raises(BadApp, match="market"):
        load_app(folder)


def test_a_missing_package_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    code = "\nfrom PIL_of_nowhere import Image\n"
    with pytest.raises(MissingPackage, match=r"%pip install PIL_of_nowhere") as caught:
        load_app(write_app(tmp_path, "market", code))
    assert "line 5" in str(caught.value)


def test_a_package_that_is_called_otherwise_is_named_as_pip_knows_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackage) as caught:
        load_app(write_app(tmp_path, "market", "\nimport cv2\n"))
    assert caught.value.package == "opencv-python"


def test_an_error_in_the_app_shows_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        load_app(write_app(tmp_path, "market", "\nx = 1 / 0\n"))
    shown = "".join(traceback.format_exception(caught.value))
    assert "x = 1 / 0" in shown
    assert "load_app executed the app 'market'" in shown


def test_a_failed_load_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        load_app(write_app(tmp_path, "failing_market", "\nx = 1 / 0\n"))
    assert "failing_market" not in sys.modules


# ---- sources ----


def test_sources_can_be_inspected(tmp_path: Path) -> None:
    app = load_app(write_app(tmp_path, "inspected_market", SMALL))
    page = app.pages["inspected_market/Hello"]
    assert inspect.getsource(page).startswith("class Hello(Page)")
    assert page.source.text.startswith("class Hello(Page)")
    assert page.source.file == str(tmp_path / "inspected_market" / "__init__.py")


def test_the_hash_of_a_page_changes_with_its_text_alone(tmp_path: Path) -> None:
    def hash_of(code: str) -> str:
        linecache.clearcache()
        return load_app(write_app(tmp_path, "market", code)).pages["market/Hello"].source.hash

    first = hash_of(SMALL)
    assert hash_of("\n    X = 1\n" + SMALL) == first
    assert hash_of(SMALL.replace("pass", "template = '<p>'")) != first


def test_stored_classes_are_found_by_module_and_name(tmp_path: Path) -> None:
    code = "\nfrom dataclasses import dataclass\n@dataclass\nclass Offer:\n    price: float\n"
    app = load_app(write_app(tmp_path, "market", code + _body()))
    assert app_class(app, "market", "Offer") is app.namespace["Offer"]
    assert app_class(app, "market", "Nothing") is None
    assert app_class(app, "elsewhere", "Offer") is None


def test_postponed_annotations_work(tmp_path: Path) -> None:
    code = """
        from dataclasses import dataclass

        @dataclass
        class Offer:
            price: float

        class Hello(Page):
            @live
            def post(page, player: PlayerType, price: float) -> dict[str, Any]:
                return {}

        page_order = [Hello]
    """
    head = "from __future__ import annotations\nfrom uproot.smithereens import *\n"
    app = load_app(write_app(tmp_path, "market", code, head=head))
    method = app.pages["market/Hello"].live_methods["post"]
    assert method.accept(["3.5"], {}) == ((3.5,), {})


def test_the_framework_is_found_even_if_another_uproot_can_be_imported(tmp_path: Path) -> None:
    """In a Python of its own, where `import uproot` finds the reader of ROOT files."""
    write_files(tmp_path / "site", {"uproot/__init__.py": "def open(path): ...\n"})
    folder = write_app(tmp_path, "market", SMALL)
    script = f"""
        import sys
        sys.path.insert(0, {str(tmp_path / "site")!r})
        import uproot
        from uproot_nb.interop.apps import load_app
        app = load_app({str(folder)!r})
        assert list(app.pages) == ["market/Hello"]
        assert sys.modules["uproot"] is uproot and hasattr(uproot, "open")
        from uproot_nb.interop.cells import install_names
        install_names()
        try:
            import uproot.smithereens
        except ImportError as error:
            print("refused:", error)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "another package 'uproot' is installed" in done.stdout


def test_amounts_in_an_apps_templates_read_as_in_the_framework(tmp_path: Path) -> None:
    page = write_app(tmp_path, "pay", SMALL, Hello_html="{{ 1234.5 | fmtnum(post=' Ft') }}")
    with (
        serve(
            app=page, players=1, name="pay", db=":memory:", embedded=True, port=0, namespace={}
        ) as run,
        urlopen(run.link(run.players[0]), BEGIN_FORM) as answer,
    ):
        assert "1,234.50\N{NO-BREAK SPACE}Ft" in answer.read().decode()


def test_what_an_app_stores_of_a_class_in_another_of_its_files_comes_back(tmp_path: Path) -> None:
    """After a restart of the kernel, too: the class is found where the app has it."""
    code = """
    from .goods import Basket

    def new_player(player):
        player.basket = Basket(3)
    """
    goods = "from dataclasses import dataclass\n@dataclass\nclass Basket:\n    apples: int\n"
    body = dedent(code) + dedent(SMALL)
    app = load_app(write_app(tmp_path, "shop", body, goods_py=goods))
    told: dict[str, Any] = {"name": "shop", "db": tmp_path / "s.sqlite3", "namespace": {}}
    with serve(app=app, players=1, embedded=True, port=0, **told):
        pass
    with serve(app=app, players=1, embedded=True, port=0, **told) as run:
        assert run.players[0].basket == app.namespace["Basket"](3)


# ---- what apps of the framework do --------------------------------------------------------------


@pytest.mark.long
def test_an_app_with_an_empty_page_order_leads_to_the_end_at_once(tmp_path: Path) -> None:
    code = "def new_player(player): player.seen = 1\npage_order = []\n"
    with closing(_served(write_app(tmp_path, "data_only", code))) as run:
        with urlopen(run.link(run.players[0]), BEGIN_FORM) as answer:
            assert b'"end":true' in answer.read()
        assert run.players[0].seen == 1
        assert run.players[0].page is None


@pytest.mark.long
def test_a_hook_that_decides_on_another_round_runs_in_each_round(tmp_path: Path) -> None:
    code = """
        class Ask(Page):
            fields = dict(number=IntegerField(label="A number"))

            @classmethod
            def before_once(page, player):
                player.add_round = player.round < 4

        class Summary(Page): pass

        page_order = [
            Rounds(Ask, n=1, block="first"),
            Repeat(Ask, block="second"),
            Rounds(Ask, n=1, block="first"),
            Summary,
        ]
    """
    html = "{{ fields() }}"
    app = write_app(tmp_path, "blocks", code, Ask_html=html, Summary_html="<p>Thanks</p>")
    with served(app, players=1) as session:
        rounds = []
        while session[0].player.page == "blocks/Ask":
            rounds.append((session[0].player.block, session[0].player.round))
            session[0].submit(number=len(rounds))
        second = [("second", number) for number in (1, 2, 3, 4)]
        assert rounds == [("first", 1), *second, ("first", 2)]


@pytest.mark.long
def test_an_app_may_show_the_pages_of_apps_beside_it(tmp_path: Path) -> None:
    for name in ("app1", "app2"):
        code = f"class {name.title()}Page(Page): pass\npage_order = [{name.title()}Page]\n"
        write_app(tmp_path, name, code, **{f"{name.title()}Page_html": f"<p>{name}</p>"})
    mix = """
        import app1
        import app2
        page_order = [Random(Bracket(*app1.page_order), Bracket(*app2.page_order))]
    """
    with closing(_served(write_app(tmp_path, "mix", mix))) as run:
        with urlopen(run.link(run.players[0]), BEGIN_FORM) as answer:
            html = answer.read().decode()
        assert any(f"<p>{name}</p>" in html for name in ("app1", "app2"))


@pytest.mark.long
def test_pages_of_neighbouring_apps_may_share_a_name_and_have_their_own_constants(
    tmp_path: Path,
) -> None:
    for name in ("app1", "app2"):
        code = f"class C: WORD = '{name}!'\nclass Ask(Page): pass\npage_order = [Ask]\n"
        write_app(tmp_path, name, code, Ask_html="<p>{{ C.WORD }} {{ app.__name__ }}</p>")
    mix = "import app1\nimport app2\npage_order = [*app1.page_order, *app2.page_order]\n"
    with served(load_app(write_app(tmp_path, "mix", mix)), players=1) as session:
        (ann,) = session
        assert "<p>app1! app1</p>" in ann.html
        ann.submit()
        assert "<p>app2! app2</p>" in ann.html
        assert session.run.players[0].page_order == ["app1/Ask", "app2/Ask"]


def test_an_app_reads_files_by_paths_below_the_project(tmp_path: Path) -> None:
    code = """
        import json

        with open("words/list.json") as file:
            WORDS = json.load(file)

        def later():
            return open("words/list.json").read()
    """
    app = load_app(
        write_app(tmp_path, "words", dedent(code) + dedent(SMALL), **{"list.json": '["a"]'})
    )
    assert app.namespace["WORDS"] == ["a"]
    assert app.namespace["later"]() == '["a"]'


def test_a_file_that_an_app_writes_is_where_python_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_app(tmp_path, "notes", SMALL + "    def save(): open('new.txt', 'w').close()\n")
    monkeypatch.chdir(folder)
    load_app(folder).namespace["save"]()
    assert (folder / "new.txt").is_file()


def _served(folder: Path) -> Any:
    return serve(
        app=folder, players=1, name="s", db=":memory:", embedded=True, port=0, namespace={}
    )
