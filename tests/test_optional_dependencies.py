import math

import pytest

from reseen.errors import SettingsError
from reseen.optional_dependencies import require_package


def test_an_installed_module_is_returned():
    assert require_package("math", "anything") is math


def test_a_missing_one_is_an_error_that_names_the_extra():
    with pytest.raises(SettingsError, match=r"needs no_such_package.*pip install 'reseen\[video\]'"):
        require_package("no_such_package.part", "video")
