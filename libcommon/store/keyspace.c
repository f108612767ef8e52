/*
 * keyspace - what all implementations have in common: the checks of what they are handed.
 */
#include "store/keyspace.h"

#include "base/err.h"
#include "store/keyspace_impl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

void keyspace_close(struct keyspace *ks)
{
	if (ks != NULL)
		ks->impl->close(ks);
}

int keyspace_fd(const struct keyspace *ks)
{
	return ks->impl->fd(ks);
}

void keyspace_dispatch(struct keyspace *ks)
{
	ks->impl->dispatch(ks);
}

bool keyspace_leads(const struct keyspace *ks)
{
	return ks->impl->leads(ks);
}

bool keyspace_is_broken(const struct keyspace *ks)
{
	return ks->impl->is_broken(ks);
}

uint64_t keyspace_revision(const struct keyspace *ks)
{
	return ks->impl->revision(ks);
}

/* --- keys ------------------------------------------------------------------------------------ */

int keyspace_key_check(const char *key, struct err *err)
{
	size_t len = strlen(key);

	if (key[0] != '/' || len < 2)
		return err_set(err, ERR_INVALID, "a key begins with '/' and goes on behind it");
	if (key[len - 1] == '/')
		return err_set(err, ERR_INVALID, "a key that ends with '/'");
	if (len > KEYSPACE_KEY_MAX)
		return err_set(err, ERR_INVALID, "a key of %zu bytes: at most %d are allowed", len,
		               KEYSPACE_KEY_MAX);
	if (strstr(key, "//") != NULL)
		return err_set(err, ERR_INVALID, "a key with an empty part");
	for (const char *at = strstr(key, "/.."); at != NULL; at = strstr(at + 1, "/.."))
		if (at[3] == '/' || at[3] == 0)
			return err_set(err, ERR_INVALID, "a key with a part '..'");
	for (const char *at = key; *at != 0; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return err_set(err, ERR_INVALID, "a key with a control character");
	return 0;
}

/* --- reads ----------------------------------------------------------------------------------- */

int keyspace_get(struct keyspace *ks, const char *key, struct keyspace_item *out_item,
                 struct err *err)
{
	if (keyspace_key_check(key, err) != 0)
		return err->code;
	return ks->impl->get(ks, key, out_item, err);
}

void keyspace_item_deinit(struct keyspace_item *item)
{
	if (item->value != NULL)
		explicit_bzero(item->value, item->len);
	free(item->value);
	free(item->key);
	*item = (struct keyspace_item){ 0 };
}

int keyspace_each(struct keyspace *ks, const struct keyspace_query *query, keyspace_item_fn fn,
                  void *arg, uint64_t *out_revision, struct err *err)
{
	return ks->impl->each(ks, query, fn, arg, out_revision, err);
}

/* --- writes ---------------------------------------------------------------------------------- */

/* Its ends need not be keys: '/nodes/' is none. */
static int check_range(const struct keyspace_op *op, struct err *err)
{
	if (op->condition != KEYSPACE_IF_ANY)
		return err_set(err, ERR_INVALID, "a range is deleted without a condition");
	if (strlen(op->key) > KEYSPACE_KEY_MAX ||
	    (op->to != NULL && strlen(op->to) > KEYSPACE_KEY_MAX))
		return err_set(err, ERR_INVALID, "the end of a range is longer than a key may be");
	return op->key[0] == '/' ? 0 : err_set(err, ERR_INVALID, "a key begins with '/'");
}

static int check_op(const struct keyspace_op *op, struct err *err)
{
	if (op->action == KEYSPACE_DELETE_RANGE)
		return check_range(op, err);
	if (keyspace_key_check(op->key, err) != 0)
		return err->code;
	if (op->action == KEYSPACE_PUT && op->len > KEYSPACE_VALUE_MAX)
		return err_set(err, ERR_INVALID, "a value of %zu bytes: at most %d are allowed",
		               op->len, KEYSPACE_VALUE_MAX);
	return 0;
}

static int check_ops(const struct keyspace_op *ops, size_t count, struct err *err)
{
	if (count == 0 || count > KEYSPACE_OPS_MAX)
		return err_set(err, ERR_INVALID, "a write has 1 to %d operations, not %zu",
		               KEYSPACE_OPS_MAX, count);
	for (size_t i = 0; i < count; i++)
		if (check_op(&ops[i], err) != 0)
			return err->code;
	return 0;
}

int keyspace_write(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
                   keyspace_done_cb done, void *arg, struct err *err)
{
	if (check_ops(ops, count, err) != 0)
		return err->code;
	return ks->impl->write(ks, ops, count, done, arg, err);
}

struct waiter {
	bool finished;
	uint64_t revision;
	struct err err;
};

static void wake_waiter(void *arg, uint64_t revision, const struct err *err)
{
	struct waiter *waiter = arg;

	waiter->finished = true;
	waiter->revision = revision;
	if (err != NULL)
		err_copy(&waiter->err, err);
}

int keyspace_write_wait(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
                        uint64_t *out_revision, struct err *err)
{
	struct waiter waiter = { 0 };

	if (keyspace_write(ks, ops, count, wake_waiter, &waiter, err) != 0)
		return err->code;
	while (!waiter.finished) {
		struct pollfd pfd = { .fd = keyspace_fd(ks), .events = POLLIN };

		poll(&pfd, 1, -1);
		keyspace_dispatch(ks);
	}
	if (waiter.err.code != 0)
		return err_copy(err, &waiter.err);
	if (out_revision != NULL)
		*out_revision = waiter.revision;
	return 0;
}

/* --- watches --------------------------------------------------------------------------------- */

int keyspace_watch_open(struct keyspace *ks, const struct keyspace_watch_options *options,
                        struct keyspace_watch **out_watch, struct err *err)
{
	return ks->impl->watch_open(ks, options, out_watch, err);
}

int keyspace_watch_next(struct keyspace_watch *watch, const struct keyspace_event **out_event,
                        struct err *err)
{
	return watch->impl->next(watch, out_event, err);
}

uint64_t keyspace_watch_revision(const struct keyspace_watch *watch)
{
	return watch->impl->revision(watch);
}

int keyspace_watch_check(const struct keyspace_watch *watch, struct err *err)
{
	return watch->impl->check(watch, err);
}

void keyspace_watch_close(struct keyspace_watch *watch)
{
	if (watch != NULL)
		watch->impl->close(watch);
}
