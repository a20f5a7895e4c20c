// ecs.js FOLDER FILE COUNT: each of so many documents, one a line, has only fields that Elastic's package
// (below FOLDER) defines, or that lie below `picket`; each has its type, is a list where ECS wants one and
// only there, and has a value that ECS allows.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const { EcsFlat, EcsVersion } = require(path.join(path.resolve(process.argv[2]), 'node_modules/@elastic/ecs'));

const OWN = 'picket';
const isText = (value) => typeof value === 'string';
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const types = {
  boolean: (value) => typeof value === 'boolean',
  constant_keyword: isText,
  date: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) && !isNaN(Date.parse(value)),
  flattened: isObject,
  float: Number.isFinite,
  geo_point: isObject,
  ip: (value) => isText(value) && net.isIP(value) !== 0,
  keyword: isText,
  long: Number.isInteger,
  match_only_text: isText,
  nested: isObject,
  object: isObject,
  scaled_float: Number.isFinite,
  wildcard: isText,
};

function* valueFaults(name, field, value) {
  const isList = field.normalize.includes('array');
  if (Array.isArray(value) !== isList) yield `${name}: ${isList ? 'not a list' : 'a list'}`;
  for (const item of Array.isArray(value) ? value : [value]) {
    const allowed = (field.allowed_values || []).map((row) => row.name).concat(field.expected_values || []);
    if (!types[field.type](item)) yield `${name}: ${JSON.stringify(item)} is no ${field.type}`;
    if (allowed.length && !allowed.includes(item)) yield `${name}: '${item}' is not among ${allowed}`;
    if (field.pattern && !new RegExp(field.pattern).test(item)) yield `${name}: '${item}' is not ${field.pattern}`;
  }
}

function* objectFaults(prefix, object) {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key;
    const field = EcsFlat[name];
    if (name === OWN) continue;
    if (field) yield* valueFaults(name, field, value);
    else if (isObject(value) && Object.keys(value).length) yield* objectFaults(`${name}.`, value);
    else yield `${name} is no field`;
  }
}

function faults(document) {
  const found = [...objectFaults('', document)];
  for (const field of Object.values(EcsFlat))
    if (field.required && field.flat_name.split('.').reduce((at, key) => at?.[key], document) === undefined)
      found.push(`${field.flat_name} is missing`);
  if (document.ecs?.version !== EcsVersion) found.push(`ecs.version is not ${EcsVersion}`);
  const categories = EcsFlat['event.category'].allowed_values;
  const expected = [].concat(document.event?.category || []).flatMap(
    (name) => categories.find((row) => row.name === name)?.expected_event_types || []);
  for (const type of [].concat(document.event?.type || []))
    if (!expected.includes(type)) found.push(`event.type '${type}' is not of its categories`);
  return found;
}

const lines = fs.readFileSync(process.argv[3], 'utf8').split('\n').filter(Boolean);
const documents = lines.map((line) => JSON.parse(line));
const wrong = documents.flatMap((document) => faults(document).map((fault) => `${document.event?.id}: ${fault}`));
wrong.slice(0, 20).forEach((fault) => console.error(fault));
if (EcsFlat[OWN] || Object.keys(EcsFlat).some((name) => name.startsWith(`${OWN}.`))) wrong.push('ECS has a field of our name');
if (documents.length !== Number(process.argv[4])) wrong.push(`${documents.length} documents`);

// the check does say no
const changes = [
  (d) => { d.unheard_of = 1; },
  (d) => { d.event.unheard_of = 1; },
  (d) => { d.event.kind = 'alarm'; },
  (d) => { d.event.type = ['start']; },
  (d) => { d.event.category = 'intrusion_detection'; },
  (d) => { d.event.severity = '4'; },
  (d) => { d.log.level = ['error']; },
  (d) => { d['@timestamp'] = '31/01/2026'; },
  (d) => { delete d['@timestamp']; },
  (d) => { d.ecs.version = '1.0.0'; },
  (d) => { d.threat = null; },
];
for (const change of changes) {
  const bad = JSON.parse(lines[0]);
  change(bad);
  if (!faults(bad).length) wrong.push(`taken: ${change}`);
}
if (wrong.length) {
  console.error(wrong.length, 'faults, the last:', wrong[wrong.length - 1]);
  process.exit(1);
}
