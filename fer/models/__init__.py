"""Nets, one family per file, behind one registry; and the Lightning system that trains any of them."""
