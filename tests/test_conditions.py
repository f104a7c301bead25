from collections.abc import Mapping
from typing import Annotated, Literal

import pytest

from reseen.conditions import Above, AtLeast, Below, Not, When, changed, inactive, with_defaults
from reseen.config import Settings, check_effect
from reseen.errors import SettingsError


class Inner(Settings):
    kind: Literal["a", "b"] = "a"
    size: Annotated[int, When(kind=("b", "c"))] = 1
    rate: Annotated[float, When(size=Above(0))] = 0.5


class Outer(Settings):
    on: bool = True
    inner: Annotated[Inner, When(on=True)] = Inner(size=4)
    maybe: Annotated[Inner | None, When({"inner.kind": Not("a")})] = None
    most: Annotated[int, When({"inner.size": AtLeast(3)})] = 0
    least: Annotated[int, When({"inner.size": Below(3)})] = 0
    both: int = 0

    def conditions(self) -> Mapping[str, When]:
        return {"both": When({"inner.rate": Above(0.2)}, on=True)}


def test_reasons_name_the_setting_that_decides_and_what_it_would_have_to_be():
    found = inactive(Outer(), "x.")
    assert found == {
        "x.inner.size": "has no effect where x.inner.kind is a; leave it out, or set x.inner.kind to b or c",
        "x.maybe": "has no effect where x.inner.kind is a; leave it out, or set x.inner.kind to something other than a",
        "x.least": "has no effect where x.inner.size is 4; leave it out, or set x.inner.size below 3",
    }
    off = inactive(Outer(on=False, inner=Inner(kind="b", size=1, rate=0.1)))
    assert off["inner"] == "has no effect where on is false; leave it out, or set on to true"
    assert off["both"] == "has no effect where inner.rate is 0.1; leave it out, or set inner.rate above 0.2"
    assert off["most"].endswith("set inner.size to 3 or more")
    assert not [path for path in off if path.startswith("inner.")]


def test_what_differs_is_told_by_the_default_of_the_model_above():
    assert changed(Outer(), "inner") == []
    assert changed(Outer(inner=Inner(size=1)), "inner") == ["inner.size"]
    assert changed(Outer(maybe=Inner(rate=0.1)), "maybe") == ["maybe", "maybe.rate"]
    assert with_defaults(Outer(inner=Inner(kind="b", size=9)), "inner.size").inner == Inner(kind="b", size=4)
    assert with_defaults(Outer(inner=Inner(kind="b", size=9), on=False), "inner") == Outer(on=False)


def test_half_of_a_part_leaves_the_other_half_at_the_default_of_the_model_above():
    assert Outer.parse({"inner": {"kind": "b"}}, "x").inner == Inner(kind="b", size=4)
    assert Outer.parse({"maybe": {"kind": "b"}}, "x").maybe == Inner(kind="b", size=1)
    with pytest.raises(SettingsError, match="x: inner: no setting 'sise'; did you mean 'size'"):
        Outer.parse({"inner": {"sise": 1}}, "x")


def test_what_was_given_must_have_an_effect_even_at_its_default():
    check_effect(Outer(), {"inner": {"kind": "a", "rate": 0.5}, "maybe": None}, "flags")
    with pytest.raises(SettingsError, match=r"flags: inner\.size: has no effect where inner\.kind is a"):
        check_effect(Outer(), {"inner": {"size": 4}}, "flags")
    with pytest.raises(SettingsError, match=r"flags: inner\.size: has no effect where on is false"):
        check_effect(Outer(on=False), {"inner": {"size": 4}}, "flags")
