"""The command: one address, several beside each other, state kept, a clean end."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bridge.sandbox.bridge_process import free_port
from tests.sandbox_process import ADDRESS, STOP_SECONDS, SandboxProcess

ALICE = "+14155550100"
DAN = "+14155550155"
Make = Callable[..., SandboxProcess]
PTY = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes sandboxes, and ends what is left of them."""
    made: list[SandboxProcess] = []

    def new(*options: str, folder: str = "a") -> SandboxProcess:
        made.append(SandboxProcess(tmp_path / folder, options))
        return made[-1]

    yield new
    for each in made:
        if each.process.poll() is None:
            each.stop()


def _listening(sandbox: SandboxProcess) -> set[str]:
    parent = psutil.Process(sandbox.process.pid)
    return {
        connection.laddr.ip
        for each in [parent, *parent.children(recursive=True)]
        for connection in each.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_sandbox_goes_on_where_it_was_stopped(make: Make) -> None:
    """One address, only loopback, exit 0 on Ctrl-C; started again everything is as it was left."""
    sandbox = make()
    sandbox.start()
    assert len(set(ADDRESS.findall(sandbox.said))) == 1
    assert _listening(sandbox) == {"127.0.0.1"}
    sandbox.text(DAN, "See attached", picture=b"\x89PNG fictional")
    sandbox.expect_post("See attached")
    sandbox.forward(3600)
    sandbox.settle()
    before = sandbox.messages(), sandbox.phone(ALICE), sandbox.phone(DAN)
    address, clock = sandbox.url, sandbox.get("/bridge")["clock"]
    assert sandbox.stop() == 0

    sandbox.start()
    assert sandbox.url == address
    assert "--fresh" in sandbox.said
    assert sandbox.get("/bridge")["clock"]["offset_seconds"] == clock["offset_seconds"]
    assert (sandbox.messages(), sandbox.phone(ALICE), sandbox.phone(DAN)) == before
    picture = sandbox.texts(DAN, "out")[0]["files"][0]
    assert sandbox.http.get(f"/ringcentral/files/{picture['id']}").content == b"\x89PNG fictional"
    thread_ts = sandbox.thread_with(ALICE, "Still there?")
    assert thread_ts == sandbox.expect_post("Is my order ready?")["thread_ts"]
    sandbox.say("We are", thread_ts)
    sandbox.eventually(lambda: sandbox.xray_of("We are"), "the reply on file")
    sandbox.forward(5)
    sandbox.expect_sms(ALICE, "We are")
    assert sandbox.stop() == 0

    fresh = make("--fresh")
    fresh.start()
    assert not any("Still there?" in each["shown"] for each in fresh.messages())


def test_several_run_beside_each_other(make: Make) -> None:
    """Each folder is one sandbox; a folder or port in use is refused in words."""
    port = free_port()
    first, second = make("--port", str(port)), make(folder="b")
    first.start()
    second.start()
    assert first.url == f"http://127.0.0.1:{port}"
    second.text(DAN, "Only here")
    second.expect_post("Only here")
    assert not any("Only here" in each["shown"] for each in first.messages())
    same_folder = SandboxProcess(first.folder)
    same_folder.launch()
    assert same_folder.wait() == 1
    assert "another sandbox is using" in same_folder.said
    same_port = make("--port", str(port), folder="c")
    same_port.launch()
    assert same_port.wait() == 1
    assert f"port {port} cannot be listened on" in same_port.said


def test_ctrl_c_under_make_is_no_error(tmp_path: Path) -> None:
    """In a terminal, started by make: the sandbox stops cleanly and make has nothing to say."""
    makefile = tmp_path / "Makefile"
    command = f"{sys.executable} -m bridge sandbox --data {tmp_path / 'a'}"
    makefile.write_text(f"sandbox:\n\t@{command}\n")
    terminal = subprocess.Popen(
        [sys.executable, "-c", PTY, "make", "-f", str(makefile), "sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert terminal.stdout is not None
    said = b""
    try:
        while b"press Ctrl-C" not in said:
            said += os.read(terminal.stdout.fileno(), 4096)
        rest, _ = terminal.communicate(b"\x03", STOP_SECONDS)
    finally:
        terminal.kill()
    assert b"Stopped. Nothing is left running." in rest
    assert b"Error" not in rest
    assert terminal.returncode == 0
