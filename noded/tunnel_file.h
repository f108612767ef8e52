/*
 * tunnel_file - through which agent this node is reached: the host id that a tunneld on this
 * machine keeps in a file. Looked at now and then; the node's record changes with it.
 */
#ifndef NODED_TUNNEL_FILE_H
#define NODED_TUNNEL_FILE_H

struct err;
struct noded;
struct tunnel_file;

int tunnel_file_open(struct noded *n, struct tunnel_file **out, struct err *err);
void tunnel_file_close(struct tunnel_file *f); /* NULL allowed */

/* The agent's host id; NULL: the node is reached directly. Borrowed until the loop runs again. */
const char *tunnel_file_agent(const struct tunnel_file *f);

#endif
