"""Imports that load no more than is used: a library may ask for much that it never needs here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def replaced(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """While it lasts an import of these names gives these modules; None: there is none.

    For the import of one library, in one thread.
    """
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Lazy(ModuleType):
    """Stands for the module ``package.name`` and loads it when something of it is asked for.

    (Not ``importlib.util.LazyLoader``: its modules are loaded as soon as they are imported.)
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        package, _, own = name.rpartition(".")
        if name not in sys.modules:
            setattr(import_module(package), own, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)
