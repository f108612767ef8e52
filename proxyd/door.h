/*
 * door - the way in for clients that have only ssh:
 *
 *   ProxyCommand ssh -p 3080 postern@proxy connect %h %p
 *
 * A connection that begins with "SSH-" goes, byte for byte, to a socket behind which an
 * unpatched `sshd -i` starts as the door's own Unix user. It accepts any user's certificate and
 * runs one program, proxyd-connect, which hands us its descriptors, what was asked for, and the
 * certificate that sshd accepted. We verify that again and bring the descriptors to the node.
 */
#ifndef PROXYD_DOOR_H
#define PROXYD_DOOR_H

struct err;
struct proxyd;
struct stream;

/* Listens for the helper, if the configuration has a door. */
int door_open(struct proxyd *p, struct err *err);
void door_close(struct proxyd *p);

/* A client's SSH connection, its bytes still unused. Takes the stream. */
void door_serve_client(struct proxyd *p, struct stream *take_stream);

#endif
