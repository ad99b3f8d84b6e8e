"""The bench: a finite staff whose people wait for projects, as a SimPy resource that hands out whole teams.

A request asks for a team (so many people of each role) and gets all of it at once or waits. The requests and
the people of a day count from the next day on: who came first within a day decides nothing, only the
priority, the day and the project's name do.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from simpy.core import BoundClass, Environment
from simpy.resources.base import BaseResource, Get, Put
from simpy.resources.resource import SortedQueue

FOR_EVER = 10**9
"""A day that never comes."""


class Consultant:
    """Somebody who works on projects: from `hired_on` on, and on no new ones from `leaves_on` on."""

    __slots__ = ("free_on", "hired_on", "identity", "leaves_on", "role")

    def __init__(self, identity: str, role: str, hired_on: int) -> None:
        self.identity = identity
        self.role = role
        self.hired_on = hired_on
        self.leaves_on = FOR_EVER
        self.free_on = hired_on

    def __repr__(self) -> str:
        return self.identity


class Ask(Get["Bench"]):
    """A project's request for a team. Its value is the team, or nobody once `gives_up_on` has come."""

    def __init__(
        self,
        bench: "Bench",
        project: str,
        team: dict[str, int],
        *,
        priority: int,
        gives_up_on: int = FOR_EVER,
    ) -> None:
        """Ask for so many people of each role; a lower `priority` goes first."""
        self.team = team
        self.asked_on = bench.today
        self.gives_up_on = gives_up_on
        self.key = (priority, self.asked_on, project)
        super().__init__(bench)


class Release(Put["Bench"]):
    """The return of people to the bench, who are free from the next day on."""

    def __init__(self, bench: "Bench", people: Iterable[Consultant]) -> None:
        """Give back `people`."""
        self.people = list(people)
        super().__init__(bench)


class Bench(BaseResource[Release, Ask]):
    """Consultants who wait for work, and the projects that wait for them.

    A project may overtake one that waits for more people than are free, but only for `patience` days: after
    that the bench holds whoever is free for the one that has waited too long.
    """

    GetQueue: ClassVar[type[SortedQueue]] = SortedQueue

    def __init__(self, env: Environment, *, patience: int) -> None:
        super().__init__(env, capacity=FOR_EVER)
        self.patience = patience
        self.idle: list[Consultant] = []
        self._held: list[Consultant] = []

    if TYPE_CHECKING:

        def ask(
            self, project: str, team: dict[str, int], *, priority: int, gives_up_on: int = FOR_EVER
        ) -> Ask:
            """Ask for a team; yield what this returns."""

        def release(self, people: Iterable[Consultant]) -> Release:
            """Give people back."""

    else:
        ask = BoundClass(Ask)
        release = BoundClass(Release)

    @property
    def today(self) -> int:
        """The number of the day."""
        return int(self._env.now)

    def meet(self) -> None:
        """Hand out teams, as far as people are free, to the projects that asked before today."""
        self._trigger_get(None)

    def _do_put(self, event: Release) -> None:
        for person in event.people:
            person.free_on = max(person.hired_on, self.today + 1)
        self.idle += event.people
        self.idle.sort(key=lambda person: (person.free_on, person.identity))
        event.succeed()

    def _trigger_get(self, put_event: Release | None) -> None:
        self._held = []  # every look through the queue begins with nobody held
        super()._trigger_get(put_event)

    def _do_get(self, event: Ask) -> bool:
        """Serve a request if possible; those after it in the queue may be looked at in any case."""
        today = self.today
        if event.asked_on < today and (self.idle or event.gives_up_on <= today):
            found = self._find(event.team)
            is_complete = len(found) == sum(event.team.values())
            if is_complete or event.gives_up_on <= today:
                team = found if is_complete else []
                self.idle = [person for person in self.idle if person not in team]
                event.succeed(team)
            elif today - event.asked_on >= self.patience:
                self._held += found
        return True

    def _find(self, wanted: dict[str, int]) -> list[Consultant]:
        """Return those of a team who are free and not held, the longest free first."""
        today, left = self.today, dict(wanted)
        team: list[Consultant] = []
        for person in self.idle:
            if person.free_on > today:
                break  # the idle are sorted by it
            if left.get(person.role) and today < person.leaves_on and person not in self._held:
                left[person.role] -= 1
                team.append(person)
                if len(team) == sum(wanted.values()):
                    break
        return team
