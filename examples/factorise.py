"""The prime factors of 200 numbers from 999,999,999,999 on.

    peernet submit examples/factorise.py -o factors
    python examples/factorise.py

There is no `reduce`, so the result is the list of results, in the order of the input. Some numbers take a thousand
times longer than others; slices of few calls keep all peers busy until the end.

Factors prove themselves: `check` multiplies them and looks whether they are prime, which is quick. So each
number is factorised once, by whatever peer.
"""

from __future__ import annotations

import math

import peernet

START = 999_999_999_999
BASES = (2, 3, 5, 7, 11, 13)


def is_prime(number: int) -> bool:
    """By Miller and Rabin, with bases that are enough for numbers below 3,474,749,660,383 (Jaeschke, 1993)."""
    if number < 2 or any(number % prime == 0 for prime in BASES):
        return number in BASES
    twos = (number - 1 & 1 - number).bit_length() - 1
    for base in BASES:
        powers = [pow(base, number - 1 >> left, number) for left in range(twos, 0, -1)]
        if powers[0] != 1 and number - 1 not in powers:
            return False
    return True


def are_the_factors(number: int, result: object) -> bool:
    """A peer may return anything, so nothing is taken for granted here."""
    if not isinstance(result, list) or len(result) > number.bit_length():
        return False
    if not all(type(factor) is int and 1 < factor <= number and is_prime(factor) for factor in result):
        return False
    return result == sorted(result) and math.prod(result) == number


@peernet.parallel(over=range(START, START + 200), slice_size=4, name="factorise", check=are_the_factors)
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
