"""A plan as a company: what a business plan counts and prices becomes a price book and events.

A thing of the plan (`simulator.plan.thing`) says how many of something there are in each period and what one
costs. `prices` writes the price book that charges just that, `facts` the events of every subscription, piece
and unit, spread evenly and without chance. Both go through the ordinary pipe, so what the ledger says is what
the plan's drivers come to.
"""
