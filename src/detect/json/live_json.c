/* Driven by tests/json.sh:
 *   live_json judge FILE...     `yes FILE` where the file is one JSON text of any kind, else `no
 * FILE` live_json allocations FILE  how often memory was asked for while all lines were read a
 * third time, every field of each; `sanitized` where that can't be told */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/decoder.h"

static uint64_t allocation_count;

#if !defined(__SANITIZE_ADDRESS__)
#define IS_COUNTED true
/* glibc's own, behind the names that we take over */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    allocation_count++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocation_count++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocation_count++;
    return __libc_realloc(old, size);
}
#else
#define IS_COUNTED false
#endif

static span file_read(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    span content = span_of(bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
    return content;
}

static bool is_text(span content)
{
    struct json_fault fault;
    size_t len;
    if (!json_first(content, &len, &fault))
        return false;
    while (len < content.len && memchr(" \t\r\n", content.data[len], 4))
        len++;
    return len == content.len;
}

/* The fast way must say the same of the text as a member as the checker does. */
static bool passes_agree(struct json_decoder *decoder, span content)
{
    static uint8_t line[(1 << 20) + 8];
    struct json_fault fault;
    memcpy(line, "{\"k\":", 5);
    memcpy(line + 5, content.data, content.len);
    line[5 + content.len] = '}';
    span whole = span_of(line, content.len + 6);
    return json_decode(decoder, whole, &fault) == json_check(whole, &fault);
}

static void lines_read(struct json_decoder *decoder, const struct projection *projection,
                       struct arena *arena, span content)
{
    span line;
    struct json_fault fault;
    while (span_until(&content, '\n', &line)) {
        arena_reset(arena);
        (void)!json_decode(decoder, line, &fault);
        for (size_t slot = 0; slot < projection->count; slot++) {
            struct value value;
            json_fetch(decoder, &projection->refs[slot], arena, &value);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"a", "a.b", "text", "list", "list.x", ""};
    struct field_ref refs[sizeof names / sizeof *names];
    struct projection projection = {
        .schema = &json_schema, .refs = refs, .count = sizeof names / sizeof *names};
    struct json_decoder *decoder;
    struct err_ctx err;
    struct arena arena;
    for (size_t index = 0; index < projection.count; index++)
        refs[index] = (struct field_ref){
            .field = json_schema.open, .argument = span_str(names[index]), .index = -1};
    if (argc < 3 || json_decoder_open(&projection, &decoder, &err) != OK)
        return 2;
    arena_init(&arena, 1 << 24);
    if (strcmp(argv[1], "allocations") == 0) {
        span content = file_read(argv[2]);
        lines_read(decoder, &projection, &arena, content);
        lines_read(decoder, &projection, &arena, content);
        uint64_t before = allocation_count;
        lines_read(decoder, &projection, &arena, content);
        uint64_t count = allocation_count - before;
        if (IS_COUNTED)
            printf("%llu of %llu\n", (unsigned long long)count, (unsigned long long)before);
        else
            puts("sanitized");
    }
    for (int index = 2; strcmp(argv[1], "judge") == 0 && index < argc; index++) {
        span content = file_read(argv[index]);
        printf("%s %s\n", is_text(content) ? "yes" : "no", argv[index]);
        if (!passes_agree(decoder, content))
            printf("disagree %s\n", argv[index]);
    }
    json_decoder_close(decoder);
    arena_free(&arena);
    return 0;
}
