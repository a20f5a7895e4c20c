#include "ingest/readers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "ingest/messages.h"

#define POSITION_FILE  "position.json" /* as store/delivery writes it */
#define POSITION_BYTES ((size_t)1 << 20)
#define FOLDER_FLAGS   (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* ---- the parent's half ---- */

static void reader_offer(struct ipc_channel *intake, int sinks_fd, const char *name,
                         const char *store)
{
    AUTO(auto_close) int folder = openat(sinks_fd, name, FOLDER_FLAGS);
    if (folder < 0)
        return;
    AUTO(auto_close)
    int fd = openat(folder, POSITION_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0)
        ipc_send(intake, MESSAGE_READER, span_str(store), &fd, 1, true);
}

void readers_offer(struct ipc_channel *intake, const char *sinks_dir, const char *store)
{
    const struct dirent *entry;
    DIR *folder = opendir(sinks_dir);
    if (!folder && errno != ENOENT)
        return; /* who reads is not known: the intake keeps to what it knew */
    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            reader_offer(intake, dirfd(folder), entry->d_name, store);
    if (folder)
        closedir(folder);
    ipc_send(intake, MESSAGE_READERS, SPAN(""), NULL, 0, true);
}

/* ---- the intake's half ---- */

void readers_begin(struct readers *readers)
{
    *readers = (struct readers){.signals = UINT64_MAX, .alerts = UINT64_MAX};
}

static void least(uint64_t *into, uint64_t position)
{
    *into = position < *into ? position : *into;
}

void readers_add(struct readers *readers, span store, span text)
{
    json_t *all = json_loadb((const char *)text.data, text.len, 0, NULL);
    const json_t *positions = json_object_get(all, "positions");
    size_t index;
    const json_t *one;
    if (!json_is_array(positions))
        readers->signals = readers->alerts = 0;
    json_array_foreach(positions, index, one)
    {
        const char *name = json_string_value(json_object_get(one, "store"));
        const char *topic = json_string_value(json_object_get(one, "topic"));
        json_int_t position = json_integer_value(json_object_get(one, "position"));
        if (!name || !topic || position < 0)
            readers->signals = readers->alerts = 0;
        else if (span_eq(span_str(name), store))
            least(strcmp(topic, "alerts") == 0 ? &readers->alerts : &readers->signals,
                  (uint64_t)position);
    }
    json_decref(all);
}

static void reader_take(struct readers *readers, struct ipc_message *message)
{
    AUTO(auto_close) int fd = ipc_take_fd(message, 0);
    AUTO(auto_free) char *text = malloc(POSITION_BYTES);
    size_t len = 0;
    for (ssize_t count = 1; text && fd >= 0 && count > 0 && len < POSITION_BYTES;) {
        count = read(fd, text + len, POSITION_BYTES - len);
        len += count > 0 ? (size_t)count : 0;
    }
    readers_add(readers, message->body, text ? span_of(text, len) : SPAN(""));
}

bool readers_obey(struct readers *readers, struct intake *intake, struct ipc_message *message)
{
    if (message->type == MESSAGE_READER) {
        reader_take(readers, message);
        return true;
    }
    if (message->type != MESSAGE_READERS)
        return false;
    intake_readers(intake, readers->signals, readers->alerts);
    readers_begin(readers);
    return true;
}
