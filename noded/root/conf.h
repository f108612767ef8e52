/*
 * conf - noded-root's settings: where things lie. What sessions may do is noded's to say.
 */
#ifndef NODED_ROOT_CONF_H
#define NODED_ROOT_CONF_H

#include "conf/conf.h"

struct root_conf {
	char *node_user;
	char *run_dir;
	char *lib_dir;
	char *pam_dir;
	char *policy_socket;
	char *sessions_dir;
	char *events_dir;
	char *sshd;
	char *sftp_server;
	struct conf_list host_keys;
	struct conf_list host_certificates;
	char *user_ca;
	char *revoked_keys;
};

/* Also refuses paths that sshd's configuration could not hold. conf_load()'s errors. */
int root_conf_load(struct root_conf *c, const char *file, struct err *err);
void root_conf_deinit(struct root_conf *c);

/* Puts every setting into the environment, for the programs that we start: NODED_RUN_DIR and so
 * on; the items of a list are lines. ERR_NOMEM. */
int root_conf_export(const struct root_conf *c, struct err *err);

#endif
