"""The simulator alone: `python -m bridge.sandbox.ringcentral [--port P] [--no-limits]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from bridge.sandbox.ringcentral.server import RingCentralSimulator


async def _serve(host: str, port: int, *, rate_limits: bool) -> None:
    simulator = RingCentralSimulator(rate_limits=rate_limits)
    await simulator.start(host, port)
    print(simulator.url, flush=True)
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    with contextlib.suppress(asyncio.CancelledError):
        await stopped.wait()
    await simulator.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated RingCentral account.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-limits", action="store_true", help="no rate limits")
    options = parser.parse_args()
    asyncio.run(_serve(options.host, options.port, rate_limits=not options.no_limits))


if __name__ == "__main__":
    main()
