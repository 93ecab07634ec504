"""The HTML report as people use it: in Chromium, on a desk and on a phone, with and without JavaScript.

Needs a Chromium of the system (``apt-get install chromium``) and Playwright, which drives it; skipped without them.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from predictions import made_up

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import PredictedLines, compare, evaluate_lines
from boilerplate.labels import LABELS
from boilerplate.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

PATIENCE = 120_000
"""Milliseconds to wait for what has to happen: machines can be slow and busy."""
playwright.expect.set_options(timeout=PATIENCE)

QUIET = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
HOSTILE = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"> & <b>bold</b>'


@pytest.fixture(scope="module")
def lines(data_pages: list[AnnotatedPage]) -> PredictedLines:
    text = "\n".join(f"{number} {HOSTILE}" for number in range(20))
    hostile = AnnotatedPage("<i>hostile</i>", text, ["body"] * 20, "evil.example", "en")
    return made_up([hostile, *data_pages[::12]], error=0.2, seed=1)


@pytest.fixture(scope="module")
def path(lines: PredictedLines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a comparison."""
    baseline = made_up(lines.pages, error=0.3, seed=2)
    file = io.BytesIO()
    write_report(
        file,
        lines=lines,
        evaluation=evaluate_lines(lines, cleaning_threshold=0.3, n_resamples=50),
        model={"name": "new.joblib"},
        baseline=baseline,
        baseline_model={"name": "old.joblib"},
        comparison=compare(lines, baseline, n_resamples=50),
        note="A remark.",
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(file.getvalue())
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=PATIENCE)
        yield browser
        browser.close()


class Watched:
    """A tab, and everything that it complained of or asked the network for."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(viewport=options.pop("viewport", DESK), **options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = url
        self.page.goto(url)

    def close(self) -> None:
        try:
            assert self.complaints == []
            # The report itself, and the icon that is none.
            assert {url for url in self.requests if not url.startswith("data:")} == {self.url.partition("#")[0]}
        finally:
            self.context.close()


@pytest.fixture
def page(browser: Any, path: Path) -> Iterator[Any]:
    """The report on a desk; at the end of each test nothing has been complained of or fetched."""
    tab = Watched(browser, path.as_uri())
    yield tab.page
    tab.close()


def found(page: Any) -> int:
    """How many lines the report says that it found."""
    number = re.match(r"([\d,]+) lines? found", page.locator("#found-count").inner_text())
    return int(number.group(1).replace(",", "")) if number else 0


def counts(page: Any, number: int) -> None:
    """Wait until so many lines are found."""
    playwright.expect(page.locator("#found-count")).to_have_text(re.compile(f"^{number:,} lines? found"))


def address(page: Any, part: str) -> None:
    """Wait until that stands in the address; filters do when their lines are shown."""
    page.wait_for_function("part => location.hash.includes(part)", arg=part)


def shown(locator: Any) -> None:
    """Wait until it is shown."""
    playwright.expect(locator).to_be_visible()


def hidden(locator: Any) -> None:
    """Wait until it is not, or not any more."""
    playwright.expect(locator).to_be_hidden()


def near_the_top(page: Any, selector: str) -> None:
    """Wait until that is where readers begin to read."""
    page.wait_for_function("part => document.querySelector(part).getBoundingClientRect().y < 200", arg=selector)


def sought(page: Any) -> list[tuple[str, str]]:
    """Given and predicted label of the lines that are shown as found."""
    rows = page.locator("#found li.sought .labels").all_inner_texts()
    return [tuple(re.findall("|".join(sorted(LABELS, key=len, reverse=True)), row)[:2]) for row in rows]


class TestFilters:
    def test_all_wrong_lines_are_there_from_the_start(self, page: Any, lines: PredictedLines) -> None:
        counts(page, int(lines.wrong.sum()))
        hidden(page.locator("#examples"))
        assert 0 < page.locator("#found article").count() <= 25

    def test_confusion_leads_to_its_lines(self, page: Any, lines: PredictedLines) -> None:
        count = int(((lines.given == LABELS.index("promo")) & (lines.predicted == LABELS.index("body"))).sum())
        page.get_by_label(f"{count} lines of promo called body").click()
        counts(page, count)
        assert set(sought(page)) == {("promo", "body")}
        playwright.expect(page.locator("#errors-title")).to_be_focused()
        near_the_top(page, "#errors-title")
        address(page, "given=promo")

    def test_a_figure_leads_to_its_lines_each_time(self, page: Any) -> None:
        for _ in range(2):
            page.get_by_label("Lines behind recall of caption").click()
            playwright.expect(page.locator("#errors-title")).to_be_focused()
            near_the_top(page, "#errors-title")
            page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")

    def test_scores_costs_and_bins_lead_to_lines(self, page: Any, lines: PredictedLines) -> None:
        caption = LABELS.index("caption")
        wrong = lines.wrong
        page.get_by_label("Lines behind precision of caption").click()
        counts(page, int((wrong & (lines.predicted == caption)).sum()))
        page.get_by_label("Lines behind recall of caption").click()
        counts(page, int((wrong & (lines.given == caption)).sum()))
        page.get_by_label("Lines behind F1 of caption").click()
        counts(page, int((wrong & ((lines.given == caption) | (lines.predicted == caption))).sum()))
        kept = lines.kept(0.3)
        lost = (lines.given == 0) & ~kept & (lines.predicted == caption)
        page.get_by_label(f"{lost.sum()} lines: body lost, caption").last.click()
        counts(page, int(lost.sum()))
        page.locator("summary", has_text="The same as tables").click()
        page.get_by_label("Wrong lines with a probability of promo").last.click()
        playwright.expect(page.locator("#extra")).to_contain_text("probability of promo")
        assert 0 < found(page) < wrong.sum()

    def test_parts_lead_to_their_lines(self, page: Any, lines: PredictedLines) -> None:
        rows = evaluate_lines(lines, n_resamples=1).breakdowns
        for tab, name in (("Language", "lang"), ("Page length", "length"), ("Position", "position"), ("Site", "site")):
            row = max(rows[name], key=lambda row: row.wrong)
            page.get_by_role("tab", name=tab).click()
            page.get_by_label(f"{row.wrong} wrong lines of {row.key or 'not given'}", exact=True).click()
            counts(page, row.wrong)

    def test_text_and_language_and_order(self, page: Any, lines: PredictedLines) -> None:
        of_language = [page_.lang == "de" for page_ in lines.pages]
        wrong_german = int(lines.wrong_of_page[of_language].sum())
        page.locator("select[name=lang]").select_option("de")
        counts(page, wrong_german)
        page.locator("select[name=sort]").select_option("length")
        page.locator("input[name=q]").fill("DIE")
        address(page, "q=DIE&sort=length")
        page.locator("#found mark").first.wait_for()
        assert found(page) < wrong_german
        assert all("die" in text.lower() for text in page.locator("#found li.sought .words").all_inner_texts())
        page.get_by_role("button", name="Clear filters").click()
        counts(page, int(lines.wrong.sum()))

    def test_part_of_a_site_s_name(self, page: Any, lines: PredictedLines) -> None:
        page.locator("input[name=site]").fill("EVIL")
        counts(page, int(lines.wrong_of_page[0]))

    def test_lines_gained_and_lost(self, page: Any) -> None:
        for name in ("gained", "lost"):
            link = page.get_by_label(re.compile(rf"\d+ lines {name}"))
            count = int(link.inner_text().replace(",", ""))
            link.click()
            assert count > 0
            counts(page, count)

    def test_more_can_be_shown(self, page: Any) -> None:
        before = page.locator("#found article").count()
        page.get_by_role("button", name="Show more").click()
        page.locator("#found article").nth(before).wait_for()

    def test_nothing_found_says_so(self, page: Any) -> None:
        page.locator("input[name=q]").fill("xyzzy plugh")
        page.get_by_text("No line found").wait_for()

    def test_a_link_with_filters_opens_with_them(self, browser: Any, path: Path, lines: PredictedLines) -> None:
        tab = Watched(browser, path.as_uri() + "#errors?given=body&sort=unsure&lang=nonsense")
        playwright.expect(tab.page.locator("select[name=given]")).to_have_value("body")
        counts(tab.page, int((lines.wrong & (lines.given == 0)).sum()))
        tab.context.close()


class TestUse:
    def test_tabs_by_keyboard(self, page: Any) -> None:
        page.get_by_role("tab", name="Scraper").focus()
        page.keyboard.press("ArrowRight")
        playwright.expect(page.get_by_role("tab", name="Language")).to_be_focused()
        shown(page.locator("#by-lang"))
        hidden(page.locator("#by-scraper"))

    def test_skip_link_and_headings_by_keyboard(self, page: Any) -> None:
        page.keyboard.press("Tab")
        playwright.expect(page.get_by_role("link", name="Skip to the errors")).to_be_focused()
        page.keyboard.press("Enter")
        near_the_top(page, "#errors-title")

    def test_tables_sort(self, page: Any) -> None:
        page.get_by_role("tab", name="Language").click()
        values = "[...document.querySelectorAll('#by-lang tbody tr')].map(row => Number(row.cells[2].dataset.value))"
        title = page.locator("#by-lang th", has_text="lines")
        for direction in ("descending", "ascending"):
            title.get_by_role("button").click()
            playwright.expect(title).to_have_attribute("aria-sort", direction)
            column = page.evaluate(values)
            assert column == sorted(column, reverse=direction == "descending")
            assert column[0] != column[-1]

    def test_hostile_text_is_text(self, page: Any, lines: PredictedLines) -> None:
        page.locator("input[name=site]").fill("evil.example")
        for kind in ("gained", "broken"):
            page.locator("select[name=kind]").select_option(kind)
            address(page, f"kind={kind}&site=evil.example")
        page.locator("select[name=kind]").select_option("wrong")
        counts(page, int(lines.wrong_of_page[0]))
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0
        assert page.get_by_text("<i>hostile</i>").count() > 0

    def test_prints_all_parts_and_no_forms(self, page: Any) -> None:
        page.emulate_media(media="print")
        for part in ("scraper", "lang", "length", "position", "site"):
            shown(page.locator(f"#by-{part}"))
        hidden(page.locator("#filters"))
        hidden(page.locator("nav"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone(browser: Any, path: Path, scheme: str) -> None:
    tab = Watched(browser, path.as_uri(), viewport=PHONE, color_scheme=scheme, is_mobile=True, has_touch=True)
    tab.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    for name in ("Language", "Position", "Site"):
        tab.page.get_by_role("tab", name=name).click()
        playwright.expect(tab.page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible(browser: Any, path: Path, scheme: str) -> None:
    """By the rules of axe: contrast, names, roles, headings, tables."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: pip install -e '.[dev]'")
    # A few of each kind are enough: every line costs time.
    tab = Watched(browser, path.as_uri() + "#errors?given=foreign-caption", color_scheme=scheme)
    open_some = "'.help, details.table, #comparison .page:first-of-type, #pages .page:first-of-type'"
    tab.page.evaluate(f"document.querySelectorAll({open_some}).forEach((details) => {{ details.open = true; }})")
    results = axe.Axe().run(tab.page)
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in results.response["violations"]] == []
    background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(16, 20, 26)") == (scheme == "dark")
    tab.close()


def test_without_javascript_the_essentials_are_there(browser: Any, path: Path, lines: PredictedLines) -> None:
    tab = Watched(browser, path.as_uri(), java_script_enabled=False)
    page = tab.page
    hidden(page.locator("#filters"))
    shown(page.get_by_text("surest errors of each pair"))
    for part in ("labels", "confusion", "comparison", "by-scraper", "by-site", "text", "confidence"):
        shown(page.locator(f"#{part}"))
    page.locator("#pages details summary").first.click()
    shown(page.locator("#pages details li.sought").first)
    page.locator("#confusion a.cell").first.click()
    page.wait_for_url(re.compile("#pair-"))
    shown(page.locator(f"#{page.url.partition('#')[2]} li.sought").first)
    tab.context.close()
