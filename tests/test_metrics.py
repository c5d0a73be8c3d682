from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from captioner.metrics import Metrics

EXPECTED = {
    "sessions": "gauge",
    "talking": "gauge",
    "refused_sessions": "counter",
    "gaps": "counter",
    "audio_seconds": "counter",
    "speech_seconds": "counter",
    "audio_clamped_samples": "counter",
    "event_loop_lag_seconds": "histogram",
    "captions": "counter",
    "words": "counter",
    "dropped_hypotheses": "counter",
    "displayed_latency_seconds": "histogram",
    "finalisation_latency_seconds": "histogram",
    "decode_batches": "counter",
    "decode_batch_rows": "histogram",
    "decode_seconds": "histogram",
    "rooms": "gauge",
    "room_followers": "gauge",
    "room_resets": "counter",
    "room_publish_failures": "counter",
    "room_captions_dropped": "counter",
    "decode_queue_seconds": "histogram",
    "decode_load": "gauge",
    "decode_backlog_seconds": "gauge",
    "engine_faults": "counter",
    "engine_restarts": "counter",
}


def families(metrics: Metrics) -> dict[str, tuple[str, str, list[Sample]]]:
    body, _ = metrics.render()
    return {
        each.name.removeprefix("captioner_"): (each.type, each.documentation, each.samples)
        for each in text_string_to_metric_families(body.decode())
        if each.name.startswith("captioner_") and not each.name.endswith("_created")
    }


def test_every_metric_is_there_from_the_start_under_its_name_and_type() -> None:
    assert {name: kind for name, (kind, _, _) in families(Metrics()).items()} == EXPECTED


def test_every_metric_explains_itself_in_a_sentence() -> None:
    for name, (_, text, _) in families(Metrics()).items():
        assert text[0].isupper(), name
        assert text.endswith("."), name


def test_the_content_type_is_that_of_prometheus() -> None:
    _, content_type = Metrics().render()
    assert content_type.startswith("text/plain; version=")


def test_what_was_counted_is_rendered_with_its_unit() -> None:
    metrics = Metrics()
    metrics.audio_seconds.inc(2.5)
    metrics.captions.labels("final").inc()
    metrics.decode_queue_seconds.labels("interim").observe(0.4)
    text = metrics.render()[0].decode()
    assert "captioner_audio_seconds_total 2.5" in text
    assert 'captioner_captions_total{kind="final"} 1.0' in text
    assert 'captioner_captions_total{kind="interim"} 0.0' in text
    assert 'captioner_decode_queue_seconds_bucket{le="0.5",priority="interim"} 1.0' in text


def test_two_services_in_one_process_do_not_share_their_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.words.inc(7)
    assert other.registry.get_sample_value("captioner_words_total") == 0


def test_the_process_itself_is_reported() -> None:
    assert Metrics().registry.get_sample_value("process_resident_memory_bytes")


def test_labels_come_from_small_closed_sets() -> None:
    labels = {
        (name, label)
        for name, (_, _, samples) in families(Metrics()).items()
        for sample in samples
        for label in sample.labels
        if label != "le"
    }
    assert {label for _, label in labels} <= {"kind", "priority", "stage", "reason"}
