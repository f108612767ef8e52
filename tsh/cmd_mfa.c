/*
 * tsh mfa - the devices of one's second factor.
 *
 *   add: a code of a device that is there already, or else the password --> BeginMfaDevice
 *        --> the QR code --> a code of the new device --> FinishMfaDevice
 */
#include "tsh/api.h"
#include "tsh/cmd.h"
#include "tsh/password.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/client.h"
#include "wire/fields.h"
#include "wire/qr.h"

#include "proto/auth.fields.h"
#include "proto/auth.service.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 20000

static int list(struct api *a, pv_ListMfaDevicesResponse *out, struct err *err)
{
	const pv_ListMfaDevicesRequest request = pv_ListMfaDevicesRequest_init_zero;

	return rpc_unary_wait(a->client, AUTH_LIST_MFA_DEVICES, &request, TIMEOUT_MS, out, err);
}

static int mfa_ls(struct api *a, const char *name, struct err *err)
{
	pv_ListMfaDevicesResponse devices;
	char added[STR_TIME_SIZE];

	(void)name;
	if (list(a, &devices, err) != 0)
		return err->code;
	for (pb_size_t i = 0; i < devices.devices_count; i++)
		printf("%-20s added %s\n", devices.devices[i].name,
		       str_from_time(added, sizeof(added), devices.devices[i].added));
	if (devices.devices_count == 0)
		puts("You have no device; 'tsh mfa add' adds one.");
	fields_release(&pv_ListMfaDevicesResponse_table, &devices);
	return 0;
}

/* --- add ------------------------------------------------------------------------------------- */

/* Whoever has no device yet shows the password instead of a code. */
static int has_device(struct api *a, bool *out, struct err *err)
{
	pv_ListMfaDevicesResponse devices;

	if (list(a, &devices, err) != 0)
		return err->code;
	*out = devices.devices_count > 0;
	fields_release(&pv_ListMfaDevicesResponse_table, &devices);
	return 0;
}

static int show(const pv_MfaEnrollment *enrollment, struct err *err)
{
	struct buf picture = { 0 };
	int rc = 0;

	if (isatty(STDOUT_FILENO))
		rc = qr_append_text(&picture, str_empty(enrollment->uri) ? "" : enrollment->uri,
		                    err);
	if (rc == 0)
		printf("%sRead this code with your authenticator app, or type the key there:\n"
		       "  %s\n",
		       buf_str(&picture), str_empty(enrollment->key) ? "" : enrollment->key);
	fflush(stdout);
	buf_wipe(&picture);
	return rc;
}

static int begin(struct api *a, const char *name, struct err *err)
{
	pv_BeginMfaDeviceRequest request = { .name = (char *)(uintptr_t)name };
	pv_MfaEnrollment enrollment;
	struct buf secret = { 0 };
	bool has = false;
	int rc = has_device(a, &has, err);

	if (rc == 0 && has)
		rc = password_ask_code("Code of a device that you have: ", &secret, err);
	else if (rc == 0)
		rc = password_ask("Password: ", &secret, err);
	if (rc == 0) {
		*(has ? &request.otp : &request.password) = (char *)(uintptr_t)buf_str(&secret);
		rc = rpc_unary_wait(a->client, AUTH_BEGIN_MFA_DEVICE, &request, TIMEOUT_MS,
		                    &enrollment, err);
	}
	buf_wipe(&secret);
	if (rc != 0)
		return rc;
	rc = show(&enrollment, err);
	fields_release(&pv_MfaEnrollment_table, &enrollment);
	return rc;
}

static int mfa_add(struct api *a, const char *name, struct err *err)
{
	pv_FinishMfaDeviceRequest request = pv_FinishMfaDeviceRequest_init_zero;
	struct buf code = { 0 };
	int rc = begin(a, name, err);

	if (rc == 0)
		rc = password_ask_code("Code that the new device shows: ", &code, err);
	if (rc == 0) {
		request.otp = (char *)(uintptr_t)buf_str(&code);
		rc = rpc_unary_wait(a->client, AUTH_FINISH_MFA_DEVICE, &request, TIMEOUT_MS, NULL,
		                    err);
	}
	buf_wipe(&code);
	if (rc == 0)
		printf("Device '%s' is added.\n", name);
	return rc;
}

/* --- rm -------------------------------------------------------------------------------------- */

static int mfa_rm(struct api *a, const char *name, struct err *err)
{
	pv_RemoveMfaDeviceRequest request = { .name = (char *)(uintptr_t)name };
	struct buf code = { 0 };
	int rc = password_ask_code("Code of one of your devices: ", &code, err);

	if (rc == 0) {
		request.otp = (char *)(uintptr_t)buf_str(&code);
		rc = rpc_unary_wait(a->client, AUTH_REMOVE_MFA_DEVICE, &request, TIMEOUT_MS, NULL,
		                    err);
	}
	buf_wipe(&code);
	if (rc == 0)
		printf("Device '%s' is removed.\n", name);
	return rc;
}

/* --- the command ----------------------------------------------------------------------------- */

static const struct action {
	const char *name;
	int (*run)(struct api *a, const char *device, struct err *err);
	int words;          /* that may follow */
	const char *device; /* when none does; NULL: one must */
} actions[] = {
	{ "ls", mfa_ls, 0, "" },
	{ "add", mfa_add, 1, "otp" },
	{ "rm", mfa_rm, 1, NULL },
};

static const struct action *find(int argc, char **argv)
{
	for (size_t i = 0; argc > 0 && i < sizeof(actions) / sizeof(*actions); i++)
		if (str_eq(actions[i].name, argv[0]) && argc - 1 <= actions[i].words &&
		    (argc == 2 || actions[i].device != NULL))
			return &actions[i];
	return NULL;
}

int cmd_mfa(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	struct api api = { 0 };
	const struct action *action;
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	action = find(argc, argv);
	if (rc == 0 && action == NULL)
		rc = err_set(err, ERR_INVALID, "usage: tsh mfa ls | add [NAME] | rm NAME");
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = action->run(&api, argc == 2 ? argv[1] : action->device, err);
	api_close(&api);
	profile_deinit(&p);
	return rc;
}
