"""``python -m macoaudit``: the same as the ``macoaudit`` command."""

from macoaudit.cli.main import main

main()
