"""The methods, in a table written by hand."""

from dataclasses import dataclass

from reseen.methods.base import AbstractMethod as AbstractMethod
from reseen.methods.base import MethodContext as MethodContext
from reseen.methods.base import MethodSettings as MethodSettings
from reseen.methods.base import Round as Round
from reseen.methods.base import Step as Step
from reseen.methods.cluster_contrast import ClusterContrast, ClusterContrastSettings
from reseen.methods.global_patch import GlobalPatch
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.methods.maskpre import MaskPre
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.methods.progressive import Progressive, ProgressiveSettings
from reseen.methods.source import Source, SourceSettings
from reseen.methods.sphere import Sphere, SphereSettings
from reseen.methods.sphere_contrast import SphereContrast, SphereContrastSettings


@dataclass(frozen=True)
class RegisteredMethod:
    """A method and its settings."""

    method: type[AbstractMethod]
    settings: type[MethodSettings]


METHODS: dict[str, RegisteredMethod] = {
    "cluster-contrast": RegisteredMethod(ClusterContrast, ClusterContrastSettings),
    "global-patch": RegisteredMethod(GlobalPatch, GlobalPatchSettings),
    "maskpre": RegisteredMethod(MaskPre, MaskPreSettings),
    "progressive": RegisteredMethod(Progressive, ProgressiveSettings),
    "source": RegisteredMethod(Source, SourceSettings),
    "sphere": RegisteredMethod(Sphere, SphereSettings),
    "sphere-contrast": RegisteredMethod(SphereContrast, SphereContrastSettings),
}
"""Every method by name. A new method is one file, one line here, one recipe and one page of the docs."""
