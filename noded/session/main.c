/*
 * noded-session - the supervisor of one session: it stands between sshd and the shell, records,
 * and lets others join. Unprivileged, knows no network and no key, and needs neither noded nor
 * noded-root to go on. noded-login starts it, with the link (link.h) as descriptor 0.
 *
 *   STARTING --start--> RUNNING --finish--> DRAINING --all passed on--> end
 *                          |
 *                          +-- noded-login died: the session is over, its end is ours to write
 */
#include "noded/session/session.h"

#include "base/err.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(int argc, char **argv)
{
	static struct session s;
	struct err err = { 0 };

	(void)argv;
	if (argc != 1) {
		fputs("noded-session is started by noded-login\n", stderr);
		return 2;
	}
	prctl(PR_SET_DUMPABLE, 0); /* noded is of the same user, and must not see what is typed */
	log_open("noded-session", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (session_open(&s, &err) != 0) {
		log_error("session not supervised", kv("error", err.msg));
		return 1;
	}
	while (session_step(&s))
		;
	session_close(&s);
	return 0;
}
