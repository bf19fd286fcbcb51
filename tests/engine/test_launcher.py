"""The launcher with real processes; small scripts stand in for the engine and for tor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onionchat.engine.launcher import RESTART_LIMIT, RESTART_WINDOW_SECONDS, TOR_PRIORITY, Restarts

from .world import realtime_allowed

PATIENCE = 60.0

ENGINE_HEAD = """
import json, os, signal, socket, sys, time
from pathlib import Path
from onionchat.engine.launch_channel import *

folder = Path(__file__).parent
channel = socket.socket(fileno=int(sys.argv[1]))

def note(**facts):
    with (folder / "notes").open("a") as notes:
        notes.write(json.dumps(facts) + chr(10))

def earlier():
    return (folder / "notes").read_text().count('"engine"')

def start_tor(source):
    with (folder / "tor-output").open("ab") as output:
        send(channel, StartTor(argv=[sys.executable, "-c", source]), [output.fileno()])
    started, _ = receive(channel)
    note(tor=started.pid)
    return started.pid

def start_metronome():
    send(channel, StartMetronome())
    started, (descriptor,) = receive(channel)
    note(metronome=started.pid)
    return started.pid, socket.socket(fileno=descriptor)

note(engine=os.getpid(), argv=sys.argv[2:])
"""

SLEEP = "import time; time.sleep(600)"


class Launched:
    """A launcher whose engine is the script ``source``."""

    def __init__(
        self, folder: Path, source: str, *, arguments: str = "", plan: str = "", **popen: Any
    ) -> None:
        self.folder = folder
        stub = folder / "stub.py"
        stub.write_text(ENGINE_HEAD + textwrap.dedent(source))
        start = f"""
            import sys
            from onionchat.engine import launch_child, launcher
            from onionchat.engine.plan import Plan
            launch_child.GRACE_SECONDS = launcher.GRACE_SECONDS = launcher.STOP_SECONDS = 1.0
            plan = Plan(vault={str(folder)!r}, {plan})
            sys.exit(launcher.run(plan, engine_command=[sys.executable, {str(stub)!r}], {arguments}))
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(start)], stderr=subprocess.PIPE, text=True, **popen
        )
        self.said = ""

    def ended(self) -> int:
        _, self.said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def notes(self, key: str) -> list[Any]:
        try:
            lines = (self.folder / "notes").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [facts[key] for facts in map(json.loads, lines) if key in facts]

    def pids(self) -> list[int]:
        return self.notes("engine") + self.notes("tor") + self.notes("metronome")

    def note(self, key: str) -> Any:
        until(lambda: bool(self.notes(key)))
        return self.notes(key)[-1]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


Launch = Callable[..., Launched]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    launched: list[Launched] = []

    def begin(source: str, **arguments: Any) -> Launched:
        launched.append(Launched(tmp_path, source, **arguments))
        return launched[-1]

    yield begin
    for one in launched:
        one.process.kill()
        one.process.communicate()
        for pid in filter(alive, one.pids()):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("status", [0, 2, 5, 9])
def test_statuses_pass_through_and_children_end(launch: Launch, status: int) -> None:
    launched = launch(f"start_tor({SLEEP!r}); start_metronome(); sys.exit({status})")
    assert launched.ended() == status
    assert len(launched.pids()) == 3
    assert not any(map(alive, launched.pids()))
    assert launched.said == ""


def test_a_plan_is_handed_on(launch: Launch) -> None:
    launched = launch("")
    assert launched.ended() == 0
    ((plan,),) = launched.notes("argv")
    assert json.loads(plan)["vault"] == str(launched.folder)


def test_an_engine_that_is_killed_is_started_again_with_fresh_children(launch: Launch) -> None:
    launched = launch(f"""
        if earlier() == 2:
            pids = json.loads((folder / "pids").read_text())
            note(left=[pid for pid in pids if Path(f"/proc/{{pid}}").exists()])
            sys.exit(0)
        (folder / "pids").write_text(json.dumps([start_tor({SLEEP!r}), start_metronome()[0]]))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert launched.ended() == 0
    assert len(launched.notes("engine")) == 2
    assert launched.notes("left") == [[]]
    assert launched.said == "onionchat: the engine ended unexpectedly (signal 9) and is started again\n"


@pytest.mark.parametrize("end", ["sys.exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(77)"])
def test_an_engine_that_goes_on_crashing_is_given_up(launch: Launch, end: str) -> None:
    launched = launch(f"start_tor({SLEEP!r}); {end}")
    assert launched.ended() == 1
    assert len(launched.notes("engine")) == 1 + RESTART_LIMIT
    assert not any(map(alive, launched.pids()))
    assert launched.said.splitlines()[-1].endswith("too often to be started again")


def test_crashes_that_lie_far_apart_are_always_mended() -> None:
    restarts = Restarts()
    moments = [
        0.0,
        1.0,
        2.0,
        3.0,
        RESTART_WINDOW_SECONDS,
        RESTART_WINDOW_SECONDS + 0.5,
        RESTART_WINDOW_SECONDS + 1,
    ]
    assert [restarts.allow(moment) for moment in moments] == [True, True, True, False, True, False, True]


def test_an_amnesic_engine_is_not_started_again(launch: Launch) -> None:
    launched = launch("os.kill(os.getpid(), signal.SIGKILL)", plan="amnesic=True")
    assert launched.ended() == 1
    assert len(launched.notes("engine")) == 1
    assert "all of it is gone" in launched.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(launch: Launch, number: signal.Signals) -> None:
    launched = launch(f"""
        start_tor({SLEEP!r}); start_metronome()
        def orderly(*_):
            note(orderly=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, orderly)
        note(ready=True)
        signal.pause()
    """)
    launched.note("ready")
    launched.process.send_signal(number)
    assert launched.ended() == 0
    assert launched.notes("orderly") == [True]
    assert not any(map(alive, launched.pids()))


def test_an_engine_with_no_handler_yet_is_ended_in_order(launch: Launch) -> None:
    launched = launch("note(ready=True); signal.pause()")
    launched.note("ready")
    launched.process.terminate()
    assert launched.ended() == 0
    assert launched.said == ""


def test_those_that_do_not_end_are_killed(launch: Launch) -> None:
    launched = launch("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        start_tor("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")
        start_metronome()
        note(ready=True)
        time.sleep(600)
    """)
    launched.note("ready")
    launched.process.terminate()
    assert launched.ended() == 1
    assert not any(map(alive, launched.pids()))
    assert "was killed" in launched.said


WAIT = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); note(ready=True); signal.pause()"


def test_a_detached_engine_outlives_its_terminal(launch: Launch) -> None:
    launched = launch(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); note(ready=True); signal.pause()"
    )
    launched.note("ready")
    launched.process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        launched.process.wait(0.3)
    launched.process.terminate()
    assert launched.ended() == 4


def test_an_engine_with_a_lifeline_ends_with_its_terminal(launch: Launch) -> None:
    reader, writer = os.pipe()
    launched = launch(WAIT, arguments=f"lifeline_fd={reader}", pass_fds=[reader])
    os.close(reader)
    launched.note("ready")
    launched.process.send_signal(signal.SIGHUP)
    assert launched.ended() == 0
    os.close(writer)


def test_everything_ends_with_the_lifeline(launch: Launch) -> None:
    reader, writer = os.pipe()
    launched = launch(f"start_tor({SLEEP!r}); {WAIT}", arguments=f"lifeline_fd={reader}", pass_fds=[reader])
    os.close(reader)
    launched.note("ready")
    os.write(writer, b"still here")
    with pytest.raises(subprocess.TimeoutExpired):
        launched.process.wait(0.3)
    os.close(writer)
    assert launched.ended() == 0
    assert not any(map(alive, launched.pids()))


READ_SECRETS = """
    if earlier() == 2:
        sys.exit(0)
    options = sys.argv[3:]
    pairs = zip(options[::2], options[1::2])
    note(secrets={option: os.read(int(number), 99).decode() for option, number in pairs})
    sys.exit(1)
"""


def test_only_the_first_engine_gets_the_descriptors_of_secrets(launch: Launch) -> None:
    pipes = [os.pipe(), os.pipe()]
    for (_, writer), secret in zip(pipes, (b"word", b"door"), strict=True):
        os.write(writer, secret)
        os.close(writer)
    readers = [reader for reader, _ in pipes]
    launched = launch(
        READ_SECRETS,
        arguments=f"passphrase_fd={readers[0]}, control_password_fd={readers[1]}",
        pass_fds=readers,
    )
    for reader in readers:
        os.close(reader)
    assert launched.ended() == 0
    assert launched.notes("secrets") == [{"--passphrase-fd": "word", "--control-password-fd": "door"}]
    assert [len(argv) for argv in launched.notes("argv")] == [5, 1]


def test_a_secret_may_come_on_standard_input(launch: Launch) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"word")
    os.close(writer)
    launched = launch(READ_SECRETS, arguments="passphrase_fd=0", stdin=reader)
    os.close(reader)
    assert launched.ended() == 0
    assert launched.notes("secrets") == [{"--passphrase-fd": "word"}]


def test_children_stay_out_of_the_idle_class_and_inherit_nothing(launch: Launch) -> None:
    reader, writer = os.pipe()
    launched = launch(
        """
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        start_tor('''if True:
            import os, sys
            print(os.sched_getscheduler(0) != os.SCHED_IDLE, flush=True)
            names = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                     if os.path.exists(f"/proc/self/fd/{n}")]
            ours = [name for name in names if name.startswith(("socket", "pipe", "anon_inode"))]
            print(len(ours), len(names), flush=True)
        ''')
        note(ended=receive(channel)[0].status)
        pid, _ = start_metronome()
        note(metronome_idle=os.sched_getscheduler(pid) == os.SCHED_IDLE)
        note(idle=os.sched_getscheduler(0) == os.SCHED_IDLE)
        """,
        arguments=f"lifeline_fd={reader}",
        pass_fds=[reader],
    )
    os.close(reader)
    assert launched.ended() == 0
    os.close(writer)
    assert launched.notes("ended") == [0]
    assert (launched.notes("metronome_idle"), launched.notes("idle")) == ([False], [True])
    assert (launched.folder / "tor-output").read_text().splitlines() == ["True", "0 3"]


PRIORITIES = f"""
    from onionchat import metronome
    from onionchat.protocol.pace import Pace
    tor = start_tor({SLEEP!r})
    pid, rhythm = start_metronome()
    near, far = socket.socketpair()
    begin = metronome.Begin(link=1, key=bytes(32), pace=Pace(tick_ms=50))
    socket.send_fds(rhythm, [metronome.encode(begin)], [near.fileno()])
    rhythm.recv(4096)  # from here on it has settled
    note(priorities=[os.sched_getparam(child).sched_priority for child in (os.getpid(), tor, pid)])
    note(policies=[os.sched_getscheduler(child) for child in (os.getpid(), tor, pid)])
    note(argv=Path(f"/proc/{{pid}}/cmdline").read_text().split(chr(0))[5:-1])
"""


def test_metronome_and_tor_have_realtime_priority_where_it_is_allowed(launch: Launch) -> None:
    launched = launch(PRIORITIES)
    assert launched.ended() == 0
    if realtime_allowed():
        assert launched.notes("priorities") == [[0, TOR_PRIORITY, 10]]
        assert launched.notes("policies")[0][1:] == [os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.SCHED_FIFO]
    else:
        assert launched.notes("priorities") == [[0, 0, 0]]


def test_what_tor_starts_has_no_realtime_priority(launch: Launch) -> None:
    launched = launch(f"""
        start_tor('''if True:
            import os, time
            while {realtime_allowed()} and os.sched_getscheduler(0) == os.SCHED_OTHER:
                time.sleep(0.01)
            if os.fork() == 0:
                print(os.sched_getscheduler(0) == os.SCHED_OTHER, flush=True)
            else:
                os.wait()
        ''')
        note(ended=receive(channel)[0].status)
    """)
    assert launched.ended() == 0
    assert (launched.folder / "tor-output").read_text() == "True\n"


def test_a_measurement_may_do_without_what_hides_the_user(launch: Launch) -> None:
    launched = launch(PRIORITIES, plan="realtime=False, delays=False")
    assert launched.ended() == 0
    assert launched.notes("priorities") == [[0, 0, 0]]
    assert launched.notes("policies") == [[os.SCHED_OTHER] * 3]
    assert launched.notes("argv")[-1] == ["no-delays", "no-realtime"]


def test_tor_is_stopped_on_request_and_its_end_is_told(launch: Launch) -> None:
    launched = launch(f"""
        pid = start_tor({SLEEP!r})
        send(channel, StopTor())
        note(ended=receive(channel)[0] == Ended(what="tor", pid=pid, status=-15))
        pid = start_tor("import signal, time; signal.signal(15, 1); print('deaf', flush=1); time.sleep(60)")
        while "deaf" not in (folder / "tor-output").read_text():
            time.sleep(0.01)
        send(channel, StopTor())
        note(ended=receive(channel)[0] == Ended(what="tor", pid=pid, status=-9))
    """)
    assert launched.ended() == 0
    assert launched.notes("ended") == [True, True]


@pytest.mark.parametrize("program", ["/nowhere/tor", "/", "to\\0r"])
def test_a_program_that_cannot_be_started_is_told(launch: Launch, program: str) -> None:
    launched = launch(f"""
        with open("/dev/null", "wb") as output:
            send(channel, StartTor(argv=["{program}"]), [output.fileno()])
        note(ended=receive(channel)[0] == Ended(what="tor", pid=0, status=127))
    """)
    assert launched.ended() == 0
    assert launched.notes("ended") == [True]


def test_the_metronome_serves_the_engine_that_asked_for_it(launch: Launch) -> None:
    launched = launch("""
        from onionchat import metronome
        from onionchat.protocol.pace import Pace
        pid, rhythm = start_metronome()
        near, far = socket.socketpair()
        begin = metronome.Begin(link=1, key=bytes(32), pace=Pace(tick_ms=50))
        socket.send_fds(rhythm, [metronome.encode(begin)], [near.fileno()])
        note(size=len(far.recv(1952, socket.MSG_WAITALL)))
        note(link=metronome.decode_to_engine(rhythm.recv(4096)).link)
        rhythm.close()
        note(ended=receive(channel)[0] == Ended(what="metronome", pid=pid, status=0))
        os.kill(start_metronome()[0], signal.SIGKILL)
        note(ended=receive(channel)[0].status == -9)
    """)
    assert launched.ended() == 0
    assert (launched.notes("size"), launched.notes("link")) == ([1952], [1])
    assert launched.notes("ended") == [True, True]


@pytest.mark.parametrize("wrong", ["channel.send(b'nonsense')", "send(channel, TorStarted(pid=1))"])
def test_an_engine_that_talks_nonsense_is_ended(launch: Launch, wrong: str) -> None:
    launched = launch(f"{wrong}; time.sleep(600)", plan="amnesic=True")
    assert launched.ended() == 1
    assert not any(map(alive, launched.pids()))
    assert len(launched.said.splitlines()) == 2


def test_an_engine_may_close_the_channel_and_live_on(launch: Launch) -> None:
    launched = launch("channel.close(); time.sleep(0.2); sys.exit(3)")
    assert launched.ended() == 3


def test_a_killed_launcher_leaves_an_engine_that_knows(launch: Launch) -> None:
    launched = launch("""
        start_metronome()
        note(ready=True)
        try:
            receive(channel)
        except Exception as error:
            note(knows=type(error).__name__)
    """)
    launched.note("ready")
    launched.process.kill()
    assert launched.note("knows") == "ConnectionLost"
    until(lambda: not any(map(alive, launched.pids())))


def test_it_imports_nothing_heavy() -> None:
    source = """
        import sys
        import onionchat.engine.launcher
        heavy = {"trio", "stem", "textual", "sqlite3", "nacl", "cryptography", "asyncio"}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
