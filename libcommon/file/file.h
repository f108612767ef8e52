/*
 * file - small files read whole, and replaced so that a reader or a crash sees the old
 * content or the new one, never half of it.
 */
#ifndef FILE_FILE_H
#define FILE_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct buf;
struct err;

/* Appends the content of `path` to `out`. ERR_NOT_FOUND, ERR_LIMIT (more than max bytes),
 * ERR_IO, ERR_NOMEM; the message names the path. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* Writes a new file beside it, syncs and renames it, syncs the folder. `mode` as given, whatever
 * the umask; the owner stays who we are. ERR_IO; then the old content is still there. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* The same for what need not outlive the machine's next start, as all in a run_dir: nothing is
 * synced. Whatever process dies, a reader sees one whole content. */
int file_replace_brief(const char *path, const void *data, size_t len, mode_t mode,
                       struct err *err);

/* Makes the folder with this mode unless it is there (its parent must be). ERR_IO. */
int file_make_dir(const char *path, mode_t mode, struct err *err);

#endif
