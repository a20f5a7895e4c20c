/* A syslog message; and the same bytes as a stream of messages. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span stream = span_of(data, size), message;
    while (syslog_frame(&stream, &message) == SYSLOG_WHOLE)
        (void)source_fuzz("syslog", event_check, message);
    return source_fuzz("syslog", event_check, span_of(data, size));
}
