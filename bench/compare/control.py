"""How the load generator asks for a server's restart: a socket of the driver, and the program that speaks to it.

    python3 control.py SOCKET     the program: returns when the server answers again, prints its process id
"""
import socket
import sys
import threading
from pathlib import Path

SECONDS = 300


class Control:
    """Restarts `server` with a cold page cache whenever somebody connects to `path`."""

    def __init__(self, server, path: Path):
        self.server, self.path = server, path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.server.restart(cold=True)
                    answer = str(self.server.child.pid)
                except Exception as error:  # told to who asked
                    answer = f"failed: {error}"
                connection.sendall(answer.encode())

    def command(self) -> str:
        return f"exec '{sys.executable}' '{Path(__file__).resolve()}' '{self.path}'"

    def close(self) -> None:
        self.listener.close()
        self.path.unlink(missing_ok=True)


def main(path: str) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        answer = connection.makefile().read()
    if not answer.isdigit():
        print(answer or "no answer", file=sys.stderr)
        return 1
    print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
