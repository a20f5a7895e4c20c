#!/bin/sh
# One thread changes the last letter of a path while another makes links by it.
# rule: File name changed while the kernel read it
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

command -v cc >/dev/null 2>&1 || skip "'cc' is not installed"
cat >"$work/race.c" <<'END'
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static _Atomic char *letter;
static atomic_bool done;

static void *
flip(void *unused)
{
    while (!atomic_load(&done)) {
        atomic_fetch_xor(letter, 'a' ^ 'b');
    }
    return unused;
}

int
main(void)
{
    static char path[] = "link-a";
    pthread_t thread;
    letter = (_Atomic char *)&path[sizeof path - 2];
    if (pthread_create(&thread, NULL, flip, NULL) != 0) {
        return 1;
    }
    for (int i = 0; i < 2000; i++) {
        if (symlink("nowhere", path) == 0) {
            unlink("link-a");
            unlink("link-b");
        }
    }
    atomic_store(&done, true);
    return pthread_join(thread, NULL);
}
END
cc -O1 -o "$work/race" "$work/race.c" -lpthread
(cd "$work" && timeout 20 ./race)
