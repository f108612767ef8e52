/*
 * restore - authd --restore FILE: makes the keyspace of a new authd from a backup.
 */
#ifndef AUTHD_RESTORE_H
#define AUTHD_RESTORE_H

struct authd_conf;

/* From a file that tctl backup wrote ("-" is standard input) into a data_dir that holds nothing
 * yet. Says on standard output or error what became of it; returns the status to exit with. */
int restore(const struct authd_conf *conf, const char *file);

#endif
