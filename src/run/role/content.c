#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "role/role.h"

#define INSTALLED "/usr/share/picket"

const char *content_path(const char *folder)
{
    static char path[PATH_MAX];
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len > 0) {
        program[len] = 0;
        *strrchr(program, '/') = 0;
        int count = snprintf(path, sizeof path, "%s/../%s", program, folder);
        if (count > 0 && (size_t)count < sizeof path && access(path, R_OK) == 0)
            return path;
    }
    snprintf(path, sizeof path, INSTALLED "/%s", folder);
    return access(path, R_OK) == 0 ? path : NULL;
}
