"""Chance: random draws that are looked up by name, never taken from a running stream.

Every draw is a hash of (seed, kind, id, purpose, n), where `n` is a month, a day or a count. So one more
agent, another order or another decision moves no other draw: two price books meet the same customers, and a
customer who decides otherwise in March still meets the same April. `Stream` draws single numbers for an
agent's decisions (blake2b, about a microsecond); `with_uniforms` draws whole columns for usage (splitmix64,
some nanoseconds a number), and `uniform_at` is its twin for one number.
"""

import math
from collections.abc import Sequence
from hashlib import blake2b
from statistics import NormalDist
from struct import Struct
from typing import TypeVar

import polars as pl

T = TypeVar("T")

BITS = 53
"""A float holds 53 random bits exactly, so every uniform is a multiple of 2**-53 in [0, 1)."""

_SPARE = 64 - BITS
_UNIT = 2.0**-BITS
_WORDS = Struct("<8Q")
_first = Struct("<Q56x").unpack
_WORD = 1 << 64
_GOLDEN = 0x9E3779B97F4A7C15  # the numbers of splitmix64 (Steele, Lea and Flood, 2014)
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST = 31
_inverse_normal = NormalDist().inv_cdf


class Chance:
    """All randomness of a run, from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, kind: str, identity: str) -> "Stream":
        """Return the draws of one agent."""
        return Stream(repr((self.seed, kind, identity)))


class Stream:
    """The draws of one agent. Each names its purpose and, where it is repeated, which time `n` it is."""

    __slots__ = ("_keyed",)

    def __init__(self, key: str) -> None:
        self._keyed = blake2b(key.encode())

    def octet(self, purpose: str, n: int = 0) -> tuple[float, ...]:
        """Return eight independent uniforms for the price of one; the first is `uniform(purpose, n)`."""
        return tuple([(word >> _SPARE) * _UNIT for word in _WORDS.unpack(self._digest(purpose, n))])

    def uniform(self, purpose: str, n: int = 0) -> float:
        """Return a number in [0, 1)."""
        keyed = self._keyed.copy()
        keyed.update(f"{purpose}\0{n}".encode())
        word: int = _first(keyed.digest())[0]
        return (word >> _SPARE) * _UNIT

    def key(self, purpose: str, n: int = 0) -> int:
        """Return 64 random bits: the key of a column of draws."""
        return int(_first(self._digest(purpose, n))[0])

    def bernoulli(self, purpose: str, n: int = 0, *, p: float) -> bool:
        """Tell whether something of probability `p` happens."""
        return self.uniform(purpose, n) < p

    def integer(self, purpose: str, n: int = 0, *, low: int, high: int) -> int:
        """Return one of the integers from `low` to `high`, both included."""
        return low + int(self.uniform(purpose, n) * (high - low + 1))

    def choice(self, purpose: str, n: int = 0, *, among: Sequence[T]) -> T:
        """Return one of `among`, each as likely as the others."""
        return among[int(self.uniform(purpose, n) * len(among))]

    def pick(self, purpose: str, n: int = 0, *, weights: dict[T, float]) -> T:
        """Return one of the keys of `weights`, as likely as its weight among them (in the dict's order)."""
        left = self.uniform(purpose, n) * sum(weights.values())
        for one, weight in weights.items():
            left -= weight
            if left < 0:
                return one
        return next(one for one in reversed(weights) if weights[one] > 0)

    def normal(self, purpose: str, n: int = 0, *, mean: float = 0.0, sd: float = 1.0) -> float:
        """Return a normal number."""
        return mean + sd * _inverse_normal(self.uniform(purpose, n) + _UNIT / 2)

    def lognormal(self, purpose: str, n: int = 0, *, median: float, sigma: float) -> float:
        """Return a positive number whose logarithm is normal around the logarithm of `median`."""
        return median * math.exp(self.normal(purpose, n, sd=sigma))

    def exponential(self, purpose: str, n: int = 0, *, mean: float) -> float:
        """Return a waiting time."""
        return -mean * math.log1p(-self.uniform(purpose, n))

    def poisson(self, purpose: str, n: int = 0, *, mean: float) -> int:
        """Return a count; from one uniform, so that a larger mean never gives a smaller count."""
        left = self.uniform(purpose, n)
        if mean > POISSON_MEAN_MAX:  # the normal approximation is within half a percent here
            return max(0, round(mean + math.sqrt(mean) * _inverse_normal(left + _UNIT / 2)))
        count, chance = 0, math.exp(-mean)
        while left >= chance > 0.0:
            left -= chance
            count += 1
            chance *= mean / count
        return count

    def _digest(self, purpose: str, n: int) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(f"{purpose}\0{n}".encode())
        return keyed.digest()


POISSON_MEAN_MAX = 400.0
"""Above this mean exp(-mean) loses its digits and the sum grows long."""


def with_uniforms(frame: pl.LazyFrame, key: str, **counters: pl.Expr) -> pl.LazyFrame:
    """Add columns of uniforms in [0, 1), one for each counter: what `uniform_at` has for key and counter.

    Integer columns wrap around at 2**64 on purpose: that is the arithmetic of splitmix64. Each step is a
    column of its own, because one expression would name the same parts many times over.
    """
    names = [pl.col(name) for name in counters]
    states = {
        name: pl.col(key) + counter.cast(pl.UInt64) * _word(_GOLDEN) for name, counter in counters.items()
    }
    frame = frame.with_columns(**states)
    for shift, factor in _ROUNDS:
        frame = frame.with_columns((name ^ (name // _word(1 << shift))) * _word(factor) for name in names)
    return frame.with_columns(name ^ (name // _word(1 << _LAST)) for name in names).with_columns(
        (name // _word(1 << _SPARE)).cast(pl.Float64) * _UNIT for name in names
    )


def _word(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)


def uniform_at(key: int, counter: int) -> float:
    """Return the one number that `uniforms` has for this key and counter."""
    return (_mix((key + counter * _GOLDEN) % _WORD) >> _SPARE) * _UNIT


def _mix(word: int) -> int:
    for shift, factor in _ROUNDS:
        word = (word ^ (word >> shift)) * factor % _WORD
    return word ^ (word >> _LAST)
