"""fastText's supervised mode as a process of its own: `benchmarks/speed.py` starts it, nobody else needs to.

The distributions that can train (`fasttext`, `fasttext-wheel`) and the one that boilerplate needs (`fasttext-predict`)
install the same top-level package, so this runs under another Python, with nothing but the standard library and
fastText. It trains one model for each line of settings, says so, and then labels all lines once for each line that it
reads, answering with the CPU seconds of that.

usage: python fasttext_peer.py TRAINING_FILE LINES_FILE SETTINGS_AS_JSON
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import fasttext


def main(training: str, lines: str, settings: str) -> None:
    """Train, answer ``ready``, then a line with the seconds of a pass for each line read."""
    if not hasattr(fasttext, "train_supervised"):
        raise SystemExit("this fasttext cannot train: install fasttext-wheel in an environment of its own")
    model = fasttext.train_supervised(input=training, thread=1, verbose=0, **json.loads(settings))
    # Only "\n" ends a line, as everywhere in boilerplate.
    texts = Path(lines).read_text(encoding="utf-8").rstrip("\n").split("\n")
    model.predict(texts[:100])
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        labels, _ = model.predict(texts)
        seconds = time.process_time() - start
        if len(labels) != len(texts):
            raise SystemExit(f"{len(labels)} labels for {len(texts)} lines")
        print(seconds, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
