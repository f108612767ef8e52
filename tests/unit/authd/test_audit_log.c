#include "authd/audit/audit_log.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY (24 * 60 * 60 * 1000LL)

struct world {
	uv_loop_t loop;
	struct clock_fake clock;
	char dir[64];
	struct audit_log *log;
	int answers;
	int failures;
};

static void open_log(struct world *w, int64_t keep_ms)
{
	const struct audit_log_spec spec = { w->dir, "example", keep_ms, &w->loop,
		                             &w->clock.clock };
	struct err err;

	if (audit_log_open(&w->log, &spec, &err) != 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int64_t now;
	struct err err;

	uv_loop_init(&w->loop);
	strcpy(w->dir, "/tmp/test_audit_log.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	str_to_time("2026-11-20T23:59:50Z", &now, &err);
	clock_fake_init(&w->clock, now);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[100];

	audit_log_close(w->log);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void on_answer(void *arg, const struct err *err)
{
	struct world *w = arg;

	w->answers++;
	w->failures += err != NULL;
}

static void write_event(struct world *w, const char *user)
{
	struct audit_event e;
	struct err err;

	audit_event_init(&e, AUDIT_USER_LOGIN, true, w->clock.wall);
	e.pb.user = audit_text(user);
	e.pb.cluster_name = audit_text("made up");
	assert_int_equal(audit_log_write(w->log, &e.pb, 1, on_answer, w, &err), 0);
}

static char *read_file(const struct world *w, const char *name)
{
	static char text[4096];
	char path[128];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "r");
	if (f == NULL)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

static void append_raw(const struct world *w, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "a");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void an_event_is_on_the_disk_when_its_writer_is_told(void **state)
{
	struct world *w = *state;
	const char *text;

	open_log(w, 0);
	write_event(w, "alice");
	assert_int_equal(w->answers, 0); /* never from within */
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->failures, 0);
	text = read_file(w, "2026-11-20.00:00:00.log");
	assert_non_null(strstr(text, "\"event\":\"user.login\""));
	assert_non_null(strstr(text, "\"code\":\"T1000I\""));
	assert_non_null(strstr(text, "\"user\":\"alice\""));
	assert_non_null(strstr(text, "\"time\":\"2026-11-20T23:59:50"));
	assert_non_null(strstr(text, "\"cluster_name\":\"example\""));
	assert_null(strstr(text, "made up"));
	assert_string_equal(strchr(text, '\n'), "\n");
	assert_string_equal(read_file(w, "events.log"), text);
}

static void events_keep_their_order_and_share_a_sync(void **state)
{
	struct world *w = *state;
	const char *a, *b, *c;

	open_log(w, 0);
	write_event(w, "ann");
	write_event(w, "bob");
	write_event(w, "zoe");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->answers, 3);
	a = strstr(read_file(w, "events.log"), "ann");
	b = strstr(read_file(w, "events.log"), "bob");
	c = strstr(read_file(w, "events.log"), "zoe");
	assert_true(a < b && b < c);
}

static void a_new_day_has_a_new_file_and_the_link_follows(void **state)
{
	struct world *w = *state;

	open_log(w, 0);
	write_event(w, "alice");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	clock_fake_advance(&w->clock, 20 * 1000);
	write_event(w, "bob");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_null(strstr(read_file(w, "2026-11-20.00:00:00.log"), "bob"));
	assert_non_null(strstr(read_file(w, "2026-11-21.00:00:00.log"), "bob"));
	assert_non_null(strstr(read_file(w, "events.log"), "bob"));
}

static void half_a_line_of_a_crash_is_cut_off(void **state)
{
	struct world *w = *state;

	append_raw(w, "2026-11-20.00:00:00.log", "{\"event\":\"whole\"}\n{\"event\":\"ha");
	open_log(w, 0);
	write_event(w, "alice");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_memory_equal(read_file(w, "events.log"),
	                    "{\"event\":\"whole\"}\n{\"event\":\"user.login\"", 38);
}

static void files_go_when_their_day_is_too_long_ago(void **state)
{
	struct world *w = *state;

	append_raw(w, "2026-11-17.00:00:00.log", "{}\n");
	append_raw(w, "2026-11-18.00:00:00.log", "{}\n");
	append_raw(w, "2026-11-18.00:00:00.txt", "{}\n");
	append_raw(w, "2026-11-10.00:00:00.txt", "{}\n");
	open_log(w, 2 * DAY);
	assert_null(read_file(w, "2026-11-17.00:00:00.log"));
	assert_non_null(read_file(w, "2026-11-18.00:00:00.log"));
	assert_non_null(read_file(w, "2026-11-10.00:00:00.txt"));
}

static void an_event_that_is_too_long_is_refused_and_the_others_stay(void **state)
{
	struct world *w = *state;
	char *huge = malloc(AUDIT_LINE_MAX + 1);
	struct audit_event e;
	struct err err;

	memset(huge, 'x', AUDIT_LINE_MAX);
	huge[AUDIT_LINE_MAX] = 0;
	open_log(w, 0);
	write_event(w, "alice");
	audit_event_init(&e, AUDIT_EXEC, true, w->clock.wall);
	e.pb.command = huge;
	assert_int_equal(audit_log_write(w->log, &e.pb, 1, on_answer, w, &err), ERR_LIMIT);
	write_event(w, "bob");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->answers, 2);
	assert_null(strstr(read_file(w, "events.log"), "xxx"));
	assert_non_null(strstr(read_file(w, "events.log"), "bob"));
	free(huge);
}

static void what_gathered_is_written_when_the_log_closes(void **state)
{
	struct world *w = *state;

	open_log(w, 0);
	write_event(w, "alice");
	write_event(w, "bob");
	audit_log_close(w->log);
	w->log = NULL;
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->answers, 2);
	assert_int_equal(w->failures, 0);
	assert_non_null(strstr(read_file(w, "events.log"), "bob"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		STORY(an_event_is_on_the_disk_when_its_writer_is_told),
		STORY(events_keep_their_order_and_share_a_sync),
		STORY(a_new_day_has_a_new_file_and_the_link_follows),
		STORY(half_a_line_of_a_crash_is_cut_off),
		STORY(files_go_when_their_day_is_too_long_ago),
		STORY(an_event_that_is_too_long_is_refused_and_the_others_stay),
		STORY(what_gathered_is_written_when_the_log_closes),
	};

	return unit_run(tests);
}
