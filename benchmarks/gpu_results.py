"""What was measured so far, on disk after every figure: a benchmark that stops can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_processes import TooLarge
from gpu_search import capacity
from gpu_stages import Timing
from gpu_step import Step
from reporting import save_json

ANCHOR = 400  # people talking on one card of the class of an H100: what the incumbent claims


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement of several figures."""

    kind: str
    """``capacity`` or ``stages``."""
    model: str
    compute_type: str
    padded: bool = False
    """Windows of 30 s instead of the speech and some silence."""
    workers: int = 1
    """Batches at once in a process."""
    processes: int = 1
    """Replicas that share the device."""
    threads: int = 1
    """Of each batch; on a CPU."""

    @property
    def id(self) -> str:
        """Names it in the file."""
        if self.kind == "stages":
            return f"stages {self.model} {self.compute_type}"
        window = "padded" if self.padded else "short"
        return (
            f"capacity {self.model} {self.compute_type} {window} "
            f"workers={self.workers} processes={self.processes}"
            f"{f' threads={self.threads}' if self.threads > 1 else ''}"
        )


class OtherDevice(Exception):
    """The file holds figures of another device."""


@dataclass
class Results:
    """The content of a result file."""

    path: Path | None
    """None: it is not written."""
    content: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path | None, *, device: str, fresh: bool = False) -> Results:
        """Go on with what the file holds.

        Raises:
            OtherDevice: that was measured elsewhere.
        """
        if path is None or fresh or not path.exists():
            return cls(path, {"device": device, "measurements": {}})
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["device"] != device:
            raise OtherDevice(
                f"{path.name} holds figures of {content['device']}, this is {device}: "
                "give another --output, or --fresh to replace them"
            )
        return cls(path, content)

    def describe(self, facts: dict[str, Any]) -> None:
        """Set what is known of the run as a whole; earlier commands are kept."""
        commands = self.content.get("commands", [])
        measurements = self.content["measurements"]
        device = self.content["device"]
        self.content = facts | {
            "device": device,
            "anchor": ANCHOR,
            "commands": [*commands, {key: facts[key] for key in ("date", "command", "revision")}],
            "measurements": measurements,
        }

    def entry(self, task: Task) -> dict[str, Any]:
        """What is known of a measurement; an empty one when nothing is."""
        empty: dict[str, Any] = {
            "kind": task.kind,
            "model": task.model,
            "compute_type": task.compute_type,
            "padded": task.padded,
            "workers": task.workers,
            "processes": task.processes,
            "threads": task.threads,
        }
        found: dict[str, Any] = self.content["measurements"].setdefault(task.id, empty)
        return found

    @property
    def entries(self) -> list[dict[str, Any]]:
        """All measurements."""
        return list(self.content["measurements"].values())

    # --- capacity

    def held(self, task: Task) -> dict[int, bool]:
        """The numbers of people that were tried, and whether the rule held."""
        return {step["tracks"]: step["holds"] for step in self.entry(task).get("steps", [])}

    def add_step(self, task: Task, step: Step) -> None:
        """Keep a step."""
        entry = self.entry(task)
        entry.setdefault("steps", []).append(step.to_json())
        entry["steps"].sort(key=lambda each: each["tracks"])
        entry["capacity"] = capacity(self.held(task))
        self.save()

    # --- stages

    def timed(self, task: Task) -> list[tuple[float, int]]:
        """The windows and batches that were timed, or found to be too large."""
        return [(each["window"], each["batch"]) for each in self.entry(task).get("timings", [])]

    def add_timing(self, task: Task, timing: Timing | TooLarge) -> None:
        """Keep a timing."""
        if isinstance(timing, TooLarge):
            row = {
                "window": timing.window.length,
                "batch": timing.batch,
                "error": timing.reason,
            }
        else:
            row = timing.to_json()
        entry = self.entry(task)
        entry.setdefault("timings", []).append(row)
        entry["timings"].sort(key=lambda each: (each["window"], each["batch"]))
        self.save()

    # --- both

    def fail(self, task: Task, reason: str) -> None:
        """Note that a measurement could not be made; it is tried again next time."""
        self.entry(task)["error"] = reason
        self.save()

    def finish(self, task: Task) -> None:
        """Note that a measurement is complete."""
        entry = self.entry(task)
        entry.pop("error", None)
        entry["complete"] = True
        self.save()

    def save(self) -> None:
        """Write the file."""
        if self.path is not None:
            save_json(self.path, self.content)
