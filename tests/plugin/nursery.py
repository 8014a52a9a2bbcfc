"""Forks stand-ins of the engine from a process that has loaded what they need.

To load numpy, scipy and the rest takes longer than most tests do.

``python nursery.py serve SOCKET`` is that process; it ends with its stdin.
``python nursery.py ask SOCKET [argument ...]`` is started in place of
``fake_engine.py``: what was forked for it has its stdin, stdout, stderr, arguments
and environment, and both end together.
"""

from __future__ import annotations

import os
import socket
import sys

_STREAMS = [0, 1, 2]
_HEAD = 8


def ask(path: str, arguments: list[str]) -> None:
    """Have a stand-in forked, and end as it ends."""
    import signal

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        variables = [f"{name}={value}" for name, value in os.environ.items()]
        said = os.fsencode("\0".join([str(len(arguments)), *arguments, *variables]))
        socket.send_fds(connection, [len(said).to_bytes(_HEAD)], _STREAMS)
        connection.sendall(said)
        answer = connection.recv(1)
    if not answer:  # it was killed
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(answer[0])


def serve(path: str) -> None:
    """Fork a stand-in for each who asks."""
    import select
    import signal

    import fake_engine

    fake_engine.load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection = listener.accept()[0]
            if not os.fork():
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _be_stand_in(connection)
            connection.close()


def _be_stand_in(connection: socket.socket) -> None:
    import threading

    import fake_engine

    leave = os._exit

    def end(code: int) -> None:
        connection.send(bytes([code]))
        leave(code)

    def end_with_who_asked() -> None:
        connection.recv(1)
        leave(1)

    head, streams, *_ = socket.recv_fds(connection, _HEAD, len(_STREAMS))
    for given, stream in zip(streams, _STREAMS, strict=True):
        os.dup2(given, stream)
        os.close(given)
    with connection.makefile("rb") as message:
        said = os.fsdecode(message.read(int.from_bytes(head))).split("\0")
    first = 1 + int(said[0])
    sys.argv[1:] = said[1:first]
    os.environ.clear()
    os.environ.update(word.split("=", 1) for word in said[first:])
    os._exit = end  # type: ignore[assignment]
    threading.Thread(target=end_with_who_asked, daemon=True).start()
    code: object = 1
    try:
        code = fake_engine.main()
    except SystemExit as exit_:
        code = exit_.code
    finally:
        sys.stdout.flush()
        end(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        ask(sys.argv[2], sys.argv[3:])
