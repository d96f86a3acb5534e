/*
 * session.pml - the session machine with a crash at every step, for spin.
 *
 * Workers judge what clients send, step by step as the code does: between two
 * operations on the store, and while WeChat is asked, anything else may happen, a
 * crash included.  A crash forgets the worker's request and nothing in the store; its
 * lease runs out some time later.  A worker of the code has many requests under way at
 * once: to this model those are several workers.
 *
 *   here                        in the code
 *   proctype open               src/wx/open.c
 *   result_*, PROTOCOL == 1     src/wx/judge_result.c
 *   session_*, PROTOCOL == 2    src/wx/judge_session.c
 *   cancel_*                    src/wx/find.c
 *   store_put() and so on       src/store/table.c: put(), del(), get()
 *   tell()                      src/app/verify.c: on_judge()
 *
 * What is checked stands where it happens, as assert(): in put_session() and
 * ask_wechat() what must never be done, in tell() what must never be said, in
 * tell_last() that the owner can always finish.  That every run ends is spin's part: no
 * stuck state, no endless cycle.
 *
 * tests/model/run says which configurations and which mutants are tried.  A mutant is
 * a mistake planted by a macro, MUT_*, that one of the checks has to find.
 */

/* --- what is tried -------------------------------------------------------------- */

#ifndef PROTOCOL
#define PROTOCOL 1 /* 1: the client brings a result; 2: it names its session */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef REQUESTS
#define REQUESTS 3 /* in one run, of all clients together; then one more, the last */
#endif
#ifndef CRASHES
#define CRASHES 1 /* at most so many in one run */
#endif
#ifndef BUSY
#define BUSY 0 /* so many store operations answer ERR_BUSY and do nothing */
#endif
#ifndef RESULTS
#define RESULTS 2 /* verify_results there are, from R0 on */
#endif
#ifndef NAMES
#define NAMES 1 /* 0: no client of 1.0 names its session; 1: some do */
#endif
#ifndef SLOW
#define SLOW 0 /* 1: a lease may run out although its holder lives */
#endif
#ifndef EXPIRY
#define EXPIRY 0 /* 1: WeChat's expires_in of S0 may be over at any time */
#endif
#ifndef CANCEL
#define CANCEL 0 /* 1: clients may cancel */
#endif
#ifndef FICKLE
#define FICKLE 0 /* 1: WeChat may answer the same question with yes, then no */
#endif
#ifndef FORGETS
#define FORGETS 0 /* 1: WeChat may have forgotten a result it has answered for (84002) */
#endif
#ifndef BOTH_MINE
#define BOTH_MINE 0 /* 1: S1 is another session of the owner's, not the thief's */
#endif

#define OWNER 0
#define THIEF 1
#define CALLERS 2

/*
 * S0 is the owner's, with WeChat's key K0; S1 has K1.  R0 and R1 are two results of
 * K0 (he scanned twice), R2 is one of K1, R3 of a key that we did not issue.
 */
#define SESSIONS 2
#define NO_SESSION 3
#define key_of_result(r) (r <= 1 -> 0 : r - 1)
#define owner_of(s) ((s == 0 || BOTH_MINE) -> OWNER : THIEF)

mtype:session_state = { NEW, OPENED, QUERYING, PASSED, FAILED };
mtype:claim_state = { CLAIM_ASKING, CLAIM_BOUND, CLAIM_REFUSED };
mtype:store_err = { OK, ERR_NOT_FOUND, ERR_CONFLICT, ERR_BUSY };
mtype:verdict_kind = { VERDICT_NONE, VERDICT_PASSED, VERDICT_FAILED, VERDICT_PENDING, VERDICT_REFUSED };
mtype:judge_outcome = { JUDGE_ENDED, JUDGE_PENDING, JUDGE_ASKING, JUDGE_USED, JUDGE_UNKNOWN,
		  JUDGE_EXPIRED, JUDGE_FOREIGN, JUDGE_REFUSED, JUDGE_UNDECIDED };

/* --- the store: what all workers see -------------------------------------------------- */

#define NO_RESULT 7

typedef session_record {
	byte version; /* 0: not there */
	mtype:session_state state;
	byte result; /* 1.0: which ended it, or NO_RESULT */
	bool over;   /* QUERYING: the time is past lease_until */
	byte holder; /* ghost: whose lease it is */
};

typedef claim_record {
	byte version; /* 0: not there */
	byte given;   /* the last version given out: only ever grows */
	mtype:claim_state state;
	byte session; /* BOUND: which it ended */
	bool over;    /* ASKING: the time is past lease_until */
	byte holder;  /* ghost: whose lease it is */
};

session_record sessions[SESSIONS];
claim_record claims[CALLERS * RESULTS]; /* by caller and verify_result */
bool index[3];                          /* K0 leads to S0, K1 to S1; K2 to nothing */
bool expired[SESSIONS];                 /* the time is past expires */

/* --- the world around --------------------------------------------------------------- */

byte requests = REQUESTS;
byte crashes = CRASHES;
byte busy = BUSY;
byte working;    /* requests under way */
bool at_work[WORKERS]; /* they are all alike: let the first that is idle take the request */
bool handed_out; /* S0's owner has its key and can go to his phone */
bool last;       /* everything is quiet: the owner asks a last time */

/* What WeChat has said for good, by result (1.0) or session (2.0). */
mtype:verdict_kind said[4];
#define UNSAID(r) (said[r] == 0)
bool refused[4]; /* it said so once: whoever is told that was told the truth */

/* Ghosts: only the checks look at them. */
byte holding[WORKERS]; /* the lease that a living worker has, + 1 */
byte asking[WORKERS];  /* the claim or session it asks about at this moment, + 1 */
bool lapsed[WORKERS];  /* its lease ran out meanwhile */
bool used[RESULTS];    /* this result has made a session pass */
bool told_yes[CALLERS * 4];
bool misnamed[RESULTS]; /* the owner used it with another session's name */

/* Time: a lease runs out once its holder is gone, or, if SLOW, when it likes. */
#define CLAIM_RUNS(c) (claims[c].version != 0 && claims[c].state == CLAIM_ASKING && \
		       !claims[c].over && (SLOW || holding[claims[c].holder] != c + 1))
#define SESSION_RUNS(s) (sessions[s].state == QUERYING && !sessions[s].over && \
			 (SLOW || holding[sessions[s].holder] != s + 1))

inline lapse(record, n)
{
	record.over = true;
	lapsed[record.holder] = lapsed[record.holder] || holding[record.holder] == n + 1
}

#ifdef MUT_LEASE_STAYS
#define LEASES_END false
#else
#define LEASES_END true
#endif

proctype clock()
{
end:	do
	:: EXPIRY && handed_out && !expired[0] -> expired[0] = true
#if PROTOCOL == 1
	:: atomic { LEASES_END && CLAIM_RUNS(0) -> lapse(claims[0], 0) }
	:: atomic { LEASES_END && CLAIM_RUNS(1) -> lapse(claims[1], 1) }
	:: atomic { LEASES_END && CLAIM_RUNS(2) -> lapse(claims[2], 2) }
	:: atomic { LEASES_END && CLAIM_RUNS(3) -> lapse(claims[3], 3) }
#if RESULTS > 2
	:: atomic { LEASES_END && CLAIM_RUNS(4) -> lapse(claims[4], 4) }
	:: atomic { LEASES_END && CLAIM_RUNS(5) -> lapse(claims[5], 5) }
#endif
#if RESULTS > 3
	:: atomic { LEASES_END && CLAIM_RUNS(6) -> lapse(claims[6], 6) }
	:: atomic { LEASES_END && CLAIM_RUNS(7) -> lapse(claims[7], 7) }
#endif
#else
	:: atomic { LEASES_END && SESSION_RUNS(0) -> lapse(sessions[0], 0) }
	:: atomic { LEASES_END && SESSION_RUNS(1) -> lapse(sessions[1], 1) }
#endif
	od
}

/* All that a worker knows is gone, after an answer or a crash. */
inline forget()
{
	holding[me] = 0;
	asking[me] = 0;
	lapsed[me] = false;
	at_work[me] = false;
	working--;
	caller = 0;
	result = 0;
	key = 0;
	named = NO_SESSION;
	cancelling = false;
	knows_yes = false;
	err = 0;
	outcome = 0;
	heard = 0;
	heard_key = 0;
	state = 0;
	ended_by = 0;
	version = 0;
	claim_version = 0;
	over = false
}

/* --- a worker's own ------------------------------------------------------------------ */

/* Every step is one of these, or the crash before it. */
#define STEP if :: atomic { crashes > 0 -> crashes--; crash() } :: atomic {
#define END_STEP } fi

#define CLAIM_OF(caller, result) (caller * RESULTS + result)

/* judge_take_session(): it is there, and it is this caller's. */
#ifdef MUT_NO_CALLER
#define TAKES (sessions[key].version != 0)
#else
#define TAKES (sessions[key].version != 0 && owner_of(key) == caller)
#endif

/* Does the client ask about its own session, if it names one?  And what does it ask? */
#if PROTOCOL == 1
#define NAMES_ITS_OWN (named == NO_SESSION || named == key_of_result(result))
#define QUESTION CLAIM_OF(caller, result)
#else
#define NAMES_ITS_OWN (named == NO_SESSION || named == key)
#define QUESTION (caller * SESSIONS + key)
#endif

/* session_state(): OPENED in fact, whatever is written. */
#define IS_OPEN (!expired[key] && (state == OPENED || (state == QUERYING && over)))
#define HAS_ENDED (state == PASSED || state == FAILED)

inline get_session()
{
	if
	:: busy > 0 -> busy--; err = ERR_BUSY
	:: sessions[key].version == 0 -> err = ERR_NOT_FOUND
	:: sessions[key].version != 0 ->
		err = OK;
		version = sessions[key].version;
		state = sessions[key].state;
		ended_by = sessions[key].result;
		over = sessions[key].over
	fi
}

#ifdef MUT_PUT_ANYWAY
#define SAME_VERSION(record, v) true
#else
#define SAME_VERSION(record, v) (record.version == v)
#endif

/*
 * store_put() of this session, in the state to.  The checks: what has ended never changes;
 * only its own caller changes it; it passes only if the query of this very request was
 * answered with a pass for its key, by a result that has passed nothing else.
 */
inline put_session(to)
{
	if
	:: busy > 0 -> busy--; err = ERR_BUSY
	:: !SAME_VERSION(sessions[key], version) -> err = ERR_CONFLICT
	:: SAME_VERSION(sessions[key], version) ->
		assert(sessions[key].state != PASSED && sessions[key].state != FAILED);
		assert(owner_of(key) == caller);
		if
		:: to == PASSED ->
			assert(heard == VERDICT_PASSED && heard_key == key);
			assert(PROTOCOL == 2 || !used[result]);
			used[result] = PROTOCOL == 1
		:: else
		fi;
		sessions[key].version++;
		sessions[key].state = to;
		sessions[key].result = ((PROTOCOL == 1 && !cancelling) -> result : NO_RESULT);
		sessions[key].over = false;
		sessions[key].holder = (to == QUERYING -> me : 0);
		version = sessions[key].version;
		err = OK
	fi
}

/* What WeChat says to a query about result r (1.0) or session r (2.0). */
inline wechat_says(r)
{
	if
	:: FICKLE || UNSAID(r) || said[r] == VERDICT_PASSED ->
		heard = VERDICT_PASSED; said[r] = VERDICT_PASSED
	:: FICKLE || UNSAID(r) || said[r] == VERDICT_FAILED ->
		heard = VERDICT_FAILED; said[r] = VERDICT_FAILED
	:: !last && (FICKLE || UNSAID(r)) -> heard = VERDICT_PENDING
	:: !last -> heard = VERDICT_NONE /* the answer is lost, or unusable */
	:: said[r] == VERDICT_REFUSED || FORGETS || (!last && (FICKLE || UNSAID(r))) ->
		heard = VERDICT_REFUSED; said[r] = VERDICT_REFUSED; refused[r] = true
	fi;
	heard_key = (PROTOCOL == 1 -> key_of_result(r) : r)
}

/* The query goes out: nobody whose lease runs may be asking about the same. */
inline ask_wechat(what)
{
	nobody_asks = true;
	for (other : 0 .. WORKERS - 1) {
		nobody_asks = nobody_asks && (asking[other] != what + 1 || lapsed[other])
	}
	assert(nobody_asks || lapsed[me]);
	nobody_asks = false;
	other = 0;
	asking[me] = what + 1
}

/* --- 1.0: judge_result.c -------------------------------------------------------------- */

#define claim claims[CLAIM_OF(caller, result)]
#define held CLAIM_OF(caller, result)

inline put_claim(to)
{
	if
	:: busy > 0 -> busy--; err = ERR_BUSY
	:: !SAME_VERSION(claim, claim_version) -> err = ERR_CONFLICT
	:: SAME_VERSION(claim, claim_version) ->
		claim.given++;
		claim.version = claim.given;
		claim.state = to;
		claim.session = (to == CLAIM_BOUND -> key : NO_SESSION);
		claim.over = false;
		claim.holder = (to == CLAIM_ASKING -> me : 0);
		claim_version = claim.version;
		err = OK
	fi
}

inline drop_claim()
{
	if
	:: busy > 0 -> busy--
#ifdef MUT_RELEASE_ANY
	:: true ->
#else
	:: claim.version != claim_version
	:: claim.version == claim_version ->
#endif
		claim.version = 0;
#ifdef MUT_VERSION_RESTARTS
		claim.given = 0;
#endif
		claim.state = 0;
		claim.session = NO_SESSION;
		claim.over = false;
		claim.holder = 0
	fi
}

/* outcome_of_ended(): did this very result end it? */
inline outcome_of_ended()
{
	outcome = (ended_by == result -> JUDGE_ENDED : JUDGE_USED)
}

/* on_named(), after the session that the client named has been read */
inline result_named()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto ended
	:: err != ERR_BUSY && !TAKES -> outcome = JUDGE_UNKNOWN; goto ended
	:: err == OK && TAKES && HAS_ENDED -> outcome_of_ended(); goto ended
	:: err == OK && TAKES && !HAS_ENDED && expired[key] -> outcome = JUDGE_EXPIRED; goto ended
	:: err == OK && TAKES && !HAS_ENDED && !expired[key] -> goto LOOK
	fi
}

/* on_look(), after the claim has been read */
inline result_look()
{
	claim_version = claim.version;
	if
	:: busy > 0 -> busy--; outcome = JUDGE_UNDECIDED; goto ended
	:: claim.version == 0 -> goto CLAIM
	:: claim.version != 0 && claim.state == CLAIM_BOUND ->
		if
		:: named == NO_SESSION || claim.session == named -> key = claim.session; goto REPLAY
		:: else -> outcome = JUDGE_USED; goto ended
		fi
	:: claim.version != 0 && claim.state == CLAIM_REFUSED -> outcome = JUDGE_REFUSED; goto ended
#ifdef MUT_LEASE_IGNORED
	:: claim.version != 0 && claim.state == CLAIM_ASKING -> goto CLAIM
#else
	:: claim.version != 0 && claim.state == CLAIM_ASKING && claim.over -> goto CLAIM
	:: claim.version != 0 && claim.state == CLAIM_ASKING && !claim.over ->
		outcome = JUDGE_ASKING; goto ended
#endif
	fi
}

/* on_replay(), after the session that the claim leads to has been read */
inline result_replay()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	:: err != ERR_BUSY && !TAKES -> outcome = JUDGE_EXPIRED
	:: err == OK && TAKES -> outcome_of_ended()
	fi
}

/* on_claim(), after the claim has been put */
inline result_claim()
{
#ifdef MUT_NO_CLAIM
	goto ASK;
#endif
	put_claim(CLAIM_ASKING);
	if
	:: err == OK -> holding[me] = held + 1; goto ASK
	:: err == ERR_CONFLICT ->
		outcome = JUDGE_ASKING;
#ifdef MUT_RELEASE_OTHERS
		claim_version = claim.version; goto RELEASE
#else
		goto ended
#endif
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto ended
	fi
}

/* without_session(): a verdict that ends none */
inline without_session()
{
	if
	:: heard == VERDICT_REFUSED -> outcome = JUDGE_REFUSED; goto NOTE
	:: heard == VERDICT_PENDING -> outcome = JUDGE_PENDING; goto RELEASE
	:: heard == VERDICT_NONE ->
		outcome = JUDGE_UNDECIDED;
#ifdef MUT_KEEP_UNDECIDED
		outcome = JUDGE_REFUSED; goto NOTE
#else
		goto RELEASE
#endif
	fi
}

/* on_answer() */
inline result_answer()
{
	wechat_says(result);
	asking[me] = 0;
	if
	:: heard == VERDICT_REFUSED || heard == VERDICT_NONE -> without_session()
	:: else -> goto INDEX
	fi
}

/* on_index(), after the index of the key in the answer has been read */
inline result_index()
{
#ifdef MUT_TRUST_NAME
	key = (named == NO_SESSION -> heard_key : named);
	goto BIND;
#endif
	if
	:: busy > 0 -> busy--; outcome = JUDGE_UNDECIDED; goto RELEASE
	:: !index[heard_key] -> outcome = JUDGE_FOREIGN; goto NOTE /* unknown_key */
	:: index[heard_key] && named != NO_SESSION && named != heard_key ->
		outcome = JUDGE_FOREIGN; /* other_session */
		misnamed[result] = misnamed[result] || caller == OWNER;
		goto NOTE
	:: index[heard_key] && (named == NO_SESSION || named == heard_key) ->
		key = heard_key;
		goto BIND
	fi
}

/* judge(): the verdict of verdict_1_0() over the session and the answer */
inline result_judge()
{
	if
	:: heard == VERDICT_PENDING -> without_session()
#ifndef MUT_TRUST_NAME
	:: heard != VERDICT_PENDING && heard_key != key -> outcome = JUDGE_ENDED; state = FAILED
	:: heard != VERDICT_PENDING && heard_key == key ->
#else
	:: heard != VERDICT_PENDING ->
#endif
		outcome = JUDGE_ENDED;
		state = (heard == VERDICT_PASSED -> PASSED : FAILED)
	fi;
#ifdef MUT_NOTE_FIRST
	to_settle = true;
	goto NOTE
#else
	goto SETTLE
#endif
}

/* on_bind(), after the session that the key leads to has been read */
inline result_bind()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto RELEASE
	:: err != ERR_BUSY && !TAKES ->
#ifdef MUT_FOREIGN_FAILS
		state = FAILED; outcome = JUDGE_FOREIGN; goto SETTLE
#else
		outcome = JUDGE_FOREIGN; goto NOTE /* other_caller */
#endif
	:: err == OK && TAKES && HAS_ENDED -> outcome_of_ended(); goto NOTE
	:: err == OK && TAKES && !HAS_ENDED && expired[key] -> outcome = JUDGE_EXPIRED; goto RELEASE
	:: err == OK && TAKES && IS_OPEN -> result_judge()
	fi
}

#ifdef MUT_NOTE_FIRST
#define AFTER_SETTLE ended
#define AFTER_NOTE if :: to_settle -> to_settle = false; goto SETTLE :: else -> goto ended fi
#else
#define AFTER_SETTLE NOTE
#define AFTER_NOTE goto ended
#endif

/* on_settle(), after the session has been put */
inline result_settle()
{
	put_session(state);
	if
	:: err == OK -> goto AFTER_SETTLE
#ifdef MUT_BLIND_CONFLICT
	:: err == ERR_CONFLICT -> goto NOTE
#elif defined(MUT_ENDLESS)
	:: err == ERR_CONFLICT -> goto SETTLE
#else
	:: err == ERR_CONFLICT -> goto BIND
#endif
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto RELEASE
	fi
}

/* note_claim(): kept, whatever came of it; the answer stands, even if this fails */
inline result_note()
{
	if
	:: outcome == JUDGE_ENDED -> put_claim(CLAIM_BOUND)
	:: else -> put_claim(CLAIM_REFUSED)
	fi
}

/* --- 2.0: judge_session.c --------------------------------------------------------------- */

/* on_index(), after the index of the verify_id has been read */
inline session_index()
{
	if
	:: busy > 0 -> busy--; outcome = JUDGE_UNDECIDED; goto ended
	:: index[key] -> goto FIND
	:: !index[key] -> outcome = JUDGE_UNKNOWN; goto ended
	fi
}

/* on_find(), after the session has been read */
inline session_find()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto ended
	:: err != ERR_BUSY && !(TAKES && NAMES_ITS_OWN) -> outcome = JUDGE_UNKNOWN; goto ended
	:: err == OK && TAKES && HAS_ENDED -> outcome = JUDGE_ENDED; goto ended
	:: err == OK && TAKES && !HAS_ENDED && expired[key] -> outcome = JUDGE_EXPIRED; goto ended
#ifdef MUT_LEASE_IGNORED
	:: err == OK && TAKES && !HAS_ENDED -> goto LEASE
#else
	:: err == OK && TAKES && IS_OPEN -> goto LEASE
	:: err == OK && TAKES && !HAS_ENDED && !expired[key] && !IS_OPEN ->
		outcome = JUDGE_ASKING; goto ended /* NEW, or another's lease */
#endif
	fi
}

/* on_lease(), after the session has been put as QUERYING */
inline session_lease()
{
#ifdef MUT_LEASE_ANYWAY
	version = sessions[key].version;
#endif
	put_session(QUERYING);
	if
	:: err == OK -> holding[me] = key + 1; goto ASK
	:: err == ERR_CONFLICT -> goto FIND
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto ended
	fi
}

/* on_answer() */
inline session_answer()
{
	wechat_says(key);
	asking[me] = 0;
	if
	:: heard == VERDICT_PASSED -> outcome = JUDGE_ENDED; state = PASSED
	:: heard == VERDICT_FAILED || heard == VERDICT_REFUSED -> outcome = JUDGE_ENDED; state = FAILED
	:: heard == VERDICT_PENDING -> outcome = JUDGE_PENDING; state = OPENED
#ifdef MUT_LOST_PASSES
	:: heard == VERDICT_NONE -> outcome = JUDGE_ENDED; state = PASSED
#else
	:: heard == VERDICT_NONE -> outcome = JUDGE_UNDECIDED; state = OPENED
#endif
	fi
}

/* on_settle(), after the session has been put */
inline session_settle()
{
	put_session(state);
#ifndef MUT_BLIND_CONFLICT
	if
	:: err != OK -> outcome = JUDGE_UNDECIDED
	:: else
	fi
#endif
}

/* --- /cancel: find.c --------------------------------------------------------------------- */

/* take(), after the session has been read */
inline cancel_find()
{
	get_session();
	if
	:: err == OK && TAKES && IS_OPEN -> state = FAILED; goto CANCEL_PUT
#ifdef MUT_CANCEL_ANY
	:: err == OK && TAKES && !IS_OPEN -> state = FAILED; goto CANCEL_PUT
#endif
	:: else -> forget(); goto idle
	fi
}

/* --- what clients are told ------------------------------------------------------------------ */

/*
 * The checks: what ended is this caller's, and stands so in the store; and nobody who has
 * been told yes is told anything else when he asks the same again.
 */
inline tell()
{
	if
	:: outcome == JUDGE_ENDED ->
		assert(owner_of(key) == caller);
		assert(HAS_ENDED && sessions[key].state == state)
	:: else
	fi;
	if
	:: !NAMES_ITS_OWN
	:: NAMES_ITS_OWN && knows_yes ->
		assert((outcome == JUDGE_ENDED && state == PASSED) || outcome == JUDGE_ASKING ||
		       outcome == JUDGE_UNDECIDED)
	:: NAMES_ITS_OWN && !knows_yes ->
		told_yes[QUESTION] = told_yes[QUESTION] || (outcome == JUDGE_ENDED && state == PASSED)
	fi
}

/*
 * Whatever has happened, the owner can finish once things are quiet: he is told how his
 * session has ended, or the truth about why R0 does not end it.
 */
inline tell_last()
{
	if
	:: outcome == JUDGE_ENDED
	:: outcome == JUDGE_EXPIRED -> assert(expired[0])
	:: outcome == JUDGE_USED -> assert(HAS_ENDED && ended_by != 0)
	:: outcome == JUDGE_REFUSED ->
		assert(refused[0] || misnamed[0] ||
		       (sessions[0].result != 0 &&
			(sessions[0].state == PASSED || sessions[0].state == FAILED)))
	:: else -> assert(false)
	fi
}

/* --- a worker ------------------------------------------------------------------------------ */

inline some_caller()
{
	if
	:: caller = OWNER
	:: caller = THIEF
	fi
}

inline some_session(var)
{
	if
	:: var = 0
	:: var = 1
	fi
}

inline maybe_a_name()
{
	if
	:: named = NO_SESSION
	:: NAMES -> some_session(named)
	fi
}

/* The client's request: any that the configuration has, or the owner's last one. */
inline some_request()
{
	if
	:: last -> caller = OWNER; result = 0; key = 0
	:: last && NAMES -> caller = OWNER; result = 0; key = 0; named = 0
	:: !last && CANCEL -> cancelling = true; some_caller(); some_session(key)
#if PROTOCOL == 1
	:: !last ->
		some_caller();
		maybe_a_name();
		if
		:: result = 0
		:: RESULTS > 1 -> result = 1
		:: RESULTS > 2 -> result = 2
		:: RESULTS > 3 -> result = 3
		fi
#else
	:: !last -> some_caller(); some_session(key); maybe_a_name()
#endif
	:: !last -> requests-- ; goto idle /* nobody asks */
	fi;
	requests--;
	working++;
	at_work[me] = true;
	knows_yes = told_yes[QUESTION]
}

/* Where judge_result_first() and judge_session_first() begin, and wx_find(). */
inline first_step()
{
	if
	:: cancelling -> goto CANCEL_FIND
#if PROTOCOL == 1
	:: !cancelling && named != NO_SESSION -> key = named; goto NAMED
	:: !cancelling && named == NO_SESSION -> goto LOOK
#else
	:: !cancelling -> goto FIND
	:: !cancelling && named == NO_SESSION -> goto INDEX /* key is the verify_id's */
#endif
	fi
}

#define crash() forget(); goto idle
proctype worker(byte me)
{
	byte caller, result, key;
	byte named = NO_SESSION; /* 1.0: by its id; 2.0: by its verify_id, besides its id */
	bool cancelling;
	bool knows_yes; /* its client has been told so before it asked this */
	mtype:store_err err;
	mtype:judge_outcome outcome;
	mtype:verdict_kind heard; /* WeChat's answer to this request's query, */
	byte heard_key;      /* and the key that it is about */

	/* the session as it was read, and the versions to put over */
	mtype:session_state state;
	byte ended_by, version, claim_version;
	bool over;

	byte other;
	bool nobody_asks;
#ifdef MUT_NOTE_FIRST
	bool to_settle;
#endif

end:
idle:	atomic {
		handed_out && requests > 0 && (me == 0 || at_work[me - 1]) -> some_request();
		first_step()
	}

#if PROTOCOL == 1
NAMED:	STEP result_named() END_STEP;
LOOK:	STEP result_look() END_STEP;
REPLAY:	STEP result_replay(); goto ended END_STEP;
CLAIM:	STEP result_claim() END_STEP;
ASK:	STEP ask_wechat(held) END_STEP;
	STEP result_answer() END_STEP;
INDEX:	STEP result_index() END_STEP;
BIND:	STEP result_bind() END_STEP;
SETTLE:	STEP result_settle() END_STEP;
NOTE:	STEP result_note(); AFTER_NOTE END_STEP;
RELEASE: STEP drop_claim(); goto ended END_STEP;
#else
INDEX:	STEP session_index() END_STEP;
FIND:	STEP session_find() END_STEP;
LEASE:	STEP session_lease() END_STEP;
ASK:	STEP ask_wechat(key) END_STEP;
	STEP session_answer() END_STEP;
SETTLE:	STEP session_settle(); goto ended END_STEP;
#endif

CANCEL_FIND:
	STEP cancel_find() END_STEP;
CANCEL_PUT:
	STEP put_session(FAILED); forget(); goto idle END_STEP;

ended:	STEP
		tell();
		if
		:: last -> tell_last()
		:: else
		fi;
		forget();
		goto idle
	END_STEP
}

/* --- opening S0: open.c ------------------------------------------------------------------------ */

inline open_put(to)
{
	if
	:: busy > 0 -> busy--; put = false
	:: true ->
		put = true;
		sessions[0].version++;
		sessions[0].state = to;
		sessions[0].result = NO_RESULT
	fi
}

#undef crash
#define crash() goto ended
proctype open()
{
	bool put;

/* RESERVE */
	STEP
		open_put(NEW);
		if
		:: !put -> goto ended
		:: put
		fi
	END_STEP;
/* CALL */
	STEP
		if
		:: skip /* a key: K0 */
		:: goto DROP
		fi
	END_STEP;
/* KEEP */
	STEP
		open_put(OPENED);
		if
		:: !put -> goto DROP
		:: put
		fi
	END_STEP;
#ifndef MUT_NO_INDEX
/* INDEX */
	STEP
		if
		:: busy > 0 -> busy--; goto DROP
		:: index[0] = true
		fi
	END_STEP;
#endif
	handed_out = true;
	goto ended;
DROP:	STEP
		if
		:: busy > 0 -> busy--
		:: sessions[0].version = 0
		fi
	END_STEP;
ended:	skip
}

/* Nothing is under way any more, what was held by the dead has run out: once more, please. */
proctype afterwards()
{
	byte i;

end:	handed_out; /* if the opening fails, there is nothing to ask about */
	atomic {
		requests == 0 && working == 0 ->
		last = true;
		crashes = 0;
		busy = 0;
		for (i : 0 .. CALLERS * RESULTS - 1) {
			claims[i].over = LEASES_END && claims[i].state == CLAIM_ASKING
		}
		for (i : 0 .. SESSIONS - 1) {
			sessions[i].over = LEASES_END && sessions[i].state == QUERYING
		}
		requests = 1
	}
	requests == 0 && working == 0
}

init
{
	byte i;

	atomic {
		for (i : 0 .. CALLERS * RESULTS - 1) {
			claims[i].session = NO_SESSION
		}
		sessions[1].version = 1;
		sessions[1].state = OPENED;
		sessions[1].result = NO_RESULT;
		index[1] = true;
		run open();
		run clock();
		run afterwards();
		for (i : 0 .. WORKERS - 1) {
			run worker(i)
		}
	}
}
