from __future__ import annotations

from pathlib import Path

import pytest

from onionchat.control import control_socket, run_folder
from onionchat.control.place import MAX_SOCKET_PATH
from onionchat.errors import ConfigError


def test_the_socket_lies_in_the_run_folder_of_the_vault() -> None:
    vault = Path("/home/ada/vault")
    assert control_socket(vault).parent == run_folder(vault)
    assert run_folder(vault).parent == vault


def test_a_path_that_no_socket_can_have_is_said() -> None:
    room = MAX_SOCKET_PATH - len(bytes(control_socket(Path("/"))))
    vault = Path("/" + "ö" * ((room - 1) // 2))
    assert control_socket(vault).parts[1] == vault.name
    with pytest.raises(ConfigError, match="too long"):
        control_socket(Path("/" + "ö" * (room // 2 + 1)))
