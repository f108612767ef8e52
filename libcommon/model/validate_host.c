/* validate_host - what makes valid what the daemons write: see validate.h. */
#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "model/resource.h"

#include "proto/resource.pb.h"

#include <string.h>

#define LABELS_MAX      100  /* of one node */
#define LABEL_VALUE_MAX 1024 /* bytes */
#define NODE_NAME_MAX   253  /* RFC 1035, 2.3.4 */
#define NODE_ADDRS_MAX  32

static int check_command_labels(const pv_NodeSpec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->cmd_labels_count; i++) {
		const pv_NodeSpec_CmdLabelsEntry *l = &spec->cmd_labels[i];

		if (str_empty(l->key) || strlen(l->key) > RESOURCE_NAME_MAX)
			return err_set(err, ERR_INVALID, "spec.cmd_labels: a label without a name");
		if (l->value.result != NULL && strlen(l->value.result) > LABEL_VALUE_MAX)
			return err_set(err, ERR_INVALID, "spec.cmd_labels.%s: more than %d bytes",
			               l->key, LABEL_VALUE_MAX);
	}
	return 0;
}

/* Proxies dial it with a user's bytes: one address of a host, no unix socket of the proxy's, no
 * list. Whoever is reached otherwise has none. */
static int check_addr(const char *addr, struct err *err)
{
	struct conf_addr parsed;

	if (str_empty(addr))
		return 0;
	if (conf_addr_parse(addr, "0", &parsed, err) != 0)
		return err_wrap(err, "spec.addr");
	conf_addr_deinit(&parsed);
	return 0;
}

int validate_node(void *message, struct err *err)
{
	pv_Node *node = message;
	const pv_NodeSpec *spec = &node->spec;
	int rc;

	node->has_spec = true;
	if (!resource_is_uuid(node->metadata.name))
		return err_set(err, ERR_INVALID, "metadata.name: not a UUID");
	if (str_empty(spec->hostname) || strlen(spec->hostname) > NODE_NAME_MAX)
		return err_set(err, ERR_INVALID, "spec.hostname: missing or too long");
	rc = resource_check_name(spec->hostname, err);
	if (rc != 0)
		return err_wrap(err, "spec.hostname");
	if (node->metadata.labels_count + spec->cmd_labels_count > LABELS_MAX)
		return err_set(err, ERR_INVALID, "more than %d labels", LABELS_MAX);
	for (size_t i = 0; i < node->metadata.labels_count; i++)
		if (node->metadata.labels[i].value != NULL &&
		    strlen(node->metadata.labels[i].value) > LABEL_VALUE_MAX)
			return err_set(err, ERR_INVALID, "metadata.labels.%s: more than %d bytes",
			               node->metadata.labels[i].key, LABEL_VALUE_MAX);
	if (spec->public_addrs_count > NODE_ADDRS_MAX)
		return err_set(err, ERR_INVALID, "spec.public_addrs: more than %d", NODE_ADDRS_MAX);
	if (check_addr(spec->addr, err) != 0)
		return err->code;
	if (!str_empty(spec->tunnel) && !resource_is_uuid(spec->tunnel))
		return err_set(err, ERR_INVALID, "spec.tunnel: not a UUID");
	return check_command_labels(spec, err);
}

int validate_kube_server(void *message, struct err *err)
{
	const pv_Node *node = message;
	int rc = validate_node(message, err);

	if (rc == 0 && str_empty(node->spec.kube_cluster))
		return err_set(err, ERR_INVALID, "spec.kube_cluster: missing");
	if (rc == 0 && resource_check_name(node->spec.kube_cluster, err) != 0)
		return err_wrap(err, "spec.kube_cluster");
	return rc;
}

int validate_cert_authority(void *message, struct err *err)
{
	pv_CertAuthority *ca = message;

	ca->has_spec = true;
	if (strcmp(ca->sub_kind, "user") != 0 && strcmp(ca->sub_kind, "host") != 0)
		return err_set(err, ERR_INVALID, "sub_kind: '%s' is neither user nor host",
		               ca->sub_kind);
	if (!str_eq(ca->spec.type, ca->sub_kind))
		return err_set(err, ERR_INVALID, "spec.type: not the sub kind");
	if (!str_eq(ca->spec.cluster_name, ca->metadata.name))
		return err_set(err, ERR_INVALID, "spec.cluster_name: not the name");
	return 0;
}

int validate_session(void *message, struct err *err)
{
	pv_Session *session = message;

	session->has_spec = true;
	if (!resource_is_uuid(session->metadata.name))
		return err_set(err, ERR_INVALID, "metadata.name: not a UUID");
	if (str_empty(session->spec.user) || str_empty(session->spec.login))
		return err_set(err, ERR_INVALID, "spec: a session of nobody");
	if (session->spec.node_id == NULL || !resource_is_uuid(session->spec.node_id))
		return err_set(err, ERR_INVALID, "spec.node_id: not a UUID");
	return 0;
}
