"""Likelihood: the parameters under which what was seen is most likely, and how well they are known.

Parameters are positive and are searched for on the scale of their logarithms, where the likelihoods of this
program are smooth and nearly quadratic. Standard errors come from the observed information there: the
curvature of the log-likelihood at its maximum, by central differences, carried over by the delta method.
"""

from collections.abc import Callable, Sequence
from math import exp, inf, isfinite, log, sqrt
from typing import Any, NamedTuple

from metering.document import problem

FAR = 9.0
"""A logarithm near this is no estimate: the likelihood goes on growing, and has no maximum."""

VAGUE = 3.0
"""A parameter whose logarithm has a larger standard error may be anything."""

NO_MAXIMUM = "the likelihood has no maximum, but a limit"
FLAT = "too little was seen to tell the parameters apart"

STEP = 1e-3
"""The step of differences, in logarithms: truncation and rounding are both below 1e-5 of the curvature."""

_TRIES, _GAIN = 5, 1e-11
_MOST = 1e300  # what a search takes for the worst

Parameters = tuple[float, ...]
LogLikelihood = Callable[[Sequence[float]], float]


class Unfit(NamedTuple):
    """Why there are no estimates."""

    reason: str


class Fit(NamedTuple):
    """Estimates by maximum likelihood from `size` observations; the covariance is of their logarithms.

    `held` says why they are no plain maximum, where they are none: a weak prior holds them (`held`, below).
    """

    names: tuple[str, ...]
    values: Parameters
    covariance: tuple[Parameters, ...]
    log_likelihood: float
    size: int
    held: str = ""

    def scaled(self, name: str, factor: float) -> "Fit":
        """Return the same estimates with one of them in other units: its logarithm only moves."""
        values = (
            value * (factor if key == name else 1) for key, value in zip(self.names, self.values, strict=True)
        )
        return self._replace(values=tuple(values))

    @property
    def std_errors(self) -> Parameters:
        """The standard error of each estimate."""
        variances = (row[i] for i, row in enumerate(self.covariance))
        return tuple(value * sqrt(one) for value, one in zip(self.values, variances, strict=True))

    def std_error(self, function: Callable[[Sequence[float]], float]) -> float:
        """Return the standard error of a function of the estimates, by the delta method."""
        slopes = _slopes(lambda point: function(_powers(point)), [log(value) for value in self.values])
        size = range(len(slopes))
        return sqrt(max(0.0, sum(slopes[i] * self.covariance[i][j] * slopes[j] for i in size for j in size)))


def maximised(
    log_likelihood: LogLikelihood, names: Sequence[str], begin: Sequence[float], *, size: int
) -> Fit | Unfit:
    """Return the positive parameters at which a log-likelihood is the most, searched for from `begin`.

    A quasi-Newton search goes near, a simplex to the last digits. Data should be scaled so that parameters
    are near 1. Raises Problems where scipy is missing.
    """
    optimize = scipy("optimize")

    def loss(point: Sequence[float]) -> float:
        try:
            value = -log_likelihood(_powers(point)) if max(map(abs, point)) <= FAR else inf
        except ArithmeticError:
            return _MOST
        return value if isfinite(value) else _MOST

    begun = [log(value) for value in begin]
    near = optimize.minimize(loss, begun, method="L-BFGS-B", bounds=[(-FAR, FAR)] * len(begun))
    point, least = [float(one) for one in near.x], float(near.fun)
    for _ in range(_TRIES):
        if max(map(abs, point)) > FAR - 1:
            return Unfit(NO_MAXIMUM)
        options = {"xatol": 1e-8, "fatol": 1e-10, "maxfev": 400 * len(begun)}
        found = optimize.minimize(loss, point, method="Nelder-Mead", options=options)
        point, before, least = [float(one) for one in found.x], least, float(found.fun)
        if before - least < _GAIN * max(1.0, abs(least)):
            break
    covariance = _inverse(_curvature(loss, point))
    if covariance is None or max(row[i] for i, row in enumerate(covariance)) > VAGUE**2:
        return Unfit(FLAT)
    return Fit(tuple(names), _powers(point), covariance, -least, size)


def held(
    log_likelihood: LogLikelihood, names: Sequence[str], begin: Sequence[float], *, size: int
) -> Fit | Unfit:
    """Return what `maximised` does, or where that is unfit the estimates that a weak prior holds.

    The prior takes the logarithm of each parameter, in the scaled units of the data, as normal around 0 with
    a standard deviation of `VAGUE`. It hardly moves what the data tell, and keeps at hand what they leave
    open.
    """
    found = maximised(log_likelihood, names, begin, size=size)
    if isinstance(found, Fit):
        return found

    def weighed(parameters: Sequence[float]) -> float:
        return log_likelihood(parameters) - sum((log(one) / VAGUE) ** 2 for one in parameters) / 2

    kept = maximised(weighed, names, begin, size=size)
    if isinstance(kept, Unfit):
        return found
    return kept._replace(log_likelihood=log_likelihood(kept.values), held=found.reason)


def scipy(room: str) -> Any:
    """Return a module of scipy. Raises Problems where it is not installed."""
    from importlib import import_module  # noqa: PLC0415 - most who import this fit nothing

    try:
        return import_module(f"scipy.{room}")
    except ImportError:
        raise problem("package scipy", "is not installed", "pip install 'saasim[fit]'") from None


def _powers(point: Sequence[float]) -> Parameters:
    return tuple(exp(one) for one in point)


def _slopes(function: Callable[[Sequence[float]], float], point: Sequence[float]) -> list[float]:
    return [
        (function(_moved(point, {i: STEP})) - function(_moved(point, {i: -STEP}))) / (2 * STEP)
        for i in range(len(point))
    ]


def _curvature(function: Callable[[Sequence[float]], float], point: Sequence[float]) -> list[list[float]]:
    """Return the second derivatives of a function."""
    size, here = range(len(point)), function(point)
    found = [[0.0 for _ in size] for _ in size]
    for i in size:
        up, down = function(_moved(point, {i: STEP})), function(_moved(point, {i: -STEP}))
        found[i][i] = (up - 2 * here + down) / STEP**2
        for j in range(i):
            corners = [(a, b) for a in (1, -1) for b in (1, -1)]
            twist = sum(a * b * function(_moved(point, {i: a * STEP, j: b * STEP})) for a, b in corners)
            found[i][j] = found[j][i] = twist / (4 * STEP**2)
    return found


def _moved(point: Sequence[float], steps: dict[int, float]) -> list[float]:
    return [one + steps.get(i, 0.0) for i, one in enumerate(point)]


def _inverse(matrix: list[list[float]]) -> tuple[Parameters, ...] | None:
    """Return the inverse of a symmetric matrix by Cholesky; None where it is not positive definite."""
    size = range(len(matrix))
    if not all(isfinite(one) for row in matrix for one in row):
        return None
    lower = [[0.0 for _ in size] for _ in size]
    for i in size:
        for j in range(i + 1):
            rest = matrix[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            if i == j and rest <= 0:
                return None
            lower[i][j] = sqrt(rest) if i == j else rest / lower[j][j]
    columns = [_solved(lower, [float(i == j) for i in size]) for j in size]
    return tuple(tuple(column[i] for column in columns) for i in size)


def _solved(lower: list[list[float]], right: list[float]) -> list[float]:
    """Solve L L' x = right, forward and then backward."""
    size = len(right)
    half: list[float] = []
    for i in range(size):
        half.append((right[i] - sum(lower[i][k] * half[k] for k in range(i))) / lower[i][i])
    found = [0.0] * size
    for i in reversed(range(size)):
        found[i] = (half[i] - sum(lower[k][i] * found[k] for k in range(i + 1, size))) / lower[i][i]
    return found
