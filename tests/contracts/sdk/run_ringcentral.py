"""RingCentral's official SDKs against the simulator: python -m ...sdk.run_ringcentral node|python.

`node` needs `npm install` in this folder. `python` makes .venv-ringcentral-sdk when it is missing,
since the SDK pins websockets 15. Exits with 1 where anything is not as expected.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, JWT, NUMBER, RingCentralSimulator

FOLDER = Path(__file__).parent
ENVIRONMENT = FOLDER.parents[2] / ".venv-ringcentral-sdk"
SDK_PINS = ["ringcentral==0.9.2", "websockets==15.0.1", "observable==0.3.2", "requests==2.34.2"]
PROGRAM_SECONDS = 60.0
INSTALL_SECONDS = 240.0


def prepare_python() -> Path:
    """The interpreter of the SDK's own environment, made when it is missing."""
    interpreter = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / "installed"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", *SDK_PINS]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
        ready.touch()
    return interpreter


def environment(simulator: RingCentralSimulator) -> dict[str, str]:
    """What a program needs to know; proxies are left out, everything is on loopback."""
    return {
        "PATH": os.environ["PATH"],
        "RINGCENTRAL_SERVER_URL": simulator.url,
        "RINGCENTRAL_CLIENT_ID": CLIENT_ID,
        "RINGCENTRAL_CLIENT_SECRET": CLIENT_SECRET,
        "RINGCENTRAL_JWT": JWT,
        "RINGCENTRAL_NUMBER": NUMBER,
    }


async def run(*command: str | Path) -> int:
    """Start a simulator, run the program to its end, return its exit status."""
    async with RingCentralSimulator() as simulator:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=FOLDER, env=environment(simulator)
        )
        try:
            status = await asyncio.wait_for(process.wait(), PROGRAM_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
        refused = [each for each in simulator.requests if each.status in {404, 405, 500}]
        assert not refused, refused
        return status


def main() -> None:
    if sys.argv[1:] == ["node"]:
        command: list[str | Path] = ["node", "ringcentral_sdk.mjs"]
    elif sys.argv[1:] == ["python"]:
        command = [prepare_python(), "ringcentral_python.py"]
    else:
        raise SystemExit("usage: python -m tests.contracts.sdk.run_ringcentral node|python")
    raise SystemExit(asyncio.run(run(*command)))


if __name__ == "__main__":
    main()
