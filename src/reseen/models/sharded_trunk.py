"""Makes an encoder's trunk run on one shard of each batch with the same result as on the whole batch."""

from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard
from reseen.models.encoder import Encoder
from reseen.models.norm import GroupBatchNorm1d, GroupBatchNorm2d, GroupBatchNormAct2d

_GROUPED = (GroupBatchNorm1d, GroupBatchNorm2d, GroupBatchNormAct2d)


class ShardedDropPath(DropPath):
    """timm's stochastic depth with random numbers drawn for the whole batch, so that the split does not matter."""

    shard: BatchShard

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


def shard_trunk(encoder: Encoder, shard: BatchShard) -> None:
    """Let the trunk of `encoder` run on one shard of each batch, in place; parameters and names stay.

    Raises:
        SettingsError: a module of the trunk mixes images or draws random numbers in a way that depends on the split.
    """
    if shard.size == 1:
        return
    encoder.shard = shard
    for name, module in encoder.trunk.named_modules():
        if isinstance(module, _GROUPED):
            module.shard = shard
        elif isinstance(module, DropPath):
            # The classes differ only in `forward`, as for batch norms.
            module.__class__ = ShardedDropPath
            module.shard = shard  # type: ignore[assignment]
        else:
            _check(name, module)


def _check(name: str, module: nn.Module) -> None:
    drops = isinstance(module, _DropoutNd) and module.p > 0
    batch_statistics = any(key == "running_var" for key, _ in module.named_buffers(recurse=False))
    if drops or batch_statistics:
        raise SettingsError(
            f"--devices: {type(module).__name__} in model.backbone ({name}) depends on how the batch is split; use "
            "another backbone, or train on one device"
        )
