"""Tiny data sets in every layout, with the junk, distractors and oddities of the real ones."""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from reseen.datasets import Layout


def jpeg(name: str, size: tuple[int, int] = (16, 32)) -> bytes:
    """A small image of its own for each name; the kind follows the suffix."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    kind = {"png": "PNG", "bmp": "BMP"}.get(name.rpartition(".")[2].lower(), "JPEG")
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


class Tree:
    """Files to be written below a root, in an order drawn from a seed: no reader may depend on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, bytes] = {}

    def crops(self, *names: str) -> None:
        self.files |= {name: jpeg(name) for name in names}

    def text(self, name: str, *lines: str) -> None:
        self.files[name] = "".join(f"{line}\n" for line in lines).encode()

    def matrix(self, name: str, variable: str, rows: object) -> None:
        buffer = io.BytesIO()
        savemat(buffer, {variable: np.array(rows)})
        self.files[name] = buffer.getvalue()

    def write(self, seed: int = 0) -> Path:
        names = list(self.files)
        random.Random(seed).shuffle(names)
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.files[name])
        return self.root


def market1501(tree: Tree) -> None:
    tree.crops("bounding_box_train/0002_c1s1_000451_03.jpg", "bounding_box_train/0007_c3s2_000551_01.jpg")
    tree.crops("query/0003_c2s1_000001_00.jpg")
    tree.crops("bounding_box_test/-1_c1s1_1_1.jpg", "bounding_box_test/0000_c10s1_1_1.jpg")
    tree.crops("bounding_box_test/0003_c1s1_1_1.jpg.jpg", "bounding_box_test/0003_c2s1_1_2.jpg")
    tree.crops("images/0000_c4s1_000001_01.jpg", "images/-1_c1s1_000001_01.jpg", "images/stranger.jpg")
    tree.text("bounding_box_test/Thumbs.db", "no image")


def duke(tree: Tree) -> None:
    tree.crops("bounding_box_train/0001_c2_f0046182.jpg", "bounding_box_train/0009_c5_f0046302.jpg")
    tree.crops("query/0005_c2_f0046985.jpg")
    tree.crops("bounding_box_test/0005_c5_f0051781.jpg", "bounding_box_test/7139_c8_f0051781.jpg")


def personx(tree: Tree) -> None:
    tree.crops("subset1/bounding_box_train/0001_c3_10.jpg", "subset1/bounding_box_train/0002_c12_350.jpg")
    tree.crops("subset1/query/0411_c4_0.jpg", "subset1/bounding_box_test/0411_c8_0.jpg")


def msmt17(tree: Tree, train: str = "train", test: str = "test", end: str = "") -> None:
    lists = {
        "list_train.txt": (train, ["0000/0000_000_01_0303morning_0008_0", "0001/0001_004_14_0303noon_0001_1"]),
        "list_val.txt": (train, ["0001/0001_005_15_0303noon_0003_0"]),
        "list_query.txt": (test, ["0000/0000_000_05_0303morning_0009_0"]),
        "list_gallery.txt": (test, ["0000/0000_001_06_0303morning_0001_0", "0001/0001_000_02_0303noon_0002_0"]),
    }  # fmt: skip
    for name, (folder, stems) in lists.items():
        paths = [f"{stem}{end}.jpg" for stem in stems]
        tree.text(name, *(f"{path} {int(path[:4])}" for path in paths))
        tree.crops(*(f"{folder}/{path}" for path in paths))
    tree.crops(f"{train}/0999/0999_000_01_0303morning_0000_0{end}.jpg")  # on no list


def cuhk03(tree: Tree) -> None:
    for boxes, odd in (("detected", 1), ("labeled", 2)):
        places = product((1, 2), (1, 2, 3), (1, 2))
        names = [f"{pair}_{person:03d}_{view}_{5 * view - 4:02d}.png" for pair, person, view in places]
        tree.crops(*(f"images_{boxes}/{name}" for name in names))
        away = "/home/somebody/cuhk03/images/"
        people = sorted({name[:5] for name in names})

        def items(chosen, views="12", names=names, away=away):
            return [[away + name, 0, 0] for name in names if name[:5] in chosen and name[6] in views]

        new = {"train": items(people[:3]), "query": items(people[3:], "1"), "gallery": items(people[3:], "2")}
        tree.text(f"splits_new_{boxes}.json", json.dumps([new]))
        classic = []
        for split in range(20):
            test = [people[(split + odd) % 6]]
            rest = [person for person in people if person not in test]
            classic.append({"train": items(rest), "query": items(test), "gallery": items(test)})
        tree.text(f"splits_classic_{boxes}.json", json.dumps(classic))


def cuhk01(tree: Tree) -> None:
    tree.crops(*(f"campus/{person:04d}{image:03d}.png" for person in range(1, 6) for image in range(1, 5)))


def viper(tree: Tree) -> None:
    tree.crops(*(f"VIPeR/cam_a/{person:03d}_45.bmp" for person in (0, 1, 2, 9)))
    tree.crops(
        *(f"VIPeR/cam_b/{person:03d}_{angle}.bmp" for person, angle in ((0, 90), (1, 0), (2, 180), (9, 90)))
    )


def prid2011(tree: Tree) -> None:
    for camera, frames in (("a", 22), ("b", 25)):
        for person in (1, 2, 3, 4, 201):
            count = 5 if person == 4 else frames  # 4 is seen too briefly, 201 is in both by accident
            folder = f"prid_2011/multi_shot/cam_{camera}/person_{person:04d}"
            tree.crops(*(f"{folder}/{frame:04d}.png" for frame in range(1, count + 1)))
    tree.crops(*(f"prid_2011/single_shot/cam_a/person_{person:04d}.png" for person in (1, 2, 3, 4, 385)))
    tree.crops(*(f"prid_2011/single_shot/cam_b/person_{person:04d}.png" for person in (1, 2, 3, 4, 201, 749)))


def ilids_vid(tree: Tree) -> None:
    people = (1, 2, 10, 319)
    for camera in (1, 2):
        for person in people:
            folder = f"i-LIDS-VID/sequences/cam{camera}/person{person:03d}"
            tree.crops(*(f"{folder}/cam{camera}_person{person:03d}_{frame:05d}.png" for frame in (1, 2)))
    orders = [[1 + (place + split) % 4 for place in range(4)] for split in range(10)]
    tree.matrix("train-test people splits/train_test_splits_ilidsvid.mat", "ls_set", orders)


def mars(tree: Tree) -> None:
    tree.crops("bbox_train/0001/0001C1T0001F001.jpg", "bbox_train/0001/0001C1T0001F002.jpg")
    tree.crops("bbox_train/0001/0001C2T0001F001.jpg", "bbox_train/0003/0003C1T0001F001.jpg")
    tracks = [  # name before the frame, frames, person, camera
        ("00-1C1T0001", 2, -1, 1),
        ("0000C1T0001", 1, 0, 1),
        ("0002C1T0001", 2, 2, 1),
        ("0002C3T0001", 3, 2, 3),
        ("0004C2T0001", 1, 4, 2),
    ]
    names, rows = [], []
    for stem, frames, person, camera in tracks:
        rows.append([len(names) + 1, len(names) + frames, person, camera])
        names += [f"{stem}F{frame:03d}.jpg" for frame in range(1, frames + 1)]
    tree.crops(*(f"bbox_test/{name[:4]}/{name}" for name in names))
    tree.text("info/test_name.txt", *names)
    tree.matrix("info/tracks_test_info.mat", "track_test_info", rows)
    tree.matrix("info/query_IDX.mat", "query_IDX", [[3, 5]])


def duke_video(tree: Tree) -> None:
    tree.crops("train/0001/0001/0001C6F0099X30823.jpg", "train/0001/0002/0001_C5_F0001_X30823.jpg")
    tree.crops("train/0003/0001/0003C6F0002X30823.jpg", "query/0002/0001/0002C1F0001X30823.jpg")
    tree.crops("gallery/0002/0002/0002C2F0001X30823.jpg", "gallery/7001/0001/7001C2F0001X30823.jpg")


def randperson(tree: Tree) -> None:
    tree.crops("randperson_subset/000000_s00_c00_f000264.jpg", "randperson_subset/000000_s01_c00_f000001.jpg")
    tree.crops("randperson_subset/007999_c01_s00_f000264.jpg")


def luperson(tree: Tree) -> None:
    tree.crops("France/Paris/00000120_0001.jpg", "Japan/Tokyo/00000100_0002.jpg")


def veri776(tree: Tree) -> None:
    tree.crops("image_train/0001_c001_00016450_0.jpg", "image_train/0004_c020_00016460_0.jpg")
    tree.crops("image_query/0002_c002_00030600_0.jpg", "image_test/0002_c003_00030600_1.jpg")


def vehicleid(tree: Tree) -> None:
    tree.crops(*(f"image/{number:07d}.jpg" for number in range(1, 10)))
    tree.text("train_test_split/train_list.txt", "0000001 10", "0000002 17", "")
    tree.text("train_test_split/test_list_800.txt", *(f"{k:07d} {k % 2}" for k in range(3, 10)))
    tree.text("train_test_split/test_list_1600.txt", "0000003 1", "0000004 1")
    tree.text("train_test_split/test_list_2400.txt", "0000003 1", "0000004 1")


def animals(tree: Tree) -> None:
    names = [
        "train/turtle10/a.jpg",
        "train/turtle2/b.png",
        "query/0/c.jpg",
        "gallery/0/d.jpg",
        "gallery/9/e.jpg",
    ]
    tree.crops(*names)
    rows = [f"{name},{name.split('/')[1]},{name.split('/')[0]}" for name in names]
    tree.text("metadata.csv", "path,identity,split", *rows)


def split_folders(tree: Tree) -> None:
    tree.crops(
        "train_all/ann/a.jpg", "train_all/bob/b.png", "train/ann/a.jpg", "val/bob/b.png", "query/0/c.jpg"
    )
    tree.crops("gallery/0/d.jpg", "gallery/turtle9/e.jpg", "gallery/-1/f.jpg")


def webdataset(tree: Tree) -> None:
    samples = {
        "a/0001": {"camera": "gate", "tracklet": 4, "time": 1.5, "identity": "ann", "vendor": "x"},
        "a/0002": {"camera": "hall", "identity": "bob", "split": "train"},
        "b/0003": {"camera": "hall", "identity": "cleo", "split": "query"},
        "b/0004": {"camera": "roof", "identity": "cleo", "split": "gallery"},
        "b/0005": {"identity": -1, "split": "gallery"},
    }
    names = list(samples)
    for shard, keys in (("shard-000001.tar", names[2:]), ("shard-000000.tar", names[:2])):
        images = {f"{key}.jpg": jpeg(key) for key in keys}
        said = {f"{key}.json": json.dumps(samples[key]).encode() for key in keys}
        tree.files[shard] = tar(images | said)


def tar(files: dict[str, bytes]) -> bytes:
    """A shard with these members, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


TREES: dict[Layout, Callable[[Tree], None]] = {
    Layout.MARKET1501: market1501,
    Layout.DUKE: duke,
    Layout.OCCLUDED_DUKE: duke,
    Layout.MSMT17: msmt17,
    Layout.CUHK03: cuhk03,
    Layout.CUHK01: cuhk01,
    Layout.VIPER: viper,
    Layout.PRID2011: prid2011,
    Layout.ILIDS_VID: ilids_vid,
    Layout.MARS: mars,
    Layout.DUKE_VIDEO: duke_video,
    Layout.PERSONX: personx,
    Layout.RANDPERSON: randperson,
    Layout.LUPERSON: luperson,
    Layout.VERI776: veri776,
    Layout.VEHICLEID: vehicleid,
    Layout.ANIMALS: animals,
    Layout.SPLIT_FOLDERS: split_folders,
    Layout.SHARDS: webdataset,
}


def plant(parent: Path, layout: Layout, seed: int = 0) -> Path:
    """A tiny data set in a layout, in a folder named after it."""
    tree = Tree(parent / str(layout))
    TREES[layout](tree)
    return tree.write(seed)
