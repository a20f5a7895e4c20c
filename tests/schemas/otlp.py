"""otlp.py TAKEN COUNT: the bodies that were taken (sinks/receiver.py) are requests to OpenTelemetry's own
protobuf definition, members that it does not know being refused, with so many log records."""
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

records = 0
for line in open(sys.argv[1]):
    body = json.loads(line)["body"]
    request = json_format.Parse(body, ExportLogsServiceRequest())
    for resource in request.resource_logs:
        assert resource.resource.attributes
        for scope in resource.scope_logs:
            for record in scope.log_records:
                assert record.severity_number > 0
                assert json.loads(record.body.string_value)["id"]
                records += 1
assert records == int(sys.argv[2]), records
try:
    json_format.Parse('{"resourceLogs":[{"unheardOf":1}]}', ExportLogsServiceRequest())
    raise SystemExit("an unknown member was taken")
except json_format.ParseError:
    pass
