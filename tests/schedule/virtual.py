"""An event loop whose clock jumps to whatever is due next, so that hours of a schedule pass at once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

from tests.evidence import NOON

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STUCK = 20.0  # real seconds after which a loop that waits for a thread, or for nothing at all, gives up


class Loop(asyncio.SelectorEventLoop):
    """A loop that never waits for time to pass; while threads are at work its clock stands still."""

    def __init__(self) -> None:
        self._now = 0.0
        self._at_work = 0
        super().__init__(_Selector(self._pass))

    def time(self) -> float:
        """Tell the virtual time in seconds since the start."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Stop the clock until the thread is done."""
        self._at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Stop the clock while the threads end."""
        self._at_work += 1
        await super().shutdown_default_executor(*args)

    def _done(self, _: object) -> None:
        self._at_work -= 1

    def _pass(self, timeout: float | None) -> bool:
        """Let this much time pass; False where only a thread or the outside can bring news."""
        if self._at_work or timeout is None:
            return False
        self._now += timeout
        return True


class _Selector(selectors.DefaultSelector):
    def __init__(self, let_pass: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._let_pass = let_pass

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0 or self._let_pass(timeout):
            return ready
        ready = super().select(STUCK)
        assert ready, "nothing will ever happen"
        return ready


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in virtual time; warnings of the loop and of forgotten tasks fail it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> datetime:
    """Tell the wall clock that belongs to the loop's time; it starts at noon."""
    return NOON + timedelta(seconds=asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def at_work(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Let something run meanwhile; what it raised is raised here."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
