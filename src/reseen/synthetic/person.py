"""The appearance of a synthetic person, which is the same in all images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255, before the color changes of a camera."""

CLOTH: tuple[Color, ...] = (
    (44, 62, 108),  # navy
    (204, 58, 56),  # red
    (232, 176, 58),  # mustard
    (40, 140, 134),  # teal
    (70, 120, 74),  # green
    (146, 122, 190),  # lavender
    (242, 232, 212),  # cream
    (126, 132, 140),  # gray
    (54, 56, 64),  # charcoal
    (236, 140, 150),  # pink
)
"""Few colors, so that many people share them and color alone does not identify a person."""

DENIM: tuple[Color, ...] = ((72, 100, 150), (46, 48, 56), (184, 158, 114), (122, 124, 132), (90, 98, 66))
SKIN: tuple[Color, ...] = ((250, 214, 186), (236, 188, 150), (206, 150, 108), (158, 104, 70), (106, 68, 48))
HAIR: tuple[Color, ...] = ((42, 32, 30), (92, 58, 36), (232, 178, 56), (178, 66, 34), (146, 148, 158))
SHOE: tuple[Color, ...] = ((44, 42, 46), (244, 242, 238), (206, 66, 58), (140, 92, 58))

PATTERNS = ("plain", "stripes", "pinstripes", "checks", "dots", "logo", "blocks")
HAIR_STYLES = ("bald", "short", "short", "curly", "long", "bun", "ponytail", "cap")
BAGS = ("none", "none", "backpack", "handbag", "shoulder")
BOTTOMS = ("trousers", "trousers", "shorts", "skirt", "dress")


@dataclass(frozen=True)
class Appearance:
    """The appearance of one person. Lengths are fractions of the average body height."""

    height: float
    """Body height, 0.88 to 1.08."""
    build: float
    """Width and depth of body and limbs relative to the average, 0.84 to 1.3."""
    shoulders: float
    """Shoulder width relative to the average, 0.88 to 1.12."""
    hips: float
    """Hip width relative to the average, 0.9 to 1.15."""
    skin: Color
    hair: str
    hair_color: Color
    beard: bool
    glasses: bool
    pattern: str
    coat: bool
    """Wears an open coat to mid-thigh over the top."""
    long_sleeves: bool
    top_color: Color
    second_color: Color
    bottom: str
    bottom_color: Color
    tights: Color | None
    """Color of the legs under a skirt or dress; none for bare legs."""
    shoe_color: Color
    bag: str
    bag_color: Color
    bag_side: int
    """Hand or hip that carries the bag: 1 left, -1 right."""
    hat_color: Color
    scarf: Color | None


def sample_person(generator: np.random.Generator) -> Appearance:
    """Draw a random appearance."""

    def chance(probability: float) -> bool:
        return bool(generator.random() < probability)

    def pick(options: tuple) -> Any:
        return options[int(generator.integers(len(options)))]

    top, second, hat, bag_color = (CLOTH[i] for i in generator.choice(len(CLOTH), 4, replace=False))
    bottom = pick(BOTTOMS)
    hair = pick(HAIR_STYLES)
    dressed_up = bottom in ("skirt", "dress")
    if dressed_up and hair == "bald":
        hair = "bun"
    coat = bottom != "shorts" and chance(0.18)
    return Appearance(
        height=float(generator.uniform(0.88, 1.08)),
        build=float(0.84 + 0.46 * generator.beta(1.6, 2.4)),
        shoulders=float(generator.uniform(0.88, 0.98) if dressed_up else generator.uniform(0.94, 1.12)),
        hips=float(generator.uniform(1.0, 1.15) if dressed_up else generator.uniform(0.9, 1.05)),
        skin=pick(SKIN),
        hair=hair,
        hair_color=pick(HAIR),
        beard=not dressed_up and hair in ("bald", "short", "cap") and chance(0.45),
        glasses=chance(0.2),
        pattern="plain" if coat else pick(PATTERNS),
        coat=coat,
        long_sleeves=coat or chance(0.5),
        top_color=top,
        second_color=second,
        bottom=bottom,
        bottom_color=pick(CLOTH) if bottom == "skirt" else pick(DENIM),
        tights=pick((None, (52, 48, 56), (120, 60, 70))) if dressed_up else None,
        shoe_color=pick(SHOE),
        bag=pick(BAGS),
        bag_color=bag_color,
        bag_side=1 if chance(0.5) else -1,
        hat_color=hat,
        scarf=second if chance(0.12) else None,
    )
