#include "store/peers.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PATH_ROOM 1024

struct peers {
	int file;
	int notify;
	char path[PATH_ROOM];
};

static int open_file(struct peers *p, const char *path, struct err *err)
{
	p->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->file < 0)
		return err_set_errno(err, ERR_IO, errno, "keyspace: open '%s'", path);
	p->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->notify < 0)
		return err_set_errno(err, ERR_IO, errno, "keyspace: watch for other processes");
	if (inotify_add_watch(p->notify, path, IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE) < 0)
		return err_set_errno(err, ERR_IO, errno, "keyspace: watch '%s'", path);
	return 0;
}

int peers_open(const char *dir, struct peers **out_peers, struct err *err)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->file = p->notify = -1;
	snprintf(p->path, sizeof(p->path), "%s/peers", dir);
	if (open_file(p, p->path, err) != 0) {
		peers_close(p);
		return err->code;
	}
	*out_peers = p;
	return 0;
}

void peers_close(struct peers *p)
{
	if (p == NULL)
		return;
	if (p->notify >= 0)
		close(p->notify);
	if (p->file >= 0)
		close(p->file);
	free(p);
}

/*
 * Opening the file is told and writes nothing, so it waits for no disk. Who has no descriptor left
 * changes it, to what it is already.
 */
void peers_tell(const struct peers *p)
{
	int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd >= 0) {
		close(fd);
		return;
	}
	do {
		rc = ftruncate(p->file, 0);
	} while (rc != 0 && errno == EINTR);
}

int peers_fd(const struct peers *p)
{
	return p->notify;
}

/* Events of one file carry no name: all have the same size. */
struct peers_news peers_take(const struct peers *p)
{
	struct inotify_event events[64];
	struct peers_news news = { 0 };
	ssize_t len;

	while ((len = read(p->notify, events, sizeof(events))) > 0) {
		for (size_t i = 0; i < (size_t)len / sizeof(*events); i++) {
			bool lost = (events[i].mask & IN_Q_OVERFLOW) != 0;

			news.told |= lost || (events[i].mask & (IN_OPEN | IN_MODIFY)) != 0;
			news.ended |= lost || (events[i].mask & IN_CLOSE_WRITE) != 0;
		}
	}
	return news;
}

bool peers_lead(const struct peers *p)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(p->file, F_OFD_SETLK, &whole) == 0;
}
