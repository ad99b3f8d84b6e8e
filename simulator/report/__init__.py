"""Report: one HTML file that shows what a company came to, and where every figure of it comes from.

    with Subject.open("dbgpt") as subject:
        markup = report([subject])

It holds its own style, its charts and what draws them, and needs nothing else: no address, no server.
"""
