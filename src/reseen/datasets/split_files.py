"""Lists of `path number`, one crop a line, as MSMT17 and VehicleID have them.

Matrices of whole numbers from MATLAB files, as MARS and iLIDS-VID bring them.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int64

from reseen.errors import DataError


def read_list(file: Path) -> list[tuple[str, int]]:
    """The first two fields of each line; blank lines are passed over.

    Raises:
        DataError: the file is missing, is no text, is empty, names a crop twice, or a line lacks its number.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{file}: no such list; it comes with the data set and says which crops are in the split"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as a list of crops ({error})") from None
    found: dict[str, int] = {}
    for place, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2 or not fields[1].removeprefix("-").isdecimal():
            raise DataError(f"{file}: line {place}: wanted `path number`, found '{line[:60]}'")
        if fields[0] in found:
            raise DataError(f"{file}: line {place}: {fields[0]} is listed twice")
        found[fields[0]] = int(fields[1])
    if not found:
        raise DataError(f"{file}: lists no crop")
    return list(found.items())


def read_matrix(file: Path, name: str) -> Int64[np.ndarray, "n m"]:
    """A named matrix of whole numbers.

    Raises:
        DataError: the file is missing, is no MATLAB file (up to version 7), or has no such matrix.
    """
    from scipy.io import loadmat

    if not file.is_file():
        raise DataError(
            f"{file}: no such file; it comes with the data set and says which crops belong together"
        )
    try:
        found = loadmat(file, variable_names=[name])
    except Exception as error:  # a foreign file makes the parser raise nearly anything
        raise DataError(f"{file}: cannot be read as a MATLAB file ({error})") from None
    matrix = found.get(name)
    if matrix is None or not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise DataError(f"{file}: wanted a matrix '{name}', found none")
    if matrix.dtype.kind not in "iuf" or not (np.asarray(matrix, dtype=np.float64) % 1 == 0).all():
        raise DataError(f"{file}: the matrix '{name}' holds something else than whole numbers")
    return matrix.astype(np.int64)
