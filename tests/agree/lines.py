"""Signals as lines `NUMBER <tab> JSON`, in the order in which they came: the number of the event's line
in the file of events, and every key of the signal but `event`, which tells the same in each way's own
words. Exit code 1, and a word on stderr: signals are not in the order of their events.

    lines.py WAY FILE-OF-EVENTS [PARTS] <signals

WAY  replay: event is the line's number · file: it ends in @BYTE · http: in @OFFSET of its topic ·
     kafka: in PARTITION@OFFSET, where line n is record (n - 1) / PARTS of partition (n - 1) % PARTS;
     a signal has the partition that it came from, and a tab, in front
"""
import json, sys

way, path = sys.argv[1:3]
parts = int(sys.argv[3]) if len(sys.argv) > 3 else 1
starts, at = {}, 0
with open(path, "rb") as events:
    for number, line in enumerate(events, 1):
        starts[at] = number
        at += len(line)


def line_of(event):
    if way == "replay":
        return int(event)
    place, at = event.rsplit("@", 1)
    if way == "file":
        return starts[int(at)]
    if way == "http":
        return int(at) + 1
    return int(at) * parts + int(place.rsplit("/", 1)[1]) + 1


last, disorder = {}, 0
for text in sys.stdin:
    stream = None
    if way == "kafka":
        stream, text = text.split("\t", 1)
    signal = json.loads(text)
    number = line_of(signal.pop("event"))
    stream = (stream, (number - 1) % parts)
    disorder += number < last.get(stream, 0)
    last[stream] = number
    print(number, json.dumps(signal, sort_keys=True), sep="\t")
if disorder:
    print(way, "has", disorder, "signals out of order", file=sys.stderr)
    sys.exit(1)
