"""A `.pt2` file: PyTorch's own form of an exported graph, in a zip archive of JSON and raw numbers.

Whether a `.pt2` file is one that `reseen export` could have written: numbers and arithmetic, nothing that runs.

PyTorch's reader unpickles what a `.pt2` marks as pickled, evaluates its expressions as Python, writes its names into
source that it compiles, and loads libraries from it. So everything in the file is looked at first, and what is not
known to be harmless is refused.
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
from reseen.export.card import Card
from reseen.reading import parse_json

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
"""What einsum is told."""
_NAME = re.compile(r"[\w.]*")
_SPEC = re.compile(
    r'[\[\]{}\s\d,:]|"(type|context|children_spec|builtins\.(tuple|list|dict)|null|\[\])"|null'
)
_PROSE = frozenset(("stack_trace", "nn_module_stack", "torch_fn", "torch_version"))
"""Text that nothing reads but people."""


def check_torch_file(file: Path) -> None:
    """Look at all of a `.pt2` file before anything of it is loaded.

    Raises:
        ExportError: it is no archive, or holds something else than numbers and plain arithmetic.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            problem = _problem(archive)
    except (OSError, ValueError, RecursionError, KeyError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ExportError(f"{file}: cannot be read as torch ({error}); export it again") from None
    if problem:
        raise ExportError(
            f"{file}: holds {problem}, which `reseen export` never writes and which could run code; it was not loaded. "
            "Export the model again from its run"
        )


def _problem(archive: zipfile.ZipFile) -> str | None:
    if len(set(archive.namelist())) < len(
        archive.namelist()
    ):  # which of two is read is for each reader to choose
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
    """Every number and text below, with the key it stands under."""
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
    """Whether a symbolic expression has symbols, numbers and known functions alone."""
    plain = _SYMBOL.sub("", text)
    words = _WORDS.findall(plain)
    return all(word in _ARITHMETIC for word in words) and not re.search(r"[^\w\s(),.+*/<>=-]", plain)


_CARD = "reseen.json"


def write_torch(program: torch.export.ExportedProgram, card: Card, file: Path) -> None:
    """Write a traced graph. Nothing in the file is a pickle."""
    torch.export.save(program, file, extra_files={_CARD: json.dumps(card, ensure_ascii=False)})


class TorchFile:
    """A `.pt2` file, ready to run on the CPU.

    Raises:
        ExportError: it holds what `reseen export` never writes; nothing of it is loaded then.
    """

    def __init__(self, file: Path) -> None:
        check_torch_file(file)
        extra = {_CARD: ""}
        program = torch.export.load(file, extra_files=extra)
        self.card: Card = json.loads(extra[_CARD] or "{}")
        self._graph = program.module()

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """The vectors of images in the form that the card names."""
        return self._graph(torch.from_numpy(images)).numpy()
