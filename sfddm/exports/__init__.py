"""Models for other packages."""
