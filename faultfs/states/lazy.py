"""Lazy: items that are worked out as they are asked for, each once."""

from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Lazy"]

Item = TypeVar("Item")


class Lazy(Generic[Item]):
    """The items of an iterator, for many readers one after another; whoever gives up asks for few."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._made: list[Item] = []
        self._rest = items

    def __iter__(self) -> Iterator[Item]:
        yield from self._made
        for item in self._rest:
            self._made.append(item)
            yield item
