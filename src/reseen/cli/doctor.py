"""`reseen doctor`."""


def doctor() -> int:
    """Check this machine: versions, device, threads, disk, and what will be slow and why."""
    from rich.console import Console
    from rich.table import Table

    from reseen.engine.checkup import check_up

    marks = {"ok": "[green]ok[/]", "slow": "[yellow]slow[/]", "bad": "[red]bad[/]"}
    findings = check_up()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("what", style="cyan", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("")
    table.add_column("advice", overflow="fold")
    for finding in findings:
        table.add_row(finding.name, finding.value, marks[finding.state], finding.advice)
    Console().print(table)
    return 2 if any(finding.state == "bad" for finding in findings) else 0
