#include "noded/record_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "file/file.h"
#include "ipc/packet.h"
#include "noded/noded.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

static void path_of(const struct noded *n, const char *folder, const char *id, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s/%s", n->conf.run_dir, folder, id);
}

int record_file_write(const struct noded *n, const char *folder, const char *id,
                      const struct packet *p, struct err *err)
{
	char path[PATH_MAX];

	if (p->full)
		return err_set(err, ERR_LIMIT, "record of '%s' is too long", id);
	path_of(n, folder, id, path);
	return file_replace_brief(path, p->data, p->len, 0600, err);
}

void record_file_remove(const struct noded *n, const char *folder, const char *id)
{
	char path[PATH_MAX];

	path_of(n, folder, id, path);
	unlink(path);
}

static int load_one(struct noded *n, const char *folder, const char *id,
                    int (*load)(struct noded *, const char *, size_t, struct err *),
                    struct err *err)
{
	char path[PATH_MAX];
	struct buf bytes = { 0 };
	int rc;

	path_of(n, folder, id, path);
	rc = file_read(path, RECORD_FILE_MAX, &bytes, err);
	if (rc == 0 && !packet_valid((const char *)bytes.data, bytes.len))
		rc = err_set(err, ERR_CORRUPT, "'%s' is not a record", path);
	if (rc == 0)
		rc = load(n, (const char *)bytes.data, bytes.len, err);
	buf_deinit(&bytes);
	return rc;
}

int record_files_load(struct noded *n, const char *folder,
                      int (*load)(struct noded *n, const char *data, size_t len, struct err *err),
                      struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	path_of(n, folder, "", path);
	path[strlen(path) - 1] = 0;
	if (file_make_dir(path, 0700, err) != 0)
		return err->code;
	dir = opendir(path);
	if (dir == NULL)
		return err_set_errno(err, ERR_IO, errno, "open folder '%s'", path);
	while ((entry = readdir(dir)) != NULL) {
		struct err why = { 0 };

		if (entry->d_name[0] == '.' || load_one(n, folder, entry->d_name, load, &why) == 0)
			continue;
		log_warn("record dropped", kv("reason", why.msg));
		record_file_remove(n, folder, entry->d_name);
	}
	closedir(dir);
	return 0;
}
