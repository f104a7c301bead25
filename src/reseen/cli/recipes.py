"""`reseen recipes`."""

import json
from typing import Annotated

from cyclopts import Parameter


def recipes(
    name: str | None = None, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False
) -> None:
    """List the built-in recipes, or print one with all its settings, as a valid recipe.

    Parameters
    ----------
    name
        A built-in recipe or a YAML file.
    as_json
        Print JSON: descriptions by name, or the settings of one recipe.
    """
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.table import Table

    from reseen.runs.recipe import describe_recipes, load_recipe

    console = Console()
    if as_json:
        listed = (
            describe_recipes()
            if name is None
            else load_recipe(name, trust_paths=True).model_dump(mode="json")
        )
        print(json.dumps(listed, indent=1))
        return
    if name is not None:
        text = load_recipe(name, trust_paths=True).to_yaml()  # nothing is opened
        if console.is_terminal:
            console.print(Syntax(text, "yaml", background_color="default"))
        else:
            print(text, end="")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("recipe", style="cyan", no_wrap=True)
    table.add_column("description")
    for recipe, description in describe_recipes().items():
        table.add_row(recipe, description)
    console.print(table)
