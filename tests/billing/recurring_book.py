"""A price book of recurring prices, for balances of MRR and what moves them."""

BOOK = """
    meters.calls = {}
    [discounts.half]
    share = 0.5
    months = 2
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    [plans.pro.prices.seat]
    per = "seat"
    unit_price = 100
    annual = { unit_price = 1000 }
    changes = [{ starts_on = 2026-06-15, unit_price = 110 }]
    [plans.pro.prices.calls]
    meter = "calls"
    unit_price = 1
    [plans.pro.prices.fee]
    per = "subscription"
    cadence = "once"
    unit_price = 7
    [plans.plain]
    name = "Plain"
    stream = "managed"
    prices.base = { per = "subscription", unit_price = 40 }
    [plans.free]
    name = "Free"
    stream = "subscriptions"
    [plans.oem]
    name = "OEM"
    stream = "oem"
    commitment = { amount = 1200 }
    prices.license = { per = "subscription", cadence = "year", unit_price = 600 }
    prices.support = { per = "subscription", unit_price = 10 }
    [plans.rich]
    name = "Rich"
    stream = "oem"
    commitment = { amount = 120 }
    prices.base = { per = "subscription", unit_price = 11 }
    [plans.catalog]
    name = "Catalog"
    stream = "services"
    [add_ons.llm]
    name = "LLM"
    plans = ["pro", "plain"]
    price = { per = "add_on", unit_price = 5 }
    [add_ons.audit]
    name = "Audit"
    plans = ["plain"]
    price = { per = "add_on", unit_price = 60, cadence = "year" }
"""
