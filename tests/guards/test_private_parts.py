"""What we use of other packages that they do not promise to keep, each by its name (docs/about/code.md)."""

import importlib.metadata
import socket
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest


def check(package: str, where: str, holder: object, names: Iterable[str]) -> None:
    missing = [name for name in names if not hasattr(holder, name)]
    kind = holder.__name__ if isinstance(holder, type) else type(holder).__name__
    assert not missing, (
        f"{package} {importlib.metadata.version(package)} has no {kind}.{', '.join(missing)} any more, which {where} "
        "relies on: adapt it, or keep the older version in pyproject.toml"
    )


@pytest.fixture
def adjustments() -> Any:
    from waitress.adjustments import Adjustments

    return Adjustments(host="127.0.0.1", port=0, max_request_body_size=1000, inbuf_overflow=1000, outbuf_overflow=1000)


def test_a_missing_part_is_told_in_one_sentence() -> None:
    import waitress

    with pytest.raises(AssertionError, match=r"waitress 3\S+ has no module\.gone any more, which here relies on"):
        check("waitress", "here", waitress, ["serve", "gone"])


def test_waitress_server(adjustments: Any) -> None:
    from waitress.server import TcpWSGIServer
    from waitress.task import ThreadedTaskDispatcher

    names = ["channel_class", "add_task", "readable", "handle_accept", "maintenance", "active_channels", "accepting"]
    names += ["task_dispatcher", "asyncore", "_map", "pull_trigger", "effective_port", "adj", "close"]
    server = TcpWSGIServer(lambda environ, start: [], adj=adjustments)
    try:
        check("waitress", "fer/runtime/web/server.py", server, names)
    finally:
        server.close()
    check("waitress", "fer/runtime/web/server.py", ThreadedTaskDispatcher, ["set_thread_count", "add_task", "shutdown"])


def test_waitress_channel(adjustments: Any) -> None:
    from waitress.channel import HTTPChannel

    names = ["task_class", "error_task_class", "parser_class", "request", "requests", "requests_lock", "will_close"]
    names += ["close_when_flushed", "sent_continue", "outbufs", "outbuf_lock", "current_outbuf_count", "server"]
    names += ["total_outbufs_len", "last_activity", "connected", "socket", "received", "service", "send_continue"]
    names += ["recv", "handle_close", "handle_expt", "handle_read", "handle_write", "readable", "writable"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = HTTPChannel(SimpleNamespace(active_channels={}), ours, "", adjustments, map={})
        check("waitress", "fer/runtime/web/connection.py", channel, names)


def test_waitress_tasks(adjustments: Any) -> None:
    from waitress.parser import HTTPRequestParser
    from waitress.task import ErrorTask, WSGITask
    from waitress.utilities import Error

    names = ["execute", "status", "response_headers", "set_close_on_finish", "content_length", "write", "request"]
    for kind in (WSGITask, ErrorTask):
        check("waitress", "fer/runtime/web/connection.py", kind(None, HTTPRequestParser(adjustments)), names)
    check("waitress", "fer/runtime/web/connection.py", Error, ["code", "reason"])


def test_waitress_parser(adjustments: Any) -> None:
    from waitress.parser import HTTPRequestParser
    from waitress.receiver import ChunkedReceiver

    names = ["received", "parse_header", "completed", "error", "expect_continue", "headers", "header_plus", "body_rcv"]
    names += ["chunked", "version", "command", "proxy_netloc", "body_bytes_received"]
    parser = HTTPRequestParser(adjustments)
    parser.received(b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")
    check("waitress", "fer/runtime/web/request_parser.py", parser, names)
    check("waitress", "fer/runtime/web/request_parser.py", ChunkedReceiver(None), ["control_line", "trailer"])


def test_lightning() -> None:
    launchers = pytest.importorskip("pytorch_lightning.strategies.launchers")
    from pytorch_lightning.callbacks import WeightAveraging
    from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector

    package = "pytorch-lightning"
    check(package, "fer/training/trainer.py", launchers, ["_SubprocessScriptLauncher"])
    launcher = launchers._SubprocessScriptLauncher(None, num_processes=1, num_nodes=1)
    check(package, "fer/training/trainer.py", launcher, ["procs"])
    check(package, "fer/callbacks/ema.py", WeightAveraging(), ["_average_model"])
    # It takes SIGTERM between the hooks `setup` and `on_train_start`, and gives it back itself.
    check(package, "fer/callbacks/interruption.py", _SignalConnector, ["register_signal_handlers", "teardown"])


def test_codecarbon_and_torch() -> None:
    torch = pytest.importorskip("torch")
    hardware = pytest.importorskip("codecarbon.external.hardware")
    check("torch", "fer/callbacks/ema.py", torch, ["_foreach_lerp_"])
    check("torch", "fer/explain/attribution.py", torch.nn.Linear(1, 1), ["_compiled_call_impl"])
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        check("torch", "fer/models/accelerator.py", torch.cpu, [name])
    processor = hardware.CPU(output_dir=".", mode="constant", model="any", tdp=10)
    check("codecarbon", "fer/callbacks/emissions.py", processor, ["_mode", "_tdp"])


def test_lightnings_progress_bar() -> None:
    from pytorch_lightning.callbacks import RichProgressBar

    check("pytorch-lightning", "fer/callbacks/progress.py", RichProgressBar, ["_get_train_description"])


def test_pytest_xdist_keeps_the_tests_of_a_file_together(request: pytest.FixtureRequest) -> None:
    """Otherwise each process makes what they share, and tests that measure time run beside each other."""
    by_groups = request.config.getoption("loadgroup", False)
    assert not by_groups or request.node.nodeid.endswith("@tests/guards/test_private_parts.py"), (
        f"pytest-xdist {importlib.metadata.version('pytest-xdist')} finds no groups with pytest {pytest.__version__}: "
        "keep pytest below 9.2 in pyproject.toml"
    )
