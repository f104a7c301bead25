"""Accuracy protocols: which crops are learned from and scored, which recipe, which arms."""

from benchmarks.protocols.market import MARKET, MARKET_HOUR, MARKET_MINI, MARKET_MINI_VALIDATION
from benchmarks.protocols.protocol import Arm, Protocol, override

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol for protocol in (MARKET, MARKET_HOUR, MARKET_MINI, MARKET_MINI_VALIDATION)
}

__all__ = ["PROTOCOLS", "Arm", "Protocol", "override"]
