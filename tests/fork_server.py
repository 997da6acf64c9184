"""Processes of `python main.py …` forked from one that has imported the service: each is real, and starts in no time.

A start takes more than a second, nearly all of it imports. A process here has pipes, signals and an exit code as any other.
`python -m tests.fork_server` is the server, which the first `Forked` of a test run starts.
"""

import atexit
import functools
import gc
import inspect
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any, NoReturn

MAIN = Path(__file__).resolve().parents[1] / "main.py"
LONGEST_REQUEST = 2**20
PRELOADED = """db resolvers schema.app schema.server schema.graphql.app schema.outgoing.letters.sender schema.cli.selftest_workers
    schema.cli.copy uvicorn.protocols.http.httptools_impl uvicorn.lifespan.on uvicorn.loops.uvloop uvicorn.supervisors""".split()
"""What commands import when they run."""


@functools.cache
def server() -> socket.socket:
    """The connection to this process's fork server, which ends when the connection closes."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
    command = [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())]
    process = subprocess.Popen(
        command, cwd=MAIN.parent, env=environment, pass_fds=[theirs.fileno()], start_new_session=True
    )
    theirs.close()
    atexit.register(process.wait, 20)
    atexit.register(ours.close)
    return ours


class Forked(subprocess.Popen[Any]):
    """A process of the fork server's, whose arguments are those of `main.py`; the rest is as of any Popen."""

    def _execute_child(self, *arguments: Any) -> None:
        """Have the server fork a child with these pipes, instead of this process."""
        call = inspect.signature(subprocess.Popen._execute_child).bind(self, *arguments).arguments
        sys.audit("subprocess.Popen", str(MAIN), call["args"], call["cwd"], call["env"])
        self._ended, its_end = os.pipe()
        streams = [call["p2cread"], call["c2pwrite"], call["errwrite"]]
        request = {
            "words": call["args"],
            "cwd": str(call["cwd"]),
            "env": call["env"],
            "in_session": call["start_new_session"],
        }
        fds = [number if descriptor == -1 else descriptor for number, descriptor in enumerate(streams)]
        socket.send_fds(server(), [json.dumps(request).encode()], [*fds, its_end])
        os.close(its_end)
        self.pid = int(server().recv(20))
        self._child_created = True
        self._close_pipe_fds(*(call[name] for name in "p2cread p2cwrite c2pread c2pwrite errread errwrite".split()))

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """As waitpid: the server tells of a child's end, and of none where it has ended itself."""
        if flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
            return 0, 0
        status = os.read(self._ended, 20)
        os.close(self._ended)
        return self.pid, int(status or signal.SIGKILL)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


# ------------------------------------------------------------------ the server


def run(program: types.CodeType, request: dict[str, Any], fds: list[int]) -> NoReturn:
    """In a child: become `python main.py …`, and end as it does."""
    code = 1
    try:
        if request["in_session"]:
            os.setsid()
        for number, descriptor in enumerate(fds[:3]):
            os.dup2(descriptor, number)
        os.closerange(3, max(fds) + 1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = [str(MAIN), *request["words"]]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        module = types.ModuleType("__main__")
        module.__file__ = str(MAIN)
        sys.modules["__main__"] = module
        try:
            exec(program, vars(module))  # noqa: S102 (our own program)
            code = 0
        except SystemExit as end:
            if end.code is not None and not isinstance(end.code, int):
                print(end.code, file=sys.stderr)
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except KeyboardInterrupt:
            sys.excepthook(*sys.exc_info())
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            sys.excepthook(*sys.exc_info())
    finally:
        _end(code)


def _end(code: int) -> NoReturn:
    """End as an interpreter does that is not a fork: exit handlers, then what is still in the outputs."""

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as fault:
        code = 120 if isinstance(fault, OSError) else 1
    os._exit(code)


def serve(control: socket.socket) -> None:
    """Fork a child for each request, and tell of each one's end, until nobody is connected any more."""
    for name in PRELOADED:
        __import__(name)
    program = compile(MAIN.read_bytes(), str(MAIN), "exec")
    sys.path[0] = str(MAIN.parent)
    gc.collect()
    gc.freeze()
    children: dict[int, int] = {}
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(children)
        if control in ready:
            request, fds, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 4)
            if not request:
                return
            if (pid := os.fork()) == 0:
                run(program, json.loads(request), fds)
            for descriptor in fds[:3]:
                os.close(descriptor)
            children[pid] = fds[3]
            control.send(str(pid).encode())


def _reap(children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        os.write(children[pid], str(status).encode())
        os.close(children.pop(pid))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
