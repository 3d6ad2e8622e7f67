"""``python -m almanac.cli``."""

from almanac.cli.main import main

main()
