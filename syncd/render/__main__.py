"""The renderer as a process of its own: requests on stdin, answers on stdout (see syncd/workers.py).

It has no secrets in its environment, cannot write files, and ends with its parent: at the end of stdin,
or, if it is busy then, by its own alarm.
"""

from __future__ import annotations

import gc
import pickle
import resource
import signal
import struct
import sys
from typing import BinaryIO

from syncd.errors import PageError, RenderError
from syncd.model import Document, Draft
from syncd.render import RENDERER_VERSION, Rules
from syncd.render.page import draft

Answer = Draft | PageError | None
"""A draft, why there is none, or None: out of memory."""

# A page makes some ten thousand objects that nearly all die without the collector, and its default is to
# look for cycles after every 700.
_COLLECT_EVERY = 50_000

# A page needs about five Python frames for each level of nesting.
_RECURSION_LIMIT = 10_000


def serve(requests: BinaryIO, answers: BinaryIO, time_limit_s: int) -> None:
    """Answer requests until they end."""
    _write(answers, RENDERER_VERSION)
    while (request := _read(requests)) is not None:
        signal.alarm(time_limit_s)
        answer = _answer(*request)
        signal.alarm(0)
        _write(answers, answer)
        if answer is None:
            return


def _answer(document: Document, rules: Rules) -> Answer:
    try:
        return draft(document, rules)
    except PageError as error:
        return error
    except MemoryError:
        return None
    except Exception as error:
        return RenderError(
            f"{document.path} could not be rendered: {type(error).__name__}, a fault in syncd to be reported"
        )


def _read(stream: BinaryIO) -> tuple[Document, Rules] | None:
    head = stream.read(8)
    if len(head) < 8:
        return None
    (size,) = struct.unpack("!Q", head)
    document, rules = pickle.loads(stream.read(size))  # noqa: S301  (from our own parent)
    return document, rules


def _write(stream: BinaryIO, answer: Answer | int) -> None:
    payload = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    stream.write(struct.pack("!Q", len(payload)) + payload)
    stream.flush()


def main() -> None:
    """Limit this process, then serve."""
    memory_limit_bytes, time_limit_s = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, value in (
        (resource.RLIMIT_AS, memory_limit_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    sys.setrecursionlimit(_RECURSION_LIMIT)
    gc.freeze()  # what is loaded stays for ever
    gc.set_threshold(_COLLECT_EVERY)
    serve(sys.stdin.buffer, sys.stdout.buffer, time_limit_s)


if __name__ == "__main__":
    main()
