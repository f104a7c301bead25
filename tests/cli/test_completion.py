import shutil
import subprocess

import pytest


def completed(script, *words):
    """What bash offers for the last of the words."""
    commands = f'{script}\nCOMP_WORDS=({" ".join(words)} ""); COMP_WORDS[{len(words) - 1}]="{words[-1]}"\n'
    commands += (
        f'unset "COMP_WORDS[{len(words)}]"; COMP_CWORD={len(words) - 1}; _reseen; echo "${{COMPREPLY[@]}}"\n'
    )
    return subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_and_flags(reseen_says):
    code, script, _ = reseen_says("completion", "bash")
    assert code == 0
    assert set(completed(script, "reseen", "tr")) == {"train"}
    assert {"audit", "train", "view", "data"} <= set(completed(script, "reseen", ""))
    assert set(completed(script, "reseen", "data", "fe")) == {"fetch"}
    assert "--gallery" in completed(script, "reseen", "index", "--ga")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(reseen_says, shell):
    code, script, _ = reseen_says("completion", shell)
    assert code == 0
    assert "reseen" in script
    assert "train" in script


def test_a_script_is_installed_in_the_home_folder(reseen_says, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    code, out, _ = reseen_says("completion", "bash", "--install")
    assert code == 0
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any("_reseen()" in file.read_text() for file in written)
    assert str(tmp_path) in out


def test_another_shell_is_a_fault(reseen_says):
    code, _, err = reseen_says("completion", "tcsh")
    assert code == 2
    assert "bash" in err
