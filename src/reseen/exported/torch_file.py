"""`.pt2` files, torch's exported programs: a zip archive of JSON and raw tensors.

torch's reader unpickles parts that are marked as pickled, evaluates expressions as Python, compiles names from the file
as source code, and loads libraries from it. Therefore a file is checked before it is loaded: everything in it must be
on an allow-list of tensors, arithmetic and plain names.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from reseen.errors import ExportError
from reseen.exported.metadata import Card
from reseen.reading import parse_json

_CARD = "reseen.json"
"""Archive member that holds the metadata."""

_MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/(version|serialization_id)|extra/reseen\.json"
    r"|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
)
_TARGETS = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+|torch\.sym_\w+"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|getitem)"
)
_SYMBOL = re.compile(r"Symbol\('[suz]\d+'(, \w+=(True|False))*\)")
_WORDS = re.compile(r"[A-Za-z_]\w*")
_ARITHMETIC = frozenset(
    ("Add", "Mul", "Pow", "Mod", "Max", "Min", "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod", "Integer", "Rational",
     "Float", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Abs", "precision")
)  # fmt: skip
_SUBSCRIPTS = re.compile(r"[A-Za-z]+(,[A-Za-z]+)*->[A-Za-z]*")
"""An einsum equation."""
_NAME = re.compile(r"[\w.]*")
_SPEC = re.compile(
    r'[\[\]{}\s\d,:]|"(type|context|children_spec|builtins\.(tuple|list|dict)|null|\[\])"|null'
)
_PROSE = frozenset(("stack_trace", "nn_module_stack", "torch_fn", "torch_version"))
"""Keys of text that no code reads."""


def check_torch_file(file: Path) -> None:
    """Check that a `.pt2` file holds only tensors and arithmetic, before any of it is loaded.

    Raises:
        ExportError: the file is no such archive, or holds anything that is not on the allow-list.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            problem = _problem(archive)
    except (OSError, ValueError, RecursionError, KeyError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ExportError(f"{file}: cannot be read as torch ({error}); export it again") from None
    if problem:
        raise ExportError(
            f"{file}: holds {problem}, which `reseen export` never writes and which could run code; it was not "
            "loaded. Export the model again from its run"
        )


def _problem(archive: zipfile.ZipFile) -> str | None:
    names = archive.namelist()
    if len(set(names)) < len(names):  # readers differ in which of two they read
        return "a part twice"
    for member in archive.infolist():
        name = member.filename.partition("/")[2]
        if not _MEMBERS.fullmatch(name):
            return f"a part '{name[:80]}'"
        if name == "data/sample_inputs/model.pt" and member.file_size:
            return "pickled inputs"
        if name.endswith(".json") and not name.startswith("extra/"):
            values = parse_json(archive.read(member))
            for key, value in _leaves(values):
                if (key == "use_pickle" and value) or not _is_harmless(key, value):
                    return f"'{str(value)[:80]}' as '{key}'"
    return None


def _leaves(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and string of nested JSON values, with its key; keys themselves under `a name`."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield "a name", name
            yield from _leaves(value, name)
    elif isinstance(values, list):
        for value in values:
            yield from _leaves(value, key)
    else:
        yield key, values


def _is_harmless(key: str, value: Any) -> bool:
    if not isinstance(value, str):
        return True
    if key in _PROSE:
        return True
    if key == "target":
        return bool(_TARGETS.fullmatch(value))
    if key == "expr_str":
        return _is_arithmetic(value)
    if key == "as_string" and _SUBSCRIPTS.fullmatch(value):
        return True
    if key in ("in_spec", "out_spec"):
        return not _SPEC.sub("", value)
    return key != "guards_code" and bool(_NAME.fullmatch(value))


def _is_arithmetic(text: str) -> bool:
    """Whether a symbolic expression consists of symbols, numbers and known functions only."""
    plain = _SYMBOL.sub("", text)
    words = _WORDS.findall(plain)
    return all(word in _ARITHMETIC for word in words) and not re.search(r"[^\w\s(),.+*/<>=-]", plain)


def write_torch(program: torch.export.ExportedProgram, card: Card, file: Path) -> None:
    """Write a traced graph and its metadata, without any pickled data."""
    torch.export.save(program, file, extra_files={_CARD: json.dumps(card, ensure_ascii=False)})


class TorchFile:
    """A `.pt2` file, loaded for inference on the CPU.

    Raises:
        ExportError: the file fails `check_torch_file`; nothing of it is loaded then.
    """

    def __init__(self, file: Path) -> None:
        check_torch_file(file)
        extra = {_CARD: ""}
        program = torch.export.load(file, extra_files=extra)
        self.runtime = f"torch.export {torch.__version__}"
        self.card: Card = json.loads(extra[_CARD] or "{}")
        self._graph = program.module()

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """Unit vectors, float32, of images in the layout and type that the card describes."""
        return self._graph(torch.from_numpy(images)).numpy()
