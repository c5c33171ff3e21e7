"""What does a document say after a patch?

`merge` is JSON merge patch (RFC 7386): maps are merged, null deletes, everything else is replaced.  `strategic` is
Kubernetes' own: some lists are merged by a key of their items, `finalizers` is a set, all other lists are replaced.
Neither changes its arguments; the result shares what the patch does not touch.

Directives of strategic patches: `$patch: replace` and `$patch: delete` in a map or in a list's item,
`$deleteFromPrimitiveList/F`, `$retainKeys`.  `$setElementOrder/F`, which only orders, is accepted and not followed.
Sources: RFC 7386; apimachinery pkg/util/strategicpatch/patch.go; the `patchMergeKey` tags of api/core/v1/types.go.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document

MERGE_KEYS: Final = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "volumes": "name",
}
"""Lists that are merged item by item, and the key that tells their items apart."""

MERGED_SETS: Final = ("finalizers", "podCIDRs")
"""Lists of strings that are merged as sets."""

_PATCH: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DROP: Final = "$deleteFromPrimitiveList/"


class PatchError(ValueError):
    """The patch cannot be applied; its text says why."""


def merge_patch(original: Any, patch: Any) -> Any:
    """The result of a JSON merge patch."""
    if type(patch) is not dict:
        return patch
    result = dict(original) if type(original) is dict else {}
    for name, item in patch.items():
        if item is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), item)
    return result


def strategic_merge_patch(original: Document, patch: Document) -> Document:
    """The result of a strategic merge patch.

    Raises:
        PatchError: an unknown directive, or an item without its list's merge key.
    """
    directive = patch.get(_PATCH)
    if directive == "replace":
        return strategic_merge_patch({}, {name: item for name, item in patch.items() if name != _PATCH})
    if directive == "delete":
        return {}
    if directive is not None:
        msg = f"unknown directive $patch: {directive!r:.40}"
        raise PatchError(msg)
    result = dict(original)
    for name, item in patch.items():
        if name.startswith("$"):
            _direct(result, name, item)
        elif item is None:
            result.pop(name, None)
        else:
            result[name] = _merged(name, result.get(name), item)
    if _RETAIN in patch:
        result = {name: item for name, item in result.items() if name in patch[_RETAIN]}
    return result


def _direct(result: Document, name: str, item: Any) -> None:
    """Follow a directive that stands beside the fields it means."""
    if name.startswith(_ORDER):
        return
    if type(item) is not list:
        msg = f"{name} must be a list"
        raise PatchError(msg)
    if name == _RETAIN:
        return  # The caller does it, after all fields were merged.
    if not name.startswith(_DROP):
        msg = f"unknown directive {name:.40}"
        raise PatchError(msg)
    field = name.removeprefix(_DROP)
    result[field] = [kept for kept in result.get(field) or () if kept not in item]


def _merged(name: str, original: Any, item: Any) -> Any:
    """One field: a map or a keyed list is merged, a set united, anything else replaced."""
    if type(item) is dict:
        return strategic_merge_patch(original if type(original) is dict else {}, item)
    if type(item) is not list:
        return item
    before = original if type(original) is list else []
    if name in MERGE_KEYS:
        return _merged_list(name, before, item)
    if name in MERGED_SETS:
        return before + [added for place, added in enumerate(item) if added not in before and added not in item[:place]]
    return item


def _merged_list(name: str, original: list[Any], items: list[Any]) -> list[Any]:
    """A keyed list: items of a known key are merged into theirs, others go to the end."""
    key = MERGE_KEYS[name]
    whole = [item for item in items if item == {_PATCH: "replace"}]
    result = [] if whole else list(original)
    for item in items:
        if type(item) is not dict:
            msg = f"an item of {name} must be a map"
            raise PatchError(msg)
        if item in whole:
            continue
        if item.get(key) is None:
            msg = f"an item of {name} does not contain declared merge key: {key}"
            raise PatchError(msg)
        place = next(
            (place for place, held in enumerate(result) if type(held) is dict and held.get(key) == item[key]), None
        )
        if item.get(_PATCH) == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategic_merge_patch({}, item))
        else:
            result[place] = strategic_merge_patch(result[place], item)
    return result
