"""`reseen doctor`."""

import dataclasses
import json
from typing import Annotated

from cyclopts import Parameter


def doctor(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Check your setup and flag bottlenecks: versions, device, threads, memory, disk.

    Parameters
    ----------
    as_json
        Print a JSON list instead of a table.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reseen.tasks.doctor import diagnose

    marks = {"ok": "[green]ok[/]", "slow": "[yellow]slow[/]", "bad": "[red]bad[/]"}
    findings = diagnose()
    code = 2 if any(finding.state == "bad" for finding in findings) else 0
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
        return code
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column("state", no_wrap=True)
    table.add_column("what", style="cyan", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        table.add_row(marks[finding.state], finding.name, Text(finding.value))
        if finding.advice:
            table.add_row("", "", Text(finding.advice, style="dim"))
    Console(highlight=False).print(table)
    return code
