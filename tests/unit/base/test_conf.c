/* Tests of the configuration: every message with its line, every default, the pool key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_in.h"
#include "base/log.h"
#include "conf_keys.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define APP  "{ \"appid\": \"wx0000000000000001\", \"secret_file\": \"secret\" }"
#define APPS "\"apps\": [ " APP " ]"

static char dir[] = "/tmp/benren-conf-XXXXXX";
static struct conf *conf;

static const char *in_dir(const char *name)
{
	static char paths[4][256];
	static unsigned n;
	char *path = paths[n++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	const char *path = in_dir(name);

	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ensure(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	ensure(fchmod(fd, mode) == 0);
	close(fd);
}

static int make_dir(void **state)
{
	(void)state;
	ensure(mkdtemp(dir) != NULL);
	return 0;
}

static int remove_dir(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static int fresh(void **state)
{
	(void)state;
	write_file("secret", "sandbox-secret-0001\n", 20, 0600);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	conf_destroy(conf);
	conf = NULL;
	return 0;
}

static enum err load(const char *text)
{
	conf_destroy(conf);
	write_file("benren.json", text, strlen(text), 0644);
	enum err err = conf_load(in_dir("benren.json"), &conf);
	assert_true((err == OK) == (conf->error_nr == 0));
	return err;
}

/* One error, and it says all of this. */
static void assert_complaint(const char *text, int line, const char *wanted)
{
	char place[300];
	unsigned found = 0;

	assert_int_equal(load(text), ERR_SYNTAX);
	if (line > 0)
		snprintf(place, sizeof place, "%s:%d: ", in_dir("benren.json"), line);
	else
		snprintf(place, sizeof place, "%s: ", in_dir("benren.json"));
	for (unsigned i = 0; i < conf->error_nr; i++)
		found += strncmp(conf->errors[i], place, strlen(place)) == 0 &&
			 strstr(conf->errors[i], wanted) != NULL;
	if (found != 1 || conf->error_nr != 1) {
		print_error("wanted: %s%s\n", place, wanted);
		for (unsigned i = 0; i < conf->error_nr; i++)
			print_error("   had: %s\n", conf->errors[i]);
	}
	assert_int_equal(found, 1);
	assert_int_equal(conf->error_nr, 1);
}

static void the_smallest_file_is_read_with_all_defaults(void **state)
{
	(void)state;
	assert_int_equal(load("{ " APPS " }"), OK);
	assert_int_equal(conf->app_nr, 1);
	assert_string_equal(conf->apps[0].appid, "wx0000000000000001");
	assert_int_equal(conf->apps[0].secret.len_, 19); /* the newline is dropped */
	assert_int_equal(conf->apps[0].protocol, PROTOCOL_2_0);
	assert_int_equal(conf->apps[0].caller, CALLER_LOGIN);
	assert_string_equal(conf->segment, "/dev/shm/benren");
	assert_string_equal(conf->key_file, "/dev/shm/benren.key");
	assert_string_equal(conf->wechat.host, "https://api.weixin.qq.com");
	assert_int_equal(conf->wechat.total_ms, 8000);
	assert_int_equal(conf->log.level, LOG_INFO);
	assert_null(conf->wechat.allow_fields[0]);
	assert_false(conf->sandbox || conf->accept_get || conf->app_field);
}

static void every_kind_of_value_is_taken(void **state)
{
	(void)state;
	assert_int_equal(
		load("// a comment\n{ \"sandbox\": true, \"sessions\": 64, \"segment\": \"seg\",\n"
		     "  \"log\": { \"level\": \"error\", \"file\": \"/var/log/x\" },\n"
		     "  \"wechat\": { \"host\": \"https://127.0.0.1:8443\", \"ca_file\": "
		     "\"ca.pem\",\n"
		     "    \"allow_fields\": [ \"risk\", \"b\" ] }, /* c */\n" APPS " }"),
		OK);
	assert_true(conf->sandbox);
	assert_int_equal(conf->sessions, 64);
	assert_int_equal(conf->log.level, LOG_ERROR);
	assert_string_equal(conf->log.file, "/var/log/x");
	assert_string_equal(conf->segment, in_dir("seg")); /* beside the file */
	assert_string_equal(conf->key_file, in_dir("seg.key"));
	assert_string_equal(conf->wechat.ca_file, in_dir("ca.pem"));
	assert_string_equal(conf->wechat.allow_fields[1], "b");
	assert_null(conf->wechat.allow_fields[2]);
}

static void each_mistake_in_a_key_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *wanted;
	} rows[] = {
		{ "{\n \"sesions\": 64,\n" APPS "}", 2,
		  "unknown key \"sesions\": did you mean \"sessions\"?" },
		{ "{\n \"wechat\": {\n  \"totl_ms\": 1\n },\n" APPS "}", 3,
		  "unknown key \"wechat.totl_ms\": did you mean \"wechat.total_ms\"?" },
		{ "{\n\n \"quite_another_thing\": 1,\n" APPS "}", 3,
		  "unknown key \"quite_another_thing\": take it out" },
		{ "{\n \"sandbox\": \"yes\",\n" APPS "}", 2,
		  "\"sandbox\" is a text: write true or false" },
		{ "{\n \"sandbox\": 1,\n" APPS "}", 2, "write true or false" },
		{ "{\n \"sessions\": \"64\",\n" APPS "}", 2,
		  "is a text: write a whole number from 64 to 4194304" },
		{ "{\n \"sessions\": 64.5,\n" APPS "}", 2, "is a number: write a whole number" },
		{ "{\n \"sessions\": 63,\n" APPS "}", 2,
		  "not one of its values: write a whole number from 64" },
		{ "{\n \"sessions\": 4194305,\n" APPS "}", 2,
		  "write a whole number from 64 to 4194304" },
		{ "{\n \"sessions\": 4294967360,\n" APPS "}", 2, "write a whole number from 64" },
		{ "{\n \"sessions\": null,\n" APPS "}", 2, "is null: write a whole number" },
		{ "{\n \"segment\": 7,\n" APPS "}", 2, "write a text in double quotes" },
		{ "{\n \"wechat\": {\n\n\"allow_fields\": \"x\"},\n" APPS "}", 4,
		  "write an array of texts" },
		{ "{\n \"wechat\": {\"allow_fields\": [ 1 ]},\n" APPS "}", 2,
		  "write an array of texts" },
		{ "{\n \"log\": {\n\n\n \"level\": \"loud\" },\n" APPS "}", 5,
		  "write \"debug\" or \"info\" or \"warn\" or \"error\"" },
		{ "{\n \"wechat\": 7,\n" APPS "}", 2,
		  "\"wechat\" is a whole number: write { ... }" },
		{ "{\n \"wechat\": [],\n" APPS "}", 2, "\"wechat\" is an array: write { ... }" },
		{ "{\n" APPS ",\n \"sandbox\": false,\n \"sandbox\": false }", 4,
		  "the same name twice" },
		{ "{\n \"sandbox\": false\n" APPS "}", 3, "look for a missing comma" },
		{ "{\n" APPS "\n", 3, "look for a missing comma, quote or bracket" },
		{ "", 1, "" },
		{ "[]", 1, "must be one JSON object" },
		{ "7", 1, "must be one JSON object" },
		{ "{}", 0, "no apps: write \"apps\": [" },
		{ "{\n\"apps\": {} }", 2, "no apps" },
		{ "{\n\n\"apps\": [] }", 3, "no apps" },
		{ "{\n\"apps\": [\n 7 ] }", 3, "an app is a whole number: write {" },
		{ "{\n\"apps\": [\n { \"appid\": \"wx0000000000000001\" } ] }", 3,
		  "this app has no \"secret_file\"" },
		{ "{\n\"apps\": [\n { \"secret_file\": \"secret\" } ] }", 3,
		  "this app has no \"appid\"" },
		{ "{\n\"apps\": [ {\n \"appid\": \"wx0000000000000001\",\n \"secret_fil\": "
		  "\"secret\",\n"
		  " \"secret_file\": \"secret\" } ] }",
		  4, "unknown key \"secret_fil\": did you mean \"secret_file\"?" },
		{ "{\n\"apps\": [ { \"appid\": \"wx0000000000000001\", \"secret_file\": "
		  "\"secret\",\n"
		  " \"protocol\": 2.0 } ] }",
		  3, "write \"1.0\" or \"2.0\"" },
		{ "{\n\"apps\": [ { \"appid\": \"wx0000000000000001\", \"secret_file\": "
		  "\"secret\",\n"
		  " \"caller\": \"anybody\" } ] }",
		  3, "write \"login\" or \"param\" or \"anonymous\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_complaint(rows[i].text, rows[i].line, rows[i].wanted);
}

static void several_mistakes_are_told_at_once_but_not_endlessly(void **state)
{
	char text[4000];
	size_t n = (size_t)sprintf(text, "{");

	(void)state;
	assert_int_equal(load("{ \"sandbox\": 1, \"sessions\": 1, \"x\": 1, " APPS " }"),
			 ERR_SYNTAX);
	assert_int_equal(conf->error_nr, 3);
	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(text + n, "\"unknown%d\": 1, ", i);
	sprintf(text + n, APPS "}");
	assert_int_equal(load(text), ERR_SYNTAX);
	assert_int_equal(conf->error_nr, CONF_ERRORS_MAX);
}

/* Apps, and what no single key can say. */
#define ONE_APP(more)                                                                         \
	"{ \"apps\": [ { \"appid\": \"wx0000000000000001\", \"secret_file\": \"secret\"" more \
	" } ] }"

static void what_does_not_fit_together_is_told(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ ONE_APP(", \"protocol\": \"2.0\", \"caller\": \"anonymous\""),
		  "cannot be \"anonymous\"" },
		{ ONE_APP(", \"caller\": \"param\""), "caller \"param\" needs caller_param" },
		{ ONE_APP(", \"caller\": \"login\", \"caller_param\": \"BENREN_X\""),
		  "only go with caller \"param\"" },
		{ ONE_APP(", \"openid_param\": \"BENREN_X\""), "only go with caller \"param\"" },
		{ ONE_APP(", \"caller\": \"param\", \"caller_param\": \"REMOTE_USER\""),
		  "nginx fills REMOTE_USER" },
		{ ONE_APP(", \"caller\": \"param\", \"caller_param\": \"HTTP_X_USER\""),
		  "\"HTTP_X_USER\" may be a client's own words" },
		{ ONE_APP(", \"caller\": \"param\", \"caller_param\": \"CONTENT_TYPE\""),
		  "\"CONTENT_TYPE\" may be a client's own words" },
		{ ONE_APP(", \"caller\": \"param\", \"caller_param\": \"BENREN_USER \""),
		  "\"BENREN_USER \" may be a client's own words" },
		{ ONE_APP(", \"caller\": \"param\", \"caller_param\": \"BENREN_U\", "
			  "\"openid_param\": "
			  "\"REMOTE_USER\""),
		  "nginx fills REMOTE_USER" },
		{ "{ \"apps\": [ " APP ", " APP " ] }", "wx0000000000000001 stands twice" },
		{ "{ \"apps\": [ { \"appid\": \"wx1\", \"secret_file\": \"secret\" } ] }",
		  "is not an AppID" },
		{ "{ \"apps\": [ { \"appid\": \"ab0000000000000001\", \"secret_file\": \"secret\" "
		  "} ] }",
		  "is not an AppID" },
		{ "{ \"apps\": [ { \"appid\": \"wx000000000000000/\", \"secret_file\": \"secret\" "
		  "} ] }",
		  "is not an AppID" },
		{ "{ \"prefix\": \"face\", " APPS " }", "prefix must begin with a slash" },
		{ "{ \"prefix\": \"/face/\", " APPS " }", "prefix must begin with a slash" },
		{ "{ \"segment\": \"\", " APPS " }", "segment is empty" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_complaint(rows[i].text, 0, rows[i].wanted);
}

static void what_does_fit_together_is_taken(void **state)
{
	static const char *const rows[] = {
		ONE_APP(", \"protocol\": \"1.0\", \"caller\": \"anonymous\""),
		ONE_APP(", \"caller\": \"param\", \"caller_param\": \"BENREN_USER\", "
			"\"openid_param\": \"BENREN_O\""),
		ONE_APP(", \"caller\": \"param\", \"caller_param\": \"REMOTE_USER\", "
			"\"caller_verified\": true"),
		"{ \"prefix\": \"/face\", " APPS " }",
		"{ \"apps\": [ " APP
		", { \"appid\": \"wx000000000000000F\", \"secret_file\": \"secret\" } ] }",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (load(rows[i]) != OK)
			print_error("%s\n", conf->errors[0]);
		assert_int_equal(conf->error_nr, 0);
	}
}

static void only_wechats_hosts_go_without_sandbox(void **state)
{
	static const struct {
		const char *host;
		bool wechats, well_formed;
	} rows[] = {
		{ "https://api.weixin.qq.com", true, true },
		{ "https://api2.weixin.qq.com", true, true },
		{ "https://sh.api.weixin.qq.com", true, true },
		{ "https://sz.api.weixin.qq.com", true, true },
		{ "https://hk.api.weixin.qq.com", true, true },
		{ "https://127.0.0.1:8443", false, true },
		{ "http://127.0.0.1:8080", false, true },
		{ "http://[::1]:8080", false, true },
		{ "https://evil-api.weixin.qq.com", false, true },
		{ "https://api.weixin.qq.com.evil.example", false, true },
		{ "https://evil.example/api.weixin.qq.com", false, false },
		{ "https://evil.example?api.weixin.qq.com", false, false },
		{ "https://evil.example#api.weixin.qq.com", false, false },
		{ "https://user@api.weixin.qq.com", false, false },
		{ "http://api.weixin.qq.com", false, false },
		{ "http://127.evil.example", false, false },
		{ "https://api.weixin.qq.com/", false, false },
		{ "api.weixin.qq.com", false, false },
		{ "ftp://127.0.0.1", false, false },
		{ "", false, false },
	};
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof text, "{ \"wechat\": { \"host\": \"%s\" }, " APPS " }",
			 rows[i].host);
		if ((load(text) == OK) != rows[i].wechats)
			print_error("%s without sandbox\n", rows[i].host);
		assert_true((conf->error_nr == 0) == rows[i].wechats);
		if (!rows[i].wechats)
			assert_non_null(strstr(conf->errors[0], rows[i].well_formed
									? "is not WeChat's"
									: "must be https://name"));
		snprintf(text, sizeof text,
			 "{ \"sandbox\": true, \"wechat\": { \"host\": \"%s\" }, " APPS " }",
			 rows[i].host);
		if ((load(text) == OK) != (!rows[i].wechats && rows[i].well_formed))
			print_error("%s with sandbox\n", rows[i].host);
		assert_true((conf->error_nr == 0) == (!rows[i].wechats && rows[i].well_formed));
	}
}

/* T62 */
static void a_secret_is_private_whole_and_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		mode_t mode;
		const char *wanted; /* NULL: taken */
	} rows[] = {
		{ "sandbox-secret-0001", 19, 0600, NULL },
		{ "sandbox-secret-0001\n", 20, 0640, NULL },
		{ "sandbox-secret-0001\n", 20, 0400, NULL },
		{ "sandbox-secret-0001\n", 20, 0644, "other users may read" },
		{ "sandbox-secret-0001\n", 20, 0604, "other users may read" },
		{ "sandbox-secret-0001\n", 20, 0602, "other users may read" },
		{ "", 0, 0600, "is empty" },
		{ "\n", 1, 0600, "is empty" },
		{ "sandbox-secret-0001\n\n", 21, 0600, "holds more than the secret" },
		{ "sandbox-secret-0001\r\n", 21, 0600, "holds more than the secret" },
		{ "AppSecret: x\n", 13, 0600, "holds more than the secret" },
		{ "abc\0def", 7, 0600, "holds more than the secret" },
		{ "abc\xE5\xBC\xA0", 6, 0600, "holds more than the secret" },
	};
	char longer[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		write_file("secret", rows[i].text, rows[i].len, rows[i].mode);
		if (rows[i].wanted != NULL) {
			assert_complaint("{ " APPS " }", 0, rows[i].wanted);
			assert_null(strstr(conf->errors[0], "sandbox-secret"));
		} else {
			assert_int_equal(load("{ " APPS " }"), OK);
			assert_int_equal(conf->apps[0].secret.len_, 19);
		}
	}
	memset(longer, 'x', sizeof longer);
	write_file("secret", longer, sizeof longer, 0600);
	assert_complaint("{ " APPS " }", 0, "is too long");
	unlink(in_dir("secret"));
	assert_complaint("{ " APPS " }", 0, "does not exist");
	assert_int_equal(mkdir(in_dir("secret"), 0700), 0);
	assert_complaint("{ " APPS " }", 0, "cannot be read");
	assert_int_equal(rmdir(in_dir("secret")), 0);
}

#define RECEIPT(files)                                                                     \
	"{ \"apps\": [ { \"appid\": \"wx0000000000000001\", \"secret_file\": \"secret\", " \
	"\"receipt\": { \"key_files\": [" files "] } } ] }"
#define JWK(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" k "\"}\n"
#define JWK_K       "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

static void write_key(const char *name, const char *text, mode_t mode)
{
	write_file(name, text, strlen(text), mode);
}

static void the_keys_of_receipts_are_private_whole_and_of_different_names(void **state)
{
	char longer[JWT_KEY_FILE + 1];

	(void)state;
	write_key("a.jwk", JWK("a", JWK_K), 0600);
	write_key("b.jwk", JWK("b", JWK_K), 0640);
	assert_int_equal(load(RECEIPT("")), OK);
	assert_null(conf->apps[0].receipt.keys);
	assert_int_equal(load(RECEIPT("\"a.jwk\", \"b.jwk\"")), OK);
	assert_int_equal(jwt_keys_nr(conf->apps[0].receipt.keys), 2);
	assert_int_equal(conf->apps[0].receipt.lifetime, 300);

	assert_complaint(RECEIPT("\"a.jwk\", \"b.jwk\", \"a.jwk\""), 0, "kid of another");
	assert_complaint(RECEIPT("\"a.jwk\", \"none.jwk\""), 0, "none.jwk does not exist");
	assert_complaint(RECEIPT("\"secret\""), 0, "benren receipt make-key");
	write_key("a.jwk", JWK("a", "c2hvcnQ"), 0600);
	assert_complaint(RECEIPT("\"a.jwk\""), 0, "too short");
	assert_null(strstr(conf->errors[0], "c2hvcnQ"));
	write_key("a.jwk", JWK("a", JWK_K), 0644);
	assert_complaint(RECEIPT("\"a.jwk\""), 0, "other users may read");
	memset(longer, ' ', sizeof longer);
	write_file("a.jwk", longer, sizeof longer, 0600);
	assert_complaint(RECEIPT("\"a.jwk\""), 0, "is too long");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	char *large = calloc(1, 300000);

	(void)state;
	assert_int_equal(conf_load(in_dir("not-there.json"), &conf), ERR_SYNTAX);
	assert_int_equal(conf->error_nr, 1);
	assert_non_null(strstr(conf->errors[0], "no such file: name one with -c"));
	conf_destroy(conf);
	assert_int_equal(conf_load(dir, &conf), ERR_SYNTAX);
	assert_non_null(strstr(conf->errors[0], "cannot be read"));
	conf_destroy(conf);
	conf = NULL;
	memset(large, ' ', 300000);
	write_file("large.json", large, 300000, 0644);
	assert_int_equal(conf_load(in_dir("large.json"), &conf), ERR_SYNTAX);
	assert_non_null(strstr(conf->errors[0], "larger than"));
	free(large);
	conf_destroy(NULL);
}

/* Whatever the bytes are, it ends with a message or a configuration. */
static void no_bytes_of_a_good_file_can_be_changed_to_a_crash(void **state)
{
	static const char good[] =
		"{ \"wechat\": { \"total_ms\": 8000, \"allow_fields\": [\"a\"] }, \"log\": "
		"{ \"level\": \"info\" }, " APPS " }";
	static const char bytes[] = "\0\"{}[],:0x\xff";
	char text[sizeof good];
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof good - 1; i++) {
		for (size_t k = 0; k < sizeof bytes - 1; k++) {
			memcpy(text, good, sizeof good);
			text[i] = bytes[k];
			conf_destroy(conf);
			write_file("benren.json", text, sizeof good - 1, 0644);
			enum err err = conf_load(in_dir("benren.json"), &conf);
			assert_true((err == OK) == (conf->error_nr == 0));
			for (unsigned e = 0; e < conf->error_nr; e++)
				assert_non_null(conf->errors[e]);
			taken += err == OK;
		}
	}
	assert_true(taken > 0 && taken < 200);
}

/* --- conf/benren.json: every key, at its default ------------------------------------- */

static const struct json *shown(const struct json *root, const char *name)
{
	const char *dot = strchr(name, '.');
	char group[32];

	if (dot == NULL)
		return json_get(root, name);
	snprintf(group, sizeof group, "%.*s", (int)(dot - name), name);
	return json_get(json_get(root, group), dot + 1);
}

static bool same(const struct json *a, const struct json *b)
{
	if (a->type != b->type || a->num != b->num || !str_eq(a->str, b->str) ||
	    a->count != b->count)
		return false;
	for (const struct json *x = a->first, *y = b->first; x != NULL; x = x->next, y = y->next)
		if (!same(x, y))
			return false;
	return true;
}

static unsigned compare_table(struct arena *a, const struct json *root, const struct conf_key *keys)
{
	unsigned n = 0;

	for (const struct conf_key *k = keys; k->name != NULL; k++, n++) {
		const struct json *have = shown(root, k->name);
		struct json_error error;
		struct json *def;
		if (have == NULL)
			print_error("conf/benren.json has no %s\n", k->name);
		assert_non_null(have);
		if (k->def == NULL)
			continue;
		assert_int_equal(json_parse(a, str_of(k->def), 0, &def, &error), OK);
		if (!same(have, def))
			print_error("conf/benren.json: %s is not at its default\n", k->name);
		assert_true(same(have, def));
	}
	return n;
}

static unsigned count_members(const struct json *root)
{
	unsigned n = 0;

	for (const struct json *j = root->first; j != NULL; j = j->next)
		n += j->type == JSON_OBJECT ? count_members(j) : !str_is(j->key, "apps");
	return n;
}

static void a_budget_is_a_list_of_rates(void **state)
{
	static const char *const wrong[] = { "",
					     "20",
					     "0/day",
					     "-1/day",
					     "20/week",
					     "20 /day",
					     "1e3/day",
					     "20/day,",
					     "/day",
					     "99999999999/day",
					     "1/day 2/day 3/day 4/day" };
	char text[256];

	(void)state;
	load("{ \"budgets\": { \"id\": \"15/minute 30/day\", \"caller\": \"0\" }, " APPS " }");
	assert_int_equal(conf->error_nr, 0);
	assert_int_equal(conf->budgets.caller.rate_nr, 0);
	assert_int_equal(conf->budgets.id.rate_nr, 2);
	assert_int_equal(conf->budgets.id.rates[1].most, 15);
	assert_int_equal(conf->budgets.id.rates[1].per_ms, 60000);
	assert_int_equal(conf->budgets.id.rates[0].most, 30);
	assert_int_equal(conf->budgets.id.rates[0].per_ms, 86400000);
	assert_int_equal(conf->budgets.address.rates[0].most, 60);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		drop(NULL);
		snprintf(text, sizeof text, "{ \"budgets\": { \"id\": \"%s\" }, " APPS " }",
			 wrong[i]);
		assert_int_not_equal(load(text), OK);
		assert_non_null(strstr(conf->errors[0], "as \"20/day\" or"));
	}
}

static void trusted_proxies_are_networks_and_unix_sockets(void **state)
{
	static const struct {
		const char *entry, *wanted;
	} wrong[] = {
		{ "10.1.2.3/8", "\"10.1.2.3/8\" has bits behind its prefix that are not 0: write" },
		{ "proxy.example", "\"proxy.example\" is neither an address nor a network: write" },
		{ "unix:/run/x.sock",
		  "write an address (\"10.1.2.3\"), a network (\"10.0.0.0/8\"" },
		{ "10.0.0.0/33", "has no prefix from /0 to /32" },
		{ "0.0.0.0/0", "is everybody, who could then name any address" },
		{ "::/0", "is everybody" },
		{ "", "is neither an address nor a network" },
	};
	char text[256];

	(void)state;
	assert_int_equal(load("{ " APPS " }"), OK);
	assert_int_equal(conf->trusted_proxies.nr, 0);
	assert_false(conf->trusted_proxies.unix_sockets);
	assert_int_equal(
		load("{ \"trusted_proxies\": [ \"10.0.0.0/8\", \"unix:\", \"::1\" ], " APPS " }"),
		OK);
	assert_int_equal(conf->trusted_proxies.nr, 2);
	assert_true(conf->trusted_proxies.unix_sockets);
	assert_int_equal(conf->trusted_proxies.networks[0].prefix, 96 + 8);
	assert_int_equal(conf->trusted_proxies.networks[1].prefix, 128);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		snprintf(text, sizeof text,
			 "{ \"trusted_proxies\": [ \"::1\",\n\"%s\" ], " APPS " }", wrong[i].entry);
		assert_complaint(text, 2, wrong[i].wanted);
	}
	assert_complaint("{ \"trusted_proxies\": \"::1\", " APPS " }", 1,
			 "is a text: write an array of networks");
	assert_complaint("{ \"trusted_proxies\": [ 7 ], " APPS " }", 1,
			 "write an array of networks");
}

static void the_example_shows_every_key_at_its_default(void **state)
{
	static char text[65536];
	struct json_error error;
	struct arena arena;
	struct json *root;
	FILE *f = fopen(SOURCE_DIR "/conf/benren.json", "r");

	(void)state;
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(
		json_parse(&arena, (struct str){ text, len }, JSON_COMMENTS, &root, &error), OK);
	assert_int_equal(count_members(root), compare_table(&arena, root, conf_keys));
	const struct json *app = json_get(root, "apps")->first;
	assert_int_equal(count_members(app), compare_table(&arena, app, conf_app_keys));
	arena_finish(&arena);
	/* And it loads, with a secret beside it. */
	if (load(text) != OK)
		print_error("%s\n", conf->errors[0]);
	assert_int_equal(conf->error_nr, 0);
}

static void every_row_of_the_tables_is_whole(void **state)
{
	const struct conf_key *const tables[] = { conf_keys, conf_app_keys };

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (const struct conf_key *k = tables[t]; k->name != NULL; k++) {
			assert_true(strlen(k->help) > 10);
			assert_true((k->type == CONF_CHOICE) == (k->choices != NULL));
			assert_true(k->type != CONF_INT || k->min < k->max);
			for (const struct conf_key *other = tables[t]; other != k; other++)
				assert_string_not_equal(k->name, other->name);
		}
	}
}

static void what_is_loaded_equals_the_table(void **state)
{
	(void)state;
	assert_int_equal(load("{ " APPS " }"), OK);
	for (const struct conf_key *k = conf_keys; k->name != NULL; k++) {
		const char *at = (const char *)conf + k->offset;
		if (k->type == CONF_INT)
			assert_int_equal(*(const int *)at, atoi(k->def));
		if (k->type == CONF_BOOL)
			assert_int_equal(*(const bool *)at, strcmp(k->def, "true") == 0);
	}
}

/* --- the pool key ---------------------------------------------------------------------- */

static struct conf key_conf(const char *path)
{
	return (struct conf){ .key_file = path };
}

static void the_pool_key_is_made_once_and_kept(void **state)
{
	unsigned char first[CRYPT_KEY_SIZE], again[CRYPT_KEY_SIZE];
	struct conf c = key_conf(in_dir("pool.key"));
	const char *why;
	struct stat st;

	(void)state;
	unlink(c.key_file);
	assert_int_equal(conf_pool_key(&c, first, &why), OK);
	assert_int_equal(stat(c.key_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, CRYPT_KEY_SIZE);
	assert_int_equal(conf_pool_key(&c, again, &why), OK);
	assert_memory_equal(first, again, sizeof first);
	unlink(c.key_file);
	assert_int_equal(conf_pool_key(&c, again, &why), OK);
	assert_memory_not_equal(first, again, sizeof first);
	unlink(c.key_file);
}

static void a_key_file_that_is_not_right_is_refused(void **state)
{
	static const struct {
		size_t len;
		mode_t mode;
		enum err err;
		const char *wanted;
	} rows[] = {
		{ 32, 0644, ERR_REFUSED, "mode 600 or 640" },
		{ 32, 0660, ERR_REFUSED, "mode 600 or 640" },
		{ 0, 0600, ERR_SYNTAX, "exactly 32 bytes" },
		{ 31, 0600, ERR_SYNTAX, "exactly 32 bytes" },
		{ 33, 0600, ERR_SYNTAX, "exactly 32 bytes" },
		{ 34, 0600, ERR_TOO_LARGE, "exactly 32 bytes" },
		{ 100, 0600, ERR_TOO_LARGE, "exactly 32" },
	};
	unsigned char key[CRYPT_KEY_SIZE];
	char bytes[100] = { 0 };
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf c = key_conf(in_dir("bad.key"));
		write_file("bad.key", bytes, rows[i].len, rows[i].mode);
		assert_int_equal(conf_pool_key(&c, key, &why), rows[i].err);
		assert_non_null(strstr(why, rows[i].wanted));
		assert_non_null(strstr(why, c.key_file));
	}
	struct conf nowhere = key_conf("/nonexistent/benren/key");
	assert_int_not_equal(conf_pool_key(&nowhere, key, &why), OK);
	assert_non_null(strstr(why, "cannot be read or made"));
}

static void nothing_but_the_key_is_left(void **state)
{
	struct conf c = key_conf(in_dir("alone.key"));
	unsigned char key[CRYPT_KEY_SIZE];
	const char *why;
	glob_t found;

	(void)state;
	assert_int_equal(conf_pool_key(&c, key, &why), OK);
	assert_int_equal(glob(in_dir("alone.key*"), 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	globfree(&found);
}

static void sixteen_workers_at_once_make_one_key(void **state)
{
	enum { CHILDREN = 16, ROUNDS = 20 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct conf c = key_conf(in_dir("race.key"));
		unsigned char keys[CHILDREN][CRYPT_KEY_SIZE];
		int go[2], out[2];
		char byte;
		unlink(c.key_file);
		assert_true(pipe(go) == 0 && pipe(out) == 0);
		for (int i = 0; i < CHILDREN; i++) {
			if (fork() != 0)
				continue;
			unsigned char key[CRYPT_KEY_SIZE];
			const char *why;
			close(go[1]);
			(void)!read(go[0], &byte, 1); /* all at the same instant */
			bool good = conf_pool_key(&c, key, &why) == OK;
			_exit(good && write(out[1], key, sizeof key) == sizeof key ? 0 : 1);
		}
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < CHILDREN; i++) {
			int status;
			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
		assert_int_equal(read(out[0], keys, sizeof keys), sizeof keys);
		for (int i = 1; i < CHILDREN; i++)
			assert_memory_equal(keys[0], keys[i], CRYPT_KEY_SIZE);
		close(out[0]);
		close(out[1]);
	}
}

static void the_file_is_found_in_the_order_of_the_header(void **state)
{
	char path[CONF_PATH_MAX];

	(void)state;
	setenv("BENREN_CONF", "/from/environment", 1);
	conf_find("/from/option", path);
	assert_string_equal(path, "/from/option");
	conf_find(NULL, path);
	assert_string_equal(path, "/from/environment");
	setenv("BENREN_CONF", "", 1);
	conf_find(NULL, path);
	assert_string_equal(path, "/etc/benren/benren.json");
	unsetenv("BENREN_CONF");
	conf_find(NULL, path);
	assert_string_equal(path, "/etc/benren/benren.json");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_smallest_file_is_read_with_all_defaults),
		TEST(every_kind_of_value_is_taken),
		TEST(each_mistake_in_a_key_is_told_with_its_line),
		TEST(several_mistakes_are_told_at_once_but_not_endlessly),
		TEST(what_does_not_fit_together_is_told),
		TEST(what_does_fit_together_is_taken),
		TEST(only_wechats_hosts_go_without_sandbox),
		TEST(a_secret_is_private_whole_and_one_line),
		TEST(the_keys_of_receipts_are_private_whole_and_of_different_names),
		TEST(a_file_that_cannot_be_read_is_told),
		TEST(no_bytes_of_a_good_file_can_be_changed_to_a_crash),
		TEST(a_budget_is_a_list_of_rates),
		TEST(trusted_proxies_are_networks_and_unix_sockets),
		TEST(the_example_shows_every_key_at_its_default),
		TEST(every_row_of_the_tables_is_whole),
		TEST(what_is_loaded_equals_the_table),
		TEST(the_pool_key_is_made_once_and_kept),
		TEST(a_key_file_that_is_not_right_is_refused),
		TEST(nothing_but_the_key_is_left),
		TEST(sixteen_workers_at_once_make_one_key),
		TEST(the_file_is_found_in_the_order_of_the_header),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
