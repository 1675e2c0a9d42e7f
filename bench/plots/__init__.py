"""Plots from records, without torch; one style, and one colour and marker per method everywhere."""
