"""The contract that every StateStore keeps."""

from __future__ import annotations

from syncd.testing.state.batches import BatchContract
from syncd.testing.state.decisions import DecisionContract
from syncd.testing.state.leases import LeaseContract
from syncd.testing.state.rows import RowContract
from syncd.testing.state.runs import RunContract


class StateStoreContract(RowContract, BatchContract, RunContract, DecisionContract, LeaseContract):
    """What every StateStore promises. Inherit it, and say in `store` how to make an empty one."""
