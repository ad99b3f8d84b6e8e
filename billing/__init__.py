"""Billing: price books, rating, invoices, payouts and the double-entry ledger."""
