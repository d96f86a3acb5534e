/* What no single configuration key can say, the secret files, and the pool key. */
#include "base/conf.h"
#include "conf_local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 256, BUSINESS_SECRET_MIN = 32 };

static enum err read_all(int fd, char *dst, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, dst + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len == size)
		return ERR_TOO_LARGE;
	dst[len] = '\0';
	*ret_len = len;
	return OK;
}

/* Could somebody else have read it, or put it there? */
static bool trusted(const struct stat *st, unsigned flags)
{
	if ((flags & CONF_SECRET_FILE) != 0 && (st->st_mode & S_IRWXO) != 0)
		return false;
	if ((flags & CONF_OWN_FILE) == 0)
		return true;
	return (st->st_uid == geteuid() || st->st_uid == 0) && (st->st_mode & S_IWGRP) == 0;
}

enum err conf_read_file(const char *path, unsigned flags, char *dst, size_t size, size_t *ret_len)
{
	struct stat st;
	const int own = (flags & CONF_OWN_FILE) != 0 ? O_NOFOLLOW : 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | own); /* a FIFO would wait */

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	enum err err = ERR_SYSTEM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		err = trusted(&st, flags) ? read_all(fd, dst, size, ret_len) : ERR_REFUSED;
	close(fd);
	if (err != OK)
		explicit_bzero(dst, size);
	return err;
}

bool conf_read_secret(struct conf *c, const struct conf_secret_file *f, char *dst, size_t size,
		      size_t *ret_len)
{
	switch (conf_read_file(f->path, CONF_SECRET_FILE, dst, size, ret_len)) {
	case OK:
		return true;
	case ERR_NOT_FOUND:
		conf_complain(c, 0, "%s: the %s %s does not exist: %s, and chmod 600 it", f->appid,
			      f->what, f->path, f->advice);
		return false;
	case ERR_REFUSED:
		conf_complain(c, 0, "%s: other users may read %s: chmod 600 it (or 640)", f->appid,
			      f->path);
		return false;
	case ERR_TOO_LARGE:
		conf_complain(c, 0, "%s: the %s %s is too long for a secret (%zu bytes at most)",
			      f->appid, f->what, f->path, size - 1);
		return false;
	default:
		conf_complain(c, 0, "%s: the %s %s is not a file, or cannot be read by this user (uid %d)",
			      f->appid, f->what, f->path, (int)geteuid());
		return false;
	}
}

/* A file with one secret and nothing else; what: as its key is called and what it holds. */
static struct secret read_secret(struct conf *c, const char *appid, const char *path,
				 const char *what)
{
	const struct conf_secret_file file = { appid, path, what,
					       "put the secret in it and nothing else" };
	char text[SECRET_MAX];
	size_t len = 0;

	if (!conf_read_secret(c, &file, text, sizeof text, &len))
		return SECRET_NONE;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	struct str secret = arena_str(&c->arena, (struct str){ text, len });
	explicit_bzero(text, sizeof text);
	for (size_t i = 0; i < secret.len; i++) {
		if (secret.p[i] <= ' ' || secret.p[i] > '~') {
			conf_complain(c, 0,
				      "%s: %s holds more than the secret: one line, no blanks",
				      appid, path);
			return SECRET_NONE;
		}
	}
	if (secret.len == 0)
		conf_complain(c, 0, "%s: the %s %s is empty", appid, what, path);
	return secret_of(secret);
}

static void read_secrets(struct conf *c, struct conf_app *app)
{
	struct secret *business = &app->business_secret;

	app->secret = read_secret(c, app->appid, app->secret_file, "secret_file");
	if (app->business_secret_file[0] == '\0')
		return;
	*business = read_secret(c, app->appid, app->business_secret_file, "business_secret_file");
	if (!secret_empty(*business) && !secret_at_least(*business, BUSINESS_SECRET_MIN))
		conf_complain(c, 0,
			      "%s: the business_secret_file %s holds less than %d characters: "
			      "make one with `openssl rand -hex 32`",
			      app->appid, app->business_secret_file, BUSINESS_SECRET_MIN);
}

static bool is_appid(const char *appid)
{
	struct str s = str_of(appid);

	return s.len == 18 && str_starts(s, STR("wx")) &&
	       str_only(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Only what no client can set: most parameters come from its own request. */
static void check_param(struct conf *c, const struct conf_app *app, const char *name)
{
	struct str s = str_of(name);
	bool servers = str_starts(s, STR("BENREN_")) || str_starts(s, STR("SSL_CLIENT_"));

	if (s.len == 0 || (str_is(s, "REMOTE_USER") && app->caller_verified))
		return;
	if (str_is(s, "REMOTE_USER"))
		conf_complain(c, 0,
			      "%s: nginx fills REMOTE_USER with a name that nobody verified: use "
			      "a parameter of your own, or write \"caller_verified\": true if "
			      "your server checks it",
			      app->appid);
	else if (!servers || !str_only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
		conf_complain(c, 0,
			      "%s: \"%s\" may be a client's own words: let the web server set a "
			      "parameter whose name begins with BENREN_, as BENREN_USER",
			      app->appid, name);
}

static void check_caller(struct conf *c, const struct conf_app *app)
{
	bool has_param = app->caller_param[0] != '\0';

	if (app->caller == CALLER_ANONYMOUS && app->protocol == PROTOCOL_2_0)
		conf_complain(c, 0,
			      "%s: protocol \"2.0\" needs the user's openid, so caller cannot be "
			      "\"anonymous\": write \"login\" or \"param\"",
			      app->appid);
	if (app->caller == CALLER_PARAM && !has_param)
		conf_complain(c, 0,
			      "%s: caller \"param\" needs caller_param: the name of the FastCGI "
			      "parameter that your web server sets after its own login",
			      app->appid);
	if (app->caller != CALLER_PARAM && (has_param || app->openid_param[0] != '\0'))
		conf_complain(c, 0,
			      "%s: caller_param and openid_param only go with caller \"param\"",
			      app->appid);
	check_param(c, app, app->caller_param);
	check_param(c, app, app->openid_param);
}

static void check_app(struct conf *c, unsigned i)
{
	struct conf_app *app = &c->apps[i];

	if (!is_appid(app->appid)) {
		conf_complain(c, 0,
			      "\"%s\" is not an AppID: it is wx and 16 letters or digits, as the "
			      "mini program's console shows it",
			      app->appid);
		return;
	}
	for (unsigned k = 0; k < i; k++)
		if (strcmp(c->apps[k].appid, app->appid) == 0)
			conf_complain(c, 0, "%s stands twice in apps", app->appid);
	check_caller(c, app);
	read_secrets(c, app);
	conf_read_receipt_keys(c, app);
}

static struct str behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.len - n };
}

/* https://name[:port], or http:// to a loopback address; http_prepare() reads it closely. */
static bool is_host(struct str host)
{
	const struct str tls = STR("https://"), v4 = STR("http://127."), v6 = STR("http://[::1]");

	if (str_starts(host, tls))
		return host.len > tls.len &&
		       str_only(behind(host, tls.len), "0123456789abcdefghijklmnopqrstuvwxyz"
						       "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:[]");
	if (str_starts(host, v4))
		return str_only(behind(host, v4.len), "0123456789.:");
	return str_starts(host, v6) && str_only(behind(host, v6.len), "0123456789:");
}

/* The documented ones. */
static bool is_wechats(struct str host)
{
	static const char *const hosts[] = {
		"https://api.weixin.qq.com",    "https://api2.weixin.qq.com",
		"https://sh.api.weixin.qq.com", "https://sz.api.weixin.qq.com",
		"https://hk.api.weixin.qq.com",
	};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (str_is(host, hosts[i]))
			return true;
	return false;
}

static void check_host(struct conf *c)
{
	struct str host = str_of(c->wechat.host);
	bool wechats = is_wechats(host);

	if (!is_host(host))
		conf_complain(c, 0,
			      "wechat.host must be https://name[:port] without a path (http:// "
			      "only to a loopback address), not \"%s\"",
			      c->wechat.host);
	else if (!wechats && !c->sandbox)
		conf_complain(c, 0,
			      "wechat.host \"%s\" is not WeChat's: write \"sandbox\": true if that "
			      "is meant",
			      c->wechat.host);
	else if (wechats && c->sandbox)
		conf_complain(c, 0,
			      "\"sandbox\" is true, but wechat.host is WeChat's own: take one of "
			      "the two out");
}

void conf_check(struct conf *c)
{
	if (c->prefix[0] != '\0' && (c->prefix[0] != '/' || str_ends(str_of(c->prefix), STR("/")) ||
				     strpbrk(c->prefix, " \t?#%") != NULL))
		conf_complain(c, 0,
			      "prefix must begin with a slash and not end with one, as \"/face\"");
	if (c->segment[0] == '\0')
		conf_complain(c, 0, "segment is empty: name a file, as \"/dev/shm/benren\"");
	if (c->key_file[0] == '\0')
		c->key_file = arena_printf(&c->arena, "%s.key", c->segment).p;
	if (c->audit.required && c->audit.file[0] == '\0')
		conf_complain(c, 0, "audit.required needs audit.file: name the file to be written");
	check_host(c);
	for (unsigned i = 0; i < c->app_nr; i++)
		check_app(c, i);
}

/* Written whole under another name, then linked: a reader never sees half a key. */
static bool write_key_file(const char *path, const unsigned char key[CRYPT_KEY_SIZE])
{
	unsigned char random[8];
	char temporary[CONF_PATH_MAX], suffix[2 * sizeof random + 1];

	crypt_random(random, sizeof random);
	str_hex(suffix, random, sizeof random);
	if (snprintf(temporary, sizeof temporary, "%s.%s", path, suffix) >= (int)sizeof temporary)
		return false;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool written = write(fd, key, CRYPT_KEY_SIZE) == CRYPT_KEY_SIZE && fsync(fd) == 0;
	close(fd);
	bool there = written && (link(temporary, path) == 0 || errno == EEXIST);
	unlink(temporary);
	return there;
}

static bool make_key_file(const char *path)
{
	unsigned char key[CRYPT_KEY_SIZE];

	crypt_random(key, sizeof key);
	bool there = write_key_file(path, key);
	explicit_bzero(key, sizeof key);
	return there;
}

bool conf_restore_pool_key(const struct conf *c, const unsigned char key[CRYPT_KEY_SIZE])
{
	return access(c->key_file, F_OK) != 0 && errno == ENOENT &&
	       write_key_file(c->key_file, key);
}

enum err conf_pool_key(const struct conf *c, unsigned char key[CRYPT_KEY_SIZE],
		       const char **ret_why)
{
	static char why[CONF_PATH_MAX + 160];
	char bytes[CRYPT_KEY_SIZE + 2];
	size_t len = 0;

	const unsigned flags = CONF_SECRET_FILE | CONF_OWN_FILE;
	enum err err = conf_read_file(c->key_file, flags, bytes, sizeof bytes, &len);
	if (err == ERR_NOT_FOUND && make_key_file(c->key_file))
		err = conf_read_file(c->key_file, flags, bytes, sizeof bytes, &len);
	bool whole = err == OK && len == CRYPT_KEY_SIZE;
	if (whole)
		memcpy(key, bytes, CRYPT_KEY_SIZE);
	explicit_bzero(bytes, sizeof bytes);
	*ret_why = why;
	if (whole)
		return OK;
	if (err == ERR_REFUSED)
		snprintf(why, sizeof why,
			 "the key_file %s is open to other users, or was made by one: it must "
			 "belong to this user (uid %d) or root, mode 600 or 640",
			 c->key_file, (int)geteuid());
	else if (err == OK || err == ERR_TOO_LARGE)
		snprintf(why, sizeof why,
			 "the key_file %s does not hold exactly %d bytes: remove it (all "
			 "open sessions end) and start again",
			 c->key_file, CRYPT_KEY_SIZE);
	else
		snprintf(why, sizeof why,
			 "the key_file %s is not a file, or cannot be read or made by this user "
			 "(uid %d)",
			 c->key_file, (int)geteuid());
	return err == OK ? ERR_SYNTAX : err;
}
