#include "wire/websocket.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/base64.h"
#include "crypto/hash.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX_DEFAULT   (1024 * 1024)
#define FRAGMENTS_MAX_DEFAULT 1024

#define FIN         0x80
#define RESERVED    0x70
#define OPCODE      0x0f
#define CONTROL     0x08
#define CONTINUES   0
#define MASKED      0x80
#define LENGTH      0x7f
#define LENGTH_16   126
#define LENGTH_64   127
#define HEAD_SHORT  2
#define MASK_SIZE   4
#define NONCE_SIZE  16
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void websocket_init(struct websocket *w, enum websocket_side side,
                    const struct websocket_limits *limits)
{
	*w = (struct websocket){ .side = side };
	if (limits != NULL)
		w->limits = *limits;
	if (w->limits.message_max == 0)
		w->limits.message_max = MESSAGE_MAX_DEFAULT;
	if (w->limits.fragments_max == 0)
		w->limits.fragments_max = FRAGMENTS_MAX_DEFAULT;
	buf_init(&w->message, w->limits.message_max);
	buf_init(&w->control, WEBSOCKET_CONTROL_MAX);
}

void websocket_deinit(struct websocket *w)
{
	buf_deinit(&w->message);
	buf_deinit(&w->control);
}

/* --- masks ----------------------------------------------------------------------------------- */

/* Eight bytes at a time where the mask's phase allows it. Returns the phase behind. */
static unsigned mask_bytes(uint8_t *bytes, size_t len, const uint8_t mask[MASK_SIZE], unsigned at)
{
	uint8_t turned[8];
	uint64_t wide, word;
	size_t i = 0;

	for (unsigned k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(at + k) % MASK_SIZE];
	memcpy(&wide, turned, sizeof(wide));
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		word ^= wide;
		memcpy(bytes + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		bytes[i] ^= turned[i % sizeof(turned)];
	return (unsigned)((at + len) % MASK_SIZE);
}

/* --- the head of a frame --------------------------------------------------------------------- */

static size_t length_size(uint8_t second)
{
	switch (second & LENGTH) {
	case LENGTH_16:
		return 2;
	case LENGTH_64:
		return 8;
	default:
		return 0;
	}
}

/* How long the head is, as far as its first bytes tell. */
static size_t head_size(const struct websocket *w)
{
	if (w->head_len < HEAD_SHORT)
		return HEAD_SHORT;
	return HEAD_SHORT + length_size(w->head[1]) + (w->head[1] & MASKED ? MASK_SIZE : 0);
}

static int check_kind(const struct websocket *w, struct err *err)
{
	uint8_t opcode = w->head[0] & OPCODE;
	bool whole = (w->head[0] & FIN) != 0;

	if ((w->head[0] & RESERVED) != 0)
		return err_set(err, ERR_INVALID, "a frame of an extension that was not agreed on");
	if ((opcode & CONTROL) != 0) {
		if (opcode > WEBSOCKET_PONG)
			return err_set(err, ERR_INVALID, "a frame of kind %u", opcode);
		if (!whole || (w->head[1] & LENGTH) > WEBSOCKET_CONTROL_MAX)
			return err_set(err, ERR_INVALID,
			               "a control frame that is in pieces or long");
		return 0;
	}
	if (opcode > WEBSOCKET_BINARY)
		return err_set(err, ERR_INVALID, "a frame of kind %u", opcode);
	if ((opcode == CONTINUES) != (w->kind != 0))
		return err_set(err, ERR_INVALID, "a message begins within another, or without one");
	return 0;
}

static int check_head(const struct websocket *w, struct err *err)
{
	bool masked = (w->head[1] & MASKED) != 0;

	if (masked != (w->side == WEBSOCKET_SERVER))
		return err_set(err, ERR_INVALID, "a frame %s a mask", masked ? "with" : "without");
	return check_kind(w, err);
}

static int read_length(struct websocket *w, struct err *err)
{
	static const uint64_t least[] = { [0] = 0, [2] = LENGTH_16, [8] = 0x10000 };
	size_t size = length_size(w->head[1]);
	uint64_t length = size == 0 ? w->head[1] & LENGTH : 0;

	for (size_t i = 0; i < size; i++)
		length = length << 8 | w->head[HEAD_SHORT + i];
	if (length < least[size] || length > INT64_MAX)
		return err_set(err, ERR_INVALID, "a frame's length is not in its shortest form");
	w->left = length;
	memcpy(w->mask, w->head + HEAD_SHORT + size, MASK_SIZE);
	w->mask_at = 0;
	return 0;
}

/* A part of a message, or all of it, begins. */
static int begin_data(struct websocket *w, struct err *err)
{
	if (w->kind == 0)
		w->kind = w->head[0] & OPCODE;
	if (++w->fragments > w->limits.fragments_max)
		return err_set(err, ERR_LIMIT, "a message of more than %u pieces",
		               w->limits.fragments_max);
	if (w->left > w->limits.message_max - w->message.len)
		return err_set(err, ERR_LIMIT, "a message of more than %zu bytes",
		               w->limits.message_max);
	return 0;
}

static int end_head(struct websocket *w, struct err *err)
{
	int rc = check_head(w, err);

	if (rc == 0)
		rc = read_length(w, err);
	w->in_payload = true;
	if (rc != 0)
		return rc;
	if ((w->head[0] & CONTROL) == 0)
		return begin_data(w, err);
	buf_clear(&w->control);
	return 0;
}

static int read_head(struct websocket *w, const uint8_t *data, size_t len, size_t *out_used,
                     struct err *err)
{
	size_t used = 0;

	while (used < len && w->head_len < head_size(w))
		w->head[w->head_len++] = data[used++];
	*out_used = used;
	/* What cannot become a good frame is refused before its length is believed. */
	return w->head_len == head_size(w) ? end_head(w, err) : 0;
}

/* --- its payload ----------------------------------------------------------------------------- */

static bool code_valid(unsigned code)
{
	bool reserved = code >= 1004 && code <= 1006;

	return (code >= 1000 && code <= 1014 && !reserved) || (code >= 3000 && code <= 4999);
}

static int read_close(struct websocket *w, struct websocket_event *out, struct err *err)
{
	w->closed = true;
	out->code = WEBSOCKET_NO_CODE;
	if (out->len == 0)
		return 0;
	if (out->len >= 2)
		out->code = (unsigned)out->data[0] << 8 | out->data[1];
	if (out->len < 2 || !code_valid(out->code))
		return err_set(err, ERR_INVALID, "a close without a valid code");
	out->data += 2;
	out->len -= 2;
	return 0;
}

static int end_frame(struct websocket *w, struct websocket_event *out, struct err *err)
{
	uint8_t opcode = w->head[0] & OPCODE;
	bool control = (opcode & CONTROL) != 0;
	struct buf *payload = control ? &w->control : &w->message;

	w->in_payload = false;
	w->head_len = 0;
	if (!control && (w->head[0] & FIN) == 0)
		return 0;
	out->kind = control ? opcode : w->kind;
	out->data = (const uint8_t *)buf_str(payload);
	out->len = payload->len;
	if (opcode == WEBSOCKET_CLOSE)
		return read_close(w, out, err);
	if (control)
		return 0;
	w->kind = 0;
	w->fragments = 0;
	w->given = true;
	return 0;
}

static int read_payload(struct websocket *w, const uint8_t *data, size_t len, size_t *out_used,
                        struct err *err)
{
	struct buf *payload = (w->head[0] & CONTROL) != 0 ? &w->control : &w->message;
	size_t n = w->left < len ? (size_t)w->left : len;
	uint8_t *at = n > 0 ? buf_reserve(payload, n) : NULL;

	*out_used = n;
	if (at != NULL) {
		memcpy(at, data, n);
		if (w->side == WEBSOCKET_SERVER)
			w->mask_at = mask_bytes(at, n, w->mask, w->mask_at);
		buf_commit(payload, n);
	}
	w->left -= n;
	return buf_check(payload, err);
}

int websocket_read(struct websocket *w, const void *data, size_t len, size_t *out_used,
                   struct websocket_event *out, struct err *err)
{
	const uint8_t *at = data;
	size_t used = 0, n;
	int rc = 0;

	*out = (struct websocket_event){ 0 };
	if (w->given)
		buf_clear(&w->message);
	w->given = false;
	if (w->closed)
		used = len;
	while (rc == 0 && used < len && out->kind == 0) {
		if (!w->in_payload)
			rc = read_head(w, at + used, len - used, &n, err);
		else
			rc = read_payload(w, at + used, len - used, &n, err);
		used += n;
		if (rc == 0 && w->in_payload && w->left == 0)
			rc = end_frame(w, out, err);
	}
	*out_used = used;
	return rc;
}

unsigned websocket_code_of(const struct err *err)
{
	if (err->code == ERR_INVALID)
		return WEBSOCKET_PROTOCOL_ERROR;
	return err->code == ERR_LIMIT ? WEBSOCKET_TOO_BIG : WEBSOCKET_OUR_ERROR;
}

/* --- writing --------------------------------------------------------------------------------- */

void websocket_write(const struct websocket *w, enum websocket_kind kind, const void *data,
                     size_t len, struct buf *out)
{
	uint8_t mark = w->side == WEBSOCKET_CLIENT ? MASKED : 0;
	uint8_t mask[MASK_SIZE];
	uint8_t *at;

	assert((kind & CONTROL) == 0 || len <= WEBSOCKET_CONTROL_MAX);
	buf_append_byte(out, (uint8_t)(FIN | kind));
	if (len < LENGTH_16) {
		buf_append_byte(out, (uint8_t)(mark | len));
	} else if (len < 0x10000) {
		buf_append_byte(out, mark | LENGTH_16);
		buf_append_u16(out, (uint16_t)len);
	} else {
		buf_append_byte(out, mark | LENGTH_64);
		buf_append_u64(out, len);
	}
	if (mark == 0) {
		buf_append(out, data, len);
		return;
	}
	rand_bytes(mask, sizeof(mask));
	buf_append(out, mask, sizeof(mask));
	at = len > 0 ? buf_reserve(out, len) : NULL;
	if (at == NULL)
		return;
	memcpy(at, data, len);
	mask_bytes(at, len, mask, 0);
	buf_commit(out, len);
}

void websocket_write_close(const struct websocket *w, unsigned code, const char *reason,
                           struct buf *out)
{
	uint8_t payload[WEBSOCKET_CONTROL_MAX];
	size_t len = strnlen(reason, sizeof(payload) - 2);

	payload[0] = (uint8_t)(code >> 8);
	payload[1] = (uint8_t)code;
	memcpy(payload + 2, reason, len);
	websocket_write(w, WEBSOCKET_CLOSE, payload, len + 2, out);
}

/* --- the handshake --------------------------------------------------------------------------- */

static int encode(const void *data, size_t len, char *out, size_t size, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	base64_append(&text, data, len);
	rc = buf_check(&text, err);
	if (rc == 0)
		str_copy(out, size, buf_str(&text));
	buf_deinit(&text);
	return rc;
}

int websocket_key(char out[WEBSOCKET_KEY_SIZE], struct err *err)
{
	uint8_t nonce[NONCE_SIZE];

	rand_bytes(nonce, sizeof(nonce));
	return encode(nonce, sizeof(nonce), out, WEBSOCKET_KEY_SIZE, err);
}

static int check_key(const char *key, struct err *err)
{
	struct buf nonce = { 0 };
	int rc = base64_decode(key, strlen(key), &nonce, err);

	if (rc == ERR_INVALID || (rc == 0 && nonce.len != NONCE_SIZE))
		rc = err_set(err, ERR_INVALID, "the upgrade's key is not 16 bytes in base64");
	buf_deinit(&nonce);
	return rc;
}

int websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_SIZE], struct err *err)
{
	char joined[WEBSOCKET_KEY_SIZE + sizeof(ACCEPT_GUID)];
	uint8_t hash[HASH_SHA1_SIZE];

	if (check_key(key, err) != 0)
		return err->code;
	snprintf(joined, sizeof(joined), "%s%s", key, ACCEPT_GUID);
	hash_sha1(joined, strlen(joined), hash);
	return encode(hash, sizeof(hash), out, WEBSOCKET_ACCEPT_SIZE, err);
}
