/* Connections: none may take for ever to bring its request. */
#include <stdlib.h>

#include <sys/socket.h>

#include "core/clock.h"
#include "ingest/gateway_state.h"

void http_wait(struct MHD_Connection *connection, uint64_t wait_ns)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct client *client = info ? info->socket_context : NULL;
    if (client)
        client->until_ns = wait_ns ? clock_boot_ns() + wait_ns : 0;
}

void http_connected(void *context, struct MHD_Connection *connection, void **client_at,
                    enum MHD_ConnectionNotificationCode how)
{
    struct gateway *gateway = context;
    struct client *client = *client_at;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (how == MHD_CONNECTION_NOTIFY_STARTED) {
        *client_at = client = calloc(1, sizeof *client);
        if (!client || !info)
            return;
        client->fd = info->connect_fd;
        client->until_ns = clock_boot_ns() + REQUEST_NS;
        client->next = gateway->clients;
        if (client->next)
            client->next->previous = client;
        gateway->clients = client;
    } else if (client) {
        if (client->previous)
            client->previous->next = client->next;
        else
            gateway->clients = client->next;
        if (client->next)
            client->next->previous = client->previous;
        free(client);
        *client_at = NULL;
    }
}

void http_watch(struct gateway *gateway, uint64_t now_ns)
{
    for (struct client *client = gateway->clients; client; client = client->next)
        if (client->until_ns && now_ns > client->until_ns) {
            client->until_ns = 0;
            gateway->slow_count++;
            shutdown(client->fd, SHUT_RDWR);
        }
}
