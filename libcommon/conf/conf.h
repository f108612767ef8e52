/*
 * conf - a YAML configuration file into a struct, by a table.
 *
 *   struct authd_conf {
 *           int64_t ttl;
 *           struct conf_addr listen;
 *           struct conf_list tokens;
 *   };
 *   static const struct conf_key keys[] = {
 *           { "listen",    CONF_ADDR,     offsetof(struct authd_conf, listen), "0.0.0.0:3025",
 *             "where the API is served" },
 *           { "certs.ttl", CONF_DURATION, offsetof(struct authd_conf, ttl),    "8h",
 *             "life of a user certificate", .min = 60 * 1000, .max = 30 * 3600 * 1000 },
 *           { 0 },
 *   };
 *   if (conf_load(keys, "/etc/postern/authd.yaml", &c, &err) != 0) ...
 *   conf_deinit(keys, &c);
 *
 * A row's struct member has the C type that its conf_type names. Dots in a key are levels of
 * the YAML file. The default is text as it would stand in the file; NULL leaves the member
 * empty (NULL, 0, false). A required key must be in the file.
 *
 * All mistakes read "FILE:LINE: key: what is wrong": unknown key (with a suggestion), key given
 * twice, value of another type or out of range. A mistake in a table's default is an assert.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct value;

/* Each with the C type of the struct's member. */
enum conf_type {
	CONF_STRING,   /* char *; a number or bool without quotes is taken as it is spelled */
	CONF_PATH,     /* char *; absolute */
	CONF_BOOL,     /* bool */
	CONF_INT,      /* int64_t within min..max */
	CONF_DURATION, /* int64_t milliseconds within min..max; "8h", "1h30m"; "never" is 0 */
	CONF_SIZE,     /* int64_t bytes within min..max; "512", "64KB", "10MB", "2GB", by 1024 */
	CONF_MODE,     /* mode_t; octal with or without quotes */
	CONF_ADDR,     /* struct conf_addr; min is the port when none is given, 0: it must be */
	CONF_LIST,     /* struct conf_list; a single scalar is a list of one */
	CONF_MAP,      /* struct conf_map */
	CONF_BLOCKS,   /* struct conf_blocks: a list of maps, each by the table `blocks` */
};

struct conf_addr {
	char *host; /* name or address, without brackets; "" = all addresses; NULL = not set */
	char *port; /* decimal */
};

struct conf_list {
	char **items;
	size_t count;
};

struct conf_pair {
	char *key;
	char *value;
};

struct conf_map {
	struct conf_pair *items;
	size_t count;
};

/* `items` are `count` structs of the size that the row's block_size says. */
struct conf_blocks {
	void *items;
	size_t count;
};

struct conf_key {
	const char *name; /* "certs.ttl"; NULL ends the table */
	enum conf_type type;
	size_t offset;
	const char *value; /* default, as in the file (a scalar without quotes, a list as [a, b]) */
	const char *help;  /* one line, lower case, no full stop */
	int64_t min, max;  /* both 0: anything from 0 on */
	bool required;
	const char *choices;           /* CONF_STRING: "node|proxy|off", NULL = any */
	const struct conf_key *blocks; /* CONF_BLOCKS: what each map holds */
	size_t block_size;
};

/* Reads the file over the defaults; *conf needs no initialisation and is empty on failure.
 * ERR_NOT_FOUND: no such file. ERR_INVALID, ERR_IO, ERR_NOMEM. */
int conf_load(const struct conf_key *keys, const char *file, void *conf, struct err *err);

/* The same of a text in memory; "" gives the defaults. */
int conf_parse(const struct conf_key *keys, const char *file, const char *text, size_t len,
               void *conf, struct err *err);

/* The same of a tree; NULL gives the defaults. */
int conf_from_value(const struct conf_key *keys, const char *file, const struct value *root,
                    void *conf, struct err *err);

/* Frees what the members hold and zeroes them. Accepts a zeroed struct. */
void conf_deinit(const struct conf_key *keys, void *conf);

/* Appends the table as a commented YAML file in which every key has its default. */
int conf_print_defaults(const struct conf_key *keys, struct buf *out, struct err *err);

/* Appends the table as an mdoc list (.Bl/.It) for the daemon's man page. */
int conf_print_man(const struct conf_key *keys, struct buf *out, struct err *err);

/* "host:port", "[2001:db8::1]:22", "host", ":3080"; default_port NULL: the port must be there.
 * Also for command-line options. Free with conf_addr_deinit(). ERR_INVALID, ERR_NOMEM. */
int conf_addr_parse(const char *text, const char *default_port, struct conf_addr *out_addr,
                    struct err *err);
void conf_addr_deinit(struct conf_addr *addr);

#endif
