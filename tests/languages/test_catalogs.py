"""What participants read in their own language, and what the author is told about it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import uproot_nb
from tests.examples import examples
from tests.running import BEGIN_FORM, serving
from uproot_nb import Page
from uproot_nb.errors import BadLanguageFile, BadPage
from uproot_nb.languages.catalogs import (
    Catalogues,
    WatchedCatalogues,
    fill,
    load_catalogues,
    shipped_languages,
)
from uproot_nb.templating.templates import Templates

PACKAGE = Path(uproot_nb.__file__).parent
SHIPPED = shipped_languages()
BOOT = {"page": 0, "since": 0, "end": False, "vars": {}, "C": {}, "state": "running"}

Write = Callable[..., Catalogues]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files named for languages (`de="Hello.: Hallo."`), and return what they say."""

    def written(**files: str) -> Catalogues:
        for name, text in files.items():
            (tmp_path / f"{name}.yml").write_text(text, "utf-8")
        return load_catalogues(tmp_path)

    return written


@pytest.fixture
def show(tmp_path: Path) -> Callable[..., str]:
    """Render a template in a language; return what its main part says."""
    templates = Templates([tmp_path], "v1")

    def shown(template: str | None, language: str = "de", **context: Any) -> str:
        page = type("Hello", (), {"template": template, "__doc__": None})
        html = templates.render(page, context, {**BOOT, "language": language})
        found = re.search(r"</?main[^>]*>(.*)</main>", html, re.DOTALL)
        assert found is not None
        return " ".join(found[1].split())

    return shown


# ---- what a catalogue says -------------------------------------------------------------------


def test_a_text_is_said_in_the_language_of_a_file(write: Write) -> None:
    said = write(de="Hello world.: Hallo Welt.", yue="Hello world.: 你好，世界。")
    assert said.translate("Hello world.", "de") == "Hallo Welt."
    assert said.translate("Hello world.", "yue") == "你好，世界。"


def test_a_text_without_a_translation_is_said_as_it_stands(write: Write) -> None:
    said = write(de="Hello world.: Hallo Welt.")
    assert said.translate("  Good\n bye. ", "de") == "  Good\n bye. "
    assert said.translate("Hello world.", "ja") == "Hello world."
    assert said.translate("Hello world.", "not a language") == "Hello world."


def test_a_region_falls_back_to_its_language_and_no_other_way(write: Write) -> None:
    catalogues = write(**{"de-AT": "Hi.: Servus.", "de": "Hi.: Hallo.\nBye.: Tschüss."})
    assert catalogues.translate("Hi.", "de-AT") == "Servus."
    assert catalogues.translate("Bye.", "de-AT") == "Tschüss."
    assert catalogues.translate("Hi.", "de-CH") == "Hallo."
    assert catalogues.translate("Hi.", "de") == "Hallo."


def test_underscores_and_case_of_a_code_do_not_matter(write: Write) -> None:
    catalogues = write(pt_br="Hi.: Oi.")
    assert catalogues.languages == ("en", "pt-BR")
    assert catalogues.translate("Hi.", "PT-br") == "Oi."


def test_whitespace_makes_no_difference_to_which_text_is_meant(write: Write) -> None:
    catalogues = write(de='? "  Hello\\n   world. "\n: Hallo Welt.')
    assert catalogues.translate("Hello world.", "de") == "Hallo Welt."
    assert catalogues.translate("\n\tHello\n world.\n", "de") == "Hallo Welt."


def test_what_looks_like_a_number_or_a_truth_value_is_a_text(write: Write) -> None:
    catalogues = write(no="No: Nei\nYes: Ja\n3: tre\n1.50: 1,50\nnull: null\n2026-01-02: i dag")
    said = [catalogues.translate(text, "no") for text in ("No", "Yes", "3", "1.50", "null")]
    assert said == ["Nei", "Ja", "tre", "1,50", "null"]
    assert catalogues.translate("2026-01-02", "no") == "i dag"


def test_yaml_makes_no_objects(write: Write) -> None:
    with pytest.raises(BadLanguageFile, match="list or mapping"):
        write(de='Hello.: !!python/object/apply:os.system ["true"]')


def test_an_empty_translation_is_not_there_yet(write: Write) -> None:
    catalogues = write(de="Hello.:\nBye.: ''\nThanks.: Danke.")
    assert catalogues.translate("Hello.", "de") == "Hello."
    assert {"Hello.", "Bye."}.isdisjoint(catalogues.own["de"])


def test_an_empty_file_says_nothing_and_makes_no_trouble(write: Write) -> None:
    assert write(de="").translate("Next", "de") == "Weiter"
    assert write(de="# only a comment\n").translate("Next", "de") == "Weiter"


def test_files_that_are_named_for_no_language_are_left_alone(write: Write, tmp_path: Path) -> None:
    (tmp_path / "de.yaml").write_text("Hello.: Hallo.")
    (tmp_path / "fr.yml").mkdir()
    catalogues = write(environment="- python", xx="Hello.: Hallo.", readme=": : :", it="Hi.: Ciao.")
    assert catalogues.languages == ("en", "it")


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "de.yml").write_text("Hello.: Hallo.", "utf-8-sig")
    assert load_catalogues(tmp_path).translate("Hello.", "de") == "Hallo."


def test_one_file_may_hold_several_languages(tmp_path: Path) -> None:
    file = tmp_path / "texts.yml"
    file.write_text("de:\n  Hello.: Hallo.\nfr:\n  Hello.: Bonjour.\n")
    catalogues = load_catalogues(file)
    assert [catalogues.translate("Hello.", code) for code in ("de", "fr")] == ["Hallo.", "Bonjour."]
    file.write_text("german:\n  Hello.: Hallo.\n")
    with pytest.raises(BadLanguageFile, match="'german' is not a language code"):
        load_catalogues(file)


def test_an_apps_words_go_over_the_notebooks_and_those_over_the_shipped(tmp_path: Path) -> None:
    app, notebook = tmp_path / "app", tmp_path / "notebook"
    for folder, text in ((app, "Next: App"), (notebook, "Next: Notebook\nBack: Heft")):
        folder.mkdir()
        (folder / "de.yml").write_text(text)
    both = load_catalogues(app).over(load_catalogues(notebook))
    assert [both.translate(text, "de") for text in ("Next", "Back", "Close")] == [
        "App", "Heft", "Schließen"
    ]  # fmt: skip
    assert WatchedCatalogues(app, notebook).read().own == both.own
    assert load_catalogues(notebook).translate("Next", "de") == "Notebook"


# ---- what is wrong with a file ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("Hello.: Hallo.\n'open: x\n", 2, "not YAML"),
        ("Hello.: Hallo.\nWhat: now: then\n", 2, "not YAML"),
        ("Hello.: Hallo.\n\nAges: [1, 2]\n", 3, "a list or mapping where a text"),
        ("Hello.: Hallo.\n? [a]\n: b\n", 2, "a list or mapping where a text"),
        ("- Hello.\n- Hallo.\n", 1, "does not list texts"),
        ("Hallo\n", 1, "does not list texts"),
        ("Hello.: Hallo.\nBye.: Tschüss.\nHello. : Servus.\n", 3, "'Hello.' appears twice"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: &x b\nc: *y\n", 2, "not YAML"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(
    write: Write, tmp_path: Path, text: str, line: int, what: str
) -> None:
    with pytest.raises(BadLanguageFile, match=what) as caught:
        write(de=text)
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "de.yml"), line)
    assert f"de.yml, line {line}: " in str(caught.value)


def test_a_file_that_is_no_utf_8_says_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "de.yml").write_bytes("Bye.: Tschüss.".encode("latin-1"))
    with pytest.raises(BadLanguageFile, match="Save it as UTF-8"):
        load_catalogues(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLanguageFile, match="there is no such folder"):
        load_catalogues(tmp_path / "nowhere")


@given(st.text(max_size=200))
@examples(150)
def test_any_text_of_a_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "de.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(BadLanguageFile):
        catalogues = load_catalogues(file)
        assert all(t.text for texts in catalogues.own.values() for t in texts.values())


# ---- placeholders ----------------------------------------------------------------------------


def test_values_take_the_places_that_the_translation_gives_them(write: Write) -> None:
    say = write(de="'{a} of {b}': 'von {b} sind es {a}'").translator("de")
    assert say("{a} of {b}", a=1, b=20) == "von 20 sind es 1"
    assert say("{a} of {b}") == "von {b} sind es {a}"


def test_placeholders_read_no_attributes_and_an_unknown_one_stays() -> None:
    text = "{a.__class__} {a[0]} {0} {} {b} {a!r} {a:>9} {{a}}"
    assert fill(text, a="A") == "{a.__class__} {a[0]} {0} {} {b} {a!r} {a:>9} {A}"
    assert fill("{text} {language}", text="{language}", language="{text}") == "{language} {text}"


def test_safe_text_stays_safe_and_its_values_are_escaped(write: Write) -> None:
    say = write(de="<b>Hi {name}</b>: <b>Hallo {name}</b>").translator("de")
    said = say(Markup("<b>Hi {name}</b>"), name="<Ann>")
    assert isinstance(said, Markup)
    assert said == "<b>Hallo &lt;Ann&gt;</b>"
    assert not isinstance(say("<b>Hi {name}</b>", name="<Ann>"), Markup)


def test_a_minus_stays_before_its_digits_in_a_text_from_right_to_left() -> None:
    text = "Please enter a number from {min} to {max}."
    arabic = Catalogues().translate(text, "ar", min="-5", max="10")
    assert "\N{LEFT-TO-RIGHT MARK}-5" in arabic
    assert "\N{LEFT-TO-RIGHT MARK}10" not in arabic
    assert "\N{LEFT-TO-RIGHT MARK}" not in Catalogues().translate(text, "de", min="-5", max="10")


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text()))
def test_filling_any_text_never_fails(text: str, values: dict[str, str]) -> None:
    assert isinstance(fill(text, **values), str)


# ---- which language --------------------------------------------------------------------------


def test_an_experiment_has_english_and_the_languages_of_its_files(write: Write) -> None:
    assert Catalogues().languages == ("en",)
    assert write(de="Hi.: Hallo.", he="Hi.: שלום").languages == ("de", "en", "he")


# ---- what is missing -------------------------------------------------------------------------


def test_what_other_languages_have_is_missing_in_one_that_has_it_not(write: Write) -> None:
    catalogues = write(de="Hi.: Hallo.\nBye.: Tschüss.", fr="Hi.: Salut.")
    assert catalogues.missing("de") == []
    assert catalogues.missing("fr") == ["Bye."]
    assert catalogues.missing("de-AT") == []
    assert {"Hi.", "Bye.", "Next"} <= set(catalogues.missing("sv"))


def test_what_was_asked_for_in_vain_is_missing(write: Write) -> None:
    catalogues = write(de="Hi.: Hallo.")
    catalogues.translate("How  are you?", "de")
    catalogues.translate("12", "de")
    assert catalogues.missing("de") == ["How are you?"]


def test_nothing_is_missing_in_english_until_it_has_a_catalogue(write: Write) -> None:
    assert write(de="greeting: Hallo.").missing("en") == []
    assert write(en="farewell: Bye.").missing("en") == ["greeting"]


# ---- files that change -----------------------------------------------------------------------


def test_the_same_catalogues_are_read_until_a_file_changes(tmp_path: Path) -> None:
    watched = WatchedCatalogues(tmp_path)
    empty = watched.read()
    assert watched.read() is empty
    (tmp_path / "de.yml").write_text("Hello.: Hallo.")
    first = watched.read()
    assert first.translate("Hello.", "de") == "Hallo."
    assert watched.read() is first
    (tmp_path / "de.yml").write_text("Hello.: Guten Tag.")
    assert watched.read().translate("Hello.", "de") == "Guten Tag."
    assert first.translate("Hello.", "de") == "Hallo."
    (tmp_path / "de.yml").unlink()
    assert watched.read().languages == ("en",)


def test_a_broken_file_is_read_again_once_it_is_mended(tmp_path: Path) -> None:
    watched = WatchedCatalogues(tmp_path, tmp_path / "nowhere")
    (tmp_path / "de.yml").write_text("Hello.: [")
    for _ in range(2):
        with pytest.raises(BadLanguageFile):
            watched.read()
    assert watched.last_good().languages == ("en",)
    (tmp_path / "de.yml").write_text("Hello.: Hallo.")
    assert watched.read().translate("Hello.", "de") == "Hallo."


# ---- templates -------------------------------------------------------------------------------


def test_a_template_says_underscore_in_the_players_language(
    write: Write, show: Callable[..., str]
) -> None:
    write(de="Hello world.: Hallo & Welt.", fr="Hello world.: Bonjour.")
    template = "<p>{{ _('Hello world.') }} {{ gettext('Next') }} {{ _(7) }}</p>"
    assert "<p>Hallo &amp; Welt. Weiter 7</p>" in show(template, "de")
    assert "<p>Bonjour. Suivant 7</p>" in show(template, "fr")
    assert "<p>Hello world. Next 7</p>" in show(template, "sv")


def test_values_in_underscore_are_escaped(write: Write, show: Callable[..., str]) -> None:
    write(de="'Hi {name}': 'Hallo {name}'")
    assert "<p>Hallo &lt;b&gt;</p>" in show("<p>{{ _('Hi {name}', name=name) }}</p>", name="<b>")


def test_a_block_is_translated_with_its_whitespace_collapsed(
    write: Write, show: Callable[..., str]
) -> None:
    write(de="Hello world.: <b>Hallo</b> Welt.")
    template = "<p>\n{% translate %}\n  Hello\n  world.\n{% endtranslate %}\n</p>"
    assert "<p> <b>Hallo</b> Welt. </p>" in show(template, "de")
    assert "<p> Hello world. </p>" in show(template, "en")


def test_a_blocks_variables_are_those_in_scope_and_are_escaped(
    write: Write, show: Callable[..., str]
) -> None:
    write(de="""'{{ n }} offers {{ x | upper }}': '{{ x }} bietet {{ n }}{% if n %}!{% endif %}'""")
    template = (
        "{% for n in [1, name] %}<i>{% translate %}{{ n }} offers {{ x | upper }}{% endtranslate %}"
        "</i>{% endfor %}"
    )
    assert "<i>ann bietet 1!</i><i>ann bietet &lt;b&gt;!</i>" in show(template, name="<b>", x="ann")
    assert "<i>1 offers ANN</i>" in show(template, "fr", name="<b>", x="ann")


@pytest.mark.long
def test_a_markdown_block_is_markdown_in_every_language(
    tmp_path: Path, write: Write, show: Callable[..., str]
) -> None:
    (tmp_path / "Hello.md").write_text(
        "# {% translate %}Welcome{% endtranslate %}\n\n"
        "{% translate %}\nHello **{{ who }}**.\n{% endtranslate %}\n\n- one\n"
    )
    write(fr="Welcome: Bonjour à tous\n'Hello **{{ who }}**.': 'Salut *{{ who }}*.'")
    assert "<p>Salut <em>&lt;i&gt;</em>.</p>" in show(None, "fr", who="<i>")
    assert "<p>Hello <strong>&lt;i&gt;</strong>.</p>" in show(None, "en", who="<i>")
    page = type("Hello", (), {"template": None, "__doc__": None})
    html = Templates([tmp_path], "v1").render(page, {"who": ""}, {**BOOT, "language": "fr"})
    assert "Bonjour à tous</h1>" in html


def test_blocks_in_comments_and_raw_text_are_left_alone(show: Callable[..., str]) -> None:
    block = "{% translate %}Next{% endtranslate %}"
    template = "{# " + block + " #}<p>{% raw %}" + block + "{% endraw %}</p>" + block
    assert f"<p>{block}</p>Weiter" in show(template)


def test_dashes_of_a_block_take_whitespace_away(show: Callable[..., str]) -> None:
    template = "<p>a  {%- translate -%}  Next  {%- endtranslate -%}  b</p>"
    assert "<p>aWeiterb</p>" in show(template)


@pytest.mark.parametrize(
    "template",
    [
        "<p>{% translate %}Next</p>",
        "<p>Next{% endtranslate %}</p>",
        "<p>{% translate %}a{% translate %}b{% endtranslate %}{% endtranslate %}</p>",
    ],
)
def test_a_block_without_its_end_is_refused(show: Callable[..., str], template: str) -> None:
    with pytest.raises(BadPage, match="needs one") as caught:
        show("<p>\n</p>\n" + template)
    assert caught.value.where.endswith("line 3")


@pytest.mark.parametrize("language", ["de", "en"])
def test_errors_after_a_block_name_the_line_of_the_template(
    write: Write, show: Callable[..., str], language: str
) -> None:
    write(de="Hello world.: Hallo Welt.")
    block = "{% translate %}\nHello\nworld.\n\n{% endtranslate %}"
    with pytest.raises(BadPage, match="nobody") as caught:
        show(f"<p>\n{block} and\n{block}\n{{{{ nobody }}}}\n</p>", language)
    assert caught.value.where.endswith("line 12")


@pytest.mark.parametrize("translation", ["'{{ open'", "'{% translate %}Hi.{% endtranslate %}'"])
def test_a_translation_that_is_no_template_is_refused_with_its_file_and_line(
    write: Write, show: Callable[..., str], translation: str
) -> None:
    write(de=f"Bye.: Tschüss.\nHi.: {translation}")
    with pytest.raises(BadPage, match=r"in its translation \(.*de.yml, line 2\)"):
        show("<p>{% translate %}Hi.{% endtranslate %}</p>", "de")
    assert "Hi." in show("<p>{% translate %}Hi.{% endtranslate %}</p>", "fr")


def test_a_page_follows_a_catalogue_that_changes(write: Write, show: Callable[..., str]) -> None:
    template = "<p>{{ _('Hi.') }} {% translate %}Hi.{% endtranslate %}</p>"
    write(de="Hi.: Hallo.")
    assert "<p>Hallo. Hallo.</p>" in show(template)
    write(de="Hi.: Guten Tag.")
    assert "<p>Guten Tag. Guten Tag.</p>" in show(template)


def test_a_page_tells_its_language_and_direction(write: Write, tmp_path: Path) -> None:
    write(he="Next: הבא")
    page = type("Hello", (), {"template": "<p>{{ language }} {{ direction }}</p>"})
    html = Templates([tmp_path], "v1").render(page, {}, {**BOOT, "language": "he"})
    assert '<html lang="he"' in html
    assert "<p>he rtl</p>" in html
    assert "הבא" in html


def test_a_participant_cannot_make_ever_more_editions(tmp_path: Path) -> None:
    templates = Templates([tmp_path], "v1")
    page = type("Hello", (), {"template": "<p>{{ language }}</p>"})
    for number in range(100, 140):
        code = f"de-{number}"
        assert f"<p>{code}</p>" in templates.render(page, {}, {**BOOT, "language": code})
    assert len(templates._editions[1]) == 1


def test_the_page_for_trouble_is_shown_while_a_catalogue_is_broken(
    tmp_path: Path, write: Write
) -> None:
    with pytest.raises(BadLanguageFile):
        write(de="Hi.: [")
    html = Templates([tmp_path], "v1").render_failure({**BOOT, "language": "de"})
    assert "schiefgegangen" in html


# ---- served ----------------------------------------------------------------------------------


def fetch(url: str, accepted: str = "") -> str:
    request = Request(url, BEGIN_FORM, headers={"Accept-Language": accepted})
    with urlopen(request) as response:  # the page that follows
        html: str = response.read().decode()
    return html


@pytest.mark.long
def test_the_browser_chooses_among_the_languages_of_the_experiment(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hello(Page):
        """{{ _("Hello world.") }}"""

    monkeypatch.chdir(tmp_path)
    write(fr="Hello world.: Bonjour.")
    with serving(Hello) as run:
        url = run.link(run.players[0])
        french, german = fetch(url, "ja, fr-CA;q=0.9"), fetch(url, "de")
    assert '<html lang="fr"' in french
    assert "<p>Bonjour.</p>" in french
    assert '"Connecting…":"Connexion en cours…"' in french
    assert '<html lang="en"' in german  # nobody has written the experiment in German
    assert "<p>Hello world.</p>" in german


def test_while_a_catalogue_is_broken_the_researcher_reads_why_and_participants_a_calm_page(
    tmp_path: Path,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Hello(Page):
        """Hello."""

    monkeypatch.chdir(tmp_path)
    with serving(Hello) as run:
        url = run.link(run.players[0])
        write(de="Hello.: Hallo.")
        assert '<html lang="de"' in fetch(url, "de")
        with pytest.raises(BadLanguageFile):
            write(de="Hello.: [")
        with pytest.raises(HTTPError) as refused:
            fetch(url, "de")
        assert refused.value.code == 500
        assert "schiefgegangen" in refused.value.read().decode()
        assert "de.yml, line 2: this is not YAML" in capsys.readouterr().err
        write(de="Hello.: Guten Tag.")
        assert '<html lang="de"' in fetch(url, "de")


def test_the_page_about_languages_runs_and_shows_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(uproot_nb, "serve", partial(uproot_nb.serve, embedded=True, port=0))
    text = (PACKAGE.parent / "docs" / "languages.md").read_text("utf-8")
    *snippets, last = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for snippet in snippets:
            exec(compile(snippet, "languages.md", "exec"), names)
        html = fetch(names["run"].links.url[0], "fr")
    finally:
        exec(compile(last, "languages.md", "exec"), names)
    for said in ("Willkommen</h1>", "Sie haben 10 Punkte.", "Wie alt sind Sie?", "Weiter"):
        assert said in html
    assert names["catalogues"].languages == ("de", "en")
    assert names["catalogues"].missing("fr") == ["How old are you?", "You have {count} points."]


# ---- what we ship ----------------------------------------------------------------------------


def shipped() -> dict[str, dict[str, str]]:
    own = load_catalogues(PACKAGE / "languages").own
    return {code: {text: said.text for text, said in own[code].items()} for code in own}


SAYING = (
    "experiment", "templating", "forms", "session", "realtime", "flow", "engine", "market",
    "institutions",
    "server",
)  # fmt: skip
"""The folders whose code shows texts to participants."""


def texts_in_source() -> Iterator[tuple[str, str]]:
    """Yield every text that our own code shows to participants, and the file it stands in."""
    for path in sorted(path for room in SAYING for path in (PACKAGE / room).rglob("*.py")):
        for text in declared_texts(path):
            yield text, path.name
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        for found in re.finditer(r"\b_\((\"[^\"]*\"|'[^']*')", path.read_text("utf-8")):
            yield ast.literal_eval(found[1]), path.name
    for path in sorted((PACKAGE / "static").glob("*.js")):
        for found in re.finditer(r'\btext\(("[^"]*")', path.read_text("utf-8")):
            yield ast.literal_eval(found[1]), path.name


def declared_texts(path: Path) -> list[str]:
    """Return what a module lists as TEXTS (read, not imported: some modules load slowly)."""
    names: dict[str, Any] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = literal(node.value, names)
            if value is not None:
                names[node.targets[0].id] = value
    told = [names[name] for name in names if re.fullmatch(r"([A-Z]+_)?TEXTS", name)]
    return [text for texts in told if isinstance(texts, tuple) for text in texts]


def literal(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return a text, or a tuple of texts that may name others of the same module; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, (ast.Tuple, ast.Dict)):
        found: list[str] = []
        for part in node.elts if isinstance(node, ast.Tuple) else node.values:
            inner = literal(part.value if isinstance(part, ast.Starred) else part, names)
            found += [inner] if isinstance(inner, str) else inner or ()
        return tuple(found)
    return None


@pytest.mark.long
def test_every_text_of_ours_is_in_every_shipped_language() -> None:
    said = shipped()
    assert set(said) == set(SHIPPED)
    lacking = {
        (code, where, text)
        for text, where in texts_in_source()
        for code in SHIPPED
        if " ".join(text.split()) not in said[code]
    }
    assert not lacking


@pytest.mark.long
def test_the_texts_of_ours_are_found() -> None:
    """The test above would hold of nothing, too."""
    found = {where for _, where in texts_in_source()}
    assert {
        "texts.py",
        "parsing.py",
        "chat.py",
        "Base.html",
        "uproot.js",
        "refusals.py",
        "notices.py",
    } <= found


@pytest.mark.long
def test_no_shipped_text_is_one_that_nobody_says() -> None:
    used = {" ".join(text.split()) for text, _ in texts_in_source()}
    assert set(shipped()["en"]) <= used


@pytest.mark.long
def test_every_shipped_language_has_the_same_texts_with_the_same_placeholders() -> None:
    said = shipped()
    for code in SHIPPED:
        assert list(said[code]) == list(said["en"]), code
        for text, translation in said[code].items():
            assert sorted(re.findall(r"{\w+}", translation)) == sorted(re.findall(r"{\w+}", text))
            assert translation == translation.strip()


def test_the_documentation_lists_the_languages_and_names_those_that_nobody_has_read() -> None:
    text = (PACKAGE.parent / "docs" / "languages.md").read_text("utf-8")
    listed = dict(re.findall(r"^\|.*\| `(.*)\.yml` \|(.*)\|$", text, re.MULTILINE))
    assert sorted(listed) == sorted(SHIPPED)
    for code in SHIPPED:
        head = (PACKAGE / "languages" / f"{code}.yml").read_text("utf-8").partition("\n\n")[0]
        assert (listed[code].strip() == "machine") == ("# Machine-made" in head), code


@pytest.mark.long
def test_the_shipped_english_is_what_the_source_says() -> None:
    assert all(text == said for text, said in shipped()["en"].items())


@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "informal"),
    [
        ("de", r"\b([Dd]u|[Dd]ich|[Dd]ein\w*|[Ee]uch)\b"),
        ("es", r"\b([Tt]ú|[Tt]u|[Tt]us|[Tt]ienes|[Pp]uedes)\b"),
        ("fr", r"\b([Tt]u|[Tt]on|[Tt]es|[Tt]oi)\b"),
        ("it", r"\b([Tt]u|[Tt]uo|[Tt]ua|[Tt]uoi|[Tt]ue|[Pp]uoi|[Hh]ai)\b"),
        ("nl", r"\b([Jj]e|[Jj]ij|[Jj]ouw?)\b"),
        ("pt", r"\b([Tt]u|[Tt]eus?|[Tt]uas?)\b"),
        ("pl", r"\b([Tt]y|[Tt]woj\w*|[Tt]wój|[Mm]asz|[Mm]ożesz)\b"),
        ("tr", r"\b([Ss]en|[Ss]enin|[Ss]ana|[Ss]eni)\b"),
        ("zh-Hans", "你"),
    ],
)
def test_participants_are_addressed_formally(code: str, informal: str) -> None:
    assert not [text for text in shipped()[code].values() if re.search(informal, text)]
