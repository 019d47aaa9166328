"""Tests of heat maps: how far they can be trusted. The analysis `explanations` reports them."""
