/* Driven by tests/sources.sh:
 *   live_source NAME FILE   every event of the file, one a line; `!AT REASON` for a fault */
#include <stdio.h>
#include <stdlib.h>

#include "source/source.h"

static span file_read(const char *path)
{
    static uint8_t bytes[16u << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    span content = span_of(bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
    return content;
}

static bool event_print(void *context, const struct source_event *event)
{
    (void)context;
    if (event->fault)
        printf("!%zu %s\n", event->fault_at, event->fault);
    else
        printf("%.*s\n", (int)event->json.len, (const char *)event->json.data);
    return true;
}

int main(int argc, char **argv)
{
    struct err_ctx err;
    struct source_decoder *decoder;
    if (argc != 3)
        return 2;
    const struct source *source = source_find(span_str(argv[1]));
    if (!source || source_decoder_open(source, &decoder, &err) != OK)
        return 2;
    struct source_frame frame = {.bytes = file_read(argv[2])};
    span rest = frame.bytes;
    bool is_given = true;
    if (source->framing == SOURCE_DOCUMENT)
        is_given = source_decode(decoder, &frame, event_print, NULL);
    else
        while (is_given && span_until(&rest, '\n', &frame.bytes))
            is_given = source_decode(decoder, &frame, event_print, NULL);
    is_given = is_given && source_flush(decoder, event_print, NULL);
    source_decoder_close(decoder);
    return is_given ? 0 : 1;
}
