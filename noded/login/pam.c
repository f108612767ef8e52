#include "noded/login/pam.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <grp.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE  "postern"
#define TEXT_MAX (64u * 1024)

struct pam {
	pam_handle_t *handle;
	bool credentials;
	bool session;
	struct buf text;
	char **env;
};

/* Texts are kept; questions have no answer, for nobody is asked here. */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
                    void *arg)
{
	struct pam *p = arg;
	struct pam_response *answers = calloc((size_t)count, sizeof(*answers));

	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (messages[i]->msg_style != PAM_TEXT_INFO &&
		    messages[i]->msg_style != PAM_ERROR_MSG) {
			free(answers);
			return PAM_CONV_ERR;
		}
		buf_append_str(&p->text, messages[i]->msg);
		buf_append_str(&p->text, "\n");
	}
	*out = answers;
	return PAM_SUCCESS;
}

static int check(const struct pam *p, int rc, const char *what, struct err *err)
{
	if (rc == PAM_SUCCESS)
		return 0;
	if (p->text.len > 0) /* pam_nologin's reason, say */
		return err_set(err, ERR_DENIED, "%s", buf_str(&p->text));
	return err_set(err, ERR_DENIED, "%s: %s", what, pam_strerror(p->handle, rc));
}

static int open_session(struct pam *p, const struct passwd *pw, const char *tty, const char *client,
                        struct err *err)
{
	pam_handle_t *h = p->handle;
	char address[64];

	/* Without the port: modules ask DNS for what is no address. */
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(client, " "), client);
	pam_set_item(h, PAM_RHOST, address);
	pam_set_item(h, PAM_TTY, tty != NULL ? tty : "ssh"); /* some modules need one */
	if (check(p, pam_acct_mgmt(h, PAM_SILENT), "account", err) != 0)
		return err->code;
	/* As in sshd: who came by a key has no credentials to establish, if modules want some. */
	p->credentials = pam_setcred(h, PAM_ESTABLISH_CRED) == PAM_SUCCESS;
	if (check(p, pam_open_session(h, 0), "session", err) != 0)
		return err->code;
	p->session = true;
	if (initgroups(pw->pw_name, pw->pw_gid) != 0)
		return err_set_errno(err, ERR_IO, errno, "groups of '%s'", pw->pw_name);
	if (p->credentials)
		pam_setcred(h, PAM_REINITIALIZE_CRED); /* pam_group adds to them */
	return 0;
}

int pam_login_open(struct pam **out, const char *service_dir, const struct passwd *pw,
                   const char *tty, const char *client, struct err *err)
{
	struct pam *p = calloc(1, sizeof(*p));
	struct pam_conv conv = { converse, p };

	if (p == NULL)
		return err_set_nomem(err);
	buf_init(&p->text, TEXT_MAX);
	if (pam_start_confdir(SERVICE, pw->pw_name, &conv, service_dir, &p->handle) != PAM_SUCCESS)
		err_set(err, ERR_IO, "PAM does not start");
	else if (open_session(p, pw, tty, client, err) == 0) {
		*out = p;
		return 0;
	}
	pam_login_close(p);
	return err->code;
}

void pam_login_preload(const char *service_dir)
{
	static struct pam nobody;
	static const struct pam_conv conv = { converse, &nobody };

	/* The handle stays: it holds the modules. Failing is the first session's to report. */
	(void)pam_start_confdir(SERVICE, "root", &conv, service_dir, &nobody.handle);
}

void pam_login_close(struct pam *p)
{
	int rc = PAM_SUCCESS;

	if (p == NULL)
		return;
	if (p->session)
		rc = pam_close_session(p->handle, PAM_SILENT);
	if (p->credentials)
		rc = pam_setcred(p->handle, PAM_DELETE_CRED | PAM_SILENT);
	if (p->handle != NULL)
		pam_end(p->handle, rc);
	for (size_t i = 0; p->env != NULL && p->env[i] != NULL; i++)
		free(p->env[i]);
	free(p->env);
	buf_deinit(&p->text);
	free(p);
}

const char *pam_login_text(const struct pam *p)
{
	return buf_str(&p->text);
}

char *const *pam_login_env(struct pam *p)
{
	static char *none[] = { NULL };

	if (p->env == NULL)
		p->env = pam_getenvlist(p->handle);
	return p->env != NULL ? p->env : none;
}
