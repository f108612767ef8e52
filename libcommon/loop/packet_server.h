/*
 * packet_server - packets (ipc/packet.h) from programs of this machine, on a unix socket.
 *
 *   accepted --packet--> on_packet --> packet_peer_send() … --> packet_peer_close()
 *                                \--the peer closed or broke a rule--> on_gone
 *
 * A peer that sends nothing for PACKET_SILENCE_MS after it connected is dropped.
 */
#ifndef LOOP_PACKET_SERVER_H
#define LOOP_PACKET_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

struct err;
struct packet;
struct packet_peer;
struct packet_server;

#define PACKET_SILENCE_MS 10000

struct packet_handler {
	/* One packet, borrowed; the descriptors belong to the handler now. The peer may be closed
	 * from within. */
	void (*on_packet)(void *owner, struct packet_peer *peer, const char *data, size_t len,
	                  const int *take_fds, int count);
	/* The peer is gone, not by packet_peer_close(); by packet_server_close() too. May be NULL.
	 */
	void (*on_gone)(void *owner, struct packet_peer *peer);
};

/* Replaces what is at `path`; `group` (gid_t)-1 leaves it. ERR_IO, ERR_NOMEM. */
int packet_server_open(uv_loop_t *loop, const char *path, mode_t mode, gid_t group,
                       unsigned max_peers, const struct packet_handler *h, void *owner,
                       struct packet_server **out, struct err *err);

/* Removes the socket's name and accepts nobody any more; peers stay. NULL allowed. */
void packet_server_stop(struct packet_server *s);

/* Closes all peers without a call, removes the socket's name. NULL allowed. */
void packet_server_close(struct packet_server *s);

uid_t packet_peer_uid(const struct packet_peer *p);
pid_t packet_peer_pid(const struct packet_peer *p);
void packet_peer_set_data(struct packet_peer *p, void *data);
void *packet_peer_data(const struct packet_peer *p);

/* The descriptors stay the caller's. ERR_IO: the peer does not read, or is gone; close it. */
int packet_peer_send(struct packet_peer *p, const struct packet *packet, const int *fds, int count,
                     struct err *err);
void packet_peer_close(struct packet_peer *p);

#endif
