"""The report as a file: what it says, that it can do no harm, and that it is small enough to be mailed."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from respot.jobs.job import Market
from respot.savings.totals import spot_runs, total
from respot_cli.report import build
from respot_cli.report.build import report_of
from respot_cli.report.words import NOT_KNOWN
from tests.support import sample_runs
from tests.support.receipts import OnePrice, receipt, resumed_run, run_attempt
from tests.support.sample_report import SUBJECT, page_of, sample_receipts

HOSTILE: Final = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e&lt;'
LOADED: Final = {"src", "srcset", "href", "action", "data", "poster", "background", "formaction", "xlink:href"}


class Page(HTMLParser):
    """The elements, attributes and texts of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, name: str) -> Iterator[dict[str, str | None]]:
        return (attributes for tag, attributes in self.elements if tag == name)


def hostile() -> list[Any]:
    first, second = resumed_run(tags={"team": HOSTILE}, instance_type=HOSTILE)
    assert first.decision is not None
    record = replace(first.decision, summary=HOSTILE)
    assert first.state is not None
    job = replace(first.state.job, name=HOSTILE, region=HOSTILE)
    odd = replace(first, name=HOSTILE, decision=record, state=replace(first.state, job=job, secondary_status=HOSTILE))
    return [receipt(odd, second)]


def test_the_resumed_run_by_hand() -> None:
    """3,920 s billed, 10,560 s (176 min) uninterrupted, 11,760 s trained: 62.9 % net, 66.7 % gross; 2.32 at 1.2575."""
    page = Page(page_of([receipt(*resumed_run())], prices=OnePrice("1.2575"))).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Saved by spot, net of repeated work 62.9 %" in page
    assert "billed 1.37 USD, at on-demand prices" in page
    assert "the same useful work costs 3.69." in page
    assert "Saved, gross 66.7 % 2.74 USD" in page
    assert "Lost training 10.0 min" in page
    assert "Saved, net, in USD 2.32 gross 2.74" in page


def test_the_resumed_run_by_hand_without_a_price() -> None:
    page = Page(page_of([receipt(*resumed_run())])).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Saved by spot, net of repeated work (of instance-hours) 62.9 %" in page
    assert "billed 65.3 instance-minutes" in page
    assert "the same useful work takes 176" in page
    assert "Saved, gross 66.7 % 131 min" in page
    assert "Lost training 10.0 min" in page
    assert "Goodput 72.0 %" in page  # 10,200 s of 14,160 s
    assert "productive training 72.0 %" in page
    assert "#1 spot ml.g5.2xlarge, MaxWaitTimeExceeded, billed 43 min" in page


def test_the_figures_are_those_of_the_totals() -> None:
    receipts = sample_receipts()
    report = report_of(receipts, SUBJECT, with_charts=False)
    whole = total(spot_runs(receipts))
    assert report.tiles[1].value == f"{whole.interruptions:,}"
    for section in (report.sections[0], report.sections[2]):
        for table in (section.table, *section.more):
            assert table is not None
            runs, interruptions = (sum(int(row[place].replace(",", "")) for row in table.rows) for place in (1, 6))
            assert interruptions == whole.interruptions
            assert runs >= whole.runs
            hours = sum(float(row[2].replace(",", "")) for row in table.rows if row[2] != NOT_KNOWN)
            assert hours == pytest.approx(whole.billed / timedelta(hours=1), rel=0.02)


def test_each_run_is_drawn_with_its_attempts_and_what_happened() -> None:
    (day,) = report_of([receipt(*resumed_run())], SUBJECT, with_charts=False).days
    (run,) = day.runs
    assert [lane.title for lane in run.lanes] == ["#1", "#2"]
    assert [part.kind for part in run.lanes[0].parts] == [
        "queued",
        "downloading",
        "training",
        "lost",
        "stopping",
        "uploading",
    ]
    assert next(part.kind for part in run.lanes[1].parts) == "between"
    parts = [part for lane in run.lanes for part in lane.parts]
    assert sum(part.width for part in parts) == pytest.approx(100)
    assert all(after.left == pytest.approx(before.left + before.width) for before, after in pairwise(parts))
    assert [[mark.kind for mark in lane.marks] for lane in run.lanes] == [["decision", "checkpoint"], []]
    assert [event.kind for event in run.events] == ["checkpoint", "", "decision", ""]
    assert "Attempt 2, spot ml.g5.2xlarge, Completed" in run.alternative
    assert (run.state, run.tone, run.saved.replace("\N{NO-BREAK SPACE}", " ")) == (
        "completed",
        "good",
        "saved 63 % net, 67 % gross",
    )


def test_an_interrupted_run_shows_each_interruption() -> None:
    life = "Starting=0 Training=100 Interrupted=900 Starting=960 Training=1500 Completed=4000"
    ((run,),) = (day.runs for day in report_of([receipt(run_attempt(life, billed=(3300, 1000)))], SUBJECT).days)
    assert [mark.kind for mark in run.lanes[0].marks] == ["interruption"]
    assert run.events[0].words == "#1 was interrupted; instances again after 10 min"


def test_what_became_of_an_interruption_is_said_as_it_was() -> None:
    life = "Starting=0 Training=600 Interrupted=7200 Starting=7260 Training=9000 Interrupted=12600 Starting=12660"
    ended = Page(page_of([receipt(run_attempt(f"{life} MaxWaitTimeExceeded=16200", billed=(9000, 3000)))])).text
    assert "#1 was interrupted; instances again after 30 min" in ended
    assert "#1 was interrupted; no instances until its end, 1 h 00 min later" in ended
    assert ended.count("instances again after") == 1
    waits = Page(page_of([receipt(run_attempt(life))])).text
    assert "#1 was interrupted; no instances for 1 d 00 h until now" in waits


@pytest.mark.parametrize(
    ("life", "interruptions"),
    [
        pytest.param("Training=100 Restarting=200 Training=300", [], id="a restart"),
        pytest.param(
            "Training=100 Interrupted=200 Starting=250 Interrupted=260 Training=300",
            *(["instances again after 1 min", "instances again after 40 s"],),
            id="twice without instances",
        ),
        pytest.param("Training=100 Interrupted=200 Training=200", ["instances again at once"], id="within a second"),
        pytest.param(
            "Training=100 Restarting=200 Interrupted=250 Training=300", ["instances again after 50 s"], id="both"
        ),
    ],
)
def test_marks_and_events_are_as_many_as_the_interruptions_counted(life: str, interruptions: list[str]) -> None:
    found = receipt(run_attempt(f"Starting=0 {life} Completed=400", billed=(300, 100)))
    report = report_of([found], SUBJECT, with_charts=False)
    ((run,),) = (day.runs for day in report.days)
    assert [each.words for each in run.events if each.kind == "interruption"] == [
        f"#1 was interrupted; {words}" for words in interruptions
    ]
    assert [mark.kind for mark in run.lanes[0].marks] == ["interruption"] * len(interruptions)
    assert next(each.value for each in report.tiles if each.label == "Interruptions") == str(len(interruptions))
    restarts = [each.words for each in run.events if "restarted" in each.words]
    assert restarts == (["#1 was restarted; instances again after 1 min"] if "Restarting" in life else [])


@pytest.fixture(scope="module")
def drawn() -> Page:
    """The sample with its charts, which take seconds."""
    return Page(page_of(sample_receipts(30), with_charts=True))


def test_the_page_loads_nothing_and_runs_nothing(drawn: Page) -> None:
    page = drawn
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & {tag for tag, _ in page.elements}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in LOADED & attributes.keys():
            assert (attributes[name] or "").startswith(("#", "data:image/svg+xml;base64,")), (tag, attributes)
    policy = next(each["content"] for each in page.named("meta") if each.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not re.search(r"url\(|@import|@font-face", next(iter(page.texts[1:]), ""))


def test_words_of_others_are_no_markup() -> None:
    page = Page(page_of(hostile()))
    assert "script" not in {tag for tag, _ in page.elements}
    assert "onerror" not in {name for _, attributes in page.elements for name in attributes}
    assert "<script>alert(1)</script>" in page.text
    assert "\u202e" not in page.text


def test_words_of_others_are_no_markup_of_a_chart() -> None:
    others = [receipt(*resumed_run(tags={"team": f"{HOSTILE}{each}"}, instance_type=HOSTILE)) for each in "ab"]
    addresses = re.findall(r"base64,([\w+/=]+)", page_of(others, with_charts=True))
    assert addresses
    for address in addresses:
        tree = ET.fromstring(base64.b64decode(address))  # noqa: S314 - that it can be read is what is tested
        names = {each.tag.rpartition("}")[2] for each in tree.iter()}
        assert names <= {"svg", "style", "rect", "g", "path", "text", "line", "defs", "clipPath"}
        assert not [each for element in tree.iter() for each in element.attrib if each.lower().startswith("on")]


def test_an_empty_ledger_is_said_to_be_empty() -> None:
    page = Page(page_of([]))
    assert "There are no runs in this period." in page.text
    assert "There is nothing to compare yet." in page.text
    assert list(page.named("table")) == []


def test_questions_without_an_answer_are_not_asked() -> None:
    """A run on demand has a pool, and saves nothing."""
    page = Page(page_of([receipt(run_attempt("Starting=0 Training=9", billed=None, market=Market.ON_DEMAND))]))
    assert [each["href"] for each in page.named("a")][1:] == ["#pools", "#runs", "#notes"]


def test_runs_without_times_or_bills_are_shown_and_counted_nowhere() -> None:
    waiting = receipt(run_attempt("Starting=0"))
    odd = receipt(run_attempt("Starting=0 Juggling=50", instance_type=None, market=None, tags=None))
    page = Page(page_of([waiting, odd])).text
    assert "There is nothing to compare yet." in page
    assert "Runs 2 1 of them on spot" in page
    assert "Juggling" in page


def test_without_the_extra_tables_stand_in_place_of_charts_and_the_page_says_that(drawn: Page) -> None:
    without = Page(page_of(sample_receipts(30)))
    assert "the extra respot[report] draws them" in without.text
    assert list(without.named("img")) == []
    assert "respot[report]" not in drawn.text
    assert [len(each["alt"] or "") > 20 for each in drawn.named("img")] == [True] * 4
    assert len(list(drawn.named("table"))) == len(list(without.named("table")))


def test_a_charts_words_have_the_figures_of_its_table() -> None:
    sections = report_of(sample_receipts(40), SUBJECT, with_charts=True).sections
    said = {each.anchor: each.chart.alternative for each in sections if each.chart}
    tables = {each.anchor: each.table for each in sections if each.table}
    for row in tables["pools"].rows:
        assert (f"{row[0]}: {row[4]}  (" in said["pools"]) is (row[4] != NOT_KNOWN)
    for row in tables["teams"].rows:
        assert f"{row[0]}: " in said["teams"]
        assert f"({row[5]})" in said["teams"]
    nets = [float(row[5].split()[0].replace("\N{MINUS SIGN}", "-")) for row in tables["saved"].rows if row[0][0] == "2"]
    assert f"from {min(nets):.1f}" in said["saved"].replace("\N{MINUS SIGN}", "-")


def test_items_that_could_not_be_read_are_said() -> None:
    assert "3 items of the ledger could not be read" in Page(page_of([], subject={"unread": 3})).text


def test_jobs_of_seconds_do_not_look_like_nothing() -> None:
    quick = "Starting=0 Downloading=1 Training=2.5 Uploading=6 Completed=7"
    page = page_of([receipt(run_attempt(quick, billed=(6, 2)))]).replace("\N{NO-BREAK SPACE}", " ")
    assert "billed 2.00 instance-seconds" in page
    assert "training 3.5 s" in page


def test_two_thousand_runs_with_fifteen_interruptions_each_are_less_than_five_megabytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = [replace(each, hazard=each.hazard * 25, hours=each.hours * 3) for each in sample_runs.KINDS]
    monkeypatch.setattr(sample_runs, "KINDS", kinds)
    page = page_of(sample_receipts(100) * 20)
    assert page.count("<article>") == 2000
    assert len(page.encode()) < 4_960_000  # charts have 250 kB at most


def test_more_runs_are_not_drawn_but_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MOST_RUNS", 5)
    page = page_of(sample_receipts(8))
    assert page.count("<article>") == 5
    assert "Of 8 runs, the newest 5 are drawn." in page


def test_what_has_no_price_is_said() -> None:
    class Unknown:
        def on_demand(self, *_: object) -> None:
            return None

    assert "No prices are known here." in page_of([receipt(*resumed_run())], prices=Unknown())
    assert "No prices are known here." not in page_of([receipt(*resumed_run())], prices=OnePrice("1"))


def test_on_demand_runs_count_in_no_savings() -> None:
    alone = receipt(run_attempt("Starting=0 Training=10 Completed=900", billed=(890, 890), market=Market.ON_DEMAND))
    page = Page(page_of([receipt(*resumed_run()), alone])).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Saved by spot, net of repeated work (of instance-hours) 62.9 %" in page
    assert "Runs 2 1 of them on spot" in page
