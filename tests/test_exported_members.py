"""A module's ``__all__`` is sorted, without repeats, and true."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

FACADES = ("segcore", "segcore_gates", "segcore_labelstudio", "segcore_fiftyone")


def modules() -> Iterator[str]:
    for facade in FACADES:
        package = importlib.import_module(facade)
        yield facade
        for found in pkgutil.walk_packages(package.__path__, f"{facade}."):
            yield found.name


@pytest.mark.parametrize("name", list(modules()))
def test_every_name_a_module_exports_is_there_and_sorted(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        pytest.skip(f"missing: {error.name}")
    exported = getattr(module, "__all__", [])

    absent = [member for member in exported if not hasattr(module, member)]

    assert absent == []
    assert list(exported) == sorted(set(exported), key=sort_key)


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff's RUF022 has it."""
    rank = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return rank, name


def test_the_facade_resolves_every_name_it_promises():
    import segcore

    resolved = {name: getattr(segcore, name) for name in segcore.__all__}

    assert set(resolved) == set(segcore._HOMES)
    assert all(value is not None for value in resolved.values())


def test_the_facade_refuses_a_name_it_does_not_have():
    import segcore

    with pytest.raises(AttributeError, match="nonsense"):
        segcore.nonsense  # noqa: B018
