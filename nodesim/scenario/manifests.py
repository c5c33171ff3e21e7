"""Which Kubernetes documents does a scenario bring along?

Inline documents, and files of them by path: relative to the scenario's folder, at most one folder up (so that a
`manifests/` folder can stand beside the folder of the scenarios), never absolute, so that a scenario works on another
machine too.  Symbolic links are followed.  A file may hold several documents and `kind: List`.
"""

from __future__ import annotations

import os.path
from pathlib import Path, PurePosixPath
from typing import Final

from nodesim.objects import Document, object_ref
from nodesim.scenario.faults import FaultList, Mark, clip
from nodesim.scenario.files import read_text
from nodesim.scenario.manifest_kinds import check_document, list_items
from nodesim.scenario.reading import Cursor, items, text
from nodesim.scenario.yamltree import MapTree, ScalarTree, Tree, parse_documents, plain_value

MANIFEST_FORM: Final = "a manifest, or a path such as web.yaml"
SCENARIO_GROUP: Final = "nodesim.dev/"


class Manifests:
    """Reads manifests for one scenario; each file once."""

    def __init__(self, scenario: Path, faults: FaultList) -> None:
        self._scenario = scenario
        self._faults = faults
        self._files: dict[Path, list[Tree]] = {}

    def read(self, cursor: Cursor) -> tuple[Document, ...]:
        """The documents of a list of manifests, in order."""
        documents: list[Document] = []
        made: dict[tuple[str, str], Mark] = {}
        for item in items(cursor, f"a list: each item {MANIFEST_FORM}"):
            found = [item]
            if type(item.tree) is ScalarTree and item.tree.value is not None:
                path = text(item, MANIFEST_FORM)
                found = [] if path is None else self._of_file(item, path)
            for document in found:
                self._collect(document, documents, made)
        return tuple(documents)

    def _collect(self, cursor: Cursor, documents: list[Document], made: dict[tuple[str, str], Mark]) -> None:
        listed = list_items(cursor)
        if listed is not None:
            for item in listed:
                self._collect(item, documents, made)
            return
        if _is_scenario(cursor.tree):
            cursor.fault("this is a scenario, not a manifest; scenarios do not include one another")
            return
        if not check_document(cursor):
            return
        document: Document = plain_value(cursor.tree)
        metadata = document["metadata"]
        namespaced = {**document, "metadata": {"namespace": "default", **metadata}}
        key = document["apiVersion"].rpartition("/")[0], object_ref(namespaced)
        first = made.get(key)
        if first is not None:
            cursor.fault(f"{object_ref(document)} is already made at {first.path}:{first.line}; give it another name")
            return
        made[key] = cursor.tree.mark
        documents.append(document)

    def _of_file(self, cursor: Cursor, written: str) -> list[Cursor]:
        relative = os.path.normpath(written)
        parts = PurePosixPath(relative).parts
        if not written or PurePosixPath(relative).is_absolute() or parts[:2] == ("..", ".."):
            cursor.fault(
                f"the path {clip(written)} leaves the scenario's surroundings; manifests are named relative to the"
                " scenario's folder, at most one folder up, such as web.yaml or ../manifests/web.yaml"
            )
            return []
        path = self._scenario.parent / relative
        if self._is_self(path):
            cursor.fault(f"the path {clip(written)} leads back to this scenario; a manifest is a file of its own")
            return []
        trees = self._files.get(path)
        if trees is None:
            trees = self._files[path] = self._parse(cursor, path)
        if len(trees) == 1:
            return [Cursor(trees[0], "", self._faults)]
        return [Cursor(tree, f"document {n}", self._faults) for n, tree in enumerate(trees, 1)]

    def _is_self(self, path: Path) -> bool:
        try:
            return path.samefile(self._scenario)
        except (OSError, ValueError):
            return False

    def _parse(self, cursor: Cursor, path: Path) -> list[Tree]:
        source = read_text(path, self._faults, str(path), cursor.tree.mark, cursor.where)
        if source is None:
            return []
        before = len(self._faults)
        trees = [tree for tree in parse_documents(source, str(path), self._faults) if not _is_empty(tree)]
        if not trees and len(self._faults) == before:
            cursor.fault(f"the file {clip(str(path))} holds no document")
        return trees


def _is_empty(tree: Tree) -> bool:
    return type(tree) is ScalarTree and tree.value is None


def _is_scenario(tree: Tree) -> bool:
    if type(tree) is not MapTree or "apiVersion" not in tree.entries:
        return False
    version = tree.entries["apiVersion"].tree
    return type(version) is ScalarTree and type(version.value) is str and version.value.startswith(SCENARIO_GROUP)
