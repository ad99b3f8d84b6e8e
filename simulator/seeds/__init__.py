"""Seeds: the same company in other histories, and with one number changed at a time.

A run that was made with `--seeds N` keeps the monthly metrics of N histories beside its ledger, and those of
its own history with each main rate a little lower and higher. The run itself is the first history. `history`
lives them, `driver` says what is changed, `kept` writes their metrics, and `mount` shows them to a console.
"""
