/* Puts a worker together, runs it, and takes it apart. */
#include "worker.h"
#include "addresses.h"
#include "app/app.h"
#include "base/audit.h"
#include "base/log.h"
#include "exit_status.h"
#include "io/http.h"
#include "io/loop.h"
#include "limits.h"
#include "segment_watch.h"
#include "signals.h"
#include "store/store.h"
#include "web/cgi.h"
#include "web/fcgi.h"
#include "wx/wx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct worker {
	const struct conf *conf;
	struct loop *loop;
	unsigned char key[CRYPT_KEY_SIZE];
	struct crypt *crypt;
	struct audit *audit; /* NULL: none is wanted */
	struct store *store; /* NULL where a configuration is only checked */
	struct segment_watch segment;
	struct addresses_kept addresses;
	struct http *http, *lookup;
	struct wx *wx;
	struct app *app;
	struct fcgi *fcgi;
	struct memory_watch memory;
	struct cgi *cgi; /* or this */
	struct signals signals;
	bool draining;
};

/* The app gets every request, and fcgi.h hands it back when all is drained. */
static struct worker *the_worker;

static void on_drained(void *app)
{
	(void)app;
	loop_stop(the_worker->loop);
}

static void on_stop(struct signal_watch *s)
{
	(void)s;
	if (the_worker->draining)
		return;
	the_worker->draining = true;
	log_text(LOG_INFO, "stopping", "finishing what is in flight");
	fcgi_drain(the_worker->fcgi, on_drained);
}

static void on_hangup(struct signal_watch *s)
{
	(void)s;
	if (log_reopen() != OK)
		log_text(LOG_ERROR, "log", "the log file cannot be opened again");
	if (the_worker->audit != NULL && audit_reopen(the_worker->audit) != OK)
		log_text(LOG_ERROR, "audit",
			 "%s cannot be opened again: lines still go into the file that was "
			 "rotated away",
			 the_worker->conf->audit.file);
}

/* No core, no ptrace by others, all the descriptors we may have. */
static void limit_process(void)
{
	struct rlimit none = { 0, 0 }, files;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int open_signals(struct worker *w)
{
	if (signals_watch(&w->signals, w->loop, on_stop, on_hangup) == OK)
		return EXIT_FINE;
	log_text(LOG_ERROR, "signals", "signals cannot be watched");
	return EXIT_FAILED;
}

static int open_store(struct worker *w)
{
	const struct store_shm_conf shm = {
		.segment = w->conf->segment,
		.sessions = (unsigned)w->conf->sessions,
	};
	const char *why;

	if (store_open_shm(&shm, &w->store, &why) == OK)
		return EXIT_FINE;
	log_text(LOG_ERROR, "segment", "%s", why);
	return EXIT_CONFIG;
}

/* key: what it is called in the configuration, for the operator. */
static int open_http(struct worker *w, const char *key, const char *url,
		     const struct http_conf *conf, struct http **ret_http)
{
	if (http_create(w->loop, conf, ret_http) != OK) {
		log_text(LOG_ERROR, "ca_file",
			 "no CA certificate in %s: set %s.ca_file, or install ca-certificates",
			 conf->ca_file == NULL ? "the system's bundle" : conf->ca_file, key);
		return EXIT_CONFIG;
	}
	if (http_prepare(*ret_http, url) != OK) {
		log_text(LOG_ERROR, "host",
			 "%s: %s is not an address: write https://name[:port], or http:// to a "
			 "loopback address",
			 key, url);
		return EXIT_CONFIG;
	}
	return EXIT_FINE;
}

static const char *or_none(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static struct http_memory memory_of(struct worker *w)
{
	w->addresses = (struct addresses_kept){ w->store, w->crypt };
	if (w->store == NULL)
		return (struct http_memory){ .arg = NULL };
	return addresses_memory(&w->addresses);
}

static int open_wechat(struct worker *w)
{
	const struct http_conf http = {
		.memory = memory_of(w),
		.ca_file = or_none(w->conf->wechat.ca_file),
		.connect_ms = w->conf->wechat.connect_ms,
		.total_ms = w->conf->wechat.total_ms,
	};

	return open_http(w, "wechat", w->conf->wechat.host, &http, &w->http);
}

/* The business's server, where the configuration names one. */
static int open_lookup(struct worker *w)
{
	const struct http_conf http = {
		.memory = memory_of(w),
		.ca_file = or_none(w->conf->identity.ca_file),
		.connect_ms = w->conf->identity.total_ms,
		.total_ms = w->conf->identity.total_ms,
	};
	const char *url = w->conf->identity.lookup_url;

	return url[0] == '\0' ? EXIT_FINE : open_http(w, "identity", url, &http, &w->lookup);
}

static int open_key(struct worker *w)
{
	const char *why;

	if (conf_pool_key(w->conf, w->key, &why) != OK) {
		log_text(LOG_ERROR, "key_file", "%s", why);
		return EXIT_CONFIG;
	}
	w->crypt = crypt_create(w->key);
	return EXIT_FINE;
}

static int open_audit(struct worker *w)
{
	const char *why;

	if (w->conf->audit.file[0] == '\0' ||
	    audit_open(w->conf->audit.file, w->crypt, w->conf->sandbox, &w->audit, &why) == OK)
		return EXIT_FINE;
	log_text(LOG_ERROR, "audit", "%s", why);
	return EXIT_CONFIG;
}

static int open_fcgi(struct worker *w)
{
	const unsigned hosts = w->lookup == NULL ? 1 : 2;
	const unsigned in_flight = limits_in_flight((unsigned)w->conf->in_flight);
	const struct fcgi_conf fcgi = {
		.handle = app_handle,
		.app = w->app,
		.sandbox = w->conf->sandbox,
		.in_flight_max = in_flight,
		.connections_max = limits_connections(in_flight, hosts),
		.request_ms = w->conf->request_ms,
		.idle_ms = w->conf->idle_ms,
	};

	if (fcgi.in_flight_max == 0 || fcgi.connections_max == 0)
		return EXIT_CONFIG;
	if (fcgi_create(w->loop, STDIN_FILENO, &fcgi, &w->fcgi) != OK) {
		log_text(LOG_ERROR, "listen", "the listening socket on fd 0 cannot be used");
		return EXIT_FAILED;
	}
	memory_watch_start(&w->memory, w->loop, w->fcgi);
	return EXIT_FINE;
}

static void on_answered(void *app)
{
	(void)app;
	loop_stop(the_worker->loop);
}

static int open_cgi(struct worker *w)
{
	const struct cgi_conf cgi = {
		.handle = app_handle,
		.app = w->app,
		.sandbox = w->conf->sandbox,
		.request_ms = w->conf->request_ms,
		.answered = on_answered,
	};

	w->cgi = cgi_create(w->loop, &cgi);
	return EXIT_FINE;
}

static int start(struct worker *w, int (*open_door)(struct worker *))
{
	int status = open_key(w);

	if (status == EXIT_FINE)
		status = open_audit(w);
	if (status == EXIT_FINE)
		status = open_store(w);
	if (status == EXIT_FINE)
		status = open_wechat(w);
	if (status == EXIT_FINE)
		status = open_lookup(w);
	if (status != EXIT_FINE)
		return status;
	w->wx = wx_create(w->loop, w->http, w->store, w->crypt, w->conf);
	wx_set_lookup(w->wx, w->lookup);
	wx_set_audit(w->wx, w->audit);
	w->app = app_create(w->wx);
	return open_door(w);
}

/* Also of a worker that did not get far: what was never made is NULL. */
static void finish(struct worker *w)
{
	memory_watch_finish(&w->memory);
	fcgi_destroy(w->fcgi);
	cgi_destroy(w->cgi);
	signals_finish(&w->signals);
	app_destroy(w->app);
	wx_destroy(w->wx);
	segment_watch_finish(&w->segment);
	http_destroy(w->lookup);
	http_destroy(w->http);
	store_close(w->store);
	audit_close(w->audit);
	crypt_destroy(w->crypt);
	explicit_bzero(w->key, sizeof w->key);
	loop_destroy(w->loop);
}

/* A FIFO or a device in its place would be taken for it. */
static bool is_file(const char *key, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return true;
	fprintf(stderr, "benren: %s: %s is there and is not a file: remove it\n", key, path);
	return false;
}

/* Is there a folder for it, in which this user may make it? */
static bool place_fits(const char *key, const char *path)
{
	char folder[CONF_PATH_MAX];

	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (path[0] == '\0' || access(path, W_OK) == 0)
		return true;
	if (slash == NULL)
		snprintf(folder, sizeof folder, ".");
	else
		slash[slash == folder ? 1 : 0] = '\0';
	if (access(path, F_OK) != 0 && access(folder, W_OK | X_OK) == 0)
		return true;
	fprintf(stderr, "benren: %s: %s cannot be written by this user (uid %d)\n", key, path,
		(int)geteuid());
	return false;
}

int worker_check(const struct conf *conf)
{
	struct worker w = { .conf = conf };
	bool fits = place_fits("log.file", conf->log.file);

	fits = place_fits("segment", conf->segment) && fits;
	fits = place_fits("audit.file", conf->audit.file) && fits;
	fits = (access(conf->key_file, R_OK) == 0 || place_fits("key_file", conf->key_file)) &&
	       fits;
	fits = is_file("segment", conf->segment) && is_file("audit.file", conf->audit.file) &&
	       is_file("key_file", conf->key_file) && fits;
	w.loop = loop_create();
	int status = open_wechat(&w);
	if (status == EXIT_FINE)
		status = open_lookup(&w);
	http_destroy(w.lookup);
	http_destroy(w.http);
	loop_destroy(w.loop);
	return fits ? status : EXIT_CONFIG;
}

static void begin(struct worker *w)
{
	the_worker = w;
	limit_process();
	signals_ignore();
	w->loop = loop_create();
}

int worker_cgi(const struct conf *conf)
{
	struct worker w = { .conf = conf };

	begin(&w);
	int status = start(&w, open_cgi);
	if (status == EXIT_FINE)
		loop_run(w.loop);
	finish(&w);
	return status;
}

int worker_run(const struct conf *conf)
{
	struct worker w = { .conf = conf };

	begin(&w);
	int status = open_signals(&w);
	if (status == EXIT_FINE)
		status = start(&w, open_fcgi);
	if (status == EXIT_FINE) {
		log_text(LOG_INFO, "started", "benren " BENREN_VERSION ", worker");
		if (conf->wechat.allow_fields[0] != NULL)
			log_text(LOG_WARN, "allow_fields",
				 "wechat.allow_fields does nothing: take it out, the next release "
				 "will not know it");
		segment_watch_start(&w.segment, w.loop, w.store, conf, w.key);
		wx_warm_up(w.wx);
		loop_run(w.loop);
		log_text(LOG_INFO, "stopped", "drained; %" PRIu64 " log lines could not be written",
			 log_dropped());
	}
	signals_hold();
	finish(&w);
	return status;
}
