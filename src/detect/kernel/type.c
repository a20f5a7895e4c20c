#include "kernel/type.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <sys/socket.h>
#include <sys/stat.h>

static const struct {
    char letter;
    const char *word;
    const char *anonymous; /* the name of an anonymous inode contains it */
} type_table[] = {
    {'f', "file", NULL},
    {'d', "directory", NULL},
    {'4', "ipv4", NULL},
    {'6', "ipv6", NULL},
    {'u', "unix", NULL},
    {'p', "pipe", NULL},
    {'e', "event", "[eventfd]"},
    {'s', "signalfd", "[signalfd]"},
    {'l', "eventpoll", "[eventpoll]"},
    {'i', "inotify", "inotify"},
    {'t', "timerfd", "[timerfd]"},
    {'n', "netlink", NULL},
    {'b', "bpf", "bpf-"},
    {'r', "io_uring", "[io_uring]"},
    {'m', "memfd", NULL},
    {'P', "pidfd", "[pidfd]"},
};
#define TYPE_COUNT (sizeof type_table / sizeof *type_table)

static char socket_letter(uint16_t family)
{
    return family == AF_INET      ? '4'
           : family == AF_INET6   ? '6'
           : family == AF_UNIX    ? 'u'
           : family == AF_NETLINK ? 'n'
                                  : 'o';
}

char file_letter(const struct file_identity *file, span name)
{
    switch (file->mode & S_IFMT) {
    case S_IFREG:
        return (file->layer & EXE_MEMFD) || span_starts(name, SPAN("/memfd:")) ? 'm' : 'f';
    case S_IFCHR:
    case S_IFBLK:
        return 'f';
    case S_IFDIR:
        return 'd';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return socket_letter(file->sock_family);
    default:
        break;
    }
    for (size_t index = 0; index < TYPE_COUNT; index++)
        if (type_table[index].anonymous &&
            span_contains(name, span_str(type_table[index].anonymous)))
            return type_table[index].letter;
    return 'o';
}

span file_name(const struct file_identity *file, span path, char ret_text[TUPLE_TEXT_BYTES])
{
    bool is_pipe = (file->mode & S_IFMT) == S_IFIFO && span_eq(path, SPAN("/"));
    if (!is_pipe)
        return path;
    int length =
        snprintf(ret_text, TUPLE_TEXT_BYTES, "pipe:[%llu]", (unsigned long long)file->inode);
    return span_of(ret_text, (size_t)length);
}

const char *letter_word(char letter)
{
    for (size_t index = 0; index < TYPE_COUNT; index++)
        if (type_table[index].letter == letter)
            return type_table[index].word;
    return "<NA>";
}

bool address_is_zero(const uint8_t bytes[16])
{
    static const uint8_t zero[16];
    return memcmp(bytes, zero, sizeof zero) == 0;
}

static bool is_mapped(const uint8_t bytes[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, 0xff};
    return memcmp(bytes, prefix, sizeof prefix) == 0;
}

bool tuple_is_v4(const struct socket_tuple *tuple)
{
    if (tuple->family == AF_INET)
        return true;
    bool has_local = !address_is_zero(tuple->local), has_remote = !address_is_zero(tuple->remote);
    return tuple->family == AF_INET6 && (has_local || has_remote) &&
           (!has_local || is_mapped(tuple->local)) && (!has_remote || is_mapped(tuple->remote));
}

const uint8_t *address_v4(const struct socket_tuple *tuple, const uint8_t bytes[16])
{
    return tuple->family == AF_INET6 && is_mapped(bytes) ? bytes + 12 : bytes;
}

size_t address_text(const uint8_t bytes[16], bool is_v4, char *ret_text)
{
    if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, ret_text, TUPLE_TEXT_BYTES / 2))
        return 0;
    return strlen(ret_text);
}

size_t tuple_text(const struct socket_tuple *tuple, char ret_text[TUPLE_TEXT_BYTES])
{
    char ends[2][TUPLE_TEXT_BYTES / 2];
    bool is_v4 = tuple_is_v4(tuple);
    const uint8_t *bytes[2] = {tuple->local, tuple->remote};
    uint16_t ports[2] = {tuple->local_port, tuple->remote_port};
    if (tuple->family != AF_INET && tuple->family != AF_INET6)
        return 0;
    bool has_local = tuple->local_port || !address_is_zero(tuple->local);
    bool has_remote = tuple->remote_port || !address_is_zero(tuple->remote);
    if (!has_local && !has_remote)
        return 0;
    for (int end = 0; end < 2; end++)
        address_text(is_v4 ? address_v4(tuple, bytes[end]) : bytes[end], is_v4, ends[end]);
    int client = tuple->is_server ? 1 : 0;
    int length = has_remote ? snprintf(ret_text, TUPLE_TEXT_BYTES, "%.63s:%u->%.63s:%u",
                                       ends[client], ports[client], ends[!client], ports[!client])
                            : snprintf(ret_text, TUPLE_TEXT_BYTES, "%.63s:%u", ends[0], ports[0]);
    return length < TUPLE_TEXT_BYTES ? (size_t)length : TUPLE_TEXT_BYTES - 1;
}
