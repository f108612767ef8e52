/* conn_table - making and adding connections; for conn.c and conn_file.c only. */
#ifndef NODED_CONN_TABLE_H
#define NODED_CONN_TABLE_H

struct conn;
struct err;
struct noded;

/* One without an id, in no table; NULL and err. */
struct conn *conn_new(struct noded *n, struct err *err);
void conn_free(struct conn *c);

/* Into the table, by its id. ERR_LIMIT. */
int conn_add(struct conn *c, struct err *err);

#endif
