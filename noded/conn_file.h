/*
 * conn_file - a connection as a file in <run_dir>/connections (record_file.h): its sshd and
 * sessions go on while noded is away, and roles and locks must still be able to end them.
 */
#ifndef NODED_CONN_FILE_H
#define NODED_CONN_FILE_H

struct conn;
struct err;
struct noded;

int conn_file_write(const struct conn *c, struct err *err);
void conn_file_remove(const struct conn *c);

/* Fills the table. A connection whose file cannot be read stays unknown, and recheck ends it. */
int conn_files_load(struct noded *n, struct err *err);

#endif
