"""What every box must still do after an attack."""

from __future__ import annotations

import hashlib
import os
import threading
from fractions import Fraction


def work(context: dict[str, object]) -> list[object]:
    """Compute, in threads too, and say what is in the scratch folder (nothing)."""
    number = int(str(context["number"]))
    sums: list[int] = []
    threads = [threading.Thread(target=lambda: sums.append(sum(range(number)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digest = hashlib.sha256(str(Fraction(number, 7)).encode()).hexdigest()
    return [sums, digest, os.listdir(".")]
