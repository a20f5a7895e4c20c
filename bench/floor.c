/* Attaches the empty programs of floor.bpf.c to hooks named as `picket status` names them
 * (tp/CATEGORY/NAME, tp_btf/NAME, raw_tp/NAME), says "ready", and stays until its stdin closes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static struct bpf_link *attach(struct bpf_object *object, const char *hook)
{
    char name[128];
    const char *last = strrchr(hook, '/');
    if (!last)
        return NULL;
    if (strncmp(hook, "tp/", 3) == 0) {
        snprintf(name, sizeof name, "%.*s", (int)(last - hook - 3), hook + 3);
        return bpf_program__attach_tracepoint(
            bpf_object__find_program_by_name(object, "on_tracepoint"), name, last + 1);
    }
    return bpf_program__attach_raw_tracepoint(
        bpf_object__find_program_by_name(object, "on_raw_tracepoint"), last + 1);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: floor OBJECT HOOK...\n");
        return 2;
    }
    struct bpf_object *object = bpf_object__open(argv[1]);
    if (!object || bpf_object__load(object)) {
        fprintf(stderr, "floor: %s does not load\n", argv[1]);
        return 1;
    }
    int attached = 0;
    for (int index = 2; index < argc; index++) {
        if (attach(object, argv[index]))
            attached++;
        else
            fprintf(stderr, "floor: %s not attached\n", argv[index]);
    }
    printf("ready %d\n", attached);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0; /* the kernel detaches with the last descriptor */
}
