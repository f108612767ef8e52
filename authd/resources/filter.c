#include "authd/resources/filter.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/label_pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* --- making ---------------------------------------------------------------------------------- */

static int add_label(struct filter *f, const pv_ListResourcesRequest_LabelsEntry *wanted,
                     struct err *err)
{
	const char *key = wanted->key != NULL ? wanted->key : "";
	const char *pattern = wanted->value != NULL ? wanted->value : "";
	size_t i = f->label_count;

	if (label_pattern_new(&f->patterns[i], pattern, err) != 0)
		return err_wrap(err, "labels.%s", key);
	f->label_count++;
	f->keys[i] = strdup(key);
	return f->keys[i] != NULL ? 0 : err_set_nomem(err);
}

static int add_words(struct filter *f, const char *search, struct err *err)
{
	char text[FILTER_SEARCH_MAX + 1];
	char *rest;
	int rc = 0;

	if (str_copy(text, sizeof(text), search) != 0)
		return err_set(err, ERR_INVALID, "search: more than %d bytes", FILTER_SEARCH_MAX);
	for (char *w = strtok_r(text, BLANKS, &rest); w != NULL && rc == 0;
	     w = strtok_r(NULL, BLANKS, &rest))
		rc = strlist_add(&f->words, w, err);
	return rc;
}

int filter_init(struct filter *f, const pv_ListResourcesRequest *request, struct err *err)
{
	int rc = 0;

	*f = (struct filter){ 0 };
	if (request->labels_count > FILTER_LABELS_MAX)
		return err_set(err, ERR_INVALID, "labels: more than %d", FILTER_LABELS_MAX);
	for (size_t i = 0; i < request->labels_count && rc == 0; i++)
		rc = add_label(f, &request->labels[i], err);
	if (rc == 0 && request->search != NULL)
		rc = add_words(f, request->search, err);
	if (rc != 0)
		filter_deinit(f);
	return rc;
}

void filter_deinit(struct filter *f)
{
	for (size_t i = 0; i < f->label_count; i++) {
		free(f->keys[i]);
		label_pattern_free(f->patterns[i]);
	}
	strlist_deinit(&f->words);
	*f = (struct filter){ 0 };
}

/* --- labels ---------------------------------------------------------------------------------- */

static bool fits(const struct label_pattern *pattern, const char *value)
{
	struct err ignored;
	bool match;

	return value != NULL && label_pattern_test(pattern, value, &match, &ignored) == 0 && match;
}

bool filter_takes_labels(const struct filter *f, const struct label_set *labels)
{
	for (size_t i = 0; i < f->label_count; i++)
		if (!fits(f->patterns[i], label_get(labels, f->keys[i])))
			return false;
	return true;
}

/* The labels that a resource has: a node's include the results of its commands. */
static int labels_of(pv_Resource *r, struct label **out_items, struct label_set *out,
                     struct err *err)
{
	pv_Metadata *meta = resource_metadata(r);

	if (resource_kind_is_host(resource_kind_of(r)))
		return label_of_node(&r->of.node, out_items, out, err);
	*out_items = calloc(meta->labels_count + 1u, sizeof(**out_items));
	if (*out_items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < meta->labels_count; i++)
		(*out_items)[i] = (struct label){ meta->labels[i].key, meta->labels[i].value };
	*out = (struct label_set){ *out_items, meta->labels_count };
	return 0;
}

/* --- words ----------------------------------------------------------------------------------- */

static void append_part(struct buf *text, const char *part)
{
	buf_append_str(text, part != NULL ? part : "");
	buf_append_byte(text, '\n');
}

/* Everything that a search looks at, a line each. */
static void append_text(struct buf *text, pv_Resource *r, const struct label_set *labels)
{
	append_part(text, resource_name(r));
	append_part(text, resource_metadata(r)->description);
	if (resource_kind_is_host(resource_kind_of(r))) {
		append_part(text, r->of.node.spec.hostname);
		append_part(text, r->of.node.spec.addr);
	}
	for (size_t i = 0; i < labels->count; i++) {
		buf_appendf(text, "%s=", labels->items[i].key);
		append_part(text, labels->items[i].value);
	}
}

static bool takes_words(const struct filter *f, pv_Resource *r, const struct label_set *labels)
{
	struct buf text = { 0 };
	bool all = true;

	if (f->words.count == 0)
		return true;
	append_text(&text, r, labels);
	for (size_t i = 0; i < f->words.count && all; i++)
		all = text.failed == 0 && strcasestr(buf_str(&text), f->words.items[i]) != NULL;
	buf_deinit(&text);
	return all;
}

bool filter_takes(const struct filter *f, pv_Resource *r)
{
	struct label_set labels;
	struct label *items;
	struct err ignored;
	bool takes;

	if (f->label_count == 0 && f->words.count == 0)
		return true;
	if (labels_of(r, &items, &labels, &ignored) != 0)
		return false;
	takes = filter_takes_labels(f, &labels) && takes_words(f, r, &labels);
	free(items);
	return takes;
}

/* --- stored bytes ---------------------------------------------------------------------------- */

static bool same_letters(const uint8_t *bytes, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (tolower(bytes[i]) != tolower((unsigned char)word[i]))
			return false;
	return true;
}

static bool holds_word(const uint8_t *bytes, size_t len, const char *word)
{
	size_t size = strlen(word);

	for (size_t at = 0; at + size <= len; at++)
		if (same_letters(bytes + at, word, size))
			return true;
	return false;
}

/* A text is stored as it is, in one piece; only "key=value" is put together by the search. */
bool filter_may_take(const struct filter *f, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < f->words.count; i++)
		if (strchr(f->words.items[i], '=') == NULL &&
		    !holds_word(bytes, len, f->words.items[i]))
			return false;
	return true;
}
