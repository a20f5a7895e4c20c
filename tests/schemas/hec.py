"""hec.py TAKEN TOKEN COUNT: the requests that were taken (sinks/receiver.py) keep to what Splunk publishes on
formatting events for its HTTP Event Collector, with so many events in all."""
import json
import re
import sys

TEXTS = {"host", "source", "sourcetype", "index"}  # no other member but time, event and fields


def faults(event):
    for key in event.keys() - TEXTS - {"time", "event", "fields"}:
        yield f"{key} is no member"
    for key in TEXTS & event.keys():
        if not isinstance(event[key], str) or not event[key]:
            yield f"{key} is no text"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", event.get("index", "main")):
        yield "that cannot be an index"
    if event.get("event") in (None, ""):
        yield "the event is missing or blank"
    time = event.get("time", 1e9)  # seconds; nothing is before 2001 or in milliseconds
    if isinstance(time, bool) or not isinstance(time, (int, float)) or not 1e9 <= time < 1e10:
        yield f"time: {time}"
    fields = event.get("fields", {})
    if not isinstance(fields, dict):
        yield "fields is no object"
    elif any(not isinstance(item, str) for value in fields.values()
             for item in (value if isinstance(value, list) else [value])):
        yield "fields are flat: texts or lists of them"


def events(body):
    decoder, at = json.JSONDecoder(), 0
    while at < len(body):
        event, at = decoder.raw_decode(body, at)
        yield event
        at = re.compile(r"\s*").match(body, at).end()


taken = []
for line in open(sys.argv[1]):
    request = json.loads(line)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert headers["authorization"] == f"Splunk {sys.argv[2]}"
    taken += events(request["body"])
wrong = [fault for event in taken for fault in faults(event)]
assert not wrong, wrong[:20]
assert len(taken) == int(sys.argv[3]), len(taken)
keys = [event["fields"]["picket_id"] for event in taken]
assert len(set(keys)) == len(keys)

# the check does say no
for change in ({"time": "x"}, {"time": 1.7e12}, {"host": ""}, {"index": "_Main"}, {"event": ""}, {"event": None},
               {"fields": {"a": {"b": "c"}}}, {"fields": {"a": None}}, {"extra": 1}):
    assert list(faults({**taken[0], **change})), change
