/* From a request to its budgets. */
#include "spending.h"

static void add_asker(struct wx_budget *b, const struct asking *a, const char *caller,
		      const char *address)
{
	struct wx *wx = app_of(a->req)->wx;
	const struct conf *conf = wx_conf(wx);
	struct str appid = str_of(a->app->appid);

	wx_budget_init(wx, b);
	if (a->known)
		wx_budget_add(b, caller, &conf->budgets.caller,
			      (const struct str[]){ appid, digest_str(&a->caller) }, 2);
	wx_budget_add(b, address, &conf->budgets.address,
		      (const struct str[]){ appid, client_str(&a->client) }, 2);
}

void spending_of_caller(struct wx_budget *b, const struct asking *a)
{
	add_asker(b, a, "caller", "address");
}

void spending_of_result(struct wx_budget *b, const struct asking *a)
{
	add_asker(b, a, "caller_results", "address_results");
}

void spending_of_check(struct wx_budget *b, const struct asking *a, const struct identity *i)
{
	struct wx *wx = app_of(a->req)->wx;
	const struct conf *conf = wx_conf(wx);
	struct str appid = str_of(a->app->appid);
	struct digest id = identity_number_hash(wx_crypt(wx), "budget-id", i);

	spending_of_caller(b, a);
	wx_budget_add(b, "id", &conf->budgets.id, (const struct str[]){ appid, digest_str(&id) },
		      2);
	wx_budget_add(b, "app", &conf->budgets.app, &appid, 1);
}

const struct reason *spending_reason(struct req *r, const struct wx_budget *b)
{
	if (b->err != ERR_REFUSED) {
		log_word(r->log, "why", b->err == ERR_FULL ? "store_full" : "store_busy");
		return wx_class_reason(CLASS_RETRY);
	}
	log_word(r->log, "over", b->over);
	r->reply.retry_after = b->wait;
	return wx_class_reason(CLASS_LIMITED);
}
