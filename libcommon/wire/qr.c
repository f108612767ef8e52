#include "wire/qr.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>

#define QUIET 4 /* modules of light around a code (ISO/IEC 18004) */

static int encode(const char *text, QRcode **out, struct err *err)
{
	*out = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	if (*out != NULL)
		return 0;
	if (errno == ERANGE)
		return err_set(err, ERR_LIMIT, "too long for a QR code");
	return err_set_nomem(err);
}

/* Outside the code all is light. */
static bool is_dark(const QRcode *qr, int x, int y)
{
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width &&
	       (qr->data[y * qr->width + x] & 1) != 0;
}

int qr_append_text(struct buf *out, const char *text, struct err *err)
{
	static const char *const light_over_light = "\u2588", *const light_over_dark = "\u2580",
	                         *const dark_over_light = "\u2584", *const dark_over_dark = " ";
	QRcode *qr;

	if (encode(text, &qr, err) != 0)
		return err->code;
	for (int y = -QUIET; y < qr->width + QUIET; y += 2) {
		for (int x = -QUIET; x < qr->width + QUIET; x++) {
			bool upper = is_dark(qr, x, y), lower = is_dark(qr, x, y + 1);

			if (upper)
				buf_append_str(out, lower ? dark_over_dark : dark_over_light);
			else
				buf_append_str(out, lower ? light_over_dark : light_over_light);
		}
		buf_append_byte(out, '\n');
	}
	QRcode_free(qr);
	return buf_check(out, err);
}

int qr_append_svg(struct buf *out, const char *text, struct err *err)
{
	QRcode *qr;
	int size;

	if (encode(text, &qr, err) != 0)
		return err->code;
	size = qr->width + 2 * QUIET;
	buf_appendf(out,
	            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"240\" height=\"240\" "
	            "viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"QR code\">"
	            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"",
	            size, size, size, size);
	for (int y = 0; y < qr->width; y++)
		for (int x = 0; x < qr->width; x++)
			if (is_dark(qr, x, y))
				buf_appendf(out, "M%d %dh1v1h-1z", x + QUIET, y + QUIET);
	buf_append_str(out, "\"/></svg>");
	QRcode_free(qr);
	return buf_check(out, err);
}
