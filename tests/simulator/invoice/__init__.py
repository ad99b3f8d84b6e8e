"""Invoices for people."""
