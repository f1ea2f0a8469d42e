"""Sends a little by the StatsD clients that Python programs use: python3 statsd.py PORT SOCKET."""

import sys

# This folder's own name of a module must not stand in the library's way.
sys.path.pop(0)

import statsd
from datadog.dogstatsd import DogStatsd

port, socket = int(sys.argv[1]), sys.argv[2]

dog = DogStatsd(host="127.0.0.1", port=port, disable_telemetry=True)
dog.increment("dog.hits", 3, tags=["shop:a", "bare"])
dog.gauge("dog.load", 0.5)
dog.distribution("dog.wait", 12.5)
dog.set("dog.users", "anna")
dog.flush()

by_socket = DogStatsd(socket_path=socket, disable_telemetry=True)
by_socket.increment("sock.hits", 4)
by_socket.flush()

client = statsd.StatsClient("127.0.0.1", port, prefix="plain")
client.incr("hits", 2)
client.gauge("load", 7)
client.timing("wait", 320)
with client.pipeline() as pipeline:
    pipeline.incr("piped")
    pipeline.incr("piped")
