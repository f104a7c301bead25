"""Makes a trunk run on one shard of each batch with the same result as on the whole batch."""

from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard
from reseen.models.norm import GROUPED, use_group_norms
from reseen.models.replace_modules import replace_modules


class ShardedDropPath(DropPath):
    """timm's stochastic depth with random numbers drawn for the whole batch, so that the split does not matter."""

    def __init__(self, layer: DropPath, shard: BatchShard) -> None:
        super().__init__(layer.drop_prob, layer.scale_by_keep)
        self.training = layer.training
        self.shard = shard

    def forward(self, x: Tensor) -> Tensor:
        """Drop the branch for some images of this process's shard.

        Raises:
            SettingsError: `x` does not have one row per image.
        """
        split = self.shard.split
        if split is None or not self.training or self.drop_prob == 0:
            return super().forward(x)
        part = split.own
        if len(x) != part.stop - part.start:
            raise SettingsError(
                "--devices: stochastic depth of this backbone is not applied per image; set model.drop_path to 0, or "
                "train on one device"
            )
        keep = 1 - self.drop_prob
        kept = x.new_empty(split.total, *([1] * (x.ndim - 1))).bernoulli_(keep)[part]
        return x * (kept / keep if self.scale_by_keep and keep > 0 else kept)


def shard_trunk(trunk: nn.Module, group: int | None, shard: BatchShard) -> int:
    """Let `trunk` run on one shard of each batch, in place, with batch norm over groups; parameters and names stay.

    Returns the number of batch norms.

    Raises:
        SettingsError: a module of the trunk mixes images or draws random numbers in a way that depends on the split;
            `group` is below 2.
    """
    norms = use_group_norms(trunk, group, shard)
    replace_modules(
        trunk, lambda _, module: ShardedDropPath(module, shard) if isinstance(module, DropPath) else None
    )
    for name, module in trunk.named_modules():
        _check(name, module)
    return norms


def _check(name: str, module: nn.Module) -> None:
    drops = isinstance(module, _DropoutNd) and module.p > 0
    batch_statistics = not isinstance(module, GROUPED) and any(
        key == "running_var" for key, _ in module.named_buffers(recurse=False)
    )
    if drops or batch_statistics:
        raise SettingsError(
            f"--devices: {type(module).__name__} in model.backbone ({name}) depends on how the batch is split; use "
            "another backbone, or train on one device"
        )
