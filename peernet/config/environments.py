"""Bounds of requirements, of their locks, and of the environments that are built from them.

The constants are what peers have to agree on: what one sends the other must be willing to read.
"""

from __future__ import annotations

MAX_REQUIREMENTS = 64
"""Requirements that a project declares. Real ones name a handful; what those need in turn is not counted."""

MAX_REQUIREMENT_CHARS = 200
"""Characters of one requirement: a name, a few versions and a marker take less than half."""

MAX_REQUIREMENTS_CHARS = 4 * 1024
"""Characters of all requirements of a project: they travel in its offers and, beside the lock, in its manifest,
which has 16 KiB."""

MAX_LISTED_PACKAGES = 512
"""Packages that a peer says it has. A large scientific installation holds some 450."""

MAX_LISTED_CHARS = 8 * 1024
"""Characters of them together: 400 at 20 characters, half of the largest advert."""

MAX_PACKAGE_CHARS = 100
"""Characters of one "name==version". The longest names in use have 60 and the longest versions 30."""

MAX_BLOCK_CHARS = 64 * 1024
"""Characters of a script's inline metadata: as much as anybody would write by hand, many times over."""

MAX_LOCKED = 128
"""Packages in a lock, those that the required ones need included. Large stacks in use have some 80."""

MAX_LOCK_BYTES = 9 * 1024
"""An encoded lock: 128 packages at 70 bytes, their digests included. It travels in the manifest of a job, whose 16
KiB it leaves room in."""
