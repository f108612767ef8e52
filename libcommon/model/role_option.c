#include "model/role_option.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* How two become one. */
enum merge {
	SMALLEST,     /* int64: the smallest that is set */
	ANY,          /* bool: allowed or wanted by one */
	ANY_OR_UNSET, /* the same, and unset is a yes */
	ALL,          /* bool: forbidden by one, and unset is a yes */
	STRICTEST,    /* word: the last in the list of words */
	UNION,        /* words: a bit for each in the list */
	FIRST,        /* text: the first that is set */
};

static const char *const merge_words[] = {
	[SMALLEST] = "the smallest that is set",
	[ANY] = "yes if any role says yes",
	[ANY_OR_UNSET] = "yes if any role says yes or leaves it out",
	[ALL] = "no if any role says no",
	[STRICTEST] = "the strictest",
	[UNION] = "all together",
	[FIRST] = "the first that is set",
};

struct option {
	struct role_option_row row;
	enum merge merge;
	enum { DURATION, NUMBER, FLAG, WORD, WORDS, SENTENCE } type;
	size_t from; /* offset in pv_RoleOptions */
	size_t has;  /* of the has_ flag, for FLAG */
	size_t to;   /* offset in struct role_options */
	const char *words;
};

#define ROW(name, how, by) { #name, NULL, by }, how
#define FROM(name)         offsetof(pv_RoleOptions, name)
#define TO(name)           offsetof(struct role_options, name)

#define TIME_OPTION(name, by)                                                    \
	{                                                                        \
		ROW(name, SMALLEST, by), DURATION, FROM(name), 0, TO(name), NULL \
	}
#define COUNT_OPTION(name, by)                                                 \
	{                                                                      \
		ROW(name, SMALLEST, by), NUMBER, FROM(name), 0, TO(name), NULL \
	}
#define FLAG_OPTION(name, how, by)                                                     \
	{                                                                              \
		ROW(name, how, by), FLAG, FROM(name), FROM(has_##name), TO(name), NULL \
	}
#define WORD_OPTION(name, by, words)                                           \
	{                                                                      \
		ROW(name, STRICTEST, by), WORD, FROM(name), 0, TO(name), words \
	}

static const struct option options[] = {
	TIME_OPTION(max_session_ttl, "authd"),
	TIME_OPTION(client_idle_timeout, "noded kubeproxyd"),
	FLAG_OPTION(disconnect_expired_cert, ANY, "noded proxyd kubeproxyd"),
	COUNT_OPTION(max_connections, "noded authd"),
	COUNT_OPTION(max_sessions, "noded"),
	FLAG_OPTION(forward_agent, ANY, "noded authd"),
	FLAG_OPTION(port_forwarding, ANY_OR_UNSET, "noded authd"),
	FLAG_OPTION(permit_x11_forwarding, ANY, "noded authd"),
	FLAG_OPTION(ssh_file_copy, ALL, "noded"),
	FLAG_OPTION(pin_source_ip, ANY, "authd noded proxyd"),
	WORD_OPTION(lock, "noded kubeproxyd", "best_effort strict"),
	WORD_OPTION(request_access, "", "optional always reason"),
	WORD_OPTION(require_session_mfa, "",
	            "no yes hardware_key hardware_key_touch hardware_key_pin "
	            "hardware_key_touch_and_pin"),
	WORD_OPTION(device_trust_mode, "", "off optional required-for-humans required"),
	TIME_OPTION(mfa_verification_interval, ""),
	COUNT_OPTION(max_kubernetes_connections, ""),
	FLAG_OPTION(desktop_clipboard, ALL, ""),
	FLAG_OPTION(desktop_directory_sharing, ALL, ""),
	{ ROW(enhanced_recording, UNION, ""), WORDS, FROM(enhanced_recording),
	  FROM(enhanced_recording_count), TO(enhanced_recording), "command disk network" },
	{ ROW(request_prompt, FIRST, ""), SENTENCE, FROM(request_prompt), 0, TO(request_prompt),
	  NULL },
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* --- by type --------------------------------------------------------------------------------- */

/* The smaller of two limits of which 0, or less, means none. */
static int64_t smaller(int64_t a, int64_t b)
{
	if (a <= 0 || b <= 0)
		return a > 0 ? a : b > 0 ? b : 0;
	return a < b ? a : b;
}

static bool merge_flag(enum merge merge, bool all, bool has, bool one)
{
	switch (merge) {
	case ALL:
		return all && (!has || one);
	case ANY_OR_UNSET:
		return all || !has || one;
	default:
		return all || (has && one);
	}
}

/* The place of a word among those separated by blanks; the last when it is not there, for what is
 * not known is the strictest. */
static int place_of(const char *words, const char *word)
{
	size_t len = strlen(word);
	int place = 0;

	for (const char *at = words;; at += strcspn(at, " ") + 1, place++) {
		size_t this = strcspn(at, " ");

		if ((this == len && strncmp(at, word, len) == 0) || at[this] == 0)
			return place;
	}
}

static void merge_words_of(unsigned *all, const pv_RoleOptions *one, const char *words)
{
	for (size_t i = 0; i < one->enhanced_recording_count; i++)
		*all |= 1u << place_of(words, one->enhanced_recording[i]);
}

static void merge_word(int *all, const char *word, const char *words)
{
	int place = str_empty(word) ? 0 : place_of(words, word);

	if (place > *all)
		*all = place;
}

/* --- all of them ----------------------------------------------------------------------------- */

static void merge_one(const struct option *o, struct role_options *all, const pv_RoleOptions *one)
{
	const char *from = (const char *)one + o->from;
	char *to = (char *)all + o->to;
	const char *text;

	switch (o->type) {
	case DURATION:
	case NUMBER:
		*(int64_t *)(void *)to =
		        smaller(*(int64_t *)(void *)to, *(const int64_t *)(const void *)from);
		break;
	case FLAG:
		*(bool *)to = merge_flag(o->merge, *(bool *)to, *((const bool *)one + o->has),
		                         *(const bool *)from);
		break;
	case WORD:
		merge_word((int *)(void *)to, *(char *const *)(const void *)from, o->words);
		break;
	case WORDS:
		merge_words_of((unsigned *)(void *)to, one, o->words);
		break;
	case SENTENCE:
		text = *(char *const *)(const void *)from;
		if (*(const char **)(void *)to == NULL && !str_empty(text))
			*(const char **)(void *)to = text;
		break;
	}
}

void role_options_init(struct role_options *all)
{
	*all = (struct role_options){ 0 };
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].merge == ALL)
			*((bool *)all + options[i].to) = true;
}

void role_options_merge(struct role_options *all, const pv_RoleOptions *one)
{
	for (size_t i = 0; i < OPTIONS; i++)
		merge_one(&options[i], all, one);
	if (one->max_session_ttl <= 0)
		all->max_session_ttl = smaller(all->max_session_ttl, ROLE_TTL_DEFAULT);
	all->record_exec |= one->record_session.exec_output;
	all->certificate_oldssh |= str_eq(one->certificate_format, "oldssh");
}

void role_options_add_cluster(struct role_options *all, const pv_ClusterNetworkingConfigSpec *net,
                              const pv_ClusterAuthPreferenceSpec *auth)
{
	if (net != NULL)
		all->client_idle_timeout =
		        smaller(all->client_idle_timeout, net->client_idle_timeout);
	if (auth == NULL)
		return;
	all->disconnect_expired_cert |=
	        auth->has_disconnect_expired_cert && auth->disconnect_expired_cert;
	all->lock |= str_eq(auth->locking_mode, "strict");
}

/* --- telling --------------------------------------------------------------------------------- */

bool role_option_row(size_t number, struct role_option_row *out)
{
	if (number >= OPTIONS)
		return false;
	*out = options[number].row;
	out->merge = merge_words[options[number].merge];
	return true;
}

static void copy_words(char *dst, size_t size, const char *words, unsigned bits)
{
	size_t len = 0;

	for (int place = 0; *words != 0; place++) {
		size_t this = strcspn(words, " ");

		if (bits & 1u << place)
			len += (size_t)snprintf(dst + len, size - len, "%s%.*s", len > 0 ? " " : "",
			                        (int)this, words);
		words += this + (words[this] == ' ');
	}
}

char *role_option_text(const struct role_options *all, size_t number, char *dst, size_t size)
{
	const struct option *o = &options[number];
	const char *from = (const char *)all + o->to;
	const char *text;

	dst[0] = 0;
	switch (o->type) {
	case DURATION:
		if (*(const int64_t *)(const void *)from != 0)
			str_from_duration(dst, size, *(const int64_t *)(const void *)from);
		break;
	case NUMBER:
		if (*(const int64_t *)(const void *)from != 0)
			snprintf(dst, size, "%lld",
			         (long long)*(const int64_t *)(const void *)from);
		break;
	case FLAG:
		snprintf(dst, size, "%s", *(const bool *)from ? "yes" : "no");
		break;
	case WORD:
		copy_words(dst, size, o->words, 1u << *(const int *)(const void *)from);
		break;
	case WORDS:
		copy_words(dst, size, o->words, *(const unsigned *)(const void *)from);
		break;
	case SENTENCE:
		text = *(const char *const *)(const void *)from;
		snprintf(dst, size, "%s", text != NULL ? text : "");
		break;
	}
	return dst;
}
