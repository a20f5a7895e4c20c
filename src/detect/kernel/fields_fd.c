/* fd.*: the descriptor that the event is about. Its facts come from the record alone. */
#include <netinet/in.h>
#include <stdio.h>

#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "kernel/args.h"

static const struct event_desc *desc(const struct fetch *fetch)
{
    return event_desc(fetch->record->head.type);
}

static bool has_fd(const struct fetch *fetch)
{
    return desc(fetch)->traits & (EVENT_MAKES_FD | EVENT_USES_FD);
}

static bool has_file(const struct fetch *fetch, struct file_identity *ret)
{
    return has_fd(fetch) && record_struct(fetch->record, PARAM_FILE, ret, sizeof *ret);
}

static bool has_tuple(const struct fetch *fetch, struct socket_tuple *ret)
{
    return has_fd(fetch) && record_struct(fetch->record, PARAM_SOCKET, ret, sizeof *ret) &&
           ret->family; /* 0: there was no socket */
}

static char family_letter(uint64_t family)
{
    struct file_identity file = {.mode = 0140000, .sock_family = (uint16_t)family};
    return file_letter(&file, (span){NULL, 0});
}

/* What a call makes that leaves no file identity behind. */
static char made_letter(const struct record *record)
{
    if (record->head.result < 0)
        return 0;
    switch (record->head.type) {
    case EVENT_SOCKET:
        return family_letter((uint64_t)record_number(record, PARAM_DOMAIN, 0));
    case EVENT_MEMFD_CREATE:
        return 'm';
    case EVENT_IO_URING_SETUP:
        return 'r';
    case EVENT_BPF:
        return 'b';
    default:
        return 0;
    }
}

char fetch_letter(const struct fetch *fetch)
{
    struct file_identity file;
    struct socket_tuple tuple;
    if (has_tuple(fetch, &tuple))
        return tuple_is_v4(&tuple) ? '4' : family_letter(tuple.family);
    if (!has_fd(fetch))
        return 0;
    if (fetch->record->params[PARAM_SOCKET_PATH].data)
        return 'u';
    if (has_file(fetch, &file))
        return file_letter(&file, fetch->record->params[PARAM_PATH]);
    return made_letter(fetch->record);
}

static bool is_open(const struct fetch *fetch)
{
    return (desc(fetch)->traits & EVENT_IS_OPEN) || fetch->record->head.type == EVENT_CREAT;
}

span fetch_fd_name(const struct fetch *fetch)
{
    struct socket_tuple tuple;
    const struct record *record = fetch->record;
    if (!has_fd(fetch))
        return (span){NULL, 0};
    if (record->params[PARAM_SOCKET_PATH].data)
        return record->params[PARAM_SOCKET_PATH];
    if (has_tuple(fetch, &tuple)) {
        char text[TUPLE_TEXT_BYTES];
        return arena_dup(fetch->arena, span_of(text, tuple_text(&tuple, text)));
    }
    if (is_open(fetch)) /* failed ones too: what was meant */
        return fetch_path(fetch, PARAM_PATH, PARAM_PATH_RAW, PARAM_DIRFD);
    if (record->head.type == EVENT_MEMFD_CREATE && !record->params[PARAM_PATH].data)
        return record->params[PARAM_NAME];
    struct file_identity file;
    char text[TUPLE_TEXT_BYTES];
    if (!has_file(fetch, &file))
        return record->params[PARAM_PATH];
    span name = file_name(&file, record->params[PARAM_PATH], text);
    return name.data == (const uint8_t *)text ? arena_dup(fetch->arena, name) : name;
}

void field_fd_absent(const struct fetch *fetch, struct value *ret)
{
    (void)fetch;
    (void)ret;
}

void field_fd_num(const struct fetch *fetch, struct value *ret)
{
    if (!has_fd(fetch))
        return;
    bool is_made = desc(fetch)->traits & EVENT_MAKES_FD;
    int64_t number =
        record_number(fetch->record, PARAM_FD, is_made ? fetch->record->head.result : -1);
    value_int(ret, number < 0 ? -1 : number);
}

void field_fd_type(const struct fetch *fetch, struct value *ret)
{
    char letter = fetch_letter(fetch);
    if (letter)
        value_text(ret, span_str(letter_word(letter)));
}

void field_fd_typechar(const struct fetch *fetch, struct value *ret)
{
    char letter = fetch_letter(fetch);
    if (!letter && is_open(fetch))
        letter = 'f';
    if (letter)
        value_text(ret, arena_dup(fetch->arena, span_of(&letter, 1)));
}

void field_fd_name(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, fetch_fd_name(fetch));
}

void field_fd_nameraw(const struct fetch *fetch, struct value *ret)
{
    if (!has_fd(fetch))
        return;
    value_text(ret, fetch->record->params[PARAM_PATH_RAW]);
    if (ret->kind == VALUE_ABSENT)
        value_text(ret, fetch_fd_name(fetch));
}

static span directory_of(const struct fetch *fetch)
{
    char letter = fetch_letter(fetch);
    span name = fetch_fd_name(fetch);
    bool is_named = letter == 'f' || letter == 'd' || (!letter && is_open(fetch));
    if (!name.data || !is_named)
        return (span){NULL, 0};
    if (letter == 'd')
        return name;
    size_t length = name.len;
    while (length && name.data[length - 1] != '/')
        length--;
    if (length <= 1)
        return SPAN("/");
    return length == name.len ? name : span_first(name, length - 1);
}

void field_fd_directory(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, directory_of(fetch));
}

void field_fd_filename(const struct fetch *fetch, struct value *ret)
{
    span name = fetch_fd_name(fetch);
    if (!name.data || fetch_letter(fetch) != 'f')
        return;
    size_t start = name.len;
    while (start && name.data[start - 1] != '/')
        start--;
    value_text(ret, start == 0 ? SPAN("/") : start == name.len ? name : span_after(name, start));
}

static void in_container(const struct fetch *fetch, span name, struct value *ret)
{
    struct value id = {.kind = VALUE_ABSENT};
    field_container_id(fetch, &id);
    if (!name.data || id.kind != VALUE_TEXT)
        return;
    uint8_t *text = arena_alloc_raw(fetch->arena, id.text.len + 1 + name.len);
    if (!text)
        return;
    memcpy(text, id.text.data, id.text.len);
    text[id.text.len] = ':';
    if (name.len)
        memcpy(text + id.text.len + 1, name.data, name.len);
    value_text(ret, span_of(text, id.text.len + 1 + name.len));
}

void field_fd_containername(const struct fetch *fetch, struct value *ret)
{
    in_container(fetch, fetch_fd_name(fetch), ret);
}

void field_fd_containerdirectory(const struct fetch *fetch, struct value *ret)
{
    in_container(fetch, directory_of(fetch), ret);
}

/* ---- the ends of a connection ---- */

enum end { END_LOCAL, END_REMOTE, END_CLIENT, END_SERVER };

/* False: the socket has no such end. A socket that listens has only a server. */
static bool has_end(const struct fetch *fetch, enum end end, struct socket_tuple *ret_tuple,
                    bool *ret_is_local)
{
    if (!has_tuple(fetch, ret_tuple) ||
        (ret_tuple->family != AF_INET && ret_tuple->family != AF_INET6))
        return false;
    uint16_t type = fetch->record->head.type;
    bool is_listening = type == EVENT_BIND || type == EVENT_LISTEN;
    bool has_remote = ret_tuple->remote_port || !address_is_zero(ret_tuple->remote);
    *ret_is_local = end == END_LOCAL || (end == END_SERVER && ret_tuple->is_server) ||
                    (end == END_CLIENT && !ret_tuple->is_server);
    if (!is_listening)
        return has_remote;
    *ret_is_local = true;
    return end == END_SERVER;
}

static bool address_of(const struct fetch *fetch, enum end end, struct value *ret)
{
    struct socket_tuple tuple;
    bool is_local;
    if (!has_end(fetch, end, &tuple, &is_local))
        return false;
    bool is_v4 = tuple_is_v4(&tuple);
    const uint8_t *bytes = is_local ? tuple.local : tuple.remote;
    *ret = (struct value){.kind = VALUE_ADDRESS, .address = {.family = is_v4 ? AF_INET : AF_INET6}};
    memcpy(ret->address.bytes, is_v4 ? address_v4(&tuple, bytes) : bytes, is_v4 ? 4 : 16);
    return true;
}

static bool port_of(const struct fetch *fetch, enum end end, struct value *ret)
{
    struct socket_tuple tuple;
    bool is_local;
    if (!has_end(fetch, end, &tuple, &is_local))
        return false;
    value_int(ret, is_local ? tuple.local_port : tuple.remote_port);
    return true;
}

static bool port_text_of(const struct fetch *fetch, enum end end, struct value *ret)
{
    struct value port;
    if (!port_of(fetch, end, &port))
        return false;
    value_format(fetch, ret, "%lld", (long long)port.integer);
    return ret->kind != VALUE_ABSENT;
}

typedef bool end_property(const struct fetch *fetch, enum end end, struct value *ret);

static void of_either(const struct fetch *fetch, end_property *property, struct value *ret)
{
    struct value *items = arena_alloc(fetch->arena, 2 * sizeof *items);
    size_t count = 0;
    if (!items)
        return;
    count += property(fetch, END_CLIENT, &items[count]);
    count += property(fetch, END_SERVER, &items[count]);
    if (count)
        *ret = (struct value){
            .kind = VALUE_LIST, .any = true, .list = {.items = items, .count = count}};
}

#define OF_END(field, end, property)                                                               \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        (void)property(fetch, end, ret);                                                           \
    }
#define OF_ENDS(suffix, property)                                                                  \
    OF_END(fd_c##suffix, END_CLIENT, property)                                                     \
    OF_END(fd_s##suffix, END_SERVER, property)                                                     \
    OF_END(fd_l##suffix, END_LOCAL, property)                                                      \
    OF_END(fd_r##suffix, END_REMOTE, property)                                                     \
    void field_fd_##suffix(const struct fetch *fetch, struct value *ret)                           \
    {                                                                                              \
        of_either(fetch, property, ret);                                                           \
    }

OF_ENDS(ip, address_of)
OF_ENDS(port, port_of)
OF_ENDS(port_text, port_text_of)

void field_fd_l4proto(const struct fetch *fetch, struct value *ret)
{
    struct socket_tuple tuple;
    if (!fetch_letter(fetch))
        return;
    span word = SPAN("<NA>");
    if (has_tuple(fetch, &tuple) && (tuple.family == AF_INET || tuple.family == AF_INET6)) {
        if (tuple.type == SOCK_STREAM)
            word = SPAN("tcp");
        else if (tuple.protocol == IPPROTO_ICMP || tuple.protocol == IPPROTO_ICMPV6)
            word = SPAN("icmp");
        else if (tuple.type == SOCK_DGRAM)
            word = SPAN("udp");
        else if (tuple.type == SOCK_RAW)
            word = SPAN("raw");
    }
    value_text(ret, word);
}

void field_fd_sockfamily(const struct fetch *fetch, struct value *ret)
{
    char letter = fetch_letter(fetch);
    if (letter == '4' || letter == '6')
        value_text(ret, SPAN("ip"));
    else if (letter == 'u')
        value_text(ret, SPAN("unix"));
}

void field_fd_is_server(const struct fetch *fetch, struct value *ret)
{
    struct socket_tuple tuple;
    uint16_t type = fetch->record->head.type;
    if (!fetch_letter(fetch))
        return;
    bool is_listening = type == EVENT_BIND || type == EVENT_LISTEN;
    value_bool(ret, has_tuple(fetch, &tuple) && (tuple.is_server || is_listening));
}

void field_fd_uid(const struct fetch *fetch, struct value *ret)
{
    struct value number = {.kind = VALUE_ABSENT};
    field_fd_num(fetch, &number);
    if (number.kind == VALUE_INT)
        value_format(fetch, ret, "%d%lld", fetch->record->head.tid, (long long)number.integer);
}

static bool is_datagram_flow(const struct fetch *fetch)
{
    struct socket_tuple tuple;
    return (desc(fetch)->traits & (EVENT_READS | EVENT_WRITES)) && has_tuple(fetch, &tuple) &&
           tuple.type != SOCK_STREAM;
}

void field_fd_connected(const struct fetch *fetch, struct value *ret)
{
    struct socket_tuple tuple;
    if (!fetch_letter(fetch))
        return;
    uint16_t type = fetch->record->head.type;
    bool is_whole =
        has_tuple(fetch, &tuple) && (tuple.remote_port || !address_is_zero(tuple.remote));
    bool is_failed = type == EVENT_CONNECT && fetch->record->head.result < 0;
    value_bool(ret, is_whole && !is_failed && !is_datagram_flow(fetch) && type != EVENT_BIND);
}

/* The first datagram of a flow gives an unconnected socket its name. */
void field_fd_name_changed(const struct fetch *fetch, struct value *ret)
{
    if (fetch_letter(fetch))
        value_bool(ret, is_datagram_flow(fetch));
}

/* ---- the file ---- */

void field_fd_dev(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_uint(ret, file.device);
}

void field_fd_dev_major(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_uint(ret, file.device >> 20);
}

void field_fd_dev_minor(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_uint(ret, file.device & 0xfffff);
}

void field_fd_ino(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_uint(ret, file.inode);
}

void field_fd_is_upper(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_bool(ret, file.layer & EXE_UPPER_LAYER);
}

void field_fd_is_lower(const struct fetch *fetch, struct value *ret)
{
    struct file_identity file;
    if (has_file(fetch, &file))
        value_bool(ret, file.layer & EXE_LOWER_LAYER);
}

/* Of the descriptors that are followed: 0 to 2. */
void field_fd_types(const struct fetch *fetch, struct value *ret)
{
    struct value *items = arena_alloc(fetch->arena, 3 * sizeof *items);
    size_t count = 0;
    for (int64_t number = 0; items && fetch->process && number < 3; number++) {
        const struct process_stdio *stdio = &fetch->process->stdio[number];
        bool is_asked = !fetch->ref->argument.data || fetch->ref->index == number;
        if (is_asked && stdio->is_known && stdio->letter != '-')
            value_text(&items[count++], span_str(letter_word((char)stdio->letter)));
    }
    if (count)
        *ret = (struct value){.kind = VALUE_LIST, .list = {.items = items, .count = count}};
}
