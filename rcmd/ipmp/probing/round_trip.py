"""How long a target takes to answer: the conservative round trip time, CRTT (solaris.md 1.6)."""

from __future__ import annotations


class RoundTrip:
    """Smoothed mean and deviation of one target, in seconds.

    `mean8` is eight times the mean, `deviation4` four times the deviation.  The CRTT is the mean
    plus four deviations: an answer that takes longer is lost.
    """

    __slots__ = ("_deviation4", "_mean8", "_parked", "crtt")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.crtt = 0.0
        """In seconds; 0 while nothing is known."""
        self._mean8 = 0.0
        self._deviation4 = 0.0
        self._parked: float | None = None

    def sample(self, rtt: float, limit: float) -> None:
        """Take in a measured round trip.

        One that would lift the CRTT above `limit` is set aside once: the next such one brings both
        in, and an ordinary one in between forgets it.
        """
        mean8, deviation4 = self._with(self._mean8, self._deviation4, rtt)
        if mean8 / 8 + deviation4 > limit:
            if self._parked is None:
                self._parked = rtt
                return
            mean8, deviation4 = self._with(self._mean8, self._deviation4, self._parked)
            mean8, deviation4 = self._with(mean8, deviation4, rtt)
        self._parked = None
        self._mean8, self._deviation4 = mean8, deviation4
        self.crtt = mean8 / 8 + deviation4

    def sample_if_better(self, rtt: float) -> None:
        """Take in what a probe that only measures found: it may lower the CRTT, not raise it."""
        mean8, deviation4 = self._with(self._mean8, self._deviation4, rtt)
        crtt = mean8 / 8 + deviation4
        if crtt < self.crtt:
            self._mean8, self._deviation4, self.crtt = mean8, deviation4, crtt

    @staticmethod
    def _with(mean8: float, deviation4: float, rtt: float) -> tuple[float, float]:
        if not mean8:
            return 8 * rtt, 2 * rtt
        error = rtt - mean8 / 8
        return mean8 + error, deviation4 + abs(error) - deviation4 / 4
