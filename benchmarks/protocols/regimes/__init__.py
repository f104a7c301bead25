"""Pools unlike the one that settings were tuned on, made from people of Market-1501's training split."""

from benchmarks.protocols.regimes.pools import REGIMES, Pool, Regime
from benchmarks.protocols.regimes.scoring import held_out_benchmark, people_for_pools

__all__ = ["REGIMES", "Pool", "Regime", "held_out_benchmark", "people_for_pools"]
