"""Settings of the gRPC channels, each with the behaviour that it buys."""

from __future__ import annotations

Options = tuple[tuple[str, int], ...]

MESSAGE_OVERHEAD_BYTES = 1024  # the rest of an audio message, around its bytes

# Both ends ask for an answer every 20 s and miss a frozen peer 5 s later; keepalive_timeout alone
# changes nothing, ping_timeout must be set beside it.
_KEEPALIVE: Options = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
# Without these about 4 MiB (two minutes of audio) piles up in the transport before a write waits.
_SMALL_BUFFERS: Options = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_535),
)


def server_options(max_message_bytes: int) -> Options:
    """The options of a server whose largest audio message has this many bytes."""
    return (
        # Otherwise a second server silently shares the port.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes + MESSAGE_OVERHEAD_BYTES),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        *_KEEPALIVE,
        *_SMALL_BUFFERS,
    )


def client_options() -> Options:
    """The options of a client's channel."""
    return (
        ("grpc.http2.max_pings_without_data", 0),
        # The client decides itself when to try again; the channel must not be slower.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_retries", 0),
        *_KEEPALIVE,
        *_SMALL_BUFFERS,
    )
