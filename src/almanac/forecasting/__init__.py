"""Demand: what was asked for, and what the coming hours are likely to ask for."""
