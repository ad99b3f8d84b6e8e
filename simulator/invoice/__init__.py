"""Invoices for people: what a ledger's invoice says, as text, as data, and as a PDF to send."""
