/* Connections: how many there may be, and that none may take for ever to bring its request. Over
 * the bounds room is made for the new one: who has shown least life for longest is cut off, so that
 * clients that only hold connections do not keep others out. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "core/clock.h"
#include "ingest/gateway_state.h"

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void http_wait(struct MHD_Connection *connection, uint64_t wait_ns)
{
    struct client *client = client_of(connection);
    if (client && !client->is_cut)
        client->until_ns = wait_ns ? clock_boot_ns() + wait_ns : 0;
}

void http_between(struct MHD_Connection *connection, bool is_between)
{
    struct client *client = client_of(connection);
    if (client)
        client->is_between = is_between;
}

static void client_cut(struct gateway *gateway, struct client *client, enum cut_reason reason)
{
    client->is_cut = true;
    client->until_ns = 0;
    gateway->cuts[reason]++;
    shutdown(client->fd, SHUT_RDWR);
}

void http_gone(struct gateway *gateway, struct MHD_Connection *connection)
{
    const struct client *client = client_of(connection);
    if (client && !client->is_cut)
        gateway->cuts[CUT_GONE]++;
}

/* ---- how many ---- */

/* Of IPv4 the address, of IPv6 the network of 64 bits, which is one subscriber's. */
static void place_of(const struct sockaddr *address, uint8_t ret[static PLACE_BYTES])
{
    memset(ret, 0, PLACE_BYTES);
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        memcpy(ret, &four->sin_addr, sizeof four->sin_addr);
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        bool is_four = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
        memcpy(ret, six->sin6_addr.s6_addr + (is_four ? 12 : 0), is_four ? 4 : PLACE_BYTES);
    }
}

/* Counts those of the place (NULL: all). *ret is who is to go first of them: one that rests between
 * two requests, else the one whose time ends first; NULL: all of them wait for us. */
static size_t clients_count(const struct gateway *gateway, const uint8_t *place,
                            struct client **ret)
{
    size_t count = 0;
    *ret = NULL;
    for (struct client *client = gateway->clients; client; client = client->next) {
        if (client->is_cut || (place && memcmp(client->place, place, PLACE_BYTES) != 0))
            continue;
        count++;
        if (!client->until_ns)
            continue;
        bool is_worse = *ret && (client->is_between != (*ret)->is_between
                                     ? client->is_between
                                     : client->until_ns < (*ret)->until_ns);
        if (!*ret || is_worse)
            *ret = client;
    }
    return count;
}

/* Room for one more; false: there is none to be made. */
static bool room_make(struct gateway *gateway, const uint8_t *place, size_t most)
{
    struct client *first;
    if (clients_count(gateway, place, &first) < most)
        return true;
    if (first)
        client_cut(gateway, first, CUT_CROWDED);
    return first;
}

enum MHD_Result http_accept(void *context, const struct sockaddr *address, socklen_t len)
{
    struct gateway *gateway = context;
    uint8_t place[PLACE_BYTES];
    (void)len;
    place_of(address, place);
    if (room_make(gateway, place, CONNECTIONS_OF_ONE) && room_make(gateway, NULL, CONNECTIONS_MAX))
        return MHD_YES;
    gateway->cuts[CUT_REFUSED]++;
    return MHD_NO;
}

void http_connected(void *context, struct MHD_Connection *connection, void **client_at,
                    enum MHD_ConnectionNotificationCode how)
{
    struct gateway *gateway = context;
    struct client *client = *client_at;
    if (how == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *socket =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const union MHD_ConnectionInfo *address =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        *client_at = client = calloc(1, sizeof *client);
        if (!client || !socket)
            return;
        client->fd = socket->connect_fd;
        place_of(address ? address->client_addr : NULL, client->place);
        client->until_ns = clock_boot_ns() + gateway->start.request_ns;
        client->next = gateway->clients;
        if (client->next)
            client->next->previous = client;
        gateway->clients = client;
    } else if (client) {
        if (client->previous)
            client->previous->next = client->next;
        else if (gateway->clients == client)
            gateway->clients = client->next;
        if (client->next)
            client->next->previous = client->previous;
        free(client);
        *client_at = NULL;
    }
}

/* ---- how long ---- */

void http_watch(struct gateway *gateway, uint64_t now_ns)
{
    for (struct client *client = gateway->clients; client; client = client->next)
        if (client->until_ns && now_ns > client->until_ns)
            client_cut(gateway, client, client->is_between ? CUT_IDLE : CUT_SLOW);
}

void cuts_render(const struct gateway *gateway, struct writer *out)
{
    static const char *const names[CUT_COUNT] = {"slow", "idle", "crowded", "refused", "gone"};
    struct client *first;
    writer_format(out,
                  "# HELP picket_http_connections connections that are open\n"
                  "# TYPE picket_http_connections gauge\n"
                  "picket_http_connections{pipeline=\"%s\"} %zu\n"
                  "# HELP picket_http_cut_total connections that ended without an answer\n"
                  "# TYPE picket_http_cut_total counter\n",
                  gateway->start.name, clients_count(gateway, NULL, &first));
    for (size_t reason = 0; reason < CUT_COUNT; reason++)
        writer_format(out, "picket_http_cut_total{pipeline=\"%s\",reason=\"%s\"} %llu\n",
                      gateway->start.name, names[reason],
                      (unsigned long long)gateway->cuts[reason]);
}
