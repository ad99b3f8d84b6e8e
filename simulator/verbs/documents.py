"""Verbs that make files for others of a run: exports for programs, invoices for people."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.verbs.app import Json, Run, app, example


@app.command(
    epilog=example(
        "saasim export dbgpt --parquet",
        "saasim export dbgpt --csv --only invoices --only invoice_lines --out exports/invoices",
        "saasim export dbgpt --xlsx --out dbgpt.xlsx",
        "saasim export dbgpt --cloudevents --out - | gzip > dbgpt.ndjson.gz",
        'saasim export dbgpt --focus --service-category "AI and Machine Learning"',
    )
)
def export(
    *,
    name: Run,
    as_parquet: Annotated[
        bool, typer.Option("--parquet", help="Every table and view as Parquet, a file each.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="The same as CSV, with load.sql that says the types.")
    ] = False,
    as_xlsx: Annotated[
        bool, typer.Option("--xlsx", help="A workbook: metrics, MRR, invoices, lines, balances.")
    ] = False,
    as_cloudevents: Annotated[
        bool, typer.Option("--cloudevents", help="The log as CloudEvents 1.0, which import reads back.")
    ] = False,
    as_focus: Annotated[
        bool, typer.Option("--focus", help="Every invoice line as a charge of FOCUS 1.2, in CSV.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where it goes, if not to exports/; - is standard output."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="Only this table or view; repeat at will.")
    ] = None,
    service_category: Annotated[
        str, typer.Option(metavar="CATEGORY", help="Of FOCUS: what kind of service is sold, if not Other.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Write a run for other programs: tables, a workbook, its log, or its charges."""
    from simulator.commands.export import Asked, export_run

    flags = {
        "parquet": as_parquet,
        "csv": as_csv,
        "xlsx": as_xlsx,
        "cloudevents": as_cloudevents,
        "focus": as_focus,
    }
    forms = [form for form, is_asked in flags.items() if is_asked]
    if len(forms) != 1:
        raise typer.BadParameter(f"choose one of {', '.join(f'--{form}' for form in flags)}")
    return export_run(name, Asked(forms[0], out, only or (), service_category, as_json))


@app.command(epilog=example("saasim report dbgpt", "saasim report dbgpt runs/what-if --out what-if.html"))
def report(
    *,
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="A run, and those to set beside it.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the page goes, if not RUN-report.html.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a run as a page to show: figures, charts and tables in one file that needs no network."""
    from simulator.extra import need

    need("report")
    from simulator.commands.report import report_on

    return report_on(names, out=out, as_json=as_json)


@app.command(
    epilog=example(
        "saasim chart dbgpt",
        "saasim chart dbgpt mrr_movements --png",
        "saasim chart dbgpt mrr --with runs/what-if --svg --dark --out mrr.svg",
        "saasim chart dbgpt cohort_net --json",
    )
)
def chart(
    *,
    name: Run,
    chart: Annotated[
        str | None, typer.Argument(metavar="CHART", help="Which one; without it all are listed.")
    ] = None,
    others: Annotated[
        list[str] | None, typer.Option("--with", metavar="RUN", help="Compare with this run; repeat at will.")
    ] = None,
    as_png: Annotated[bool, typer.Option("--png", help="Write a PNG.")] = False,
    as_svg: Annotated[bool, typer.Option("--svg", help="Write an SVG.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes, if not RUN-CHART.png.")
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="On dark paper.")] = False,
    width: Annotated[int, typer.Option(metavar="PIXELS", min=320, max=4000, help="How wide it is.")] = 860,
    as_json: Json = False,
) -> int:
    """Draw one chart of a run as a picture, or list what there is to draw; --json gives the data behind."""
    from simulator.extra import need

    need("report")
    from simulator.commands.chart import Asked, chart_runs

    if as_png and as_svg:
        raise typer.BadParameter("--png and --svg exclude each other; choose one")
    form = "svg" if as_svg or (out is not None and out.suffix == ".svg" and not as_png) else "png"
    asked = Asked(form, out, dark, width, as_json)
    return chart_runs([name, *(others or [])], chart, asked)


@app.command(
    epilog=example(
        "saasim invoice dbgpt",
        "saasim invoice dbgpt INV-2026-03-smb-2512-0005",
        "saasim invoice dbgpt INV-2026-03-smb-2512-0005 --pdf --seller seller.toml",
    )
)
def invoice(
    *,
    name: Run,
    number: Annotated[
        str | None, typer.Argument(metavar="ID", help="The invoice; without it the latest are listed.")
    ] = None,
    as_pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF, to be sent or printed.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the PDF goes, if not to exports/.")
    ] = None,
    seller: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with the seller's name, address, payment, note.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show an invoice of a run: its lines, how each comes about, its sum, and what was paid."""
    from simulator.commands.invoice import Asked, show_invoice

    return show_invoice(name, number, Asked(as_pdf, out, seller, as_json))
