"""What operators watch, in the words of the glossary: Prometheus metrics ``captioner_*``.

Label values come from small closed sets in the code, never from clients; nothing here holds
speech, names, rooms or tokens.
"""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

KINDS = ("interim", "final")
PRIORITIES = ("final", "interim", "recording")

# Upper edges of buckets, in seconds, around the budgets that they are compared with.
LATENCY = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
COMPUTE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 15.0, 30.0)
LAG = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._add_sessions()
        self._add_captions()
        self._add_rooms()
        self._add_engine()
        ProcessCollector(registry=self.registry)

    def render(self) -> tuple[bytes, str]:
        """Write everything in Prometheus' text format; call it on the event loop.

        Returns:
            The body and its content type.
        """
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _add_sessions(self) -> None:
        self.sessions = self._gauge("sessions", "Sessions attached now.")
        self.talking = self._gauge("talking", "Sessions in which somebody speaks now.")
        self.refused_sessions = self._counter(
            "refused_sessions", "Sessions refused at the door, by reason.", "reason"
        )
        self.gaps = self._counter("gaps", "Stretches of audio that never arrived.")
        self.audio_seconds = self._counter("audio_seconds", "Seconds of audio received.")
        self.speech_seconds = self._counter(
            "speech_seconds", "Seconds of audio in which the detector heard speech."
        )
        self.audio_clamped_samples = self._counter(
            "audio_clamped_samples", "Float samples that were out of range, and clamped."
        )
        self.event_loop_lag = self._histogram(
            "event_loop_lag_seconds", "How late the event loop runs what is due.", LAG
        )

    def _add_captions(self) -> None:
        self.captions = self._counter("captions", "Captions emitted, by kind.", "kind", KINDS)
        self.words = self._counter("words", "Words in finals.")
        self.dropped_hypotheses = self._counter(
            "dropped_hypotheses", "Hypotheses not shown because they looked invented.", "reason"
        )
        self.displayed_latency = self._histogram(
            "displayed_latency_seconds",
            "From the end of a word in the audio received to the caption that first shows it.",
            LATENCY,
        )
        self.finalisation_latency = self._histogram(
            "finalisation_latency_seconds",
            "From the end of an utterance's last word in the audio received to its final.",
            LATENCY,
        )

    def _add_rooms(self) -> None:
        self.rooms = self._gauge("rooms", "Rooms that are known here, ended ones included.")
        self.room_followers = self._gauge("room_followers", "Readers that follow a room here.")
        self.room_resets = self._counter(
            "room_resets", "Readers that had to start afresh: a new epoch, or too far behind."
        )
        self.room_publish_failures = self._counter(
            "room_publish_failures", "Attempts to publish captions that did not reach the rooms."
        )
        self.room_captions_dropped = self._counter(
            "room_captions_dropped",
            "Captions that no room got, by what was full: the rooms, or what waits for them.",
            "reason",
            ("rooms", "waiting"),
        )

    def _add_engine(self) -> None:
        self.decode_batches = self._counter(
            "decode_batches", "Batches decoded, by their most urgent row.", "priority", PRIORITIES
        )
        self.decode_batch_rows = self._histogram("decode_batch_rows", "Rows in a batch.", ROWS)
        self.decode_seconds = self._histogram(
            "decode_seconds",
            'Worker time of a batch: its stages, and the whole call (stage "batch").',
            COMPUTE,
            "stage",
        )
        self.decode_queue_seconds = self._histogram(
            "decode_queue_seconds",
            "How long a request waited for a worker.",
            LATENCY,
            "priority",
            PRIORITIES,
        )
        self.decode_load = self._gauge(
            "decode_load", "Worker-seconds a second spent on live batches, lately."
        )
        self.decode_backlog_seconds = self._gauge(
            "decode_backlog_seconds", "Age of the oldest live request that waits for a worker."
        )
        self.engine_faults = self._counter(
            "engine_faults",
            "Engine calls that failed, by what happened.",
            "reason",
            ("raised", "hung"),
        )
        self.engine_restarts = self._counter("engine_restarts", "Engines built to replace one.")

    def _counter(
        self, name: str, help_text: str, label: str = "", values: tuple[str, ...] = ()
    ) -> Counter:
        counter = Counter(f"captioner_{name}", help_text, _labels(label), registry=self.registry)
        for value in values:
            counter.labels(value)  # shown from the start, at 0: rates need the first step too
        return counter

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"captioner_{name}", help_text, registry=self.registry)

    def _histogram(
        self,
        name: str,
        help_text: str,
        buckets: tuple[float, ...],
        label: str = "",
        values: tuple[str, ...] = (),
    ) -> Histogram:
        histogram = Histogram(
            f"captioner_{name}",
            help_text,
            _labels(label),
            buckets=buckets,
            registry=self.registry,
        )
        for value in values:
            histogram.labels(value)
        return histogram


def _labels(label: str) -> tuple[str, ...]:
    return (label,) if label else ()
