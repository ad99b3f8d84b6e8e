"""The intake: files of usage that others recorded, made into a log by a map.

A map (`mapping`) says what the columns of the files mean. `source` reads the files as text, `reading` and
`lane` make SQL that checks and converts it, `stage` keeps what was read, on disk where memory is full,
`repetition` finds what was told twice, `customer` tells of accounts and subscriptions, `quarantine` keeps
what cannot be used, `intake` writes the log month by month.

No row becomes a Python object, but those few that are business facts.
"""
