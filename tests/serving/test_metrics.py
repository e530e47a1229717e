"""Metrics under TF Serving's names, as Prometheus reads them."""

import contextlib
import shutil
import threading
import urllib.request

import pytest

from tests.serving.requests import predict
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.errors import ModelLoadError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.metrics import DEFAULT_PATH, Metrics, read_monitoring_config
from tfmeta.serving.rest.server import RestServer
from tfmeta.serving.services.table import services

parser = pytest.importorskip("prometheus_client.parser")


def _short(name):
    return name.removeprefix(":tensorflow:serving:").removesuffix("_total")


def _samples(text):
    """Value of each line, by its name and labels."""
    families = parser.text_string_to_metric_families(text.decode())
    return {  # the parser gives counters a suffix that TF Serving's do not have
        (_short(sample.name), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_by_model_and_status():
    metrics = Metrics()
    metrics.observe("Predict", "GRPC", "m", 3, "OK", 20e-6)
    metrics.observe("Predict", "GRPC", "m", 3, "OK", 5.0)
    metrics.observe("Classify", "GRPC", 'say "hi"\\\n', 1, "OK", 0.1)
    metrics.observe("Classify", "GRPC", 'say "hi"\\\n', None, "NOT_FOUND", 0.1)
    samples = _samples(metrics.render())
    assert samples["request_count", "m", "OK"] == 2
    assert samples["request_count", 'say "hi"\\\n', "NOT_FOUND"] == 1
    assert samples["request_latency_count", "m", "Predict", "GRPC"] == 2
    assert samples["request_latency_sum", "m", "Predict", "GRPC"] == pytest.approx(5_000_020)
    buckets = {key[-1]: value for key, value in samples.items() if key[:2] == ("request_latency_bucket", "m")}
    assert len(buckets) == 34
    assert (buckets["18"], buckets["32.4"], buckets["708235"], buckets["+Inf"]) == (0, 1, 1, 2)
    assert samples["request_latency_count", 'say "hi"\\\n', "Classify", "GRPC"] == 1


def test_types_are_told():
    lines = Metrics().render().decode().splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert "# TYPE :tensorflow:serving:request_latency histogram" in lines
    assert "# TYPE :tensorflow:serving:runtime_latency histogram" in lines


def test_names_that_clients_make_up_are_bounded():
    metrics = Metrics()
    for number in range(1500):
        metrics.observe("Predict", "GRPC", f"m{number}", None, "OK", 0.0)
    counts = {key: value for key, value in _samples(metrics.render()).items() if key[0] == "request_count"}
    assert len(counts) == 1001 and counts["request_count", "(other)", "OK"] == 500


def test_names_of_no_model_share_one_label():
    metrics = Metrics()
    metrics.observe("Predict", "GRPC", "m", 1, "OK", 0.0)
    for name in ("m", "x" * 5_000_000, "y", ""):
        metrics.observe("Predict", "GRPC", name, None, "NOT_FOUND", 0.0)
    samples = _samples(metrics.render())
    assert samples["request_count", "(unknown)", "NOT_FOUND"] == 3
    assert samples["request_count", "m", "NOT_FOUND"] == 1
    assert len(metrics.render()) < 10_000


def test_no_count_is_lost_between_threads():
    metrics = Metrics()

    def count():
        for _ in range(1000):
            metrics.observe("Predict", "GRPC", "m", 1, "OK", 1e-4)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    metrics.render()
    for thread in threads:
        thread.join()
    assert _samples(metrics.render())["request_count", "m", "OK"] == 4000


def test_runtime_of_a_model(server):
    metrics = Metrics()
    rpc = services(server.models, metrics)["tensorflow.serving.PredictionService"]["Predict"]
    rpc.answer(predict())
    samples = _samples(metrics.render())
    assert samples["runtime_latency_count", "arithmetic", "Predict", "TF1"] == 1


def test_shown_beside_the_rest_api(server):
    with RestServer(server.models, metrics=Metrics(), metrics_path=DEFAULT_PATH) as rest:
        body = b'{"signature_name": "half", "instances": [1]}'
        for _ in range(2):
            url = f"http://{rest.address}/v1/models/arithmetic:predict"
            urllib.request.urlopen(url, body, timeout=20).close()
        with urllib.request.urlopen(f"http://{rest.address}{DEFAULT_PATH}", timeout=20) as reply:
            assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            samples = _samples(reply.read())
    assert samples["request_count", "arithmetic", "OK"] == 2
    assert samples["request_latency_count", "arithmetic", "predict", "REST"] == 2
    assert samples["runtime_latency_count", "arithmetic", "Predict", "TF1"] == 2


def test_attempts_to_load_are_counted(model_folder, tmp_path):
    shutil.copytree(model_folder / "arithmetic", tmp_path / "whole")
    (tmp_path / "broken" / "1").mkdir(parents=True)
    models = Models(tmp_path)
    with contextlib.suppress(ModelLoadError):
        models.load()
    lines = Metrics().render(models).decode().splitlines()
    name = ":tensorflow:cc:saved_model:load_attempt_count"
    assert f'{name}{{model_path="{tmp_path}/broken/1",status="fail"}} 1' in lines
    assert f'{name}{{model_path="{tmp_path}/broken/1",status="success"}} 0' in lines
    assert f'{name}{{model_path="{tmp_path}/whole/1",status="success"}} 1' in lines


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('prometheus_config { enable: true path: "/x" }', "/x"),
        ("prometheus_config { enable: true }", DEFAULT_PATH),
        ('prometheus_config { path: "/x" }', None),
        ("", None),
    ],
)
def test_monitoring_config(tmp_path, text, path):
    (tmp_path / "monitoring.config").write_text(text)
    assert read_monitoring_config(tmp_path / "monitoring.config") == path


def test_monitoring_config_that_is_none(tmp_path):
    file = tmp_path / "monitoring.config"
    with pytest.raises(TfmetaError, match="cannot be read: No such file"):
        read_monitoring_config(file)
    file.write_text("prometheus_confg { }")
    with pytest.raises(TfmetaError, match=r"is no MonitoringConfig: 1:1 .*Expected prometheus_config"):
        read_monitoring_config(file)
    file.write_bytes(b"\xff")
    with pytest.raises(TfmetaError, match="it is no text"):
        read_monitoring_config(file)
