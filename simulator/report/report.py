"""The page of a report: its head, its tiles, its sections in order, and what made it."""

from collections.abc import Sequence
from datetime import date

from analytics.metrics import METRICS
from metering.document import problem
from simulator import chart
from simulator.page.comparison import Compared, sections
from simulator.page.document import document
from simulator.page.markup import Html, element, join, text
from simulator.page.style import script, style
from simulator.page.table import table
from simulator.report import amount, definition, figure, goal, listing, outline, tile
from simulator.report.explained import Explained
from simulator.report.library import library
from simulator.report.provenance import provenance
from simulator.report.subject import Subject

TOP = 5
"""How many customers of each side explain a comparison."""


def report(subjects: Sequence[Subject], compared: Sequence[Compared] = ()) -> str:
    """Return the page of one run or several, and of how they compare.

    Raises Problems where their currencies differ.
    """
    currencies = {subject.currency: subject.label for subject in subjects}
    if len(currencies) > 1:
        named = ", ".join(f"{label} {currency}" for currency, label in currencies.items())
        raise problem("runs", f"have several currencies: {named}", "report on each by itself")
    parts = _parts(subjects, compared)
    main = _main(parts)
    body = join([
        element("a", "Skip to the figures", kind="skip", href="#main"),
        _header(subjects),
        element("div", join([_contents(parts), element("main", main, id="main", tabindex=-1)]), kind="sheet"),
        _footer(subjects),
        *(one.panel() for one in _panels(subjects[0], main)),
        element("dl", "", id="pointed", hidden="hidden", aria_hidden="true"),
        figure.island(chart.swap(), "swap", kind="swap"),
    ])  # fmt: skip
    page = script("report")
    return document(_title(subjects), body, style=style("page", "report"), first=[page], scripts=[library()])


def _title(subjects: Sequence[Subject]) -> str:
    return " and ".join(dict.fromkeys(subject.title for subject in subjects))


def _header(subjects: Sequence[Subject]) -> Html:
    first = subjects[0]
    told = [_period(first.months), f"{len(first.months)} months", first.currency]
    if len(subjects) > 1:
        told.append(" beside ".join(subject.label for subject in subjects))
    made_up = all(subject.is_synthetic for subject in subjects)
    notice = "Simulated: every customer, event and amount is made up." if made_up else ""
    buttons = [
        element("button", "Dark", id="theme", type="button", kind="tool", hidden="hidden"),
        element("button", "Print", id="print", type="button", kind="tool", hidden="hidden"),
    ]
    words = [
        element("p", "Company report", kind="eyebrow"),
        element("h1", _title(subjects)),
        element("p", join([element("span", one) for one in told]), kind="meta"),
    ]
    if notice:
        words.append(element("p", notice, kind="notice"))
    return element(
        "header",
        join([element("div", join(words)), element("div", join(buttons), kind="tools")]), kind="top",
    )  # fmt: skip


def _period(months: Sequence[date]) -> str:
    first, last = months[0], months[-1]
    return f"{first:%B %Y}" if first == last else f"{first:%B %Y} to {last:%B %Y}"


def _parts(subjects: Sequence[Subject], compared: Sequence[Compared]) -> list[tuple[str, str, Html]]:
    """Return the sections that have something to say: key, title and content."""
    found_goals = [goal.attainment(subject) for subject in subjects]
    held = found_goals[0] if len(subjects) == 1 else None
    planned = {} if held is None else goal.goals(held)
    lead = element("p", _lead(subjects[0]), kind="lead") if len(subjects) == 1 else Html("")
    found = [
        (
            "overview",
            "Overview",
            join([lead, tile.tiles(_headlines(subjects), subjects, planned, place="-head")]),
        )
    ]
    if compared:
        found.append(("differences", "What differs", _differences(compared)))
    for section in outline.sections():
        content = _section(section, subjects)
        if section.title == "Targets" and held is not None:
            content = join([content, goal.listed(held)])
        if content:
            found.append((section.key, section.title, content))
    if defined := definition.definitions(subjects):
        found.append(("definitions", "Definitions", defined))
    found.append(("metrics", "Every metric", _every_metric(subjects)))
    found.append(("made-by", "How this was made", provenance(subjects)))
    return found


def _headlines(subjects: Sequence[Subject]) -> list[str]:
    """Return the metrics of the first tiles: those that are known of what a board asks for."""
    return [metric for metric in outline.HEADLINES if tile.is_known(metric, subjects)][: outline.HEADS]


def _lead(subject: Subject) -> str:
    """Say in two or three sentences what the company came to."""
    last = subject.metrics.row(-1, named=True)

    def told(metric: str) -> str:
        return amount.short(metric, last.get(metric), subject.currency)

    month = f"{subject.months[-1]:%B %Y}"
    said = [f"In {month}, {told('customers')} customers stood for {told('arr')} of annual recurring revenue."]
    if last.get("nrr") is not None:
        said.append(
            f"Those of a year before pay {told('nrr')} of what they paid then ({told('grr')} without what "
            "any of them pays more)."
        )
    if last.get("gross_margin") is not None:
        said.append(f"The gross margin of the month was {told('gross_margin')}.")
    return " ".join(said)


def _section(section: outline.Section, subjects: Sequence[Subject]) -> Html:
    ranks = chart.ranks(subjects[0].ledger)
    drawn = [
        figure.figure(one, subjects, ranks) for one in chart.CHARTS.values() if one.group == section.title
    ]
    charts = [one for one in drawn if one]
    listed = [listing.listing(listing.LISTINGS[name], subjects) for name in section.listings]
    listings = [one for one in listed if one]
    tiles = tile.tiles(section.metrics, subjects, {}, kind="small-tiles")
    if not charts and not listings:
        return Html("")
    figures = [element("div", join(charts), kind="figures")] if charts else []
    return join([tiles, *figures, *listings])


def _differences(compared: Sequence[Compared]) -> Html:
    parts = []
    for pair in compared:
        parts.append(element("h3", pair.title, kind="pair"))
        parts.append(element("div", sections(pair, TOP), kind="compared"))
    return join(parts)


def _every_metric(subjects: Sequence[Subject]) -> Html:
    """Return a table of every metric in the last month, with its definition and its query."""
    shown = [metric for metric in METRICS if tile.is_known(metric, subjects)]
    heads = ["metric", *(_last_of(subject, subjects) for subject in subjects), "what it is"]
    rows = [
        [
            join([text(amount.title(metric)), text(" "), tile.explained(metric, subjects[0]).button("-row")]),
            *(_last(metric, subject) for subject in subjects),
            text(METRICS[metric].description),
        ]
        for metric in shown
    ]
    told = table(heads, rows, caption="Every metric in the last month")
    called = join([text("All of them"), element("span", f" {len(shown)} metrics", kind="dim")])
    said = (
        "Each as it stood in the last month: its value, its definition, and the question to the ledger that "
        "gives every month of it. Metrics that this company has no value of are left out."
    )
    return join([
        element("p", said, kind="dim"),
        element("details", join([element("summary", called), told]), kind="file every"),
    ])  # fmt: skip


def _last_of(subject: Subject, subjects: Sequence[Subject]) -> Html:
    month = f"{subject.months[-1]:%b %Y}"
    if len(subjects) == 1:
        return text(month)
    return join([element("bdi", subject.label), text(f", {month}")])


def _last(metric: str, subject: Subject) -> Html:
    if metric not in subject.metrics.columns:
        return text("–")
    value = subject.metrics[metric].to_list()[-1]
    shown = amount.short(metric, value, subject.currency)
    return element("data", shown, title=amount.exact(metric, value, subject.currency), value=str(value or ""))


def _panels(subject: Subject, shown: Html) -> list[Explained]:
    """Return what stands behind every button of the page, each once."""
    found = [tile.explained(metric, subject) for metric in METRICS]
    found += [figure.explained(one, subject) for one in chart.CHARTS.values()]
    found += [listing.explained(one, subject) for one in listing.LISTINGS.values()]
    found.append(definition.explained(subject))
    return [one for one in found if f'popovertarget="why-{one.key}"' in shown]


def _main(parts: Sequence[tuple[str, str, Html]]) -> Html:
    noscript = element(
        "noscript",
        element("p", "The charts are drawn by a script that is part of this file, and scripts are off. What "
                "they show stands beside each in words; all tables and definitions are here.", kind="notice"),
    )  # fmt: skip
    drawn = [
        element(
            "section", join([element("h2", title, id=f"{key}-title"), content]), id=key,
            aria_labelledby=f"{key}-title",
        )
        for key, title, content in parts
    ]  # fmt: skip
    return join([noscript, *drawn])


def _contents(parts: Sequence[tuple[str, str, Html]]) -> Html:
    links = [element("li", element("a", title, href=f"#{key}")) for key, title, _ in parts]
    return element("nav", element("ol", join(links)), aria_label="Sections")


def _footer(subjects: Sequence[Subject]) -> Html:
    version = subjects[0].manifest.get("made_by", {}).get("saasim", "")
    words = f"Made by saasim {version} from the ledger alone. This file needs no network and sends nothing."
    return element("footer", element("p", words, kind="small dim"))
