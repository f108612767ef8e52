#include "tctl/output.h"

#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/tables.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

int output_list(struct tctl *t, pv_ListResourcesRequest *query, struct err *err)
{
	enum listing_format format;
	struct listing *listing = NULL;
	int rc = cmd_format(t, LISTING_TEXT, &format, err);

	if (rc != 0)
		return rc;
	listing = listing_new(format, table_of(query->kind));
	rc = listing != NULL ? api_list(t, query, listing_add, listing, err) : err_set_nomem(err);
	if (rc == 0)
		rc = listing_print(listing, t->out, err);
	listing_free(listing);
	return rc;
}

int output_message(FILE *to, enum listing_format format, const struct fields_table *table,
                   const void *msg, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	if (format == LISTING_JSON)
		rc = fields_to_json(table, msg, FIELDS_WITH_SECRETS | FIELDS_PRETTY, &text, err);
	else
		rc = fields_to_yaml(table, msg, FIELDS_WITH_SECRETS, &text, err);
	if (rc == 0)
		fputs(buf_str(&text), to);
	buf_wipe(&text);
	return rc;
}

static void print_pins(FILE *to, char *const *pins, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(to, "CA pin: %s\n", pins[i]);
}

void output_invite(FILE *to, const char *event, const pv_Invite *invite)
{
	char until[STR_TIME_SIZE];

	str_from_time(until, sizeof(until), invite->expires);
	fprintf(to, "User \"%s\" %s. ", invite->user, event);
	if (!str_empty(invite->url))
		fprintf(to,
		        "They choose a password here, once, until %s:\n\n"
		        "  %s\n\n",
		        until, invite->url);
	else
		fprintf(to,
		        "No proxy has announced itself yet; once one serves, they choose a "
		        "password\n"
		        "at its address followed by /web/invite/ and this invite, good until "
		        "%s:\n\n"
		        "  %s\n\n",
		        until, invite->token);
	print_pins(to, invite->ca_pins, invite->ca_pins_count);
}

/* The resource that the leaf's administrator creates, but for who may do what there. */
static void print_trusted_cluster(FILE *to, const pv_CreateTokenResponse *answer)
{
	const pv_Token *token = &answer->token;
	const char *proxy = answer->proxy_addrs_count > 0 ? answer->proxy_addrs[0] : "PROXY:3080";
	char until[STR_TIME_SIZE];

	fprintf(to,
	        "Give this to the administrator of the other cluster, for 'tctl create'; the token "
	        "is good for %s, until %s.\n"
	        "What stands behind its '@' lets them know this cluster before the token leaves "
	        "theirs.\n\n",
	        token->spec.single_use ? "one cluster" : "any number of clusters",
	        str_from_time(until, sizeof(until), token->metadata.expires));
	fprintf(to,
	        "kind: trusted_cluster\n"
	        "version: v2\n"
	        "metadata: {name: %s}\n"
	        "spec:\n"
	        "  enabled: yes\n"
	        "  token: %s%s%s\n"
	        "  web_proxy_addr: '%s'\n"
	        "  tunnel_addr: '%s'\n"
	        "  role_map:\n"
	        "  - {remote: access, local: [access]} # which roles there are which of yours\n",
	        answer->cluster_name, token->metadata.name, answer->ca_pins_count > 0 ? "@" : "",
	        answer->ca_pins_count > 0 ? answer->ca_pins[0] : "", proxy, proxy);
}

static bool is_for_clusters(const pv_Token *token)
{
	return token->spec.roles_count == 1 && str_eq(token->spec.roles[0], "Trusted_cluster");
}

void output_token(FILE *to, const pv_CreateTokenResponse *answer)
{
	const pv_Token *token = &answer->token;
	char until[STR_TIME_SIZE];

	if (is_for_clusters(token)) {
		print_trusted_cluster(to, answer);
		return;
	}
	fprintf(to, "The join token, shown only now: %s\n", token->metadata.name);
	fprintf(to, "Good for %s as", token->spec.single_use ? "one host" : "any number of hosts");
	for (size_t i = 0; i < token->spec.roles_count; i++)
		fprintf(to, "%s %s", i > 0 ? "," : "", token->spec.roles[i]);
	fprintf(to, ", until %s.\n", str_from_time(until, sizeof(until), token->metadata.expires));
	print_pins(to, answer->ca_pins, answer->ca_pins_count);
}

/* How the node reaches authd: through the proxies when authd says no address of its own. */
static void print_auth_servers(FILE *to, const pv_CreateTokenResponse *answer)
{
	bool own = answer->auth_addrs_count > 0;
	char *const *addrs = own ? answer->auth_addrs : answer->proxy_addrs;
	size_t count = own ? answer->auth_addrs_count : answer->proxy_addrs_count;

	fputs("auth_servers: [", to);
	for (size_t i = 0; i < count; i++)
		fprintf(to, "%s'%s'", i > 0 ? ", " : "", addrs[i]);
	if (count == 0)
		fputs("'AUTHD:3025'] # put its address here; it has no public_addrs\n", to);
	else
		fputs("]\n", to);
}

void output_join(FILE *to, const pv_CreateTokenResponse *answer)
{
	const pv_Token *token = &answer->token;
	char until[STR_TIME_SIZE];

	fprintf(to,
	        "Paste this into a root shell on the new node; the token is good for %s, until "
	        "%s.\n"
	        "It goes into a file that only noded reads, and into no command line.\n\n",
	        token->spec.single_use ? "one host" : "any number of hosts",
	        str_from_time(until, sizeof(until), token->metadata.expires));
	fprintf(to,
	        "install -o postern-node -m 0400 /dev/stdin /etc/postern/noded.token <<'END'\n"
	        "%s\n"
	        "END\n"
	        "install -m 0644 /dev/stdin /etc/postern/noded.yaml <<'END'\n",
	        token->metadata.name);
	print_auth_servers(to, answer);
	fputs("join:\n"
	      "  token_file: /etc/postern/noded.token\n",
	      to);
	if (answer->ca_pins_count > 0)
		fprintf(to, "  ca_pin: '%s'\n", answer->ca_pins[0]);
	fputs("END\n"
	      "systemctl enable --now noded\n",
	      to);
}
