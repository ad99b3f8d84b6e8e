"""Refunds, verified: what was given back of fees, asked of a ledger's lines against the caps of a book.

The billing engine walks through misses one by one; this adds up lines, and knows nothing of misses.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from billing.price_book import PriceBook
from simulator.invariants import Invariant

ONE = Decimal(1)


class Ceiling(NamedTuple):
    """Prices whose refunds a cap holds down together, and the dimension by which ("" for the month)."""

    prices: frozenset[str]
    by: frozenset[str]
    cap: Decimal


def ceilings(book: PriceBook) -> list[Ceiling]:
    """Return what the refunds of a book may come to at most, each price under one ceiling only.

    A line does not say which refund gave it. Where the prices of two refunds overlap in part, the ceiling is
    therefore that of both: the sum of their caps on all of their prices.
    """
    caps: dict[tuple[frozenset[str], str], Decimal] = {}
    for refund in book.refunds.values():
        key = frozenset(refund.prices), refund.by
        caps[key] = max(refund.cap, caps.get(key, Decimal(0)))
    found: list[Ceiling] = []
    for (prices, by), cap in caps.items():
        one = Ceiling(prices, frozenset([by]), cap)
        for other in [other for other in found if other.prices & prices]:
            found.remove(other)
            one = Ceiling(one.prices | other.prices, one.by | other.by, min(ONE, one.cap + other.cap))
        found.append(one)
    return found


def invariant(book: PriceBook) -> Invariant:
    """Return the invariant that no refund of a book passed its cap when it was given."""
    queries = list(_queries(ceilings(book)))
    return Invariant(
        " union all ".join(queries) or "select 1 where false",
        """
        select count(*), -sum(amount), count(distinct subscription) from invoice_lines where kind = 'refund'
        """,
        "{} refunds = {} to {} subscriptions",
    )


_ABOUT = """
    select l.* replace (coalesce(a.adjusts, l.kind) as kind, coalesce(a.service_month, l.month) as month)
    from invoice_lines l left join adjustments a on a.invoice = l.invoice and a.line_no = l.line_no
"""
"""Lines as they are about months: an adjustment counts where what it adjusts counted."""


def _queries(found: list[Ceiling]) -> Iterator[str]:
    for ceiling in found:
        by = next(iter(ceiling.by)) if len(ceiling.by) == 1 else None
        prices = ", ".join(_text(price) for price in sorted(ceiling.prices))
        path = _text(f'$."{by}"')
        value = f"json_extract_string(nullif(dimensions, ''), {path})" if by else "''"
        # A dimension's fees count from the first month on, those of a subscription only in their own month.
        part = "subscription, value, month" if by == "" else "subscription, value"
        yield f"""
            select * from (
                select subscription, value, month, back, sum(fees) over w as fees, sum(back) over w as given
                from (
                    select subscription, {value} as value, month,
                        coalesce(sum(amount) filter (kind not in ('refund', 'true_up')), 0) as fees,
                        -coalesce(sum(amount) filter (kind = 'refund'), 0) as back
                    from ({_ABOUT}) where price in ({prices}) group by all
                ) window w as (partition by {part} order by month)
            ) where back <> 0 and given > fees * {ceiling.cap} + {{unit}}
            """


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
