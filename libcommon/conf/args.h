/*
 * args - options and words of a command line, by tables that say where each option goes.
 *
 *   bool force = false;
 *   const char *ttl = "1h";
 *   const struct args_option options[] = {
 *           { "force", 'f', ARGS_FLAG, &force },
 *           { "ttl", 0, ARGS_TEXT, &ttl },
 *           { 0 },
 *   };
 *   const struct args_option *const tables[] = { options, NULL };
 *   rc = args_parse(tables, 0, &argc, argv, err);
 *
 * Written "--ttl=8h", "--ttl 8h", "--force", "-f", "-tVALUE" and "-t VALUE"; "--" ends them, "-"
 * is a word. An option given twice counts the last time, ARGS_LIST excepted.
 */
#ifndef CONF_ARGS_H
#define CONF_ARGS_H

struct err;

enum args_type {
	ARGS_FLAG, /* bool */
	ARGS_TEXT, /* const char *, borrowed from argv */
	ARGS_LIST, /* struct strlist, values between commas; repeated options add to it */
};

struct args_option {
	const char *name; /* NULL ends a table */
	char letter;      /* 0: none */
	enum args_type type;
	void *into;
};

enum {
	ARGS_STOP_AT_WORD = 1, /* leave everything from the first word on alone */
};

/* argv holds only arguments, not the program's name. The words are moved to its front, in their
 * order, and *argc becomes their count. ERR_INVALID with a suggestion; ERR_NOMEM. */
int args_parse(const struct args_option *const *tables, unsigned flags, int *argc, char **argv,
               struct err *err);

#endif
