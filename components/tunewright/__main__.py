"""``python -m tunewright`` is the program ``tunewright``."""

from .cli import main

main()
