"""Exports: a run for other programs, as Parquet, CSV, a workbook, CloudEvents, or charges of FOCUS."""
