"""How many primes there are below 1,000,000: 78498. Or below another limit, given as an argument.

    peernet submit examples/primes.py
    peernet submit examples/primes.py -- 2_000_000
    python examples/primes.py

Arguments after `--` reach the file as `sys.argv` on every peer.
"""

from __future__ import annotations

import operator
import sys

import peernet

LIMIT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


@peernet.parallel(over=range(LIMIT), slice_size=10_000, reduce=operator.add, initial=0, name="primes")
def is_prime(number: int) -> int:
    """Return 1 for a prime, else 0, by trial division with 2, 3 and the numbers beside the multiples of 6."""
    if number < 4:
        return int(number > 1)
    if number % 2 == 0 or number % 3 == 0:
        return 0
    divisor = 5
    while divisor * divisor <= number:
        if number % divisor == 0 or number % (divisor + 2) == 0:
            return 0
        divisor += 6
    return 1


if __name__ == "__main__":
    with is_prime.submit() as job:
        print(f"primes below {LIMIT}:", job.result())
