"""A device that no machine lacks: it computes on the CPU, and refuses and counts what a GPU would.

Tensors of it say that they are on `STAND_IN`, so that code which forgets to move a tensor, asks the CPU's random
generator for numbers on the device, or reads a value back in the middle of a step, is found without a GPU. Numbers are
those of the CPU.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

STAND_IN = torch.device("meta")
"""What tensors of the stand-in device say they are on; autograd treats it as it treats the CPU."""

_READS = {
    "_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount",
    "repeat_interleave", "equal", "is_nonzero",
}  # fmt: skip
"""Operations whose outcome, or the shape of it, is read by the host: a GPU is waited for."""
_ACROSS = {"_to_copy", "copy_"}
"""Operations that may take tensors of both devices."""
_TORCH = Path(torch.__file__).parent


class MixedDevicesError(AssertionError):
    """An operation was given tensors of the CPU and of the device, which a GPU refuses."""


class StandInTensor(Tensor):
    """A tensor of the CPU that says it is on `STAND_IN`."""

    wrapped: Tensor

    @staticmethod
    def __new__(cls: type["StandInTensor"], inner: Tensor, requires_grad: bool = False) -> "StandInTensor":
        """Wrap `inner`, without a copy."""
        return Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, layout=inner.layout, device=STAND_IN, requires_grad=requires_grad,
        )  # fmt: skip

    def __init__(self, inner: Tensor, requires_grad: bool = False) -> None:
        self.wrapped = inner  # `__new__` has set whether it learns
        assert requires_grad == self.requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """The same values in memory of their own; a parameter stays one."""
        copied = StandInTensor(self.wrapped.detach().clone(), self.requires_grad)
        memo[id(self)] = (
            nn.Parameter(copied, self.requires_grad) if isinstance(self, nn.Parameter) else copied
        )
        return memo[id(self)]

    def tolist(self) -> Any:
        """The values, read by the host."""
        return self.to("cpu").tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"StandInTensor({self.wrapped!r})"

    @classmethod
    def __torch_dispatch__(  # pyrefly: ignore [bad-override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute outside a `StandInDevice`, as for printing."""
        return StandInDevice()._compute(func, args, kwargs or {})


class _FromValues(TorchFunctionMode):
    """Tensors of Python numbers, which torch would make on the device without a dispatch."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == STAND_IN:
            return func(*args, **{**kwargs, "device": "cpu"}).to(STAND_IN)
        return func(*args, **kwargs)


@dataclass
class StandInDevice(TorchDispatchMode):
    """Within it, `device=STAND_IN` makes tensors of the stand-in device, and what a GPU would wait for is counted."""

    reads: list[str] = field(default_factory=list)
    """Where the host read a value, or copied a tensor from the device: operation, file and line."""

    def __post_init__(self) -> None:
        super().__init__()
        self._from_values = _FromValues()

    def __enter__(self) -> "StandInDevice":
        """Begin; may not be nested."""
        self._from_values.__enter__()
        super().__enter__()
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        """End."""
        super().__exit__(exc_type, exc_val, exc_tb)
        self._from_values.__exit__(exc_type, exc_val, exc_tb)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every operation passes through here."""
        return self._compute(func, args, kwargs or {})

    def _compute(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = operation.overloadpacket.__name__
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        inside = [tensor for tensor in tensors if isinstance(tensor, StandInTensor)]
        target = kwargs.get("device")
        to_device = bool(inside) if target is None else torch.device(target) == STAND_IN
        if name == "copy_":
            to_device = isinstance(args[0], StandInTensor)
        self._check(name, kwargs.get("generator"), tensors, to_device)
        if inside and (name in _READS or (name in _ACROSS and not to_device) or _is_masked(name, args)):
            self.reads.append(f"{name} at {_caller()}")
        plain_args, plain_kwargs = tree_map_only(StandInTensor, lambda one: one.wrapped, (args, kwargs))
        if target is not None:
            plain_kwargs["device"] = torch.device("cpu") if to_device else target
        out = operation(*plain_args, **plain_kwargs)
        if not to_device:
            return out
        out = tree_map_only(Tensor, StandInTensor, out)
        return return_and_correct_aliasing(operation, args, kwargs, out) if inside else out

    def _check(
        self, name: str, generator: torch.Generator | None, tensors: Sequence[Tensor], to_device: bool
    ) -> None:
        mixed = {isinstance(one, StandInTensor) for one in tensors if one.dim() or name == "index"}
        if len(mixed) > 1 and name not in _ACROSS:
            shapes = [(tuple(one.shape), str(one.device)) for one in tensors]
            raise MixedDevicesError(f"{name} of {shapes} at {_caller()}")
        if to_device and generator is not None:
            raise MixedDevicesError(f"{name} on the device with a generator of the CPU at {_caller()}")


def to_stand_in(value: Any, done: dict[int, Any] | None = None) -> Any:
    """The same object with every tensor in it, at any depth, and every `torch.device`, on the stand-in device.

    Modules, dataclasses, lists, dictionaries and objects of any class are changed in place; tuples are made anew.
    """
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, StandInTensor):
        return value
    if isinstance(value, nn.Parameter):
        moved: Any = nn.Parameter(StandInTensor(value.detach().clone()), value.requires_grad)
    elif isinstance(value, Tensor):
        moved = StandInTensor(value.detach().clone())
    elif isinstance(value, torch.device):
        moved = STAND_IN
    elif type(value) in (tuple, list):
        moved = type(value)(to_stand_in(one, done) for one in value)
    elif isinstance(value, dict):
        moved = value
        done[id(value)] = value
        value.update({key: to_stand_in(one, done) for key, one in value.items()})
    elif isinstance(value, nn.Module) or (
        hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value)
    ):
        moved = value
        done[id(value)] = value
        for key, one in list(vars(value).items()):
            other = to_stand_in(one, done)
            if other is not one:
                object.__setattr__(value, key, other)
    else:
        return value
    done[id(value)] = moved
    return moved


def _is_masked(name: str, args: Sequence[Any]) -> bool:
    """Whether rows are taken by a mask, whose number of true values the host must know."""
    indices = args[1] if name in ("index", "index_put", "index_put_") else ()
    return any(isinstance(one, Tensor) and one.dtype == torch.bool for one in indices)


def _caller() -> str:
    """File and line of the nearest code outside torch and this file."""
    for frame in reversed(traceback.extract_stack()):
        file = Path(frame.filename)
        if file != Path(__file__) and _TORCH not in file.parents:
            return f"{file.name}:{frame.lineno}"
    return "unknown"
