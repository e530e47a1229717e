"""Server reflection: the server describes its own API, so that grpcurl and its like can list and call it.

Reference: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import Iterator, Mapping
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tfmeta import wire
from tfmeta.serving.services.health import HEALTH_SERVICE
from tfmeta.serving.services.packing import any_packing
from tfmeta.serving.services.rpc import Rpc

__all__ = ["describe_services", "reflection_handler"]

_THREADS = 8  # a call lasts as long as its client likes, so these threads are nobody else's


def reflection_handler(services: Mapping[str, Mapping[str, Rpc]]) -> grpc.GenericRpcHandler:
    """What answers the reflection of a server.

    Args:
        services: The RPCs by the full name of their service and by their own.
    """
    names = [*services, HEALTH_SERVICE, reflection.SERVICE_NAME]
    servicer = reflection.ReflectionServicer(names, pool=describe_services(services))

    def describe(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        return servicer.ServerReflectionInfo(requests, context)

    describe.experimental_thread_pool = futures.ThreadPoolExecutor(_THREADS, "tfmeta-reflection")  # type: ignore[attr-defined]
    handler = grpc.stream_stream_rpc_method_handler(
        describe,
        any_packing(reflection_pb2.ServerReflectionRequest.FromString),
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, {"ServerReflectionInfo": handler})


def describe_services(services: Mapping[str, Mapping[str, Rpc]]) -> descriptor_pool.DescriptorPool:
    """A pool of all messages and services that a server offers; like `wire.POOL` it is no other library's.

    Args:
        services: The RPCs by the full name of their service and by their own.
    """
    pool = descriptor_pool.DescriptorPool()
    messages = [wire.POOL.FindFileByName(f"{package}.proto") for package in wire.PACKAGES]
    for file in (*messages, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    for service, methods in services.items():
        package, _, name = service.rpartition(".")
        file = descriptor_pb2.FileDescriptorProto(name=f"{service}.proto", package=package, syntax="proto3")
        description = file.service.add(name=name)
        for method, rpc in methods.items():
            request = rpc.request_type.DESCRIPTOR
            if request.file.name not in file.dependency:
                file.dependency.append(request.file.name)
            description.method.add(
                name=method,
                input_type=f".{request.full_name}",
                output_type=f".{request.full_name.removesuffix('Request')}Response",
            )
        pool.AddSerializedFile(file.SerializeToString())
    return pool
