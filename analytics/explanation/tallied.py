"""Tallied figures: the rows that were counted or added up, as the tally itself finds them."""

from analytics.explanation.node import Node, fact, total
from analytics.explanation.question import Question, listed
from analytics.figures import closed_months, tallies
from analytics.revenue import DELIVERY, OTHERS, RESEARCH

RUNNING = ("overdue", "partners")
"""Metrics that are the sum of a tallied figure since the history began."""

_GENERAL = " and ".join(f"t.cost_centre not like '{one}'" for one in (DELIVERY, *OTHERS))

POSTED = {
    "research_cost": ("expense", f"t.cost_centre like '{RESEARCH}'", ""),
    "general_cost": ("expense", _GENERAL, ""),
    "bad_debt": ("bad_debt", "true", ""),
    "deferred_added": ("deferred_revenue", "t.amount < 0", "-"),
    "deferred_released": ("deferred_revenue", "t.amount > 0", "-"),
}
"""Figures that add up postings of the whole company: their account, which of them, and their sign."""


def tallied(question: Question, name: str, unit: str) -> Node:
    """Explain a figure that counts or adds up rows; of any other figure only its number is told."""
    text, value = name.replace("_", " "), question.value(name)
    months = question.evidence.once("closed months", lambda: closed_months(question.evidence.connection))
    found = {one: tally for tally in tallies(question.by, months, question.policy) for one in tally.figures}
    if not value or (name not in found and name not in POSTED):
        said = "the ledger gives it as it is" if value else "the ledger has nothing for it"
        return Node(text, value, unit, reasons=(fact(said),))
    if name in POSTED:
        account, which, sign = POSTED[name]
        rows = question.rows(
            f"select t.entry, ({sign}t.amount)::decimal(38, 12), t.entry from postings t "
            f"where t.ledger_account = '{account}' and {which} and t.month = ? "
            "order by t.entry, t.posting_no",
            question.month,
        )
    else:
        tally = found[name]
        part, join = tally.place(question.by)
        since = months[0] if name in RUNNING else question.month
        rows = question.rows(
            f"select t.what, sum(t.{name})::decimal(38, 12), '' from ({tally.rows}) t {join} "
            f"where t.month between ? and ? and {part} = ? "
            f"group by all having sum(t.{name}) <> 0 order by all",
            *(since, question.month, question.part),
        )
    parts = listed(question, rows, unit, "rows")
    return Node(text, total(parts), unit, parts)
