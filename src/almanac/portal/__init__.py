"""The portal: Almanac's door for a browser. Pages are rendered here; forms work without scripts."""
