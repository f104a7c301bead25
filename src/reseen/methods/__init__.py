"""The methods, in a table that other packages can add to."""

from dataclasses import dataclass

from reseen.methods.base import AbstractMethod as AbstractMethod
from reseen.methods.base import MethodContext as MethodContext
from reseen.methods.base import MethodSettings as MethodSettings
from reseen.methods.base import Round as Round
from reseen.methods.base import SampledMethodSettings as SampledMethodSettings
from reseen.methods.base import Step as Step
from reseen.methods.cluster_contrast import ClusterContrast, ClusterContrastSettings
from reseen.methods.global_patch import GlobalPatch
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.methods.maskpre import MaskPre
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.methods.progressive import Progressive, ProgressiveSettings
from reseen.methods.source import SourceSettings, SupervisedSource
from reseen.methods.sphere import Sphere, SphereSettings
from reseen.methods.sphere_contrast import SphereContrast, SphereContrastSettings
from reseen.registry import Registry


@dataclass(frozen=True)
class RegisteredMethod:
    """A method and its settings."""

    method: type[AbstractMethod]
    settings: type[MethodSettings]


def _missing(name: str, row: object) -> str:
    """What a row lacks, for a message; empty where it is complete."""
    if not isinstance(row, RegisteredMethod):
        return f"is registered as {type(row).__name__}, and a RegisteredMethod is needed"
    if not (isinstance(row.settings, type) and issubclass(row.settings, MethodSettings)):
        return "has settings that are no class derived from MethodSettings"
    if not (isinstance(row.method, type) and issubclass(row.method, AbstractMethod)):
        return "is no class derived from AbstractMethod"
    if row.method.__abstractmethods__:
        return f"does not implement {', '.join(sorted(row.method.__abstractmethods__))}"
    default = row.settings.model_fields["name"].default
    return (
        "" if default == name else f"has settings whose name is {default!r}; give `name` the default {name!r}"
    )


METHODS: Registry[RegisteredMethod] = Registry(
    "reseen.methods",
    "method",
    {
        "cluster-contrast": RegisteredMethod(ClusterContrast, ClusterContrastSettings),
        "global-patch": RegisteredMethod(GlobalPatch, GlobalPatchSettings),
        "maskpre": RegisteredMethod(MaskPre, MaskPreSettings),
        "progressive": RegisteredMethod(Progressive, ProgressiveSettings),
        "source": RegisteredMethod(SupervisedSource, SourceSettings),
        "sphere": RegisteredMethod(Sphere, SphereSettings),
        "sphere-contrast": RegisteredMethod(SphereContrast, SphereContrastSettings),
    },
    _missing,
)
"""Every method by name. A method of the package is one file, one line here, one recipe and one page of the docs; one of
another package is an entry point of the group `reseen.methods`."""
