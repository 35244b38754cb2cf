"""``python -m benchmarks.lens faces``: benchmarks of the steerable lens."""

import sys

from benchmarks.lens import acceptance

COMMANDS = {"faces": acceptance.main}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m benchmarks.lens {{{','.join(COMMANDS)}}} [options]")
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))
