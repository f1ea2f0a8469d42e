"""Measures a little and sends it by OpenTelemetry's own exporter: python3 otlp.py URL [delta]; `grpc://…` goes by gRPC."""

import logging
import sys

import grpc
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource


def load(_: CallbackOptions):
    yield Observation(0.5)


logging.basicConfig(level=logging.WARNING)
is_delta = sys.argv[2:] == ["delta"]
kinds = [Counter, Histogram] if is_delta else []
temporality = {kind: AggregationTemporality.DELTA for kind in kinds}
url = sys.argv[1]
if url.startswith("grpc://"):
    address, gzip = url.removeprefix("grpc://"), grpc.Compression.Gzip
    exporter = GrpcExporter(endpoint=address, insecure=True, compression=gzip, preferred_temporality=temporality)
else:
    exporter = OTLPMetricExporter(endpoint=url, compression=Compression.Gzip, preferred_temporality=temporality)
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
provider = MeterProvider(
    resource=Resource.create(
        {
            "service.namespace": "shop",
            "service.name": "cart",
            "service.instance.id": "c1",
            "k8s.pod.name": "p-1",
            "host.cpus": 4,
        }
    ),
    metric_readers=[reader],
    views=[
        View(instrument_name="latency", aggregation=ExplicitBucketHistogramAggregation([0.1, 0.5, 1.0])),
        View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation()),
    ],
)
meter = provider.get_meter("shop")
orders = meter.create_counter("orders", unit="{order}")
orders.add(3, {"kind": "a"})
orders.add(4, {"kind": "a"})
in_flight = meter.create_up_down_counter("in.flight")
in_flight.add(5)
in_flight.add(-3)
meter.create_observable_gauge("load", callbacks=[load], unit="1")
latency = meter.create_histogram("latency", unit="s")
for seconds in (0.25, 0.25, 2.0):
    latency.record(seconds)
size = meter.create_histogram("size", unit="By")
for number in range(1, 101):
    size.record(number)
if not provider.force_flush():
    sys.exit("the export failed")
if is_delta:
    for _ in range(3):
        orders.add(5, {"kind": "a"})
        latency.record(0.25)
        size.record(50)
        if not provider.force_flush():
            sys.exit("the export failed")
provider.shutdown()
