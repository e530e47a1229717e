"""What an operator deploys: each file is what its reader takes, and the files agree with each other and the models."""

import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.serving import operator_schemas as schemas
from tfmeta.serving.lifecycle.model_config import check_model_config, read_model_config
from tfmeta.serving.metrics import Metrics, read_monitoring_config
from tfmeta.serving.tls import read_ssl_config

yaml = pytest.importorskip("yaml", reason="needs PyYAML, of the extra `dev`")
jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, of the extra `dev`")

ROOT = Path(__file__).resolve().parents[2]
SERVING, MODELS = ROOT / "serving", ROOT / "saved_models"
DASHBOARD = SERVING / "monitoring/grafana/dashboards/tfmeta.json"

# Configurations whose protos `tensorflow-serving-api` leaves out: `tensorflow_serving/config/*.proto` and
# `servables/tensorflow/session_bundle_config.proto`, as field names with their types in the order of their numbers.
PROTOS = {
    "PrometheusConfig": "bool enable; string path",
    "MonitoringConfig": "PrometheusConfig prometheus_config",
    "SSLConfig": "string server_key; string server_cert; string custom_ca; bool client_verify",
    "Int64Value": "int64 value",
    "StringValue": "string value",
    "BatchingParameters": "Int64Value max_batch_size; Int64Value batch_timeout_micros; "
    "Int64Value max_enqueued_batches; Int64Value num_batch_threads; StringValue thread_pool_name; "
    "int64[] allowed_batch_sizes; bool pad_variable_length_inputs",
}

# What TensorFlow Serving exports of what the dashboard could want; a histogram ends in _bucket, _sum and _count.
COUNTERS = {
    ":tensorflow:cc:saved_model:load_attempt_count": {"model_path", "status"},
    ":tensorflow:serving:request_count": {"model_name", "status"},
}
HISTOGRAMS = {
    ":tensorflow:serving:request_latency": {"model_name", "API", "entrypoint"},
    ":tensorflow:serving:runtime_latency": {"model_name", "API", "runtime"},
}


def declare(protos):
    """Message classes from a table of fields."""
    file = descriptor_pb2.FileDescriptorProto(name="operator.proto", package="operator", syntax="proto3")
    for name, body in protos.items():
        message = file.message_type.add(name=name)
        for number, (kind, field_name) in enumerate((field.split() for field in body.split("; ")), start=1):
            field = message.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if kind.endswith("[]") else field.LABEL_OPTIONAL
            kind = kind.removesuffix("[]")
            if kind in protos:
                field.type_name = f".operator.{kind}"
            else:
                field.type = field.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"operator.{name}"))
        for name in protos
    }


MESSAGES = declare(PROTOS)


def parse(path, message):
    return text_format.Parse((SERVING / path).read_text(encoding="utf-8"), message)


def documents(path):
    return list(yaml.safe_load_all((SERVING / path).read_text(encoding="utf-8")))


def kubernetes():
    """Every Kubernetes object by kind and name."""
    found = {}
    for path in sorted((SERVING / "kubernetes").glob("*.yaml")):
        for document in documents(path):
            found[document["kind"], document["metadata"]["name"]] = document
    return found


@pytest.fixture(scope="module")
def models():
    return parse("models.config", model_server_config_pb2.ModelServerConfig()).model_config_list.config


@pytest.fixture(scope="module")
def container():
    return kubernetes()["Deployment", "tfmeta-serving"]["spec"]["template"]["spec"]["containers"][0]


@pytest.fixture(scope="module")
def compose():
    return documents("docker-compose.yml")[0]


def test_every_shipped_model_is_served(models):
    shipped = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
    assert sorted(model.name for model in models) == shipped, "serving/models.config names other models"


def test_models_are_where_they_are_mounted_and_labelled(models):
    for model in models:
        assert (model.base_path, model.model_platform) == (f"/models/{model.name}", "tensorflow")
        shipped = {int(path.name) for path in (MODELS / model.name).iterdir()}
        served = set(model.model_version_policy.specific.versions)
        assert served <= shipped, f"{model.name} has no such version"
        assert set(model.version_labels) == {"stable", "canary"}
        assert set(model.version_labels.values()) == served, (
            "a label on a version that is not served, or none on one"
        )


def test_labels_do_not_stop_the_start(compose, container):
    for arguments in (compose["services"]["serving"]["command"], container["args"]):
        assert "--allow_version_labels_for_unavailable_models=true" in arguments


def test_batching():
    batching = parse("batching.config", MESSAGES["BatchingParameters"]())
    assert batching.max_batch_size.value > 1 and batching.max_enqueued_batches.value
    assert not batching.pad_variable_length_inputs  # it would invent support examples


def test_monitoring_is_where_prometheus_looks(container):
    monitoring = parse("monitoring.config", MESSAGES["MonitoringConfig"]()).prometheus_config
    assert monitoring.enable
    (job,) = documents("monitoring/prometheus.yml")[0]["scrape_configs"]
    assert job["metrics_path"] == monitoring.path
    template = kubernetes()["Deployment", "tfmeta-serving"]["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/path"] == monitoring.path


def test_ssl_example_holds_placeholders_for_each_field():
    example = parse("ssl.config.example", MESSAGES["SSLConfig"]())
    for pem in (example.server_key, example.server_cert, example.custom_ca):
        assert re.fullmatch(r"-----BEGIN (.+)-----\n\(.+\)\n-----END \1-----\n", pem)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_commands_of_the_ssl_example_make_a_configuration(tmp_path):
    comment = re.findall(r"^#   (.*)$", (SERVING / "ssl.config.example").read_text(encoding="utf-8"), re.M)
    subprocess.run(["bash", "-euc", "\n".join(comment)], cwd=tmp_path, check=True, capture_output=True)
    made = text_format.Parse((tmp_path / "ssl.config").read_text(), MESSAGES["SSLConfig"]())
    assert made.server_key == (tmp_path / "server.key").read_text()
    assert made.server_cert == (tmp_path / "server.pem").read_text()
    assert made.custom_ca == (tmp_path / "ca.pem").read_text()
    assert (tmp_path / "ssl.config").stat().st_mode & 0o777 == 0o600


def test_the_embedded_server_takes_the_same_files():
    check_model_config(read_model_config(SERVING / "models.config"))
    assert read_monitoring_config(SERVING / "monitoring.config") == "/monitoring/prometheus/metrics"
    assert read_ssl_config(SERVING / "ssl.config.example").client_verify


VALIDATED = {
    "docker-compose.yml": schemas.COMPOSE,
    "kustomization.yaml": schemas.KUBERNETES["Kustomization"],
    "monitoring/prometheus.yml": schemas.PROMETHEUS,
    "monitoring/grafana/dashboards.yml": schemas.GRAFANA_PROVIDERS,
    "monitoring/grafana/datasources/prometheus.yml": schemas.GRAFANA_DATASOURCES,
}


@pytest.mark.parametrize("path", list(VALIDATED))
def test_yaml_fits_its_schema(path):
    for document in documents(path):
        jsonschema.Draft202012Validator(VALIDATED[path]).validate(document)


@pytest.mark.parametrize("kind, name", list(kubernetes()))
def test_kubernetes_object_fits_its_schema(kind, name):
    jsonschema.Draft202012Validator(schemas.KUBERNETES[kind]).validate(kubernetes()[kind, name])


def test_no_yaml_goes_unchecked():
    found = {str(path.relative_to(SERVING)) for path in SERVING.rglob("*.y*ml")}
    assert found == set(VALIDATED) | {
        f"kubernetes/{path.name}" for path in (SERVING / "kubernetes").iterdir()
    }


def test_kustomization_names_every_file():
    (kustomization,) = documents("kustomization.yaml")
    listed = {Path(path).name for path in kustomization["resources"]}
    on_disk = {path.name for path in (SERVING / "kubernetes").iterdir()}
    assert listed == on_disk - {"inference-service.yaml"}  # it is instead of the Deployment
    for path in [*kustomization["resources"], *kustomization["configMapGenerator"][0]["files"]]:
        assert (SERVING / path).is_file()


def test_kubernetes_objects_name_each_other():
    found = kubernetes()
    deployment = found["Deployment", "tfmeta-serving"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    volumes = {volume["name"]: volume for volume in deployment["template"]["spec"]["volumes"]}
    (container,) = deployment["template"]["spec"]["containers"]
    assert deployment["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget", "tfmeta-serving"]["spec"]["selector"]["matchLabels"] == labels
    assert found["HorizontalPodAutoscaler", "tfmeta-serving"]["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "tfmeta-serving",
    }  # fmt: skip
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert ("PersistentVolumeClaim", volumes["models"]["persistentVolumeClaim"]["claimName"]) in found
    (kustomization,) = documents("kustomization.yaml")
    assert volumes["config"]["configMap"]["name"] == kustomization["configMapGenerator"][0]["name"]
    ports = {port["name"] for port in container["ports"]}
    for name in ("tfmeta-serving", "tfmeta-serving-pods"):
        service = found["Service", name]["spec"]
        assert service["selector"] == labels
        assert {port["targetPort"] for port in service["ports"]} <= ports
    storage = found["InferenceService", "prototypical-omniglot"]["spec"]["predictor"]["model"]["storageUri"]
    claim, model = storage.removeprefix("pvc://").split("/")
    assert ("PersistentVolumeClaim", claim) in found and (MODELS / model).is_dir()


def test_one_version_of_tensorflow_serving_everywhere(compose, container):
    image = compose["services"]["serving"]["image"]
    kserve = kubernetes()["InferenceService", "prototypical-omniglot"]["spec"]["predictor"]["model"]
    assert container["image"] == image == f"tensorflow/serving:{kserve['runtimeVersion']}"
    named = set(re.findall(r"tensorflow/serving:[\w.]+", (SERVING / "README.md").read_text(encoding="utf-8")))
    assert named <= {image}


def test_pods_run_with_least_rights(compose, container):
    pod = kubernetes()["Deployment", "tfmeta-serving"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")} == {"tmp"}
    serving = compose["services"]["serving"]
    assert serving["read_only"] and all(volume.endswith(":ro") for volume in serving["volumes"])


def test_configuration_files_are_mounted_where_they_are_named(compose, container):
    serving = compose["services"]["serving"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in serving["volumes"])
    words = [*serving["command"], *serving["healthcheck"]["test"], *container["args"]]
    words += container["readinessProbe"]["exec"]["command"]
    (kustomization,) = documents("kustomization.yaml")
    named = {word for text in words for word in re.findall(r"/config/([\w.]+)", text)}
    assert named == {"models.config", "monitoring.config", "ready.sh"}
    assert named <= set(kustomization["configMapGenerator"][0]["files"])
    assert all((SERVING / mounts["/config"] / name).is_file() for name in named)
    assert (SERVING / mounts["/models"]).resolve() == MODELS


def test_compose_mounts_what_exists_and_grafana_finds_it(compose):
    sources, targets = set(), {}
    for name, service in compose["services"].items():
        for source, target, *_ in (volume.split(":") for volume in service["volumes"]):
            targets[name, target] = source
            sources.add(source)
    for source in sources - set(compose["volumes"]):
        assert (SERVING / source).exists(), source
    (providers,) = documents("monitoring/grafana/dashboards.yml")
    folder = providers["providers"][0]["options"]["path"]
    assert (SERVING / targets["grafana", folder]).resolve() == DASHBOARD.parent
    home = compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/{DASHBOARD.name}"
    (source,) = documents("monitoring/grafana/datasources/prometheus.yml")[0]["datasources"]
    assert source["url"] == "http://prometheus:9090" and "prometheus" in compose["services"]
    (job,) = documents("monitoring/prometheus.yml")[0]["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["serving:8501"]}] and "serving" in compose["services"]


def queries():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for variable in board["templating"]["list"]:
        yield variable["label"], variable["query"]["query"], ""


@pytest.mark.parametrize("title, query, legend", list(queries()), ids=lambda value: value[:30])
def test_dashboard_asks_for_metrics_that_are_exported(title, query, legend):
    exported = dict(COUNTERS)
    for name, labels in HISTOGRAMS.items():
        exported |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    asked = re.findall(r":tensorflow[\w:]+", query)
    assert asked and set(asked) <= set(exported)
    common = set.intersection(*(exported[name] for name in asked))
    used = set(re.findall(r'(\w+)(?:=~|!=|="|=)', query)) | set(re.findall(r"{{(\w+)}}", legend))
    used |= {label for by in re.findall(r"by \((.*?)\)", query) for label in by.split(", ")}
    assert used <= common, f"{title}: no such label"
    assert query.count("(") == query.count(")")


def test_the_embedded_server_exports_what_the_dashboard_asks_for(server):
    metrics = Metrics()
    metrics.observe("Predict", "GRPC", "m", 1, "OK", 0.001)
    with metrics.runtime("Predict", "m"):
        pass
    text = metrics.render(server.models).decode()
    for name, labels in (COUNTERS | HISTOGRAMS).items():
        line = re.search(rf"^{name}(?:_sum)?{{(.*?)}} ", text, re.M)[1]
        assert set(re.findall(r"(\w+)=", line)) == labels


def test_dashboard_draws_from_the_provisioned_source():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    (source,) = documents("monitoring/grafana/datasources/prometheus.yml")[0]["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    used = [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
    used += [part["datasource"] for part in [*board["panels"], *board["templating"]["list"]]]
    assert all(datasource == expected for datasource in used)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(cells)) == len(cells) and all(
        panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"]
    )


class _Predict(BaseHTTPRequestHandler):
    """Answers as the server's `status` says, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def rest():
    server = HTTPServer(("127.0.0.1", 0), _Predict)
    server.asked, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def probe(port):
    return subprocess.run(
        ["bash", SERVING / "ready.sh", str(port)], capture_output=True, text=True, check=False
    )


def test_probe_asks_a_shipped_model_what_its_signature_takes(rest):
    assert probe(rest.server_port).returncode == 0
    ((path, body),) = rest.asked
    model = re.fullmatch(r"/v1/models/(\w+):predict", path)[1]
    newest = max((MODELS / model).iterdir(), key=lambda version: int(version.name))
    card = json.loads((newest / "assets.extra/card.json").read_text(encoding="utf-8"))
    (instance,) = body["instances"]
    assert set(instance) == set(card["signatures"]["serving_default"]["inputs"])
    assert len(instance["support_x"]) == len(instance["support_y"])


@pytest.mark.parametrize("status", [404, 503])
def test_probe_fails_where_the_model_does_not_answer(rest, status):
    rest.status = status
    result = probe(rest.server_port)
    assert result.returncode == 1 and f"HTTP {status}" in result.stdout


def test_probe_fails_where_nobody_listens(rest):
    port = rest.server_port
    rest.server_close()
    assert probe(port).returncode != 0
