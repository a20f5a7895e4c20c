"""schemas.py OCSF TAKEN COUNT: each of so many documents fits the schema of its class, and each of so many
log records is one to OpenTelemetry's own definition."""
import json
import sys

from google.protobuf import json_format
from jsonschema import Draft202012Validator
from ocsf_json_schema import get_ocsf_schema
from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.4.0"))
finding = Draft202012Validator(schemas.get_class_schema("detection_finding", ["host", "container"]))
documents = [json.loads(line) for line in open(sys.argv[1])]
assert len(documents) == int(sys.argv[3]), len(documents)
for document in documents:
    faults = [f"{list(fault.absolute_path)}: {fault.message}" for fault in finding.iter_errors(document)]
    assert not faults, faults
# the schema does say no
assert list(finding.iter_errors({**documents[0], "severity_id": 42}))
assert list(finding.iter_errors({**documents[0], "unheard_of": 1}))

records = 0
for line in open(sys.argv[2]):
    body = json.loads(line)["body"]
    request = json_format.Parse(body, ExportLogsServiceRequest())
    for resource in request.resource_logs:
        assert resource.resource.attributes
        for scope in resource.scope_logs:
            for record in scope.log_records:
                assert record.time_unix_nano > 0 and record.severity_number > 0
                assert json.loads(record.body.string_value)["id"]
                records += 1
assert records == int(sys.argv[3]), records
