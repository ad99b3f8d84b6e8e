"""Parts: ledgers of some accounts only, which are compared with what the same accounts come to elsewhere.

What an account is billed does not depend on others; what a partner is paid for it does. So a ledger of
everybody is not cut down to some accounts: its log is billed again for these alone, under its own prices.
"""

from pathlib import Path

from analytics.comparison.reading import BEFORE, LOG, PRICES, Reading, read
from metering.document import problem


def of_same_accounts(before: Reading, after: Reading) -> tuple[Reading, Reading]:
    """Return two ledgers of the same accounts: those that both have, where one has some only.

    Raises Problems where there are none, and where a ledger cannot be billed again.
    """
    if before.part == after.part:
        return before, after
    parts = [part for part in (before.part, after.part) if part is not None]
    accounts = frozenset.intersection(*parts)
    if not accounts:
        raise problem("comparison", "the ledgers have no account in common", "compare runs of the same ones")
    return _narrowed(before, accounts), _narrowed(after, accounts)


def _narrowed(reading: Reading, accounts: frozenset[str]) -> Reading:
    """Return what a ledger says of some accounts, billed as if there were no others."""
    if reading.part == accounts:
        return reading
    place = reading.name or "a ledger"
    remedy = "replay both of the same accounts"
    if reading.run is None or reading.book is None or not (reading.run / LOG).is_dir():
        raise problem(place, "is of other accounts than what it is compared with", remedy)
    if (reading.run / BEFORE).exists():
        message = "is of other accounts than what it is compared with, and a change between two price books"
        raise problem(place, message, f"{remedy}, this one with its policy")
    # Who bills defines tables with SQLModel, which most comparisons need not wait for.
    from billing.rebilling import replay  # noqa: PLC0415 - see above

    again = replay(Path(reading.run), reading.run / PRICES, accounts=accounts)
    found = read(again, book=reading.book)
    again.connection.close()
    return found._replace(name=reading.name, run=reading.run)
