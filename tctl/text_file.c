#include "tctl/text_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "file/file.h"

#include <errno.h>
#include <unistd.h>

#define CHUNK 4096

static int read_stdin(size_t max, struct buf *out, struct err *err)
{
	ssize_t n;

	do {
		uint8_t *room = buf_reserve(out, CHUNK);

		if (room == NULL)
			return buf_check(out, err);
		n = read(STDIN_FILENO, room, CHUNK);
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "read standard input");
		buf_commit(out, (size_t)n);
		if (out->len > max)
			return err_set(err, ERR_LIMIT, "standard input: more than %zu bytes", max);
	} while (n > 0);
	return 0;
}

int text_file_read(const char *file, size_t max, struct buf *out, struct err *err)
{
	return str_eq(file, "-") ? read_stdin(max, out, err) : file_read(file, max, out, err);
}
