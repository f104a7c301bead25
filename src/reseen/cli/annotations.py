"""`reseen annotations`: crops and people to annotation tools, and back."""

from typing import Literal


def export(
    gallery: str,
    *,
    out: str,
    format: Literal["coco", "cvat", "fiftyone"] | None = None,
    by: Literal["people", "clusters"] | None = None,
) -> None:
    """Write the crops of a gallery, with people or clusters as track numbers, for an annotation tool.

    Crops that `reseen crop` cut out of recordings become boxes on frames; others are pictures of their own.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    out
        A .json file for COCO, a folder for CVAT, or for FiftyOne the name of the data set.
    format
        Default: coco for a .json file, else cvat.
    by
        What the numbers are; default: people where the gallery has any, else clusters.
    """
    from reseen.annotations.gallery_annotations import export_annotations
    from reseen.gallery.gallery import open_gallery

    with open_gallery(gallery) as opened:
        written = export_annotations(opened, out, format=format, by=by)
    for file in written.files:
        print(file)
    nobody = f"; {written.nobody:,} crops of nobody" if written.nobody else ""
    print(f"{written.boxes:,} crops of {written.people:,} people or clusters{nobody}")


def import_(
    gallery: str,
    source: str,
    *,
    format: Literal["coco", "cvat", "fiftyone"] | None = None,
) -> None:
    """Read people that were named, merged or split in an annotation tool into a gallery, as one edit.

    Parameters
    ----------
    gallery
        The address of the gallery.
    source
        A COCO .json file, a CVAT .xml file or a folder of them, or the name of a FiftyOne data set.
    format
        Default: coco for a .json file, else cvat.
    """
    from reseen.annotations.gallery_annotations import import_annotations
    from reseen.gallery.gallery import open_gallery
    from reseen.text import printable

    with open_gallery(gallery) as opened:
        read = import_annotations(opened, source, format=format)
    outside = f"; {read.unmatched:,} boxes are no crops of this gallery" if read.unmatched else ""
    print(f"{read.boxes:,} crops read, {read.moved:,} of them given to another person{outside}")
    if read.named:
        print(f"new people: {', '.join(printable(name) for name in read.named)}")
    if read.moved:
        print(f"undo with `reseen people undo {gallery}`")
