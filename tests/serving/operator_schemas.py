"""JSON schemas of what `serving/` uses of Kubernetes, KServe, Compose, Prometheus and Grafana.

Closed schemas: a field that is not named here is refused, as `kubectl --validate=strict` refuses it, so that a misspelt
one does not pass unseen. Whoever uses a new field adds it here, from the product's own reference.
"""

STRING, TEXT_OR_NUMBER = {"type": "string"}, {"type": ["string", "integer"]}
COUNT, FLAG = {"type": "integer", "minimum": 0}, {"type": "boolean"}


def fields(required="", **properties):
    """An object of these fields and no others; those in `required` must be there."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def table(values=STRING):
    return {"type": "object", "additionalProperties": values, "minProperties": 1}


def several(items=STRING):
    return {"type": "array", "items": items, "minItems": 1}


def one_of(*words):
    return {"enum": list(words)}


LABELS = table({"type": "string", "pattern": r"^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$"})
SELECTOR = fields("matchLabels", matchLabels=LABELS)
NAME = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
QUANTITY = {"type": "string", "pattern": r"^[0-9]+(m|[KMGT]i?)?$"}
METADATA = fields("name", name=NAME, labels=LABELS, annotations=table())
RESOURCES = fields("requests", requests=table(QUANTITY), limits=table(QUANTITY))

PROBE = fields(
    exec=fields("command", command=several()),
    tcpSocket=fields("port", port=TEXT_OR_NUMBER),
    periodSeconds=COUNT,
    timeoutSeconds=COUNT,
    failureThreshold=COUNT,
) | {"oneOf": [{"required": ["exec"]}, {"required": ["tcpSocket"]}]}

CONTAINER = fields(
    "name image",
    name=NAME,
    image={"type": "string", "pattern": r"^[\w./-]+:[\w.-]+$"},
    args=several(),
    ports=several(fields("containerPort", name=NAME, containerPort=PORT)),
    startupProbe=PROBE,
    readinessProbe=PROBE,
    livenessProbe=PROBE,
    lifecycle=fields(preStop=fields("exec", exec=fields("command", command=several()))),
    resources=RESOURCES,
    securityContext=fields(
        allowPrivilegeEscalation=FLAG,
        readOnlyRootFilesystem=FLAG,
        capabilities=fields(drop=several()),
    ),
    volumeMounts=several(fields("name mountPath", name=NAME, mountPath=STRING, readOnly=FLAG)),
)

POD = fields(
    "containers",
    automountServiceAccountToken=FLAG,
    terminationGracePeriodSeconds=COUNT,
    securityContext=fields(
        runAsNonRoot=FLAG,
        runAsUser=COUNT,
        runAsGroup=COUNT,
        seccompProfile=fields("type", type=one_of("RuntimeDefault", "Localhost", "Unconfined")),
    ),
    topologySpreadConstraints=several(
        fields(
            "maxSkew topologyKey whenUnsatisfiable",
            maxSkew=COUNT,
            topologyKey=STRING,
            whenUnsatisfiable=one_of("DoNotSchedule", "ScheduleAnyway"),
            labelSelector=SELECTOR,
        )
    ),
    containers=several(CONTAINER),
    volumes=several(
        fields(
            "name",
            name=NAME,
            persistentVolumeClaim=fields("claimName", claimName=NAME, readOnly=FLAG),
            configMap=fields("name", name=NAME),
            emptyDir=fields(sizeLimit=QUANTITY),
        )
        | {"minProperties": 2, "maxProperties": 2}
    ),
)


SCALING = fields(
    stabilizationWindowSeconds=COUNT,
    policies=several(
        fields("type value periodSeconds", type=one_of("Pods", "Percent"), value=COUNT, periodSeconds=COUNT)
    ),
)


def kind(api_version, name, **body):
    """A Kubernetes object."""
    return fields(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": name},
        metadata=METADATA,
        **body,
    )


KUBERNETES = {
    "Deployment": kind(
        "apps/v1",
        "Deployment",
        spec=fields(
            "selector template",
            selector=SELECTOR,
            strategy=fields(rollingUpdate=fields(maxSurge=TEXT_OR_NUMBER, maxUnavailable=TEXT_OR_NUMBER)),
            template=fields("metadata spec", metadata=fields(labels=LABELS, annotations=table()), spec=POD),
        ),
    ),
    "Service": kind(
        "v1",
        "Service",
        spec=fields(
            "ports",
            clusterIP={"const": "None"},
            selector=LABELS,
            ports=several(
                fields("port", name=NAME, port=PORT, targetPort=TEXT_OR_NUMBER, appProtocol=STRING)
            ),
        ),
    ),
    "HorizontalPodAutoscaler": kind(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec=fields(
            "scaleTargetRef maxReplicas",
            scaleTargetRef=fields("kind name", apiVersion=STRING, kind=STRING, name=NAME),
            minReplicas=COUNT,
            maxReplicas=COUNT,
            metrics=several(
                fields(
                    "type resource",
                    type={"const": "Resource"},
                    resource=fields(
                        "name target",
                        name=one_of("cpu", "memory"),
                        target=fields(
                            "type averageUtilization",
                            type={"const": "Utilization"},
                            averageUtilization={"type": "integer", "minimum": 1, "maximum": 100},
                        ),
                    ),
                )
            ),
            behavior=fields(scaleUp=SCALING, scaleDown=SCALING),
        ),
    ),
    "PodDisruptionBudget": kind(
        "policy/v1",
        "PodDisruptionBudget",
        spec=fields(
            "selector", minAvailable=TEXT_OR_NUMBER, maxUnavailable=TEXT_OR_NUMBER, selector=SELECTOR
        ),
    ),
    "PersistentVolumeClaim": kind(
        "v1",
        "PersistentVolumeClaim",
        spec=fields(
            "accessModes resources",
            accessModes=several(one_of("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany")),
            storageClassName=STRING,
            resources=RESOURCES,
        ),
    ),
    "InferenceService": kind(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        spec=fields(
            "predictor",
            predictor=fields(
                "model",
                minReplicas=COUNT,
                maxReplicas=COUNT,
                scaleMetric=one_of("cpu", "memory", "concurrency", "rps"),
                scaleTarget=COUNT,
                canaryTrafficPercent=COUNT,
                model=fields(
                    "modelFormat storageUri",
                    modelFormat=fields("name", name={"const": "tensorflow"}),
                    runtimeVersion=STRING,
                    storageUri={"type": "string", "pattern": r"^(pvc|gs|s3|https?|oci)://.+"},
                    resources=RESOURCES,
                ),
            ),
        ),
    ),
    "Kustomization": fields(
        "apiVersion kind resources",
        apiVersion={"const": "kustomize.config.k8s.io/v1beta1"},
        kind={"const": "Kustomization"},
        labels=several(fields("pairs", pairs=LABELS)),
        resources=several(),
        configMapGenerator=several(fields("name files", name=NAME, files=several())),
    ),
}

COMPOSE = fields(
    "services",
    name=NAME,
    services=table(
        fields(
            "image",
            image={"type": "string", "pattern": r"^[\w./-]+:v?\d+\.\d+\.\d+$"},  # pinned
            command=several(),
            environment=table(),
            ports=several({"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}),  # this machine only
            volumes=several(),
            healthcheck=fields(
                "test", test=several(), start_period=STRING, interval=STRING, timeout=STRING, retries=COUNT
            ),
            depends_on=several(),
            stop_grace_period=STRING,
            restart=one_of("no", "always", "on-failure", "unless-stopped"),
            read_only=FLAG,
            user=STRING,
            tmpfs=several(),
            cap_drop=several(),
            security_opt=several(),
        )
    ),
    volumes=table({"type": "null"}),
)

PROMETHEUS = fields(
    "scrape_configs",
    **{"global": fields(scrape_interval=STRING)},
    scrape_configs=several(
        fields(
            "job_name",
            job_name=STRING,
            metrics_path=STRING,
            static_configs=several(fields("targets", targets=several())),
        )
    ),
)

GRAFANA_DATASOURCES = fields(
    "apiVersion datasources",
    apiVersion={"const": 1},
    datasources=several(
        fields(
            "name type url",
            name=STRING,
            uid=STRING,
            type={"const": "prometheus"},
            access=one_of("proxy", "direct"),
            url=STRING,
            isDefault=FLAG,
            jsonData=fields(timeInterval=STRING),
        )
    ),
)

GRAFANA_PROVIDERS = fields(
    "apiVersion providers",
    apiVersion={"const": 1},
    providers=several(
        fields(
            "name type options",
            name=STRING,
            type={"const": "file"},
            allowUiUpdates=FLAG,
            options=fields("path", path=STRING),
        )
    ),
)
