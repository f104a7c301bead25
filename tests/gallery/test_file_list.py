import pytest

from reseen.errors import SettingsError
from reseen.gallery.file_list import write_file_list


def test_a_name_with_a_line_break_is_one_name(tmp_path):
    paths = ["/crops/a.jpg", "/crops/b\n/etc/passwd"]
    with pytest.raises(
        SettingsError, match=r"1 of 2 paths hold a line break, .* b\\n/etc/passwd; add --null|--null"
    ):
        write_file_list(tmp_path / "list", paths)
    assert not (tmp_path / "list").exists()
    write_file_list(tmp_path / "list", paths, null=True)
    assert (tmp_path / "list").read_bytes() == b"/crops/a.jpg\0/crops/b\n/etc/passwd\0"
    write_file_list(tmp_path / "list", paths[:1])
    assert (tmp_path / "list").read_bytes() == b"/crops/a.jpg\n"
