"""The slow second reckoning: every metric of one month, customer by customer, in fractions and plain loops.

It shares no code with the product. It reads what a `Company` did, not the ledger's sums.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from fractions import Fraction
from typing import Any

from tests.analytics.company import Company, month

Ratio = Fraction | None
Number = Ratio | int
LAG, WINDOW, USAGE_WINDOW, CHURN_WINDOW, HORIZON = 3, 3, 3, 6, 60


class Reckoning:
    """The metrics of a company, or of those of its accounts that lie in one segment or channel."""

    def __init__(self, company: Company, inside: Callable[[str], bool] = lambda _: True) -> None:
        self.rows = company.rows
        self.accounts = [row["account"] for row in self.rows["accounts"] if inside(row["account"])]
        self.of_month: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
        for table in ("postings", "invoice_lines", "payouts"):
            for row in self.rows[table]:
                self.of_month[table, row["month"]].append(row)
        self.mrr: dict[tuple[str, date], Fraction] = {}
        for row in self.rows["mrr_balances"]:
            key = (row["account"], row["month"])
            self.mrr[key] = self.mrr.get(key, Fraction(0)) + Fraction(row["amount"])

    def at(self, account: str, number: int) -> Fraction:
        """Return what an account pays a month at the end of month `number`."""
        return self.mrr.get((account, month(number)), Fraction(0))

    def committed(self, number: int) -> Fraction:
        """Return committed MRR."""
        return sum((self.at(account, number) for account in self.accounts), Fraction(0))

    def payers(self, number: int) -> list[str]:
        """Name who pays at the end of month `number`."""
        return [account for account in self.accounts if self.at(account, number) > 0]

    def moved(self, number: int) -> dict[str, tuple[int, Fraction]]:
        """Count and add up the movements of a month by kind."""
        found = dict.fromkeys(("new", "expansion", "contraction", "churn", "reactivation"), (0, Fraction(0)))
        for account in self.accounts:
            before, now = self.at(account, number - 1), self.at(account, number)
            ever = any(self.at(account, earlier) > 0 for earlier in range(number))
            if before == now:
                continue
            if before > 0 and now > 0:
                kind = "expansion" if now > before else "contraction"
            elif now == 0:
                kind = "churn"
            else:
                kind = "reactivation" if ever else "new"
            count, amount = found[kind]
            found[kind] = (count + 1, amount + now - before)
        return found

    def cohort(self, number: int, age: int) -> dict[str, Ratio]:
        """Follow who paid `age` months ago: NRR, GRR and who is lost."""
        then = self.payers(number - age)
        ago = sum(self.at(account, number - age) for account in then)
        now = sum(self.at(account, number) for account in then)
        kept = sum(min(self.at(account, number), self.at(account, number - age)) for account in then)
        lost = sum(1 for account in then if self.at(account, number) == 0)
        return {"nrr": over(now, ago), "grr": over(kept, ago), "lost": over(lost, len(then))}

    def posted(self, number: int, ledger_account: str, keep: Callable[[dict[str, Any]], bool]) -> Fraction:
        """Add up postings of a month."""
        return total(
            row["amount"]
            for row in self.of_month["postings", month(number)]
            if row["ledger_account"] == ledger_account and keep(row)
        )

    def standing(self, number: int, ledger_account: str) -> Fraction:
        """Add up an account of the journal since the history began."""
        return sum((self.posted(n, ledger_account, lambda _: True) for n in range(number + 1)), Fraction(0))

    def paid_out(self, number: int, *, referrals: bool) -> Fraction:
        """Add up the payouts of a month."""
        return total(
            row["amount"]
            for row in self.of_month["payouts", month(number)]
            if (row["kind"] == "referral") == referrals
        )

    def usage_mrr(self, number: int) -> Ratio:
        """Return the mean metered revenue of the last three months of the history."""
        seen = range(max(0, number - USAGE_WINDOW + 1), number + 1)
        metered = total(
            row["amount"]
            for n in seen
            for row in self.of_month["invoice_lines", month(n)]
            if row["kind"] == "usage" and row["plan"] != "catalog" and row["account"] in self.accounts
        )
        return metered / len(seen)

    def profit(self, number: int, streams: Iterable[str]) -> tuple[Fraction, Fraction]:
        """Return net revenue and gross profit of some streams of the whole company.

        The companies of the laws name a stream in every cost of revenue.
        """
        net = -self.posted(number, "revenue", lambda row: row["stream"] in streams)
        for row in self.of_month["payouts", month(number)]:
            if row["kind"] != "referral":
                net -= Fraction(row["amount"]) * self.share_billed(number, row["account"], streams)
        cost = self.posted(
            number,
            "expense",
            lambda row: row["cost_centre"].startswith("cogs") and row["stream"] in streams,
        )
        return net, net - cost

    def share_billed(self, number: int, account: str, streams: Iterable[str]) -> Fraction:
        """Return which share of what an account was billed in a month lies in some streams."""
        billed = self.of_month["invoice_lines", month(number)]
        lines = [row for row in billed if row["account"] == account]
        return total(row["amount"] for row in lines if row["stream"] in streams) / total(
            row["amount"] for row in lines
        )

    def streams_held(self, number: int) -> set[str]:
        """Name the streams with committed MRR at the end of a month."""
        return {row["stream"] for row in self.rows["mrr_balances"] if row["month"] == month(number)}

    def spent(self, number: int) -> Fraction:
        """Add up what winning customers cost in a month."""
        return self.paid_out(number, referrals=True) + self.posted(
            number, "expense", lambda row: row["cost_centre"].startswith(("sales", "marketing"))
        )

    def of_accounts(self, number: int) -> dict[str, Number]:
        """Return the metrics of month `number` that customers alone decide."""
        moved = self.moved(number)
        month_ago, year_ago = self.cohort(number, 1), self.cohort(number, 12)
        gained = sum(moved[kind][1] for kind in ("new", "expansion", "reactivation"))
        net = None if month_ago["nrr"] is None else 1 - month_ago["nrr"]
        if net is not None:
            net -= moved["reactivation"][1] / self.committed(number - 1)
        return {
            "mrr_opening": self.committed(number - 1),
            **{f"mrr_{kind}": amount for kind, (_, amount) in moved.items()},
            "committed_mrr": self.committed(number),
            "usage_mrr": self.usage_mrr(number),
            "arr": 12 * self.committed(number),
            "customers_opening": len(self.payers(number - 1)),
            "customers_new": moved["new"][0],
            "customers_reactivated": moved["reactivation"][0],
            "customers_churned": moved["churn"][0],
            "customers": len(self.payers(number)),
            "arpa": over(self.committed(number), len(self.payers(number))),
            "asp": over(moved["new"][1], moved["new"][0]),
            "mrr_growth": over(
                self.committed(number) - self.committed(number - 1), self.committed(number - 1)
            ),
            "logo_churn": month_ago["lost"],
            "logo_churn_annualised": a_year_of(month_ago["lost"]),
            "revenue_churn": None if month_ago["grr"] is None else 1 - month_ago["grr"],
            "net_revenue_churn": net,
            "logo_churn_12m": year_ago["lost"],
            "nrr": year_ago["nrr"],
            "grr": year_ago["grr"],
            "quick_ratio": over(gained, -moved["contraction"][1] - moved["churn"][1]),
        }

    def of_company(self, number: int) -> dict[str, Number]:
        """Return the metrics of month `number` of the whole company, those of customers included."""
        found = self.of_accounts(number)
        streams = {row["stream"] for row in self.rows["invoice_lines"]}
        streams |= {row.get("stream", "") for row in self.rows["postings"]}
        net, profit = self.profit(number, streams)
        found |= {
            "billed": total(row["amount"] for row in self.of_month["invoice_lines", month(number)]),
            "revenue": -self.posted(number, "revenue", lambda _: True),
            "payouts": self.paid_out(number, referrals=True) + self.paid_out(number, referrals=False),
            "net_revenue": net,
            "cost_of_revenue": net - profit,
            "gross_margin": over(profit, net),
            "deferred_revenue": -self.standing(number, "deferred_revenue"),
            "receivable": self.standing(number, "receivable"),
            "cash": self.standing(number, "cash"),
            "acquisition_cost": self.spent(number),
        }
        arpa = over(self.committed(number), len(self.payers(number)))
        return found | self.unit_economics(number, arpa) | self.efficiency(number) | self.composition(number)

    def spent_in_all(self, number: int) -> Fraction:
        """Add up all expenses of a month."""
        return self.posted(number, "expense", lambda _: True)

    def recurred(self, number: int, account: str | None = None) -> Fraction:
        """Add up the revenue of a month whose invoice lines are neither of the catalog nor once."""
        lines = {(row["invoice"], row["line_no"]): row for row in self.rows["invoice_lines"]}

        def counts(row: dict[str, Any]) -> bool:
            line = lines[row["invoice"], row["line_no"]]
            return line["plan"] != "catalog" and line["kind"] != "once" and account in (None, row["account"])

        return -self.posted(number, "revenue", counts)

    def efficiency(self, number: int) -> dict[str, Number]:
        """Return profit, burn, and what growth cost in the quarter and the one before."""
        now, before = range(number - 2, number + 1), range(number - 5, number - 2)
        cash = [-self.posted(n, "cash", lambda _: True) for n in now]
        arr = 12 * (self.committed(number) - self.committed(number - 3))
        won = 12 * sum(self.moved(n)[kind][1] for n in now for kind in ("new", "expansion"))
        cost = sum((self.spent(n) for n in before), Fraction(0))
        grown = sum(self.recurred(n) for n in now) - sum(self.recurred(n) for n in before)
        streams = {row["stream"] for row in self.rows["invoice_lines"]}
        streams |= {row.get("stream", "") for row in self.rows["postings"]}
        referred = self.paid_out(number, referrals=True)
        profit = self.profit(number, streams)[0] - referred - self.spent_in_all(number)
        is_old = number >= 5
        return {
            "operating_profit": profit,
            "net_burn": cash[-1],
            "recurring_revenue": self.recurred(number),
            "burn_multiple": over(sum(cash), arr) if number >= 2 and sum(cash) > 0 and arr > 0 else None,
            "magic_number": over(4 * grown, cost) if is_old and cost > 0 else None,
            "magic_number_arr": over(arr, cost) if is_old and cost > 0 else None,
            "cac_ratio": over(cost, won) if is_old and won > 0 and cost > 0 else None,
        }

    def composition(self, number: int) -> dict[str, Number]:
        """Return who is largest, who buys more than one thing, and retention on revenue."""
        year = range(max(0, number - 11), number + 1)
        revenue = sorted((self.earned(account, year) for account in self.accounts), reverse=True)
        quarters = [
            [
                sum(self.recurred(n, account) for n in range(last - 2, last + 1))
                for last in (number - 12, number)
            ]
            for account in self.accounts
        ]
        there = [(then, now) for then, now in quarters if then > 0] if number >= 14 else []
        payers = self.payers(number)
        return {
            "revenue_top_1_share": over(revenue[0], sum(revenue)) if sum(revenue) > 0 else None,
            "revenue_top_10_share": over(sum(revenue[:10]), sum(revenue)) if sum(revenue) > 0 else None,
            "nrr_total": over(sum(now for _, now in there), sum(then for then, _ in there)),
            "grr_total": over(sum(min(pair) for pair in there), sum(then for then, _ in there)),
            "cross_sell_rate": over(sum(self.crossed(account, number) for account in payers), len(payers)),
        }

    def earned(self, account: str, months: Iterable[int]) -> Fraction:
        """Add up the revenue of an account over some months."""
        found = [self.posted(n, "revenue", lambda row: bool(row["account"] == account)) for n in months]
        return -sum(found, Fraction(0))

    def crossed(self, account: str, number: int) -> bool:
        """Tell whether an account was billed within a year for a stream in which it pays nothing now."""
        held = {row["stream"] for row in self.rows["mrr_balances"]
                if row["account"] == account and row["month"] == month(number)}  # fmt: skip
        return any(
            row["account"] == account and row["amount"] > 0 and row["stream"] not in held
            for n in range(max(0, number - 11), number + 1)
            for row in self.of_month["invoice_lines", month(n)]
        )

    def unit_economics(self, number: int, arpa: Ratio) -> dict[str, Number]:
        """Return CAC, LTV and what follows from them."""
        pairs = [n for n in range(number - WINDOW + 1, number + 1) if n >= LAG]
        cost = sum((self.spent(n - LAG) for n in pairs), Fraction(0))
        won = [self.moved(n)["new"] for n in pairs]
        seen = [n for n in range(number - CHURN_WINDOW + 1, number + 1) if n >= 0]
        sums = [self.profit(n, self.streams_held(n)) for n in seen]
        margin = over(sum(profit for _, profit in sums), sum(net for net, _ in sums))
        exposed = [account for n in seen for account in self.payers(n - 1)]
        lost = [a for n in seen for a in self.payers(n - 1) if self.at(a, n) == 0]
        churn = over(len(lost), len(exposed))
        cac = over(cost, sum(count for count, _ in won))
        earned = None if margin is None else margin * sum(amount for _, amount in won)
        worth = None if arpa is None or margin is None else arpa * margin
        ltv = None if worth is None or not churn else worth / churn
        stay = None if churn is None else sum((1 - churn) ** age for age in range(HORIZON))
        return {
            "matched_cost": cost,
            "cac": cac,
            "recurring_margin": margin,
            "payback_months": over(cost, earned) if earned is not None and earned > 0 else None,
            "trailing_churn": churn,
            "ltv": ltv,
            "ltv_capped": None if worth is None or stay is None else worth * stay,
            "ltv_to_cac": None if ltv is None or cac is None else over(ltv, cac),
        }


def a_year_of(rate: Ratio) -> Ratio:
    """Return what is lost in 12 months of such a loss."""
    left = Fraction(1)
    for _ in range(12):
        left *= 1 - Fraction(rate or 0)
    return None if rate is None else 1 - left


def over(numerator: Any, denominator: Any) -> Ratio:
    """Divide; nothing where there is nothing to divide by."""
    return Fraction(numerator) / Fraction(denominator) if denominator else None


def total(amounts: Iterable[Any]) -> Fraction:
    """Add amounts up exactly."""
    return sum((Fraction(amount) for amount in amounts), Fraction(0))
