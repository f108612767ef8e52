#include "noded/root/track.h"

#include "tests/unit/unit.h"

#include "base/err.h"
#include "noded/root/proc.h"
#include "noded/root/requests.h"
#include "noded/root/root.h"

#include <signal.h>
#include <sys/stat.h>

struct world {
	struct root root;
	char dir[64];
	pid_t child; /* leads a process group and does nothing */
};

static pid_t start_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	setpgid(child, child);
	return child;
}

static void open_root(struct world *w)
{
	struct err err = { 0 };

	list_init(&w->root.tracks);
	list_init(&w->root.callers);
	w->root.conf.run_dir = w->dir;
	w->root.loop = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(track_open(&w->root, &err), 0);
}

static int setup(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));

	signal(SIGCHLD, SIG_IGN);
	strcpy(w->dir, "/tmp/pt-track-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->child = start_child();
	open_root(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	track_close(&w->root);
	close(w->root.loop);
	kill(w->child, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
	test_free(w);
	return 0;
}

static struct track *add(struct world *w, enum track_kind kind, const char *id, struct err *err)
{
	char text[128];
	struct track *t = NULL;
	struct packet more;

	packet_begin(&more, text, sizeof(text), "x");
	packet_add(&more, "client", "192.0.2.7 51234");
	track_add(&w->root, kind, id, w->child, &more, &t, err);
	return t;
}

static void ids_that_could_leave_the_folder_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a/b", "../a", "-a", "a.b", "a b", "a\nb"
	};
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(track_id_ok(bad[i]));
		assert_null(add(*state, TRACK_CONNECTION, bad[i], &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_true(track_id_ok("3f0a1b2c-0000-4000-8000-00000000000f"));
}

static void one_id_is_one_process_of_a_kind(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	struct track *t = add(w, TRACK_CONNECTION, "c1", &err);

	assert_ptr_equal(track_find(&w->root, TRACK_CONNECTION, "c1"), t);
	assert_null(track_find(&w->root, TRACK_SESSION, "c1"));
	assert_null(add(w, TRACK_CONNECTION, "c1", &err));
	assert_int_equal(err.code, ERR_EXISTS);
}

static void a_login_is_put_once(void **state)
{
	struct err err = { 0 };
	struct track *t = add(*state, TRACK_CONNECTION, "c1", &err);

	assert_string_equal(track_get(t, "login"), "");
	assert_int_equal(track_put(t, "login", "bob", &err), 0);
	assert_int_equal(track_put(t, "login", "bob", &err), 0);
	assert_int_equal(track_put(t, "login", "root", &err), ERR_CONFLICT);
	assert_string_equal(track_get(t, "login"), "bob");
}

static void a_descendant_is_found_and_a_stranger_is_not(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	struct track *t = add(w, TRACK_CONNECTION, "c1", &err);

	assert_ptr_equal(track_ancestor(&w->root, w->child), t);
	assert_null(track_ancestor(&w->root, getpid()));
	assert_null(track_ancestor(&w->root, 1));
}

static void what_lives_is_found_again_after_a_restart(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	struct track *t = add(w, TRACK_CONNECTION, "c1", &err);

	assert_int_equal(track_put(t, "login", "bob", &err), 0);
	track_close(&w->root);
	close(w->root.loop);
	open_root(w);
	t = track_find(&w->root, TRACK_CONNECTION, "c1");
	assert_non_null(t);
	assert_int_equal(t->pid, w->child);
	assert_string_equal(track_get(t, "login"), "bob");
	assert_string_equal(track_get(t, "client"), "192.0.2.7 51234");
}

/* Files of processes that are gone, of others with the same number, and rubbish. */
static void what_is_gone_is_not_found_again(void **state)
{
	static const char *const files[] = { "rubbish", "other-id", "other-start" };
	struct world *w = *state;
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		char text[256];
		struct packet p;
		FILE *f;

		packet_begin(&p, text, sizeof(text), i == 0 ? "" : REQUEST_SESSION);
		packet_add(&p, "id", i == 1 ? "another" : files[i]);
		packet_add_number(&p, "pid", w->child);
		packet_add_number(&p, "start", (long long)proc_start(w->child) + (i == 2));
		snprintf(path, sizeof(path), "%s/sessions/%s", w->dir, files[i]);
		f = fopen(path, "w");
		assert_non_null(f);
		fwrite(p.data, 1, p.len, f);
		fclose(f);
	}
	track_close(&w->root);
	close(w->root.loop);
	open_root(w);
	assert_true(list_empty(&w->root.tracks));
	assert_int_equal(access(path, F_OK), -1);
}

static void who_does_not_end_is_killed_and_forgotten(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	struct track *t = add(w, TRACK_CONNECTION, "c1", &err);
	char path[128];

	assert_int_equal(track_tick(&w->root), -1);
	track_end(t);
	assert_in_range(track_tick(&w->root), 1, 2000);
	t->kill_at = 1; /* long ago */
	track_tick(&w->root);
	while (!list_empty(&w->root.tracks)) /* ends with the test's time limit if it never comes */
		loop_once(w->root.loop, -1);
	snprintf(path, sizeof(path), "%s/conn/c1", w->dir);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(ids_that_could_leave_the_folder_are_refused),
		IN_WORLD(one_id_is_one_process_of_a_kind),
		IN_WORLD(a_login_is_put_once),
		IN_WORLD(a_descendant_is_found_and_a_stranger_is_not),
		IN_WORLD(what_lives_is_found_again_after_a_restart),
		IN_WORLD(what_is_gone_is_not_found_again),
		IN_WORLD(who_does_not_end_is_killed_and_forgotten),
	};

	alarm(60);
	return unit_run(tests);
}
