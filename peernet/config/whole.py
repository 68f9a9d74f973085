"""All bounds of one peer together."""

from __future__ import annotations

from dataclasses import dataclass, field

from peernet.config.box import BoxConfig
from peernet.config.gossip import GossipConfig
from peernet.config.kad import KadConfig
from peernet.config.lending import LendConfig
from peernet.config.net import NetConfig
from peernet.config.storage import StorageConfig
from peernet.config.trust import TrustConfig
from peernet.config.work import WorkConfig


@dataclass(frozen=True, slots=True)
class Config:
    """All bounds of one peer, a part for each concern."""

    address_book: int = 4096
    """Peers whose addresses are remembered: the routing table, the neighbourhood and owners of known offers."""

    kad: KadConfig = field(default_factory=KadConfig)
    gossip: GossipConfig = field(default_factory=GossipConfig)
    work: WorkConfig = field(default_factory=WorkConfig)
    trust: TrustConfig = field(default_factory=TrustConfig)
    net: NetConfig = field(default_factory=NetConfig)
    box: BoxConfig = field(default_factory=BoxConfig)
    lend: LendConfig = field(default_factory=LendConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
