/*
 * join - somebody joins a live session: TLS with the user's certificate ends here, the decision
 * is made here, then the frames pass between the user and the session's supervisor.
 */
#ifndef NODED_JOIN_H
#define NODED_JOIN_H

struct err;
struct join_port;
struct noded;
struct stream;

int join_port_open(struct noded *n, struct join_port **out, struct err *err);
void join_port_close(struct join_port *j);

/* Certificates or authorities changed: new joins use the new ones. */
int join_port_reload(struct join_port *j, struct err *err);

/* A connection whose preface said that it joins; TLS begins with the next byte. `client` is the
 * address that the preface told, copied. Takes the stream. */
void join_serve(struct join_port *j, struct stream *take_stream, const char *client);

/* Ends the joins that are no longer allowed, after a change of roles or locks. */
void join_recheck(struct join_port *j);

#endif
