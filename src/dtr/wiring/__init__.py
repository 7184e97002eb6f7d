"""The roof: settings in, running parts out. Builds everything by constructor calls, and nothing else does.

    serve ──> startup.prepare, once ──> supervise ──> worker.work, in each worker process
    operator ──> the same parts, for commands that run beside the server

| module | holds |
| --- | --- |
| `parts` | the services, from database to token checker |
| `entrance` | the doors, as one ASGI application, and the fast lane |
| `startup` | what happens once before the first request |
| `worker` | one worker process from fork to stop |
"""

from dtr.wiring.parts import Parts, operator
from dtr.wiring.server import serve

__all__ = ["Parts", "operator", "serve"]
