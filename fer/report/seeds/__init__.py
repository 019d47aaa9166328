"""Runs that differ by nothing but their seed."""
