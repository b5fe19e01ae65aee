"""`python -m compare` is `compare`."""

import sys
from pathlib import Path

# in front of the folder that the user stands in, which may have a package `common` of its own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from compare.cli import main

sys.exit(main())
