/*
 * role_option - the limits that a role sets, how those of several roles become one, and which
 * program sees to it. One table (role_option.c) says all three.
 */
#ifndef MODEL_ROLE_OPTION_H
#define MODEL_ROLE_OPTION_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLE_TTL_DEFAULT (30 * 60 * 60 * 1000LL) /* ms; of a role that sets no max_session_ttl */

/* Merged over all roles of somebody. Times in ms; of numbers and times 0 is no limit. */
struct role_options {
	int64_t max_session_ttl;
	int64_t client_idle_timeout;
	int64_t max_connections; /* of a user, in the whole cluster */
	int64_t max_sessions;    /* channels of one connection */
	int64_t max_kubernetes_connections;
	int64_t mfa_verification_interval;
	bool port_forwarding;
	bool forward_agent; /* for some login; see role_set_forwards_agent() */
	bool permit_x11_forwarding;
	bool ssh_file_copy;
	bool disconnect_expired_cert;
	bool pin_source_ip;
	bool desktop_clipboard;
	bool desktop_directory_sharing;
	bool record_exec; /* some role wants the output of commands recorded */
	/* Places in the lists of the table, the strictest highest. */
	int lock;                /* 0 best_effort, 1 strict */
	int request_access;      /* 0 optional, 1 always, 2 reason */
	int require_session_mfa; /* 0 no, 1 yes, above: hardware keys */
	int device_trust_mode;   /* 0 off, 1 optional, 2 required-for-humans, 3 required */
	bool certificate_oldssh;
	unsigned enhanced_recording; /* 1 command, 2 disk, 4 network */
	const char *request_prompt;  /* the first that is set; borrowed from its role */
};

/* Who has no role at all may nothing: what is allowed where no role forbids it is set. */
void role_options_init(struct role_options *all);

/* Merges one more role's options into all. */
void role_options_merge(struct role_options *all, const pv_RoleOptions *one);

/* The cluster's own settings count as one more role's; NULL: not set. */
void role_options_add_cluster(struct role_options *all, const pv_ClusterNetworkingConfigSpec *net,
                              const pv_ClusterAuthPreferenceSpec *auth);

/* A row of the table, for those who print or check it. */
struct role_option_row {
	const char *name;        /* "client_idle_timeout" */
	const char *merge;       /* "the smallest that is set" */
	const char *enforced_by; /* "noded"; "": nobody here */
};

/* false: there is no row of that number. */
bool role_option_row(size_t number, struct role_option_row *out);

/* The row's merged value as people write it ("8h0m0s", "yes"). Returns dst. */
char *role_option_text(const struct role_options *all, size_t number, char *dst, size_t size);

#define ROLE_OPTION_TEXT_SIZE 128

#endif
