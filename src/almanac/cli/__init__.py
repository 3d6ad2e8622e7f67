"""The terminal's door: the almanac command."""
