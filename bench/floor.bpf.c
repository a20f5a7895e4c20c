/* The least that any sensor costs: a program that does nothing, attached where ours are. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

SEC("tracepoint") int on_tracepoint(void *context)
{
    (void)context;
    return 0;
}

SEC("raw_tracepoint") int on_raw_tracepoint(void *context)
{
    (void)context;
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
