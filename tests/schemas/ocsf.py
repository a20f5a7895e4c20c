"""ocsf.py FILE COUNT: each of so many documents, one a line, fits OCSF's schema of its class, with the
profiles that it names: members, types, values, what is required; a name beside a number is the one that
the schema has for that number; nothing is deprecated."""
import copy
import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import get_ocsf_schema
from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded

VERSION = "1.4.0"
OTHER = 99  # its name is the product's own
schema = get_ocsf_schema(VERSION)
embedded = OcsfJsonSchemaEmbedded(schema)
validators = {}


def validator(document):
    name = embedded.lookup_class_name_from_uid(document["class_uid"])
    profiles = tuple(document["metadata"].get("profiles", []))
    if (name, profiles) not in validators:
        validators[name, profiles] = Draft202012Validator(embedded.get_class_schema(name, list(profiles)))
    return validators[name, profiles], schema["classes"][name]


def names_faults(value, definition, path):
    """Of an object: what a JSON Schema does not say."""
    for key, member in value.items():
        attribute = definition["attributes"].get(key)
        if attribute is None:
            continue
        if "@deprecated" in attribute:
            yield f"{path}.{key} is deprecated"
        sibling = value.get(attribute.get("sibling"))
        if "enum" in attribute and sibling is not None and member != OTHER:
            caption = attribute["enum"].get(str(member), {}).get("caption")
            if sibling != caption:
                yield f"{path}.{attribute['sibling']}: '{sibling}', {member} is '{caption}'"
        if attribute.get("object_type"):
            for item in member if isinstance(member, list) else [member]:
                yield from names_faults(item, schema["objects"][attribute["object_type"]], f"{path}.{key}")


def faults(document):
    checker, definition = validator(document)
    found = [f"{list(fault.absolute_path)}: {fault.message}" for fault in checker.iter_errors(document)]
    found += names_faults(document, definition, "")
    activity = definition["attributes"]["activity_id"]["enum"].get(str(document["activity_id"]), {}).get("caption")
    if document["metadata"]["version"] != VERSION:
        found.append("not of this version")
    if (document["category_uid"], document["category_name"]) != (definition["category_uid"], definition["category_name"]):
        found.append("the category is not that of its class")
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        found.append("type_uid is not that of its class and activity")
    if document["type_name"] != f"{definition['caption']}: {activity}":
        found.append(f"type_name: '{document['type_name']}'")
    return found


documents = [json.loads(line) for line in open(sys.argv[1])]
assert len(documents) == int(sys.argv[2]), len(documents)
wrong = [(document["metadata"]["uid"], fault) for document in documents for fault in faults(document)]
for uid, fault in wrong[:20]:
    print(f"{uid}: {fault}", file=sys.stderr)
assert not wrong, len(wrong)

# the check does say no
good = next(document for document in documents if "device" in document)
for change in (
        lambda d: d.update(severity_id=42),
        lambda d: d.update(severity="Low" if d["severity"] != "Low" else "High"),
        lambda d: d.update(unheard_of=1),
        lambda d: d.update(time="now"),
        lambda d: d.pop("finding_info"),
        lambda d: d["finding_info"].pop("uid"),
        lambda d: d["device"].pop("type_id"),
        lambda d: d.update(type_uid=200499)):
    bad = copy.deepcopy(good)
    change(bad)
    assert faults(bad), change.__code__.co_firstlineno
