"""Where is the function that a scenario file names as an actor?

Importing it runs the code of its module; that happens when a scenario is run, never when it is only read.
"""

from __future__ import annotations

import importlib
import inspect
import re
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from nodesim.actors.process import Actor
from nodesim.errors import ExitCode, NodesimError
from nodesim.spec import ActorSpec

RUN_FORM: Final = "package.module:function"
RUN: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", re.ASCII)


class ActorNotFound(NodesimError):
    """What a scenario names as an actor cannot be imported, or is none; says where, why and what to do."""

    exit_code = ExitCode.BAD_INPUT


def split_run(run: str) -> tuple[str, str] | None:
    """Module and function of `package.module:function`; None: it is not of that form."""
    match = RUN.fullmatch(run)
    return None if match is None else (match[1], match[2])


def load_actor(spec: ActorSpec) -> Actor:
    """The function of an actor.

    Raises:
        ActorNotFound: it cannot be imported, or is no async function of one argument.
    """
    if not spec.run:
        raise ActorNotFound(_message(spec, "has no 'run'; give it, or hand it over: run_scenario(..., actors={...})"))
    parts = split_run(spec.run)
    if parts is None:
        raise ActorNotFound(_message(spec, f"expected {RUN_FORM}, got {spec.run!r}"))
    module_name, path = parts
    found: Any = _module(spec, module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            known = sorted(name for name, each in vars(found).items() if inspect.iscoroutinefunction(each))
            hint = f"; async functions there: {', '.join(known)}" if known else ""
            raise ActorNotFound(_message(spec, f"module {module_name} has no {path!r}{hint}"))
        found = getattr(found, part)
    wrong = what_is_wrong(found)
    if wrong:
        raise ActorNotFound(_message(spec, f"{spec.run} {wrong}"))
    actor: Actor = found
    return actor


def what_is_wrong(function: object) -> str:
    """Why this cannot be an actor; "" if it can."""
    if not callable(function):
        return f"is no function but {type(function).__name__}"
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)):
        return "is no async function: write async def"
    return _signature(function)


def _signature(function: Callable[..., Any]) -> str:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "does not take one argument, the api"
    except ValueError:
        return ""  # It tells no signature; then it will tell when it is called.
    return ""


def _module(spec: ActorSpec, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is not None and (name == missing.name or name.startswith(f"{missing.name}.")):
            hint = "it must be on the Python path: PYTHONPATH=. nodesim run ..., or install its package"
            raise ActorNotFound(_message(spec, f"there is no module {missing.name!r}; {hint}")) from None
        raise ActorNotFound(_message(spec, f"{name} cannot be imported: {missing}")) from missing
    except (Exception, SystemExit) as broken:
        last = traceback.extract_tb(broken.__traceback__)[-1]
        why = f"{type(broken).__name__}: {broken} ({last.filename}:{last.lineno})"
        raise ActorNotFound(_message(spec, f"importing {name} raised {why}")) from broken


def _message(spec: ActorSpec, why: str) -> str:
    place = f"{spec.path}:{spec.line}: " if spec.line else ""
    return f"{place}actor {spec.name}: {why}"
