"""A clean price book: one of everything, and nothing wrong. Each defect is an edit of it."""

CLEAN = """
name = "Clean"
meters.calls = { aggregation = "count" }
meters.messages = { aggregation = "count" }
meters.orders = { event = "order.placed", quantity = "quantity", dimensions = ["item"] }
meters.hours = { event = "hours.worked", quantity = "hours", dimensions = ["role"], unit = "hour" }
meters.places = { event = "course.enrolled", quantity = "participants", dimensions = ["course"] }
meters.exams = { event = "exam.sat", dimensions = ["exam"] }
meters.stages = { event = "milestone.delivered", quantity = "share", dimensions = ["offering", "project"] }
meters.misses = { event = "outcome.measured", dimensions = ["project"] }

[plans.free]
name = "Free"
stream = "core"
seats = { maximum = 1 }
prices.calls = { meter = "calls", unit_price = 0 }
limits.calls = { meter = "calls", quantity = 1_000 }

[plans.payg]
name = "Pay as you go"
stream = "core"
prices.calls = { meter = "calls", unit_price = 0.002 }
limits.calls = { meter = "calls", quantity = 8_000 }

[plans.pro]
name = "Pro"
stream = "core"
seats = { maximum = 10 }
limits.calls = { meter = "calls", quantity = 30_000 }
prices.seats = { per = "seat", unit_price = 20, annual = { unit_price = 200 } }
[plans.pro.prices.calls]
meter = "calls"
allowance = 10_000
model = "package"
package_size = 1_000
unit_price = 1

[plans.business]
name = "Business"
stream = "core"
seats = { maximum = 100 }
limits.calls = { meter = "calls", quantity = 1_000_000 }
[plans.business.prices.seats]
per = "seat"
model = "graduated"
tiers = [{ up_to = 50, unit_price = 45 }, { unit_price = 40 }]
annual = { model = "graduated", tiers = [{ up_to = 50, unit_price = 450 }, { unit_price = 400 }] }
[plans.business.prices.calls]
meter = "calls"
allowance = 100_000
model = "package"
package_size = 1_000
unit_price = 0.80

[plans.enterprise]
name = "Enterprise"
stream = "core"
includes = ["support"]
unlimited = ["seats"]
commitment = { amount = 50_000 }
prices.base = { per = "subscription", cadence = "year", unit_price = 60_000 }
[plans.enterprise.prices.calls]
meter = "calls"
allowance = 5_000_000
model = "package"
package_size = 1_000
unit_price = 0.50

[plans.support]
name = "Support"
stream = "support"
prices.base = { per = "subscription", unit_price = 500 }

[plans.small]
name = "Small"
stream = "lines"
prices.base = { per = "subscription", unit_price = 10 }
prices.messages = { meter = "messages", unit_price = 0.10 }
[plans.medium]
name = "Medium"
stream = "lines"
prices.base = { per = "subscription", unit_price = 30 }
prices.messages = { meter = "messages", unit_price = 0.04 }
[plans.large]
name = "Large"
stream = "lines"
prices.base = { per = "subscription", unit_price = 60 }
prices.messages = { meter = "messages", unit_price = 0.01 }

[plans.catalog]
name = "Catalog"
stream = "services"
[plans.catalog.prices.hours]
meter = "hours"
where = { role = "senior" }
unit_price = 200
changes = [{ starts_on = 2027-01-01, unit_price = 210 }]
[plans.catalog.prices]
pack-10 = { meter = "orders", where = { item = "pack-10" }, unit_price = 1_800 }
pack-50 = { meter = "orders", where = { item = "pack-50" }, unit_price = 8_000 }
tuning = { meter = "orders", where = { item = "tuning" }, unit_price = 5_000, contains = { tuned-model = 1 } }
exam = { meter = "exams", where = { exam = "expert" }, unit_price = 100, stream = "training" }
[plans.catalog.prices.tuning-project]
meter = "stages"
where = { offering = "tuning" }
unit_price = 5_000
contains = { tuned-model = 1 }
[plans.catalog.prices.project]
meter = "stages"
where = { offering = "project" }
group_by = ["project"]
unit_price = 4_000
contains = { hours = 20 }
[plans.catalog.prices.course]
meter = "places"
where = { course = "expert" }
stream = "training"
model = "graduated"
tiers = [{ up_to = 5, unit_price = 400 }, { up_to = 20, unit_price = 300 }, { unit_price = 250 }]

[add_ons.connector]
name = "Connector"
plans = ["pro", "business"]
price = { per = "add_on", unit_price = 15, annual = { unit_price = 150 } }

[discounts.two-years]
share = 0.10

[entitlements.ten]
given_by = { meter = "orders", where = { item = "pack-10" } }
covers = { meter = "hours" }
quantity = 10
months = 12
deferred = true
[entitlements.fifty]
given_by = { meter = "orders", where = { item = "pack-50" } }
covers = { meter = "hours" }
quantity = 50
months = 12
deferred = true
[entitlements.voucher]
given_by = { meter = "places", where = { course = "expert" } }
covers = { meter = "exams", where = { exam = "expert" } }
quantity = 1
months = 12
[entitlements]
exams = { given_by = { plans = ["enterprise"] }, covers = { meter = "exams" }, quantity = 10 }
members = { given_by = { plans = ["business", "enterprise"] }, covers = { meter = "hours" }, amount = 50 }

[refunds.quality]
meter = "misses"
prices = ["project"]
share = 0.30
by = "project"
cap = 0.50

[agreements]
referral = { kind = "referral", model = "percentage", unit_price = 0.10, months = 12 }
trainer = { kind = "revenue_share", model = "percentage", unit_price = 0.50, streams = ["training"] }
[agreements.partner]
kind = "royalty"
streams = ["core"]
model = "graduated"
tiers = [{ up_to = 1_000_000, unit_price = 0.25 }, { unit_price = 0.20 }]
"""


def edited(edits: dict[str, str]) -> str:
    """Return the clean book with parts of its text replaced; an empty key adds to its end."""
    text = CLEAN
    for old, new in edits.items():
        assert not old or text.count(old) == 1, f"{old!r} is {text.count(old)} times in the book"
        text = text.replace(old, new) if old else f"{text}\n{new}"
    return text
