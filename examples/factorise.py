"""The prime factors of 200 numbers from 999,999,999,999 on.

    peernet submit examples/factorise.py -o factors
    python examples/factorise.py

There is no `reduce`, so the result is the list of results, in the order of the input. Some numbers take a thousand
times longer than others; slices of few calls keep all peers busy until the end.
"""

from __future__ import annotations

import peernet

START = 999_999_999_999


@peernet.parallel(over=range(START, START + 200), slice_size=4, name="factorise")
def factors(number: int) -> list[int]:
    found = []
    for divisor in (2, 3):
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
    divisor, step = 5, 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor, step = divisor + step, 6 - step
    if number > 1:
        found.append(number)
    return found


if __name__ == "__main__":
    with factors.submit() as job:
        for number, result in zip(factors.over, job.results(), strict=True):
            print(number, "=", " * ".join(map(str, result)))
