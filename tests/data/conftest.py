"""Block matching and known scenes are shared with the tests of the renderer."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training"))
