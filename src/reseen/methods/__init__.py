"""The registry of training methods, which other packages can extend."""

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
    """A method class and the class of its settings."""

    method: type[AbstractMethod]
    settings: type[MethodSettings]


def _find_fault(name: str, row: object) -> str:
    """What is wrong with a registered entry, as part of an error message; empty if it is valid."""
    if not isinstance(row, RegisteredMethod):
        return f"is registered as {type(row).__name__}, expected a RegisteredMethod"
    if not (isinstance(row.settings, type) and issubclass(row.settings, MethodSettings)):
        return "has settings that are not a subclass of MethodSettings"
    if not (isinstance(row.method, type) and issubclass(row.method, AbstractMethod)):
        return "is not a subclass of AbstractMethod"
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
    _find_fault,
)
"""Every method by name. A built-in method is one file, one line here, one recipe and one page of the docs. Another
package registers its method as an entry point of the group `reseen.methods`."""
