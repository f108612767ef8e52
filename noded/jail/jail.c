#include "noded/jail/jail.h"

#include "base/buf.h"
#include "base/err.h"
#include "file/file.h"
#include "noded/root/closures.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX     (16u * 1024 * 1024)
#define AGENTS_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define AGENTS_AGAIN (MS_REMOUNT | MS_BIND | AGENTS_FLAGS) /* this mount's flags only */

/* What is too long is no path, and its use fails. */
static void join(char out[PATH_MAX], const char *dir, const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		out[0] = 0;
}

/* --- small steps, each an error with its subject ------------------------------------------------
 */

static int make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make '%s'", path);
	if (stat(path, &st) == 0 && (st.st_mode & 07777) == mode)
		return 0; /* and may be on what is mounted read-only */
	if (chmod(path, mode) != 0)
		return err_set_errno(err, ERR_IO, errno, "chmod '%s'", path);
	return 0;
}

static int mount_at(const char *what, const char *path, const char *type, unsigned long flags,
                    const char *options, struct err *err)
{
	if (mount(what, path, type, flags, options) != 0)
		return err_set_errno(err, ERR_IO, errno, "mount '%s' on '%s'", what, path);
	return 0;
}

/* A folder in `parent`'s file system is no mount point yet. */
static bool mounted(const char *path, const char *parent)
{
	struct stat here, above;

	return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

/* `more` goes behind the content. A source that is absent counts as empty. */
static int copy_file(const char *from, const char *to, const char *more, mode_t mode,
                     struct err *err)
{
	struct buf content = { 0 };
	int rc = file_read(from, FILE_MAX, &content, err);

	if (rc == ERR_NOT_FOUND)
		rc = 0;
	buf_append_str(&content, more);
	if (rc == 0)
		rc = buf_check(&content, err);
	if (rc == 0)
		rc = file_replace(to, content.data, content.len, mode, err);
	buf_deinit(&content);
	return rc;
}

/* Puts a file of ours over one of the system's, if the system has it. */
static int cover(const char *jails, const char *name, const char *from, const char *more,
                 const char *target, struct err *err)
{
	char own[PATH_MAX];

	if (access(target, F_OK) != 0)
		return 0;
	join(own, jails, name);
	if (copy_file(from, own, more, 0644, err) != 0)
		return err->code;
	return mount_at(own, target, NULL, MS_BIND, NULL, err);
}

/* --- the namespace ------------------------------------------------------------------------------
 */

/* PAM always reads `other` too, and on Debian with it every session module: deny says the same. */
static int cover_pam(const char *jails, const char *pam_dir, struct err *err)
{
	char dir[PATH_MAX], own[PATH_MAX], from[PATH_MAX];
	static const char deny[] = "auth required pam_deny.so\naccount required pam_deny.so\n"
	                           "password required pam_deny.so\nsession required pam_deny.so\n";

	join(dir, jails, ".pam.d");
	join(from, pam_dir, "postern-sshd");
	if (access(from, R_OK) != 0)
		return err_set_errno(err, ERR_IO, errno, "PAM service '%s'", from);
	if (make_dir(dir, 0755, err) != 0)
		return err->code;
	join(own, dir, "postern-sshd");
	if (copy_file(from, own, "", 0644, err) != 0)
		return err->code;
	join(own, dir, "other");
	if (file_replace(own, deny, sizeof(deny) - 1, 0644, err) != 0)
		return err->code;
	return mount_at(dir, "/etc/pam.d", NULL, MS_BIND, NULL, err);
}

static int copy_helper(const char *lib_dir, const char *name, const char *jails, const char *hidden,
                       mode_t mode, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX];

	join(from, lib_dir, name);
	join(to, jails, hidden);
	if (access(from, X_OK) != 0)
		return err_set_errno(err, ERR_IO, errno, "helper '%s'", from);
	return copy_file(from, to, "", mode, err);
}

static int furnish(const char *jails, const char *lib_dir, const char *pam_dir, struct err *err)
{
	static const char *const logs[] = { "/run/utmp", "/var/log/wtmp", "/var/log/lastlog" };
	int rc = mount_at("none", "/", NULL, MS_REC | MS_SLAVE, NULL, err);

	if (rc == 0)
		rc = mount_at("postern", jails, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m",
		              err);
	if (rc == 0)
		rc = copy_helper(lib_dir, "noded-attach", jails, ".attach",
		                 closure("helper") ? 0711 : 0755, err);
	if (rc == 0)
		rc = copy_helper(lib_dir, "noded-principals", jails, ".principals", 0700, err);
	if (rc == 0 && closure("devpts"))
		rc = mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		              "newinstance,ptmxmode=0666,mode=0620,gid=5", err);
	for (size_t i = 0; rc == 0 && i < sizeof(logs) / sizeof(logs[0]); i++)
		rc = cover(jails, strrchr(logs[i], '/') + 1, "/dev/null", "", logs[i], err);
	/* A stream out of a tunnel has no address: sshd's PAM code would ask DNS for "UNKNOWN". */
	if (rc == 0)
		rc = cover(jails, ".hosts", "/etc/hosts", "\n0.0.0.0 UNKNOWN\n", "/etc/hosts", err);
	return rc != 0 ? rc : cover_pam(jails, pam_dir, err);
}

static int make_folders(const char *run_dir, struct err *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} folders[] = {
		{ "", 0711 },        { "jails", 0711 },
		{ "private", 0700 }, { "private/attach", 0711 },
		{ "agents", 0711 },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		join(path, run_dir, folders[i].name);
		if (make_dir(path, folders[i].mode, err) != 0)
			return err->code;
	}
	if (!mounted(path, run_dir) &&
	    mount_at("postern-agents", path, "tmpfs", AGENTS_FLAGS, "mode=0711,size=8m", err) != 0)
		return err->code;
	/* Users own folders in it, and connect to sockets there; only sshd may put something in. */
	return closure("agents") ? mount_at("none", path, NULL, AGENTS_AGAIN | MS_RDONLY, NULL, err)
	                         : 0;
}

/* In the namespace of sshd. */
static int make_agents_writable(const char *run_dir, struct err *err)
{
	char path[PATH_MAX];

	join(path, run_dir, "agents");
	return mount_at("none", path, NULL, AGENTS_AGAIN, NULL, err);
}

int jail_open(const char *run_dir, const char *lib_dir, const char *pam_dir, dev_t *out_helper_dev,
              ino_t *out_helper_ino, struct err *err)
{
	char jails[PATH_MAX], helper[PATH_MAX];
	struct stat st;

	join(jails, run_dir, "jails");
	join(helper, jails, ".attach");
	if (make_folders(run_dir, err) != 0 || make_dir("/run/sshd", 0755, err) != 0)
		return err->code;
	if (unshare(CLONE_NEWNS) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a mount namespace");
	if (furnish(jails, lib_dir, pam_dir, err) != 0 || make_agents_writable(run_dir, err) != 0)
		return err->code;
	if (stat(helper, &st) != 0)
		return err_set_errno(err, ERR_IO, errno, "'%s'", helper);
	*out_helper_dev = st.st_dev;
	*out_helper_ino = st.st_ino;
	return 0;
}

/* --- one login ----------------------------------------------------------------------------------
 */

bool jail_login_ok(const char *login)
{
	size_t len = strlen(login);

	if (len == 0 || len > 64 || login[0] == '.' || login[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)login[i] <= ' ' || login[i] == 0x7f || login[i] == '/')
			return false;
	return true;
}

bool jail_shell_ok(const char *shell)
{
	static const char *const taken[] = { "/etc/", "/tmp/", "/attach/" };

	if (shell[0] != '/' || strlen(shell) > 255 || strstr(shell, "//") != NULL ||
	    strstr(shell, "/./") != NULL || strstr(shell, "/../") != NULL)
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strncmp(shell, taken[i], strlen(taken[i])) == 0)
			return false;
	shell = strrchr(shell, '/') + 1;
	return *shell != 0 && strcmp(shell, ".") != 0 && strcmp(shell, "..") != 0;
}

/* The helper at the shell's path, all folders on the way made. */
static int place_helper(const char *jails, const char *root, const char *shell, struct err *err)
{
	char path[PATH_MAX], helper[PATH_MAX];
	struct stat st;

	join(helper, jails, ".attach");
	join(path, root, shell + 1);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
		*at = 0;
		if (make_dir(path, 0755, err) != 0)
			return err->code;
	}
	if (link(helper, path) != 0 && errno != EEXIST) /* another first login was faster */
		return err_set_errno(err, ERR_IO, errno, "link '%s'", path);
	return 0;
}

/* Shows a folder of the host's in the jail. */
static int show(const char *root, const char *name, const char *from, struct err *err)
{
	char path[PATH_MAX];

	join(path, root, name);
	if (mounted(path, root))
		return 0;
	if (make_dir(path, 0711, err) != 0)
		return err->code;
	return mount_at(from, path, NULL, MS_BIND, NULL, err);
}

/* What sshd, chrooted, resolves the names of forwards with; copied when it has changed. */
static int copy_etc(const char *root, struct err *err)
{
	static const char *const names[] = { "hosts", "resolv.conf", "nsswitch.conf" };
	char etc[PATH_MAX], to[PATH_MAX], from[PATH_MAX];
	struct stat theirs, ours;

	join(etc, root, "etc");
	if (make_dir(etc, 0755, err) != 0)
		return err->code;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		join(from, "/etc", names[i]);
		join(to, etc, names[i]);
		if (stat(from, &theirs) != 0 ||
		    (stat(to, &ours) == 0 && ours.st_mtime >= theirs.st_mtime))
			continue;
		if (copy_file(from, to, "", 0644, err) != 0)
			return err->code;
	}
	return 0;
}

static int enter_namespace(const char *pid, struct err *err)
{
	char path[64];
	int ns, rc;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	rc = ns >= 0 ? setns(ns, CLONE_NEWNS) : -1;
	if (rc != 0)
		err_set_errno(err, ERR_IO, errno, "enter '%s'", path);
	if (ns >= 0)
		close(ns);
	return rc == 0 ? 0 : err->code;
}

int jail_prepare(const char *run_dir, const char *pid, const char *login, struct err *err)
{
	char jails[PATH_MAX], root[PATH_MAX], attach[PATH_MAX];
	char all_agents[PATH_MAX], agents[PATH_MAX];
	struct passwd *pw = jail_login_ok(login) ? getpwnam(login) : NULL;
	const char *shell;

	if (pw == NULL)
		return err_set(err, ERR_NOT_FOUND, "no account '%s'", login);
	shell = pw->pw_shell[0] != 0 ? pw->pw_shell : "/bin/sh";
	if (!jail_shell_ok(shell))
		return err_set(err, ERR_INVALID, "shell '%s' cannot be had in a jail", shell);
	join(jails, run_dir, "jails");
	join(root, jails, login);
	join(all_agents, run_dir, "agents");
	join(agents, all_agents, login);
	join(attach, run_dir, "private/attach");
	if (enter_namespace(pid, err) != 0 || make_dir(agents, 0700, err) != 0)
		return err->code;
	if (chown(agents, pw->pw_uid, pw->pw_gid) != 0)
		return err_set_errno(err, ERR_IO, errno, "chown '%s'", agents);
	if (make_dir(root, 0755, err) != 0 || place_helper(jails, root, shell, err) != 0 ||
	    copy_etc(root, err) != 0 || show(root, "tmp", agents, err) != 0)
		return err->code;
	return show(root, "attach", attach, err); /* the last: it shows that all is there */
}
