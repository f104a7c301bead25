"""`reseen push`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def push(
    run: Path,
    *,
    name: str,
    license: str | None = None,
    public: Annotated[bool, Parameter(negative=())] = False,
    endpoint: str | None = None,
) -> None:
    """Publish the encoder of a run with its model card on the Hugging Face Hub.

    Only the model's settings, its weights and the card are uploaded. Log in first with `hf auth login`.

    Parameters
    ----------
    run
        A run folder.
    name
        Name on the Hub: OWNER/NAME. The repository is created if it does not exist.
    license
        License identifier of the Hub for the model card, such as apache-2.0; default: none is stated.
    public
        Create a repository that everybody can see; default: only you.
    endpoint
        Address of a Hub of your own; default: the public one.
    """
    from reseen.export.hub import push_to_hub

    address = push_to_hub(run, name, license=license, private=not public, endpoint=endpoint)
    print(f'{address}: load it with reseen.from_pretrained("{name}")')
