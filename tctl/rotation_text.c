#include "tctl/rotation_text.h"

#include "base/printable.h"
#include "base/str.h"
#include "model/rotation.h"

void rotation_text_authority(FILE *to, const pv_CertAuthoritySpec *spec)
{
	const pv_Rotation *r = &spec->rotation;
	enum rotation_phase phase = rotation_phase_of(r);
	enum rotation_phase next = phase;
	int64_t due = rotation_due(r, &next);
	char when[STR_TIME_SIZE];

	fprintf(to, "%-8s keys of %s", str_eq(spec->type, "user") ? "User CA" : "Host CA",
	        str_from_time(when, sizeof(when), r->last_rotated));
	if (phase != ROTATION_STANDBY)
		fprintf(to, ", rotation in progress, phase %s", rotation_phase_name(phase));
	if (due != 0)
		fprintf(to, ", %s at %s", rotation_phase_name(next),
		        str_from_time(when, sizeof(when), due));
	fputc('\n', to);
}

static void print_straggler(FILE *to, const pv_Straggler *s)
{
	fputs("  ", to);
	printable_write(to, s->hostname);
	fputs(" (", to);
	printable_write(to, s->system_role);
	fputc(' ', to);
	printable_write(to, s->host_id);
	fprintf(to, "): %s authority, ", str_eq(s->type, "user") ? "user" : "host");
	if (str_empty(s->phase)) {
		fputs("not heard of since the rotation began", to);
	} else {
		fputs("has reached ", to);
		printable_write(to, s->phase);
	}
	fputs(s->locked_out ? "; locked out, must join anew\n" : "\n", to);
}

void rotation_text_stragglers(FILE *to, const pv_RotationStatus *status)
{
	for (pb_size_t i = 0; i < status->stragglers_count; i++)
		print_straggler(to, &status->stragglers[i]);
	if (status->straggler_count > (int32_t)status->stragglers_count)
		fprintf(to, "  and %d more\n",
		        status->straggler_count - (int32_t)status->stragglers_count);
}
