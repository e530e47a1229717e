"""Counts of requests and how long they took, under TF Serving's names, in Prometheus's text format.

So dashboards and alerts that were made for the one read the other. Times are in microseconds, in TF Serving's
buckets; as there, versions of a model are not told apart, and only requests that succeeded have a latency.

`prometheus_client` cannot write them: it ends the name of each counter in `_total`, which those of TF Serving do not,
and writes the bound 18 as 18.0, which Prometheus takes for another bucket. The tests read with it what is written here.

Reference: https://prometheus.io/docs/instrumenting/exposition_formats
"""

import bisect
import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models

__all__ = ["DEFAULT_PATH", "Metrics", "read_monitoring_config"]

DEFAULT_PATH = "/monitoring/prometheus/metrics"
"""Where TF Serving shows its metrics, unless told otherwise."""

_BOUNDS = [10 * 1.8**power for power in range(33)]  # 10 µs to 24 minutes
_BUCKETS = [f"{bound:.6g}" for bound in _BOUNDS] + ["+Inf"]
_MOST_MODELS = 1000
_OTHER = "(other)"
_UNKNOWN = "(unknown)"


class Metrics:
    """Counts requests. Safe to call from any number of threads.

    Clients choose the names that they ask for. Names of models that the server does not know are counted as
    `(unknown)`, and of the others only so many are kept apart; the rest is `(other)`.

    Example:
        >>> metrics = Metrics()
        >>> metrics.observe("Predict", "GRPC", "mnist", 1, "OK", 0.0005)
        >>> print(metrics.render().decode().splitlines()[1])
        :tensorflow:serving:request_count{model_name="mnist",status="OK"} 1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: set[str] = set()
        self._counts: dict[tuple[str, ...], int] = {}
        self._latencies: dict[tuple[str, ...], _Histogram] = {}
        self._runtimes: dict[tuple[str, ...], _Histogram] = {}

    def observe(
        self, api: str, entrypoint: str, model: str, version: int | None, code: str, seconds: float
    ) -> None:
        """Counts a request that has been answered.

        Args:
            api: What was asked: `"Predict"`, or `"predict"` over REST, as TF Serving has it.
            entrypoint: `"GRPC"` or `"REST"`.
            model: Name of the model.
            version: Its version; TF Serving's metrics have no room for it.
            code: Name of the gRPC status.
            seconds: How long it took.
        """
        with self._lock:
            model = self._name(model, code)
            self._counts[model, code] = self._counts.get((model, code), 0) + 1
            if code == "OK":
                self._latencies.setdefault((model, api, entrypoint), _Histogram()).add(seconds)

    @contextlib.contextmanager
    def runtime(self, api: str, model: str) -> Iterator[None]:
        """Times a model at work, without what the transport takes.

        Args:
            api: What was asked, such as `"Predict"`.
            model: Name of the model.
        """
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        with self._lock:
            self._runtimes.setdefault((self._name(model, "OK"), api, "TF1"), _Histogram()).add(seconds)

    def render(self, models: Models | None = None) -> bytes:
        """Everything in Prometheus's text format.

        Args:
            models: Whose attempts to load a version are to be told too.
        """
        lines = _load_attempts(models) if models else []
        with self._lock:
            lines += ["# TYPE :tensorflow:serving:request_count counter"]
            for (model, code), count in sorted(self._counts.items()):
                labels = _labels(model_name=model, status=code)
                lines.append(f":tensorflow:serving:request_count{{{labels}}} {count}")
            for name, keys, histograms in [
                ("request_latency", ("model_name", "API", "entrypoint"), self._latencies),
                ("runtime_latency", ("model_name", "API", "runtime"), self._runtimes),
            ]:
                lines.append(f"# TYPE :tensorflow:serving:{name} histogram")
                for values, histogram in sorted(histograms.items(), key=lambda item: item[0]):
                    labels = _labels(**dict(zip(keys, values, strict=True)))
                    lines += histogram.lines(f":tensorflow:serving:{name}", labels)
        return ("\n".join(lines) + "\n").encode()

    def _name(self, model: str, code: str) -> str:
        if model in self._models:
            return model
        if code != "OK":  # only what answers is known to be a model
            return _UNKNOWN
        if len(self._models) == _MOST_MODELS:
            return _OTHER
        self._models.add(model)
        return model


class _Histogram:
    """How many requests took how long."""

    def __init__(self) -> None:
        self._counts = [0] * len(_BUCKETS)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        micros = seconds * 1e6
        self._counts[bisect.bisect_left(_BOUNDS, micros)] += 1
        self._sum += micros

    def lines(self, name: str, labels: str) -> list[str]:
        total = list(itertools.accumulate(self._counts))
        rows = zip(_BUCKETS, total, strict=True)
        return [
            *(f'{name}_bucket{{{labels},le="{bound}"}} {count}' for bound, count in rows),
            f"{name}_sum{{{labels}}} {self._sum:.0f}",
            f"{name}_count{{{labels}}} {total[-1]}",
        ]


def read_monitoring_config(path: str | Path) -> str | None:
    """Where to show the metrics, from TF Serving's `--monitoring_config_file`.

    Args:
        path: A MonitoringConfig in protobuf's text format.

    Returns:
        The path on the REST API's port; None if metrics are switched off.

    Raises:
        TfmetaError: The file cannot be read, or is no MonitoringConfig.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        config = text_format.Parse(text, wire.MonitoringConfig()).prometheus_config
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise TfmetaError(f"{path} cannot be read: {reason}.") from error
    except text_format.ParseError as error:
        raise TfmetaError(
            f"{path} is no MonitoringConfig: {error}. Expected prometheus_config {{ enable: true path: … }}."
        ) from error
    return (config.path or DEFAULT_PATH) if config.enable else None


def _load_attempts(models: Models) -> list[str]:
    name = ":tensorflow:cc:saved_model:load_attempt_count"
    lines = [f"# TYPE {name} counter"]
    for model in models.names:
        with contextlib.suppress(ServingError):  # it has just been taken off the list
            for version in models.status(wire.ModelSpec(name=model)):
                loading = version.state == "LOADING"
                ended = version.attempts - loading
                loaded = int(ended > 0 and not loading and version.error is None)
                for status, count in (("success", loaded), ("fail", ended - loaded)):
                    lines.append(f"{name}{{{_labels(model_path=str(version.path), status=status)}}} {count}")
    return lines


def _labels(**values: str) -> str:
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in values.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
