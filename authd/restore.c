#include "authd/restore.h"

#include "authd/core/conf.h"

#include "base/err.h"
#include "daemon/daemon.h"
#include "file/file.h"
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEYSPACE  "keyspace"
#define PATH_ROOM 1024

/* What a restore that was cut short may have left: its keyspace is still an empty one. */
static bool is_harmless(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, KEYSPACE) == 0;
}

static int check_empty(const char *dir, struct err *err)
{
	struct dirent *entry;
	int rc = 0;
	DIR *d = opendir(dir);

	if (d == NULL)
		return err_set_errno(err, ERR_IO, errno, "open '%s'", dir);
	while (rc == 0 && (entry = readdir(d)) != NULL)
		if (!is_harmless(entry->d_name))
			rc = err_set(err, ERR_EXISTS,
			             "'%s' is not empty ('%s'): a backup is restored into an empty "
			             "folder",
			             dir, entry->d_name);
	closedir(d);
	return rc;
}

static int restore_from(const struct authd_conf *conf, FILE *from, struct err *err)
{
	char dir[PATH_ROOM];
	size_t items;

	snprintf(dir, sizeof(dir), "%s/" KEYSPACE, conf->data_dir);
	if (file_make_dir(conf->data_dir, 0700, err) != 0 ||
	    check_empty(conf->data_dir, err) != 0 || backup_restore(dir, from, &items, err) != 0)
		return err->code;
	printf("authd: %zu items restored to %s\n", items, dir);
	return 0;
}

int restore(const struct authd_conf *conf, const char *file)
{
	FILE *from = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	struct err err;
	int rc;

	if (from == NULL)
		rc = err_set_errno(&err, ERR_IO, errno, "open");
	else
		rc = restore_from(conf, from, &err);
	if (from != NULL && from != stdin)
		fclose(from);
	if (rc == 0)
		return 0;
	err_wrap(&err, "restore '%s'", file);
	return daemon_fail("authd", &err);
}
