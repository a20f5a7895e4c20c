#include "follow/test_rig.h"

#include <zlib.h>

void rig_gzip(struct rig *rig, const char *name, bool keeps)
{
    char path[256], bytes[65536];
    snprintf(path, sizeof path, "%s/%s.gz", rig->place->path, name);
    gzFile packed = gzopen(path, "wb");
    int in = openat(rig->place->fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0 && packed);
    for (ssize_t count; (count = read(in, bytes, sizeof bytes)) > 0;)
        assert_int_equal(gzwrite(packed, bytes, (unsigned)count), count);
    close(in);
    assert_int_equal(gzclose(packed), Z_OK);
    if (!keeps)
        rig_remove(rig, name);
}
