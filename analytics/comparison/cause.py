"""Causes: why an amount that was billed changed, each by its name."""

from collections.abc import Mapping

USAGE, METER, LIMIT, ENTITLEMENT = "usage", "meter", "limit", "entitlement"
PRORATION = "proration"
ALLOWANCE, CONVENTION, TIER, PRICE = "allowance", "convention", "tier", "price"
MINIMUM, MAXIMUM, PLAN, ROUNDING = "minimum", "maximum", "plan", "rounding"
PARTNER, UNEXPLAINED = "partner share", "unexplained"

CAUSES: Mapping[str, str] = {
    USAGE: "other facts: what customers bought and used",
    METER: "what a price counts: its meter, its dimensions, seats or subscriptions",
    LIMIT: "units that limits refuse, or move to another plan",
    ENTITLEMENT: "units that entitlements cover",
    PRORATION: "the part of a period that is paid for",
    ALLOWANCE: "what is included",
    CONVENTION: "how the biller reads a rate and rounds, and when things fall due",
    TIER: "the model, the bounds of tiers, the size of packages, the window",
    PRICE: "unit prices and fees",
    MINIMUM: "the least that a price comes to",
    MAXIMUM: "the most that a price comes to",
    PLAN: "what only one of the books sells",
    "discount": "discount lines: also because what they are taken off changed",
    "refund": "refund lines",
    "commitment": "what is trued up to a commitment",
    "adjustment": "corrections of earlier months",
    PARTNER: "what partners are paid out of it",
    ROUNDING: "the cents between exact amounts and invoice lines",
    UNEXPLAINED: "lines that were not priced again: without both price books, or because that did not fit",
}
"""Every cause, in the order in which the steps of a line are taken, and what it means."""

OF_KIND: Mapping[str, str] = {"true_up": "commitment"}
"""The cause of a line without a price of its own, where that is not called as its kind is."""
