"""Drive one headless Chromium by the DevTools protocol over a pipe, with the standard library alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --allow-file-access-from-files --remote-debugging-pipe "
    "--host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'"  # no network
)
# The page is complete when MathJax has written its last formula.
READY = "Promise.resolve(window.MathJax?.startup?.promise).then(() => document.fonts.ready).then(() => 1)"


class Browser:
    """One tab; `errors` holds what the page logged as errors since the last `open`."""

    def __init__(self) -> None:
        self.profile = TemporaryDirectory(ignore_cleanup_errors=True)
        reads, ours = os.pipe()
        theirs, writes = os.pipe()
        command = f"exec {CHROMIUM} {FLAGS} --user-data-dir={self.profile.name} 3<&{reads} 4>&{writes}"
        self.process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(reads, writes), stderr=subprocess.DEVNULL
        )
        os.close(reads)
        os.close(writes)
        self.to, self.back = os.fdopen(ours, "wb", 0), os.fdopen(theirs, "rb")
        self.pending, self.number, self.session = b"", 0, ""
        self.errors: list[str] = []
        self.seen: set[str] = set()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.to.close()
        self.back.close()
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.pending:
            part = os.read(self.back.fileno(), 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.pending += part
        message, _, self.pending = self.pending.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        about, name = told.get("params", {}), told.get("method", "")
        self.seen.add(name)
        if name == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif name == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(item.get("value", item)) for item in about["args"]))
        elif name == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        return told

    def call(self, method: str, **parameters: Any) -> Any:
        """Call one method of the protocol and wait for what it returns."""
        self.number += 1
        told = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            told["sessionId"] = self.session
        self.to.write(json.dumps(told).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script: str) -> Any:
        """Value of an expression in the page, awaited."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def size(self, width: int, height: int = 900) -> None:
        """Give the window a size in pixels."""
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **shape)

    def open(self, page: Path | str) -> None:
        """Open a page from the disk, or an address, and wait until its formulas stand."""
        self.errors.clear()
        self.seen.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while "Page.loadEventFired" not in self.seen:
            self._next()
        self.run(READY)
