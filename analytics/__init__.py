"""Analytics: metrics, movements, cohorts and comparisons derived from the ledger."""
