#include "outlet/stores.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define PIPELINES    "pipelines"

static void store_note(struct outlet_stores *stores, const char *name, int folder)
{
    struct stat status;
    struct stored *store = NULL;
    if (strlen(name) > SINK_NAME_BYTES_MAX ||
        fstatat(folder, "picket.db", &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
        return;
    for (size_t index = 0; index < stores->count && !store; index++)
        if (strcmp(stores->items[index].name, name) == 0)
            store = &stores->items[index];
    if (!store && stores->count == DELIVERY_STORES_MAX) {
        stores->is_full = true;
        return;
    }
    if (!store) {
        store = &stores->items[stores->count++];
        snprintf(store->name, sizeof store->name, "%s", name);
    } else if (store->device == status.st_dev && store->inode == status.st_ino) {
        return;
    }
    store->device = status.st_dev;
    store->inode = status.st_ino;
    store->generation++;
}

static void pipelines_scan(struct outlet_stores *stores, int pipelines_fd)
{
    const struct dirent *entry;
    int copy = fcntl(pipelines_fd, F_DUPFD_CLOEXEC, 0);
    DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
    if (!folder) {
        if (copy >= 0)
            close(copy);
        return;
    }
    rewinddir(folder); /* the copy goes on where the last one stopped */
    while ((entry = readdir(folder))) {
        char name[sizeof PIPELINES + NAME_MAX + 1];
        if (entry->d_name[0] == '.')
            continue;
        AUTO(auto_close) int fd = openat(pipelines_fd, entry->d_name, FOLDER_FLAGS);
        snprintf(name, sizeof name, PIPELINES "/%s", entry->d_name);
        if (fd >= 0)
            store_note(stores, name, fd);
    }
    closedir(folder);
}

void outlet_stores_scan(struct outlet_stores *stores)
{
    AUTO(auto_close) int store_fd = openat(stores->state_fd, "store", FOLDER_FLAGS);
    AUTO(auto_close) int pipelines_fd = openat(stores->state_fd, PIPELINES, FOLDER_FLAGS);
    store_note(stores, ".", stores->state_fd);
    if (store_fd >= 0)
        store_note(stores, "store", store_fd);
    if (pipelines_fd >= 0)
        pipelines_scan(stores, pipelines_fd);
}

int outlet_stores_open(const struct outlet_stores *stores, const struct stored *store)
{
    AUTO(auto_close) int fd = openat(stores->state_fd, store->name, FOLDER_FLAGS);
    return fd_steal(&fd);
}
