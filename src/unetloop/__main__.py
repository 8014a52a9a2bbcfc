"""``python -m unetloop``: the command line, whatever the PATH is."""

import sys

from unetloop.cli import main

sys.exit(main())
