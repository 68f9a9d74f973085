"""The DHT: a routing table of live contacts, iterative lookups, and signed expiring records.

`behaviour.Kad` is its face. Below it: `table`, `bucket` and `contact` adapt the `kademlia` package; `lookup` is a
state machine that `finder` drives; `roster` keeps the table true, `membership` comes into the network, `records`
holds what others store, `publisher` keeps records alive and `handing` gives them to newcomers.
"""

from __future__ import annotations

from peernet.core.kad.behaviour import ContactView, Kad
from peernet.core.kad.contact import Contact
from peernet.core.kad.records import DOMAINS, Domain, record_key

__all__ = ["DOMAINS", "Contact", "ContactView", "Domain", "Kad", "record_key"]
