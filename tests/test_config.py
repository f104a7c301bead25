from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, SerializeAsAny, ValidationError

from reseen.config import NamedSettings, Settings, merge, override, parse_flags, read_yaml, suggestion
from reseen.errors import SettingsError


class Inner(Settings):
    eps: Annotated[float, Field(gt=0)] = 0.5
    """A distance."""

    name: str | None = None


class Outer(Settings):
    inner: Inner = Inner()
    other: Inner | int = 3
    count: int = 1


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], {}),
        (["--a", "1"], {"a": 1}),
        (["--a=1", "--b.c-d", "x"], {"a": 1, "b": {"c_d": "x"}}),
        (["--a", "3e-4", "--b", "1E3"], {"a": 3e-4, "b": 1000.0}),
        (["--a", "-1"], {"a": -1}),
        (["--a", "null", "--b", "true", "--c", "[1, 2]"], {"a": None, "b": True, "c": [1, 2]}),
        (["--a", "{camera}_{*}.jpg"], {"a": "{camera}_{*}.jpg"}),
        (["--a="], {"a": None}),
        (["--a", "x=y"], {"a": "x=y"}),
        (["--a.b", "1", "--a.c", "2"], {"a": {"b": 1, "c": 2}}),
    ],
)
def test_flags(tokens, expected):
    assert parse_flags(tokens) == expected


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a"], "'a' is not a setting; write --section.name VALUE"),
        (["-a", "1"], "'-a' is not a setting"),
        (["--", "1"], "'--' is not a setting"),
        (["--a"], "--a needs a value: --a VALUE"),
        (["--a", "--b", "1"], "--a needs a value"),
        (["--a.b", "1", "--a.b", "2"], "--a.b is given twice"),
        (["--a", "1", "--a.b", "2"], "--a.b"),
        (["--a.b", "1", "--a", "2"], "--a"),
    ],
)
def test_bad_flags(tokens, message):
    with pytest.raises(SettingsError) as error:
        parse_flags(tokens)
    assert message in str(error.value)


def test_models_are_frozen_and_strict_and_say_where():
    with pytest.raises(ValidationError, match="frozen"):
        Inner().eps = 1.0
    cases = {
        "here: inner: no setting 'epss'; did you mean 'eps'?": {"inner": {"epss": 1}},
        "here: no setting 'zzz'; the settings here are count, inner, other": {"zzz": 1},
        "here: inner: eps: Input should be greater than 0 (found -1)": {"inner": {"eps": -1}},
        "here: count: ": {"count": "many"},
    }
    for message, values in cases.items():
        with pytest.raises(SettingsError) as error:
            Outer.parse(values, "here")
        assert message in str(error.value)


class Kinds(Settings):
    whole: Annotated[int, Field(ge=0)] = 1
    perhaps: Annotated[int, Field(ge=1)] | None = 64
    share: Annotated[float, Field(ge=0)] | Literal["auto"] = 0.5
    switch: bool = False


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"whole": 5.0}, r"x.yaml: whole: wanted a whole number, without point or exponent \(found 5.0\)"),
        ({"perhaps": 16.0}, "perhaps: wanted a whole number"),
        ({"whole": True}, "whole: wanted a number"),
        ({"share": False}, "share: wanted a number"),
    ],
)
def test_values_are_not_bent_into_another_kind(values, message):
    with pytest.raises(SettingsError, match=message):
        Kinds.parse(values, "x.yaml")


def test_whole_numbers_serve_where_numbers_do():
    assert Kinds.parse({"share": 1, "perhaps": None, "whole": 2}, "x").share == 1
    assert Kinds.parse({"share": "auto"}, "x").share == "auto"


def test_yaml_round_trip(tmp_path):
    settings_ = Outer(inner=Inner(eps=0.25, name="ä: #"), count=7)
    path = tmp_path / "settings.yaml"
    path.write_text(settings_.to_yaml(), encoding="utf-8")
    assert Outer.parse(read_yaml(path), "file") == settings_


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- 1\n- 2\n", "a recipe is a mapping of settings, found list"),
        (b"", "a recipe is a mapping of settings, found NoneType"),
        (b"a: [1\n", "not valid YAML at line 2"),
        (b"\xff\xfe", "cannot be read as a recipe (UnicodeDecodeError)"),
        (None, "cannot be read as a recipe (No such file or directory)"),
    ],
)
def test_bad_yaml(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        read_yaml(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3),
    lambda below: st.dictionaries(st.sampled_from("abc"), st.integers() | below, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(trees, trees)
def test_merge_takes_the_top_where_both_speak(base, top):
    merged = merge(base, top)
    assert set(merged) == set(base) | set(top)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        assert merged[key] == (merge(base[key], value) if both else value)
    assert merge(merged, top) == merged
    assert merge(base, {}) == base


def test_suggestion():
    assert suggestion("epss", ["eps", "rounds"]) == "; did you mean 'eps'?"
    assert suggestion("zzz", ["eps"]) == ""


class Part(NamedSettings):
    color: str = "red"

    drops_other_kinds: ClassVar[bool] = True

    @classmethod
    def named(cls, name):
        kinds = {"square": Square, "circle": Circle}
        if name not in kinds:
            raise ValueError(f"no part '{name}'")
        return kinds[name]


class Square(Part):
    name: str = "square"
    size: int = 2


class Circle(Part):
    name: str = "circle"
    radius: float = 1.0

    @classmethod
    def implied(cls, given):
        return {"color": "round", **given} if "radius" in given else given


class Whole(Settings):
    part: SerializeAsAny[Part] = Square(size=5)
    other: int = 1


def test_a_named_part_chooses_its_kind_and_keeps_the_model_s_defaults():
    assert Whole.parse({}, "x").part == Square(size=5)
    assert Whole.parse({"part": {"color": "blue"}}, "x").part == Square(size=5, color="blue")
    assert Whole.parse({"part": {"name": "circle", "radius": 2}}, "x").part == Circle(radius=2, color="round")
    made = Whole.parse({"part": {"name": "circle"}}, "x")
    assert Whole.parse(made.model_dump(), "x") == made
    with pytest.raises(SettingsError, match="x: part: no part 'cube'"):
        Whole.parse({"part": {"name": "cube"}}, "x")
    with pytest.raises(SettingsError, match="x: part: no setting 'radius'"):
        Whole.parse({"part": {"radius": 2}}, "x")


def test_above_wins_and_another_kind_drops_what_it_does_not_have():
    below = {"part": {"size": 9, "color": "green"}, "other": 3}
    assert override(Whole, below, {"part": {"size": 1}}) == {
        "part": {"size": 1, "color": "green"},
        "other": 3,
    }
    made = override(Whole, below, {"part": {"name": "circle"}})
    assert made == {"part": {"name": "circle", "color": "green"}, "other": 3}
    implied = override(Whole, {"part": {"name": "circle"}}, {"part": {"radius": 2.0}})
    assert implied == {"part": {"name": "circle", "radius": 2.0, "color": "round"}}
    with pytest.raises(ValueError, match="part: no part 'cube'"):
        override(Whole, below, {"part": {"name": "cube"}})
