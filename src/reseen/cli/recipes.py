"""`reseen recipes`."""


def recipes(name: str | None = None) -> None:
    """List the built-in recipes, or print one with all its settings, as a valid recipe.

    Parameters
    ----------
    name
        A built-in recipe or a YAML file.
    """
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.table import Table

    from reseen.runs.recipe import describe_recipes, load_recipe

    console = Console()
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
