"""Which JSON Schema do a user's actor and a call of a component have?"""

from __future__ import annotations

from typing import Final

from nodesim.actors.load import RUN
from nodesim.apiserver.registry import BY_PLURAL
from nodesim.client.calls import VERBS
from nodesim.scenario.read_actors import ACTOR_KEYS
from nodesim.scenario.read_crashes import CALL_KEYS, CALLS_MAX, SUBRESOURCES
from nodesim.scenario.schema_forms import NAME, Form, mapping, pattern, whole, word

ACTOR: Final[Form] = mapping(ACTOR_KEYS, {"name": NAME, "run": pattern(RUN), "node": NAME}, ("name",))

_RESOURCE: Final = rf"(?:{'|'.join(BY_PLURAL)}|[^/]*\.[^/]*)(?:/(?:{'|'.join(SUBRESOURCES)}))?"
CALL: Final[Form] = mapping(
    CALL_KEYS, {"verb": word(VERBS), "resource": pattern(_RESOURCE), "nth": whole(1, CALLS_MAX)}, minProperties=1
)
