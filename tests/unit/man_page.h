/*
 * man_page - whether a man page has the settings of a table, as conf_print_man() writes them.
 */
#ifndef TESTS_MAN_PAGE_H
#define TESTS_MAN_PAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "file/file.h"

#include "tests/unit/unit.h"

#include <string.h>

/* The list itself is left to the page: what counts is what stands between .Bl and .El. */
static inline void assert_man_page_has(const char *page, const struct conf_key *keys)
{
	struct buf have = { 0 };
	struct buf want = { 0 };
	struct err err = { 0 };
	const char *items;

	assert_int_equal(file_read(page, 1 << 20, &have, &err), 0);
	assert_int_equal(conf_print_man(keys, &want, &err), 0);
	items = strchr(buf_str(&want), '\n') + 1;
	if (strstr(buf_str(&have), items) == NULL)
		fail_msg("%s lacks, or has otherwise:\n%s", page, items);
	buf_deinit(&have);
	buf_deinit(&want);
}

#endif
