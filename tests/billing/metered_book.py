"""A price book of usage: pooled flows, levels, windows, dimensions. Three files of tests share it."""

BOOK = """
    meters.calls = {}
    meters.storage = { aggregation = "max" }
    meters.cores = { aggregation = "latest" }
    meters.devices = { event = "devices.shipped", quantity = "devices" }
    meters.courses = { event = "course.enrolled", quantity = "participants", dimensions = ["course"] }
    meters.tokens = { dimensions = ["model", "region"] }
    meters.spare = {}
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    [plans.pro.prices.calls]
    meter = "calls"
    model = "package"
    package_size = 10_000
    unit_price = 10
    allowance = 50_000
    [plans.linear]
    name = "Linear"
    stream = "subscriptions"
    prices.calls = { meter = "calls", unit_price = 0.01, allowance = 31_000 }
    [plans.seats]
    name = "Seats"
    stream = "subscriptions"
    prices.calls = { meter = "calls", unit_price = 1, allowance = 310, allowance_per = "seat" }
    [plans.hosted]
    name = "Hosted"
    stream = "managed"
    prices.storage = { meter = "storage", unit_price = 3, allowance = 10 }
    prices.cores = { meter = "cores", unit_price = 31, prorate = false }
    [plans.oem]
    name = "OEM"
    stream = "oem"
    [plans.oem.prices.royalty]
    meter = "devices"
    model = "graduated"
    window = "life"
    tiers = [{ up_to = 1000, unit_price = 1.00 }, { unit_price = 0.50 }]
    [plans.oem.prices.tokens]
    meter = "tokens"
    model = "graduated"
    window = "year"
    allowance = 100
    group_by = ["region"]
    tiers = [{ up_to = 100, unit_price = 2 }, { unit_price = 1 }]
    [plans.models]
    name = "Models"
    stream = "managed"
    prices.small = { meter = "tokens", unit_price = 1, where = { model = "s" } }
    prices.large = { meter = "tokens", unit_price = 5, where = { model = ["m", "l"] } }
    prices.europe = { meter = "tokens", unit_price = 0.1, where = { region = "eu" }, stream = "support" }
    prices.regions = { meter = "tokens", unit_price = 0.01, group_by = ["region"] }
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.advanced = { meter = "courses", unit_price = 2499, where = { course = "advanced" } }
"""
