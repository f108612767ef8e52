/*
 * kubeconfig - kubectl's configuration file: our entries in it, everything else as it was.
 *
 * A Kubernetes cluster is three rows of one name, `<cluster>-<kube>`: in `clusters` where kubectl
 * finds the proxy, in `users` that it asks `tsh kube credentials` who it is (or the certificate
 * itself), in `contexts` the two together. A row is ours if the user of its name runs that command;
 * rows of others are never touched, nor what others have put into ours (a context's namespace).
 * Order stays; comments do not, as with kubectl's own `config`.
 */
#ifndef WIRE_KUBECONFIG_H
#define WIRE_KUBECONFIG_H

#include <stddef.h>

struct buf;
struct err;
struct strlist;
struct value;

#define KUBECONFIG_MAX (4u * 1024 * 1024)

struct kubeconfig_entry {
	const char *name;        /* of all three rows */
	const char *proxy;       /* host:port */
	const char *server_name; /* which Kubernetes behind it: "lab.kube.example" */
	const char *authorities; /* PEM: by which that one proves itself */
	const char *program;     /* tsh; NULL: the certificate stands in the file */
	const char *home;        /* POSTERN_HOME for it; NULL: the usual */
	const char *certificate; /* without a program: PEM */
	const char *key;         /* PEM */
};

/* `file` is for messages; no text at all is an empty configuration. value_free() the root.
 * ERR_INVALID: not such a file. */
int kubeconfig_read(const char *file, const void *text, size_t len, struct value **out_root,
                    struct err *err);

/* Appends the text. */
int kubeconfig_write(const struct value *root, struct buf *out, struct err *err);

/* Adds our entry, or brings it up to date. ERR_EXISTS: the name is another's. */
int kubeconfig_put(struct value *root, const struct kubeconfig_entry *entry, struct err *err);

/* Removes our entries of that proxy but those in `keep` (NULL: all of them), and current-context
 * if it was one. ERR_NOMEM. */
int kubeconfig_drop(struct value *root, const char *proxy, const struct strlist *keep,
                    struct err *err);

/* Makes it the current context. ERR_NOT_FOUND. */
int kubeconfig_use(struct value *root, const char *name, struct err *err);

#endif
