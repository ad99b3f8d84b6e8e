"""Charts: what is drawn of a ledger, in which colours, and in which words."""
