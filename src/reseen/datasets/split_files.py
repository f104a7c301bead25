"""Readers of split files: text lists of `path number` (MSMT17, VehicleID) and MATLAB matrices (MARS, iLIDS-VID)."""

from pathlib import Path

import numpy as np
from jaxtyping import Int64

from reseen.errors import DataError


def read_list(file: Path) -> list[tuple[str, int]]:
    """Read the first two fields of each line, a path and a number; blank lines are skipped.

    Raises:
        DataError: the file is missing, is not text, is empty, lists a crop twice, or a line has no number.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{file}: no such list; it comes with the data set and defines the crops of the split"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as a list of crops ({error})") from None
    numbers: dict[str, int] = {}
    for line_number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2 or not fields[1].removeprefix("-").isdecimal():
            raise DataError(f"{file}: line {line_number}: expected `path number`, found '{line[:60]}'")
        if fields[0] in numbers:
            raise DataError(f"{file}: line {line_number}: {fields[0]} is listed twice")
        numbers[fields[0]] = int(fields[1])
    if not numbers:
        raise DataError(f"{file}: lists no crop")
    return list(numbers.items())


def read_matrix(file: Path, name: str) -> Int64[np.ndarray, "n m"]:
    """Read a named integer matrix of a MATLAB file.

    Raises:
        DataError: the file is missing, is not a MATLAB file of version 7 or older, or has no such integer matrix.
    """
    from scipy.io import loadmat

    if not file.is_file():
        raise DataError(
            f"{file}: no such file; it comes with the data set and defines its splits or tracklets"
        )
    try:
        variables = loadmat(file, variable_names=[name])
    except Exception as error:  # a foreign file makes the parser raise nearly anything
        raise DataError(f"{file}: cannot be read as a MATLAB file ({error})") from None
    matrix = variables.get(name)
    if matrix is None or not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise DataError(f"{file}: expected a matrix '{name}', found none")
    if matrix.dtype.kind not in "iuf" or not (np.asarray(matrix, dtype=np.float64) % 1 == 0).all():
        raise DataError(f"{file}: the matrix '{name}' contains values that are not integers")
    return matrix.astype(np.int64)
