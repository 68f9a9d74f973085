"""A set to draw from at random in constant time, and in an order that depends on nothing but its history."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from random import Random

T = TypeVar("T", bound=Hashable)


class Pool(Generic[T]):
    """Items in a list, each with its place in it: adding, removing and drawing cost the same at any size."""

    __slots__ = ("_items", "_places")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._places: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: T) -> bool:
        return item in self._places

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __getitem__(self, place: int) -> T:
        return self._items[place]

    def add(self, item: T) -> None:
        """Put an item in; twice is once."""
        if item not in self._places:
            self._places[item] = len(self._items)
            self._items.append(item)

    def discard(self, item: T) -> None:
        """Take an item out, if it is there. The last one takes its place."""
        place = self._places.pop(item, None)
        if place is None:
            return
        last = self._items.pop()
        if place < len(self._items):
            self._items[place] = last
            self._places[last] = place

    def draw(self, source: Random) -> T:
        """Return one item, each as likely as any other. The pool must not be empty."""
        return self._items[int(source.random() * len(self._items))]

    def rotated(self, source: Random) -> Iterator[T]:
        """Go through all items once, from a random one on. The pool must not change meanwhile."""
        size = len(self._items)
        start = int(source.random() * size)
        for step in range(size):
            yield self._items[(start + step) % size]
