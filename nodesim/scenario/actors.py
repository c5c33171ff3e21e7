"""Which actors of the user's own take part in a run, and which function is each?"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from nodesim.actors.load import load_actor, what_is_wrong
from nodesim.actors.process import Actor
from nodesim.scenario.names import is_subdomain
from nodesim.scenario.read_actors import TAKEN
from nodesim.spec import ActorSpec, Scenario


def find_actors(scenario: Scenario, given: Mapping[str, Actor]) -> tuple[Scenario, dict[str, Actor]]:
    """The scenario with all actors named, and their functions in the order of their names.

    Raises:
        ActorNotFound: what the scenario names as an actor cannot be imported.
        ValueError, TypeError: a given actor has a name that is taken or no name, or is no async function.
    """
    for name, function in given.items():
        if not is_subdomain(name) or name in TAKEN:
            msg = f"not a name for an actor: {name!r}; small letters, digits, '-' and '.', and none of nodesim's own"
            raise ValueError(msg)
        wrong = what_is_wrong(function)
        if wrong:
            msg = f"actor {name}: {function!r} {wrong}"
            raise TypeError(msg)
    known = {actor.name: actor for actor in scenario.actors}
    functions = {name: given[name] if name in given else load_actor(actor) for name, actor in known.items()}
    functions |= {name: function for name, function in given.items() if name not in known}
    if len(functions) == len(known):
        return scenario, dict(sorted(functions.items()))
    more = tuple(ActorSpec(name=name) for name in sorted(functions) if name not in known)
    return attrs.evolve(scenario, actors=(*scenario.actors, *more)), dict(sorted(functions.items()))
