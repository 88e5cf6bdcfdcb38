"""So that `python -m edgeofcare.cli` is the command line."""

from edgeofcare.cli.program import main

main()
