/*
 * spdy_inside - what the files of spdy share; nobody else includes it.
 */
#ifndef WIRE_SPDY_INSIDE_H
#define WIRE_SPDY_INSIDE_H

#include "base/buf.h"
#include "wire/spdy.h"

#define SPDY_HEAD_SIZE    8
#define SPDY_CONTROL_BIT  0x80000000u
#define SPDY_ID_MASK      0x7fffffffu
#define SPDY_VERSION      3
#define SPDY_FIN          1
#define SPDY_UNIDIRECTION 2

/* What settings there are for us, by their ids. */
#define SPDY_SETTING_STREAMS 4
#define SPDY_SETTING_WINDOW  7

enum spdy_type {
	SPDY_SYN_STREAM = 1,
	SPDY_SYN_REPLY = 2,
	SPDY_RST_STREAM = 3,
	SPDY_SETTINGS = 4,
	SPDY_PING = 6,
	SPDY_GOAWAY = 7,
	SPDY_MORE_HEADERS = 8,
	SPDY_WINDOW_UPDATE = 9,
};

struct spdy_stream {
	uint32_t id;
	bool replied;      /* ours: the peer has; theirs: we have */
	bool ended;        /* we have sent fin */
	bool heard;        /* they have */
	int64_t room;      /* their window */
	uint32_t consumed; /* of ours, and not yet given back */
};

enum spdy_reading { SPDY_AT_HEAD, SPDY_AT_CONTROL, SPDY_AT_DATA, SPDY_AT_JUNK };

struct spdy {
	enum spdy_side side;
	struct buf out;
	struct spdy_packer *packer;
	struct spdy_unpacker *unpacker;
	struct spdy_headers headers;

	enum spdy_reading reading;
	uint8_t head[SPDY_HEAD_SIZE]; /* of the frame being read */
	size_t head_len;
	uint32_t left;      /* of its payload */
	struct buf control; /* payload of a control frame so far */

	struct spdy_stream *streams; /* in no order */
	size_t count, cap;
	uint32_t next_id;   /* of ours */
	uint32_t newest_id; /* of theirs */
	uint32_t next_ping;
	uint32_t streams_max; /* as the peer says */
	bool away;            /* it wants no more */

	int64_t initial_room; /* of a new stream */
	int64_t room;         /* of the session */
	bool windows;         /* the peer has opened a stream's window before */
	bool session_window;  /* and the session's */
	uint32_t consumed;    /* of ours, and not yet given back */
};

struct spdy_stream *spdy_find(const struct spdy *s, uint32_t id);
struct spdy_stream *spdy_add(struct spdy *s, uint32_t id); /* NULL: too many, or no memory */
void spdy_remove(struct spdy *s, struct spdy_stream *st);  /* moves others */
void spdy_remove_if_over(struct spdy *s, struct spdy_stream *st);

/* The head of a control frame; its payload follows. */
void spdy_frame(struct spdy *s, enum spdy_type type, uint8_t flags, uint32_t len);
void spdy_open_windows(struct spdy *s); /* ours */
void spdy_send_reset(struct spdy *s, uint32_t id, enum spdy_status status);

/* Handles a whole control frame, whose payload is in s->control. */
int spdy_control(struct spdy *s, struct spdy_event *out, struct err *err);

/* How long the payload of such a frame may be. ERR_INVALID, ERR_LIMIT. */
int spdy_check_length(uint16_t type, uint32_t len, struct err *err);

#endif
