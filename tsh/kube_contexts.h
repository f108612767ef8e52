/*
 * kube_contexts - the Kubernetes clusters behind a login, and their contexts in the kubeconfig.
 *
 * Which file they were written to is remembered in the profile, so that a logout finds them again.
 */
#ifndef TSH_KUBE_CONTEXTS_H
#define TSH_KUBE_CONTEXTS_H

struct api;
struct err;
struct profile;
struct strlist;
struct tsh;

/* Appends the names of the Kubernetes clusters that the user's roles let see, sorted, each once. */
int kube_contexts_list(struct api *a, struct strlist *out, struct err *err);

/*
 * Makes the kubeconfig show these clusters and none of this proxy's that are gone. `current` (NULL:
 * leave it) becomes the current context: ERR_NOT_FOUND if it is none of them. Saves the profile
 * if the file is another now.
 */
int kube_contexts_write(const struct tsh *t, struct profile *p, const struct strlist *clusters,
                        const char *current, struct err *err);

/* Both for a login: nothing to see is nothing to write. */
int kube_contexts_follow(struct tsh *t, struct profile *p, struct err *err);

/* Removes all that were written for the login. */
int kube_contexts_remove(const struct profile *p, struct err *err);

/* "<cluster>-<kube>"; free() it; NULL when memory runs out. */
char *kube_contexts_name(const struct profile *p, const char *kube);

#endif
