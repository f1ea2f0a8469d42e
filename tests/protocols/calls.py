"""Makes one call of MetricsService and prints what came of it: python3 calls.py ADDRESS KIND [--token TOKEN] [--ca FILE].

KIND: point (one of the metric `called`), packed (the same by gzip), deflated, garbage, large, unknown.
Prints the status and the seconds after which to call again, if it says any, and how many data points were rejected.
"""

import argparse
import sys
import time

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
PACKING = {"packed": grpc.Compression.Gzip, "deflated": grpc.Compression.Deflate}


def point():
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name = "called"
    data = metric.gauge.data_points.add()
    data.as_double = 4.5
    data.time_unix_nano = time.time_ns()
    # One from 1970, which is left out; as long as it is worth to be packed.
    old = metric.gauge.data_points.add()
    old.time_unix_nano = 1
    old.attributes.add(key="long").value.string_value = "x" * 10_000
    return request.SerializeToString()


def message(kind):
    # What is not UTF-8, no protobuf, and more than fits.
    return {"garbage": b"\xff" * 9, "large": bytes(9 << 20)}.get(kind) or point()


parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("kind")
parser.add_argument("--token")
parser.add_argument("--ca")
args = parser.parse_args()
if args.ca:
    with open(args.ca, "rb") as file:
        channel = grpc.secure_channel(args.address, grpc.ssl_channel_credentials(file.read()))
else:
    channel = grpc.insecure_channel(args.address)
method = "/opentelemetry.proto.Nothing/Export" if args.kind == "unknown" else EXPORT
metadata = [("authorization", f"Bearer {args.token}")] if args.token else []
call = channel.unary_unary(method, response_deserializer=metrics_service_pb2.ExportMetricsServiceResponse.FromString)
try:
    answer = call(message(args.kind), timeout=60, metadata=metadata, compression=PACKING.get(args.kind))
    print("OK rejected", answer.partial_success.rejected_data_points)
except grpc.RpcError as error:
    said = [value for name, value in error.trailing_metadata() or () if name == "grpc-status-details-bin"]
    status = status_pb2.Status.FromString(said[0]) if said else status_pb2.Status()
    if said and (status.code, status.message) != (error.code().value[0], error.details()):
        sys.exit(f"the details are of {status.code} {status.message!r}, the status is {error}")
    again = []
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            again.append(info.retry_delay.seconds)
    print(error.code().name, *(["again", *again] if again else []))
