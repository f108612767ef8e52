#include "store/journal.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "crypto/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "PSTNJRN1"
#define PAGE       4096
#define BASE_MAX   (1u << 20)
#define RECORD_MAX (1u << 30)

enum lock { LOCK_OPEN, LOCK_OPENING }; /* bytes of the first file */

struct head {
	char magic[8];
	uint64_t number;
	uint32_t base_len;
	uint8_t salt[12];
	uint8_t sum[HASH_SIZE];
};

struct record {
	uint64_t number;
	uint64_t at;
	uint32_t len;
	uint32_t zero;
};

struct journal {
	int files[2];
	struct head heads[2]; /* whole ones; number 0 = none */
	int newest;
	bool alone;
	atomic_bool broken; /* nobody knows what is on the disk */
};

/* --- files ----------------------------------------------------------------------------------- */

static int fail(struct err *err, const char *doing)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return err_set(err, ERR_LIMIT, "keyspace: %s: the disk is full", doing);
	if (errno == EIO)
		return err_set(err, ERR_IO, "keyspace: %s: the disk is full or failing", doing);
	return err_set_errno(err, ERR_IO, errno, "keyspace: %s", doing);
}

static int write_all(int fd, const void *data, size_t len, uint64_t at)
{
	const uint8_t *from = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static bool read_all(int fd, void *data, size_t len, uint64_t at)
{
	uint8_t *to = data;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int lock(const struct journal *j, enum lock which, short type, bool wait)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = which, .l_len = 1 };
	int rc;

	do {
		rc = fcntl(j->files[0], wait ? F_OFD_SETLKW : F_OFD_SETLK, &l);
	} while (rc != 0 && errno == EINTR);
	return rc;
}

/* --- heads ----------------------------------------------------------------------------------- */

static uint64_t start_of(const struct head *h)
{
	return (sizeof(*h) + h->base_len + PAGE - 1) / PAGE * PAGE;
}

static void sum_head(const struct head *h, const void *base, uint8_t out[HASH_SIZE])
{
	struct hash hash;

	hash_init(&hash);
	hash_update(&hash, h, offsetof(struct head, sum));
	hash_update(&hash, base, h->base_len);
	hash_final(&hash, out);
}

/* Reads a head and its base; false when it is none, or not whole. */
static bool read_head(int fd, struct head *out, struct buf *base)
{
	uint8_t sum[HASH_SIZE];
	uint8_t *room;

	if (!read_all(fd, out, sizeof(*out), 0) || memcmp(out->magic, MAGIC, 8) != 0 ||
	    out->number == 0 || out->base_len > BASE_MAX)
		return false;
	room = buf_reserve(base, out->base_len);
	if (room == NULL || !read_all(fd, room, out->base_len, sizeof(*out)))
		return false;
	sum_head(out, room, sum);
	if (memcmp(sum, out->sum, HASH_SIZE) != 0)
		return false;
	buf_commit(base, out->base_len);
	return true;
}

/* Looks at it as a whole only when it is another than before. */
static void refresh_head(struct journal *j, int i)
{
	struct buf base = { 0 };
	struct head h;

	if (read_all(j->files[i], &h, sizeof(h), 0) && memcmp(&h, &j->heads[i], sizeof(h)) == 0)
		return;
	if (!read_head(j->files[i], &j->heads[i], &base))
		j->heads[i] = (struct head){ 0 };
	buf_wipe(&base);
}

uint64_t journal_number(struct journal *j)
{
	for (int i = 0; i < 2; i++)
		refresh_head(j, i);
	j->newest = j->heads[1].number > j->heads[0].number;
	return j->heads[j->newest].number;
}

uint64_t journal_start(const struct journal *j)
{
	return start_of(&j->heads[j->newest]);
}

int journal_base(struct journal *j, struct buf *out, struct err *err)
{
	struct head h;

	if (journal_number(j) == 0 || !read_head(j->files[j->newest], &h, out))
		return err_set(err, ERR_NOT_FOUND, "keyspace: no journal");
	return buf_check(out, err);
}

/* It must not be found later in the place of the one that is written on. */
static void take_back_head(struct journal *j, int fd)
{
	static const struct head none;

	if (write_all(fd, &none, sizeof(none), 0) != 0 || fdatasync(fd) != 0)
		j->broken = true;
}

int journal_begin(struct journal *j, uint64_t above, const void *base, size_t len, struct err *err)
{
	uint64_t number = journal_number(j);
	struct head h = { .magic = MAGIC, .number = (number > above ? number : above) + 1 };
	int fd = j->files[!j->newest];

	if (j->broken)
		return err_set(err, ERR_IO, "keyspace: its journal has failed: open it anew");
	h.base_len = (uint32_t)len;
	rand_bytes(h.salt, sizeof(h.salt));
	sum_head(&h, base, h.sum);
	if (write_all(fd, base, len, sizeof(h)) != 0 || write_all(fd, &h, sizeof(h), 0) != 0 ||
	    fdatasync(fd) != 0) {
		fail(err, "begin a journal");
		take_back_head(j, fd);
		return err->code;
	}
	j->heads[!j->newest] = h;
	j->newest = !j->newest;
	return 0;
}

/* --- records --------------------------------------------------------------------------------- */

/* The salt keeps values that are written from passing for records. */
static void sum_record(const struct journal *j, const struct record *r, const void *payload,
                       uint8_t out[HASH_SIZE])
{
	struct hash hash;

	hash_init(&hash);
	hash_update(&hash, j->heads[j->newest].salt, sizeof(j->heads[0].salt));
	hash_update(&hash, r, sizeof(*r));
	hash_update(&hash, payload, r->len);
	hash_final(&hash, out);
}

void journal_cancel(struct journal *j, uint64_t at)
{
	static const struct record none;
	int fd = j->files[j->newest];

	if (write_all(fd, &none, sizeof(none), at) == 0)
		(void)fdatasync(fd); /* what is left then was never acknowledged */
}

int journal_append(struct journal *j, uint64_t at, const void *payload, size_t len,
                   uint64_t *out_next, struct err *err)
{
	struct record r = { .number = j->heads[j->newest].number, .at = at, .len = (uint32_t)len };
	struct buf bytes = { 0 };
	int fd = j->files[j->newest];
	uint8_t sum[HASH_SIZE];
	int rc;

	if (j->broken)
		return err_set(err, ERR_IO, "keyspace: its journal has failed: open it anew");
	sum_record(j, &r, payload, sum);
	buf_append(&bytes, &r, sizeof(r));
	buf_append(&bytes, payload, len);
	buf_append(&bytes, sum, sizeof(sum));
	rc = buf_check(&bytes, err);
	if (rc == 0 && (write_all(fd, bytes.data, bytes.len, at) != 0 || fdatasync(fd) != 0)) {
		rc = fail(err, "write the journal");
		journal_cancel(j, at);
	}
	if (rc == 0)
		*out_next = at + bytes.len;
	buf_wipe(&bytes);
	return rc;
}

static bool is_record(const struct journal *j, const struct record *r, uint64_t at)
{
	return r->number != 0 && r->number == j->heads[j->newest].number && r->at == at &&
	       r->len <= RECORD_MAX;
}

int journal_read(struct journal *j, uint64_t at, struct buf *out, uint64_t *out_next,
                 struct err *err)
{
	int fd = j->files[j->newest];
	uint8_t sum[HASH_SIZE], right[HASH_SIZE];
	struct record r;
	struct stat st;
	uint8_t *room;

	if (!read_all(fd, &r, sizeof(r), at) || !is_record(j, &r, at) || fstat(fd, &st) != 0 ||
	    at + sizeof(r) + r.len > (uint64_t)st.st_size)
		return err_set(err, ERR_NOT_FOUND, "keyspace: the end of the journal");
	room = buf_reserve(out, r.len);
	if (room == NULL)
		return buf_check(out, err);
	if (!read_all(fd, room, r.len, at + sizeof(r)) ||
	    !read_all(fd, sum, sizeof(sum), at + sizeof(r) + r.len))
		return err_set(err, ERR_NOT_FOUND, "keyspace: the journal is cut");
	sum_record(j, &r, room, right);
	if (memcmp(sum, right, HASH_SIZE) != 0)
		return err_set(err, ERR_NOT_FOUND, "keyspace: the journal's end is torn");
	buf_commit(out, r.len);
	*out_next = at + sizeof(r) + r.len + sizeof(sum);
	return 0;
}

/* --- open and close -------------------------------------------------------------------------- */

/* So that a flush has nothing to write but the record. A full disk is met again by who writes. */
static void reserve(int fd, off_t size)
{
	if (size < (off_t)JOURNAL_SIZE && posix_fallocate(fd, 0, (off_t)JOURNAL_SIZE) != 0 &&
	    ftruncate(fd, size) != 0)
		return; /* then it is longer than it need be */
}

static int open_file(struct journal *j, const char *dir, int i, bool *out_new, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/journal.%d", dir, i);
	j->files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->files[i] < 0 || fstat(j->files[i], &st) != 0)
		return fail(err, "open its journal");
	*out_new |= st.st_size == 0;
	reserve(j->files[i], st.st_size);
	return 0;
}

/* The names of new files must not be lost. */
static int sync_dir(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? 0 : fail(err, "sync its folder");

	if (fd >= 0)
		close(fd);
	return rc;
}

static int take_part(struct journal *j, struct err *err)
{
	if (lock(j, LOCK_OPENING, F_WRLCK, true) != 0)
		return fail(err, "wait for its journal");
	j->alone = lock(j, LOCK_OPEN, F_WRLCK, false) == 0;
	if (lock(j, LOCK_OPEN, F_RDLCK, false) != 0)
		return fail(err, "take part in its journal");
	return 0;
}

int journal_open(const char *dir, struct journal **out, struct err *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	bool is_new = false;

	if (j == NULL)
		return err_set_nomem(err);
	j->files[0] = j->files[1] = -1;
	if (open_file(j, dir, 0, &is_new, err) != 0 || open_file(j, dir, 1, &is_new, err) != 0 ||
	    (is_new && sync_dir(dir, err) != 0) || take_part(j, err) != 0) {
		journal_close(j);
		return err->code;
	}
	*out = j;
	return 0;
}

void journal_opened(struct journal *j)
{
	lock(j, LOCK_OPENING, F_UNLCK, false);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	for (int i = 0; i < 2; i++)
		if (j->files[i] >= 0)
			close(j->files[i]);
	free(j);
}

bool journal_was_alone(const struct journal *j)
{
	return j->alone;
}

void journal_break(struct journal *j)
{
	j->broken = true;
}

bool journal_is_broken(const struct journal *j)
{
	return j->broken;
}
