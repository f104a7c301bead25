"""Walking poses and the three-dimensional skeleton of a person.

Body coordinates, in units of the average body height: x to the person's left, y up from the ground, z forward.
"""

import math
from dataclasses import dataclass

import numpy as np

from reseen.synthetic.person import Appearance

Point = tuple[float, float, float]

THIGH, SHANK, ANKLE = 0.225, 0.215, 0.042
UPPER_ARM, FOREARM = 0.15, 0.14
SHOULDER_ABOVE_HIP = 0.285


@dataclass(frozen=True)
class Pose:
    """One phase of a walk. Angles are in radians."""

    phase: float
    """Phase of the stride, 0 to 2 pi."""
    swing: float
    """Amplitude of the thighs, 0 (standing) to 0.55."""
    lean: float
    """Forward shear of the upper body."""
    bend: float
    """Angle of the elbows, 0 for straight arms."""
    phone: bool
    """Whether the person holds a phone in front of the chest."""


@dataclass(frozen=True)
class Limb:
    """Three joints from the body outward, and the tip: the toe of a leg or the knuckles of an arm."""

    root: Point
    middle: Point
    end: Point
    tip: Point


@dataclass(frozen=True)
class Skeleton:
    """Positions of the joints in body coordinates; limbs in the order left, right."""

    hip: float
    """Height of the hip joints above the ground."""
    legs: tuple[Limb, Limb]
    arms: tuple[Limb, Limb]


def sample_pose(generator: np.random.Generator) -> Pose:
    """Draw a random walking pose."""
    phase, swing, lean, bend, phone = generator.random(5).tolist()
    return Pose(
        phase=phase * 2 * math.pi,
        swing=0.12 + 0.4 * swing,
        lean=0.06 * lean - 0.01,
        bend=0.15 + 0.45 * bend,
        phone=phone < 0.07,
    )


def skeleton(person: Appearance, pose: Pose) -> Skeleton:
    """The joints of `person` in `pose`, with the lower foot on the ground."""
    drops = [_leg_angles(pose, side) for side in (1, -1)]
    hip = ANKLE + max(THIGH * math.cos(thigh) + SHANK * math.cos(shank) for thigh, shank in drops)
    legs = _leg(person, hip, 1, *drops[0]), _leg(person, hip, -1, *drops[1])
    arms = _arm(person, hip, 1, pose), _arm(person, hip, -1, pose)
    return Skeleton(hip, legs, arms)


def _leg_angles(pose: Pose, side: int) -> tuple[float, float]:
    phase = pose.phase + (0 if side > 0 else math.pi)
    thigh = pose.swing * math.sin(phase)
    knee = 0.06 + 1.5 * pose.swing * max(0.0, math.cos(phase))  # the knee bends while the leg comes forward
    return thigh, thigh - knee


def _leg(person: Appearance, hip: float, side: int, thigh: float, shank: float) -> Limb:
    x = side * 0.05 * person.hips * (0.6 + 0.4 * person.build)
    root = (x, hip, 0.0)
    knee = (x, hip - THIGH * math.cos(thigh), THIGH * math.sin(thigh))
    ankle = (x * 0.9, knee[1] - SHANK * math.cos(shank), knee[2] + SHANK * math.sin(shank))
    pitch = shank * 0.8  # a foot behind the body points down
    toe = (x * 1.15, ankle[1] - 0.026 + 0.085 * math.sin(pitch), ankle[2] + 0.085 * math.cos(pitch))
    return Limb(root, knee, ankle, toe)


def _arm(person: Appearance, hip: float, side: int, pose: Pose) -> Limb:
    phase = pose.phase + (0 if side > 0 else math.pi)
    upper = -0.85 * pose.swing * math.sin(phase)
    bend, splay = pose.bend, 0.1 + 0.1 * (person.build - 0.84)
    if person.bag == "handbag" and side == person.bag_side:
        upper, bend = 0.3 * upper, 0.08
    if pose.phone and side != person.bag_side:
        upper, bend = 0.35, 1.75
    x = side * 0.102 * person.shoulders * (0.58 + 0.45 * person.build)
    root = (x, hip + SHOULDER_ABOVE_HIP - 0.022, pose.lean * 0.28)
    out = side * math.sin(splay) * UPPER_ARM
    elbow = (x + out, root[1] - UPPER_ARM * math.cos(upper), root[2] + UPPER_ARM * math.sin(upper))
    angle = upper + bend
    inward = x + out * (0.3 if bend > 1 else 1.15)
    wrist = (inward, elbow[1] - FOREARM * math.cos(angle), elbow[2] + FOREARM * math.sin(angle))
    tip = (inward, wrist[1] - 0.03 * math.cos(angle), wrist[2] + 0.03 * math.sin(angle))
    return Limb(root, elbow, wrist, tip)
