"""Replaces modules of a network by ones of another class that share their parameters and buffers."""

from collections.abc import Callable

from torch import nn


def replace_modules(network: nn.Module, make: Callable[[str, nn.Module], nn.Module | None]) -> int:
    """Replace modules below `network` in place; names and order of parameters and buffers stay.

    Args:
        network: its descendants are looked at, and not the network itself.
        make: gets a module's name and the module; returns what replaces it, or None to keep it. A module that occurs
            in several places is replaced by one module in all of them.

    Returns:
        The number of modules that were replaced.
    """
    replaced: dict[int, nn.Module] = {}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if not name:
            continue
        new = replaced.get(id(module)) or make(name, module)
        if new is not None:
            replaced[id(module)] = new
            parent, _, child = name.rpartition(".")
            network.get_submodule(parent).register_module(child, new)
    return len(replaced)


def share_tensors(new: nn.Module, old: nn.Module) -> None:
    """Give `new` the parameters and buffers of `old` itself, and its mode; modules below it are not touched."""
    for name, parameter in old.named_parameters(recurse=False):
        new.register_parameter(name, parameter)
    for name, buffer in old.named_buffers(recurse=False):
        new.register_buffer(name, buffer)
    new.training = old.training
