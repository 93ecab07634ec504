"""Write the card of the shipped model, as ``boilerplate inspect --format md`` prints it.

usage: python docs/model_card.py [--check]

With ``--check`` nothing is written; exit code 1 says that `docs/model-card.md` is not what the command prints today.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CARD = Path(__file__).resolve().parent / "model-card.md"


def card() -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "boilerplate", "inspect", "--format", "md"]
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout


def main() -> int:
    """Write or check the card."""
    text = card()
    if "--check" in sys.argv[1:]:
        if CARD.read_text(encoding="utf-8") != text:
            print(f"{CARD} is not the shipped model's; run python docs/model_card.py", file=sys.stderr)
            return 1
        return 0
    CARD.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
