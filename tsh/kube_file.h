/*
 * kube_file - the user's kubeconfig on disk: where it is, and a change to it that no reader ever
 * sees half of.
 *
 * A change holds FILE.lock, as kubectl's own `config` commands do, and replaces the file whole,
 * with mode 0600; a link stays one.
 */
#ifndef TSH_KUBE_FILE_H
#define TSH_KUBE_FILE_H

struct err;
struct value;

/*
 * Where kubectl would add an entry: the first file of $KUBECONFIG that is there, else its last;
 * without the variable ~/.kube/config. free() it; NULL when memory runs out.
 */
char *kube_file_path(void);

/* Changes the configuration as it stands (kubeconfig.h), or fails and leaves it alone. */
typedef int (*kube_file_change)(void *arg, struct value *root, struct err *err);

/* Runs the change and writes what differs. A file that is not there is made only if something is
 * to stand in it. ERR_CONFLICT: somebody else holds the lock for seconds. */
int kube_file_edit(const char *path, kube_file_change change, void *arg, struct err *err);

#endif
