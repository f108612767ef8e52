/*
 * err - one failure, as a code for the program and a sentence for the person.
 *
 * The finder calls err_set(); each caller on the way up may put what it was
 * doing in front with err_wrap(). The program prints the message once:
 *
 *   tsh: log in to 'example.com': sign certificate: role 'dev' has expired
 *
 * Messages are lower case, without a full stop, subjects in single quotes.
 * An err is never NULL: who needs only the code keeps one on the stack.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
	ERR_OK = 0,
	ERR_INVALID,         /* the caller's input is wrong */
	ERR_NOT_FOUND,       /* no such thing */
	ERR_EXISTS,          /* there is one already */
	ERR_CONFLICT,        /* a condition on the present state failed */
	ERR_DENIED,          /* known who you are; not allowed */
	ERR_UNAUTHENTICATED, /* not known who you are, or no longer valid */
	ERR_UNTRUSTED,   /* the same: certified by an authority that is not trusted (any more) */
	ERR_LIMIT,       /* a bound was reached; try later or ask for less */
	ERR_UNAVAILABLE, /* the peer cannot be reached or is not ready */
	ERR_TIMEOUT,     /* a deadline passed */
	ERR_CANCELED,    /* our side gave up on it */
	ERR_UNSUPPORTED, /* no such method, version or feature here */
	ERR_CORRUPT,     /* stored data does not hold together */
	ERR_IO,          /* the system refused; errno is in the message */
	ERR_NOMEM,       /* out of memory */
	ERR_INTERNAL,    /* ours; should not happen */
	ERR_CODES
};

#define ERR_MSG_SIZE 512

struct err {
	int code;
	char msg[ERR_MSG_SIZE]; /* cut at the end, with "...", when too long */
	unsigned retry_ms;      /* of ERR_LIMIT: when it may be tried again; 0 = not said */
};

/* Sets code and message, and no time. Returns `code`, so that `return err_set(...)` reads well. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like err_set() with ": " and the text of `errnum` (an errno value) behind the message. */
int err_set_errno(struct err *err, int code, int errnum, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* ERR_NOMEM with its fixed message. */
int err_set_nomem(struct err *err);

/* Puts "context: " in front of the message. Returns the code that err holds. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies `from` to `to`; returns the code. */
int err_copy(struct err *to, const struct err *from);

/* The name of a code in lower case ("not found"), for logs and tests. */
const char *err_name(int code);

#endif
