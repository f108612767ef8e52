/*
 * seats - which proxies there are, and with which of them we have a tunnel: decides how many agents
 * are wanted. Knows no loop and no clock.
 *
 *   unknown --gossip--> SEEN --claim--> CLAIMED --release--> SEEN --its time is over--> unknown
 *      \_________________claim____________^
 *
 * Each proxy is a seat. An agent dials whatever the load balancer gives it and claims the seat of
 * the proxy that answered: it is refused when another agent sits there. As many agents are wanted
 * as there are seats (at least one), but never more than SEATS_SEEKERS without a seat, whatever
 * proxies a list may name.
 */
#ifndef TUNNELD_SEATS_H
#define TUNNELD_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seats;

#define SEATS_MAX     1000
#define SEATS_SEEKERS 8
#define SEATS_KEPT_MS 30000 /* a seat that was released is sought for so long, at least */

struct seats *seats_new(void); /* NULL when memory runs out */
void seats_free(struct seats *s);

/* How many tunnels are wanted at most; 0: one to each proxy. */
void seats_set_most(struct seats *s, unsigned most);

/* Heard of: it lives for ttl_ms from now. What is beyond SEATS_MAX is not taken. */
void seats_see(struct seats *s, const char *id, int64_t ttl_ms, int64_t now_ms);

/* False: another agent has it, enough have one, or it cannot be remembered. */
bool seats_claim(struct seats *s, const char *id);
void seats_release(struct seats *s, const char *id, int64_t now_ms);

/* Forgets what has not been heard of for its time. */
void seats_expire(struct seats *s, int64_t now_ms);

size_t seats_claimed(const struct seats *s);
size_t seats_known(const struct seats *s);
size_t seats_wanted(const struct seats *s); /* agents, seated and seeking */

#endif
