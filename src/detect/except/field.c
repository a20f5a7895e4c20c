#include "except/field.h"

#include <stddef.h>

struct row {
    const char *name;
    enum field_role role;
};

/* By rank: what stands first is preferred. */
static const struct row known[] = {
    {"proc.exepath", FIELD_WHO},
    {"Image", FIELD_WHO},
    {"SourceImage", FIELD_WHO},
    {"proc.name", FIELD_WHO},
    {"proc.exe", FIELD_WHO},
    {"fd.name", FIELD_WHAT},
    {"fs.path.name", FIELD_WHAT},
    {"fs.path.target", FIELD_WHAT},
    {"fs.path.source", FIELD_WHAT},
    {"TargetFilename", FIELD_WHAT},
    {"TargetObject", FIELD_WHAT},
    {"TargetImage", FIELD_WHAT},
    {"ImageLoaded", FIELD_WHAT},
    {"proc.args", FIELD_WHAT},
    {"proc.cmdline", FIELD_WHAT},
    {"CommandLine", FIELD_WHAT},
    {"fd.sip.name", FIELD_WHAT},
    {"fd.rip.name", FIELD_WHAT},
    {"DestinationHostname", FIELD_WHAT},
    {"QueryName", FIELD_WHAT},
    {"fd.sip", FIELD_WHAT},
    {"fd.rip", FIELD_WHAT},
    {"DestinationIp", FIELD_WHAT},
    {"ServiceName", FIELD_WHAT},
    {"ScriptBlockText", FIELD_WHAT},
    {"eventName", FIELD_WHAT},
    {"proc.pexepath", FIELD_WHENCE},
    {"ParentImage", FIELD_WHENCE},
    {"proc.pname", FIELD_WHENCE},
    {"container.image.repository", FIELD_WHENCE},
    {"k8s.ns.name", FIELD_WHENCE},
    {"user.name", FIELD_WHENCE},
    {"User", FIELD_WHENCE},
    {"ParentCommandLine", FIELD_WHENCE},
    {"proc.pcmdline", FIELD_WHENCE},
    {"container.name", FIELD_WHENCE},
};
#define KNOWN_COUNT (sizeof known / sizeof *known)

/* Parts of names that say: this value is of one process, one moment, one connection. */
static const char *const never_parts[] = {
    "pid",     "tid",     "Pid",       "ProcessId",  "ThreadId", "Guid",       "GUID",
    "time",    "Time",    "timestamp", "duration",   "latency",  "RecordID",   "LogonId",
    "evt.ts",  "uuid",    "requestI",  "eventID",    "sessionI", "SessionI",   "LogonGuid",
    ".num",    ".cport",  ".lport",    "SourcePort", "rawres",   "evt.res",    "container.id",
    "full_id", "evt.cpu", "evt.dir",   "evt.buffer", "loginuid", "evt.failed", "pod.uid",
};

struct field_use field_use(span name)
{
    for (unsigned index = 0; index < KNOWN_COUNT; index++)
        if (span_eq(name, span_str(known[index].name)))
            return (struct field_use){known[index].role, index};
    for (size_t index = 0; index < sizeof never_parts / sizeof *never_parts; index++)
        if (span_contains(name, span_str(never_parts[index])))
            return (struct field_use){FIELD_NEVER, 0};
    bool is_what = span_starts(name, SPAN("evt.arg"));
    return (struct field_use){is_what ? FIELD_WHAT : FIELD_WHENCE,
                              is_what ? KNOWN_COUNT : KNOWN_COUNT + 1};
}
