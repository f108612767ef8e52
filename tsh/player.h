/*
 * player - plays a recording against a clock that the caller holds: pause, seek, speed.
 *
 * The caller asks what is due now, writes it to its terminal, and waits as long as it is told
 * (or until a key is pressed). Position counts in milliseconds of the recording, pauses longer
 * than max_idle shortened to it.
 */
#ifndef TSH_PLAYER_H
#define TSH_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct err;
struct player;
struct recording;

/* Borrows the recording. speed in hundredths (100 = as it happened), 10 to 10,000;
 * max_idle_ms 0: as long as it was. NULL when memory runs out. */
struct player *player_new(struct recording *rec, int speed, int64_t max_idle_ms);
void player_free(struct player *p);

/* The recording grows: what there is so far is shown at once, then what comes as it comes, unless
 * one pauses or goes back. Until `follow` is taken back: then it ends where it ends. */
void player_follow(struct player *p, bool follow);

/*
 * Appends what is due at `now_ms` (any monotonic clock). *out_wait_ms: how long until there is
 * more; -1: not before a key is pressed (paused) or the recording has grown, or never
 * (player_ended()).
 * A recording that is cut off ends where it ends; ERR_CORRUPT: it is damaged there.
 */
int player_step(struct player *p, int64_t now_ms, struct buf *out, int64_t *out_wait_ms,
                struct err *err);

bool player_ended(const struct player *p);
bool player_paused(const struct player *p);
int player_speed(const struct player *p);
int64_t player_position(const struct player *p, int64_t now_ms);

void player_pause(struct player *p, int64_t now_ms); /* or goes on */

/* By so much, forwards or backwards; backwards the terminal is reset and filled again. */
void player_seek(struct player *p, int64_t now_ms, int64_t by_ms);

/* Twice as fast, or half. */
void player_faster(struct player *p, int64_t now_ms);
void player_slower(struct player *p, int64_t now_ms);

#endif
