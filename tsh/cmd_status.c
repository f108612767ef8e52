/* tsh status - the login in use: who, where, until when. */
#include "tsh/api.h"
#include "tsh/cmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "tsh/refresh.h"

#include <stdio.h>

#define ASK_MS 3000

static void print_list(const char *title, char *const *items, pb_size_t count)
{
	printf("%-12s", title);
	for (pb_size_t i = 0; i < count; i++) {
		fputs(i > 0 ? ", " : "", stdout);
		printable_write(stdout, items[i]); /* the cluster's words */
	}
	putchar('\n');
}

static void print_validity(int64_t until_ms, int64_t now_ms)
{
	char until[STR_TIME_SIZE], left[STR_DURATION_SIZE];
	int64_t minutes = (until_ms - now_ms) / 60000;

	printf("%-12s%s", "Valid until", str_from_time(until, sizeof(until), until_ms));
	if (now_ms >= until_ms)
		puts(" (expired)");
	else
		printf(" (%s left)\n", str_from_duration(left, sizeof(left), minutes * 60000));
}

/* Also takes the cluster's authorities over. Without the cluster, the rest is still true. */
static void print_trust(struct tsh *t, struct profile *p)
{
	struct err err = { 0 };
	struct api api = { 0 };
	int rc;

	fflush(stdout);
	rc = api_open(&api, t, p, &err);
	api.timeout_ms = ASK_MS;
	if (rc == 0)
		rc = refresh_authorities(&api, p, &err);
	api_close(&api);
	if (rc == ERR_UNTRUSTED)
		printf("%-12s%s\n", "Trust",
		       "the cluster's keys were changed since the login: log in again");
}

int cmd_status(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	if (rc == 0)
		rc = profile_open(&p, t->home, t->proxy, err);
	if (rc == 0) {
		printf("%-12s%s\n", "Proxy", p.data.proxy);
		printf("%-12s%s\n", "Cluster", p.data.cluster);
		if (!str_empty(p.data.leaf))
			printf("%-12s%s\n", "Selected", p.data.leaf);
		printf("%-12s%s\n", "User", p.data.user);
		print_list("Roles", p.data.roles, p.data.roles_count);
		print_list("Logins", p.data.logins, p.data.logins_count);
		print_validity(p.data.valid_until, clock_wall_ms(t->clock));
		if (clock_wall_ms(t->clock) < p.data.valid_until)
			print_trust(t, &p);
	}
	profile_deinit(&p);
	return rc;
}
