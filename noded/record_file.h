/*
 * record_file - the files by which a noded that starts anew knows what lives: one packet
 * (ipc/packet.h) each, in a folder of <run_dir>, named by an id.
 */
#ifndef NODED_RECORD_FILE_H
#define NODED_RECORD_FILE_H

#include <stddef.h>

struct err;
struct noded;
struct packet;

#define RECORD_FILE_MAX 65536

int record_file_write(const struct noded *n, const char *folder, const char *id,
                      const struct packet *p, struct err *err);
void record_file_remove(const struct noded *n, const char *folder, const char *id);

/* Makes the folder if need be and hands each file's packet to `load`; a file that is no packet,
 * or that `load` refuses, is removed. */
int record_files_load(struct noded *n, const char *folder,
                      int (*load)(struct noded *n, const char *data, size_t len, struct err *err),
                      struct err *err);

#endif
