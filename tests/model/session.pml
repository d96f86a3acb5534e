/*
 * session.pml - the session machine of both protocols, for spin.
 *
 * Workers judge what clients send, step by step as the code does: a step is one
 * operation on the store, or WeChat's answer, and between two steps anything else may
 * happen.  A worker of the code has many requests under way: here those are several
 * workers with one request each.
 *
 *   here                        in the code
 *   result_*, PROTOCOL == 1     src/wx/judge_result.c
 *   session_*, PROTOCOL == 2    src/wx/judge_session.c
 *   cancel_*                    src/wx/find.c
 *   open_*                      src/wx/open.c
 *   put_session() and so on     src/store/table.c: put(), del(), get()
 *   tell()                      src/app/verify.c: reply_judged()
 *
 * Left out is what judging writes and does not read: the audit file, budgets, and which
 * session /result finds (LATEST, POINT).  An audit file that has to be written and
 * cannot leaves the store as a lost answer does.
 *
 * A crash is a worker that takes no further step: spin tries to leave each of them
 * where it stands for ever.  Time is not modelled either: a lease may run out whenever
 * it likes, its holder being dead or merely slow; claims and indexes do not expire.
 * Anything that WeChat can answer it may answer, also yes and then no to the same
 * question.
 *
 * What must hold is an assert() where it happens:
 *
 *   P1  a result never makes two sessions pass                         may_pass()
 *   P2  a session passes only by its own query's yes, for its key      may_pass()
 *       and its identity
 *   P3  what has passed or failed never changes again                  put_session()
 *   P4  nobody but its own caller changes a session                    put_session()
 *   P5  nobody else is told how it ended, and what is told stands so   tell()
 *   P6  wherever all stop, a client who asks again gets to an end:     tell_last()
 *       nothing that was left lying about is in his way
 *   P7  while a lease runs nobody but its holder writes there          lease_kept()
 *
 * For P6 the last client asks in every state there is, when the leases of the others
 * have run out.  That one who is told "being asked" gets to such a state is spin's part:
 * all that is under way comes to an end, without a stuck state or an endless cycle.
 *
 * tests/model/run says which configurations and which mutants are tried.  A mutant is a
 * mistake planted by a macro, MUT_*, that one of the checks has to find.
 */

/* --- what is tried -------------------------------------------------------------- */

#ifndef PROTOCOL
#define PROTOCOL 1 /* 1: the client brings a result; 2: it names its session */
#endif
#ifndef WORKERS
#define WORKERS 3 /* requests in flight: at most 3 */
#endif
#ifndef LAST_CLIENT
#define LAST_CLIENT 0 /* 1: P6 is tried */
#endif
#ifndef KEY_OF_R1
#define KEY_OF_R1 1 /* R0 is a result of K0; R1 of this key: 2 is one that we did not issue */
#endif
#ifndef BOTH_MINE
#define BOTH_MINE 0 /* 1: S1 is another session of the owner's, not the thief's */
#endif
#ifndef NAMES
#define NAMES 0 /* 1: a client of 1.0 may name a session, one of 2.0 WeChat's key */
#endif
#ifndef CANCEL
#define CANCEL 0 /* 1: clients may cancel */
#endif
#ifndef EXPIRY
#define EXPIRY 0 /* 1: WeChat's expires_in of S0 may be over at any time */
#endif
#ifndef BUSY
#define BUSY 0 /* so many store operations answer ERR_BUSY and do nothing */
#endif
#ifndef OPENS
#define OPENS 0 /* 1: the sessions are opened meanwhile; 2: and WeChat may give K0 for both */
#endif

#define OWNER 0
#define THIEF 1
#define CALLERS 2
#define SESSIONS 2
#define RESULTS 2
#define NOTHING 3
#define LAST WORKERS /* the last client's worker */
#define WORKERS_MOST 4

#define owner_of(s) ((s == 0 || BOTH_MINE) -> OWNER : THIEF)
#define key_of_result(r) (r == 0 -> 0 : KEY_OF_R1)

mtype:session_state = { NEW, OPENED, QUERYING, PASSED, FAILED };
mtype:claim_state = { ASKING, BOUND, REFUSED };
mtype:store_err = { OK, ERR_NOT_FOUND, ERR_CONFLICT, ERR_BUSY };
mtype:wechat = { YES, YES_TO_ANOTHER, NO, NOT_YET, LOST, TAKES_NO_SUCH };
mtype:judge_outcome = { JUDGE_UNDECIDED, JUDGE_ENDED, JUDGE_PENDING, JUDGE_ASKING, JUDGE_USED,
		  JUDGE_UNKNOWN, JUDGE_EXPIRED, JUDGE_FOREIGN, JUDGE_REFUSED };

/* --- the store ------------------------------------------------------------------------ */

typedef session_record {
	mtype:session_state state; /* 0: not there */
	byte result;               /* 1.0: which ended it, + 1 */
	bool over;                 /* QUERYING: the lease has run out */
};

typedef claim_record {
	mtype:claim_state state; /* 0: not there */
	byte session;            /* BOUND: which it is about */
	bool over;               /* ASKING: the lease has run out */
};

session_record sessions[SESSIONS];
claim_record claims[CALLERS * RESULTS];
byte index[3] = NOTHING; /* by WeChat's key: the session */

/*
 * Versions only ever grow, so "it still has the version that I read" is "nobody has
 * written since I read": whoever writes clears this at all others.
 */
byte session_read[WORKERS_MOST]; /* by worker: the session, + 1 */
byte claim_read[WORKERS_MOST];   /* by worker: the claim, + 1 */

/* --- the world around --------------------------------------------------------------- */

bool expired;          /* S0 is */
byte busy = BUSY;
byte started;          /* workers are all alike: they begin in the order of their numbers */
bool given[SESSIONS];  /* its caller has the session's id and key */
byte key_of[SESSIONS]; /* WeChat's key of a session */

/*
 * What only the step uses that has set it: no part of a state.  Not to be set in a
 * d_step, which spin undoes in states only.
 */
hidden byte ended_by, over;
hidden mtype:store_err err;
hidden mtype:session_state state; /* as it was read */

/* Ghosts: only the checks look at them. */
bool used[RESULTS];    /* it has made a session pass */
bool refused[RESULTS]; /* WeChat said so: who is told that is told the truth */

#ifdef MUT_LEASE_STAYS
#define LEASES_END false
#else
#define LEASES_END true
#endif

#define RUNS(record, held) (record.state == held && !record.over)

/* For the last client they have all run out. */
#define IS_OVER(record) (record.over || LEASES_END && me == LAST)

proctype clock()
{
end:	do
	:: EXPIRY && given[0] && !expired -> expired = true
#if PROTOCOL == 1
	:: atomic { LEASES_END && RUNS(claims[0], ASKING) -> claims[0].over = true }
	:: atomic { LEASES_END && RUNS(claims[1], ASKING) -> claims[1].over = true }
	:: atomic { LEASES_END && RUNS(claims[2], ASKING) -> claims[2].over = true }
	:: atomic { LEASES_END && RUNS(claims[3], ASKING) -> claims[3].over = true }
#else
	:: atomic { LEASES_END && RUNS(sessions[0], QUERYING) -> sessions[0].over = true }
	:: atomic { LEASES_END && RUNS(sessions[1], QUERYING) -> sessions[1].over = true }
#endif
	od
}

/* --- a session in the store ------------------------------------------------------------- */

#define IS_THERE(s) (sessions[s].state != 0)
#define IS_END(s) (s == PASSED || s == FAILED)

/* judge_take_session(): it is there, and it is this caller's. */
#ifdef MUT_ANY_CALLER
#define TAKES IS_THERE(key)
#else
#define TAKES (IS_THERE(key) && owner_of(key) == caller)
#endif

/* session_state() of what was read */
#define IS_EXPIRED (expired && key == 0 && !IS_END(state))
#define IS_OPEN (!IS_EXPIRED && (state == OPENED || state == QUERYING && over))

#ifdef MUT_ANY_VERSION
#define SAME_SESSION true
#else
#define SAME_SESSION (session_read[me] == key + 1)
#endif

/* P7: who holds it took it, and nobody has written since. */
#define lease_kept(record, asking, reads, what) \
	assert(!RUNS(record, asking) || leased && reads[me] == what + 1 || me == LAST)

/* Everybody else has read what is not there any more. */
#define unread(reads, what, at) reads[at] = (reads[at] == what + 1 && at != me -> 0 : reads[at])
#define written(reads, what) \
	unread(reads, what, 0); \
	unread(reads, what, 1); \
	unread(reads, what, 2); \
	unread(reads, what, 3)

/* By one who is no worker: nobody has read it any more. */
#define unread_by_all(reads, what, at) reads[at] = (reads[at] == what + 1 -> 0 : reads[at])
#define written_by_nobody(reads, what) \
	unread_by_all(reads, what, 0); \
	unread_by_all(reads, what, 1); \
	unread_by_all(reads, what, 2); \
	unread_by_all(reads, what, 3)

inline store_away()
{
	busy > 0 && me != LAST -> busy--
}

inline get_session()
{
	if
	:: store_away(); err = ERR_BUSY
	:: !IS_THERE(key) -> err = ERR_NOT_FOUND
	:: IS_THERE(key) ->
		err = OK;
		state = sessions[key].state;
		ended_by = sessions[key].result;
		over = IS_OVER(sessions[key])
	fi
}

inline may_pass()
{
	assert(heard == YES && heard_key == key_of[key]); /* P2 */
#if PROTOCOL == 1
	assert(!used[result]); /* P1 */
	used[result] = used[result] || me != LAST
#endif
}

/*
 * by: the result that ends it, + 1.  What the last client writes is checked and not
 * written, so that everything goes on as if he had not asked.
 */
inline put_session(to_be, by)
{
	if
	:: store_away(); err = ERR_BUSY
	:: !SAME_SESSION -> err = ERR_CONFLICT
	:: SAME_SESSION ->
		err = OK;
		assert(!IS_END(sessions[key].state)); /* P3 */
		assert(owner_of(key) == caller);      /* P4 */
		lease_kept(sessions[key], QUERYING, session_read, key);
		if
		:: to_be == PASSED -> may_pass()
		:: else
		fi;
		if
		:: d_step { me != LAST ->
			sessions[key].state = to_be;
			sessions[key].result = by;
			sessions[key].over = false;
			session_read[me] = (to_be == QUERYING -> key + 1 : 0);
			written(session_read, key)
		}
		:: else
		fi
	fi
}

/* What WeChat says to the query of this worker, which is about the key k. */
inline ask_wechat(k)
{
	heard_key = k;
	if
	:: heard = YES
	:: heard = NO
	:: PROTOCOL == 1 -> heard = YES_TO_ANOTHER
	:: me != LAST -> heard = NOT_YET
	:: me != LAST -> heard = LOST
	:: heard = TAKES_NO_SUCH; refused[result] = refused[result] || me != LAST
	fi
}

/* --- 1.0: judge_result.c -------------------------------------------------------------- */

#ifdef MUT_CLAIM_SHARED
#define held result
#else
#define held (caller * RESULTS + result)
#endif
#define claim claims[held]

#define SAME_CLAIM (claim.state == 0 && absent || claim.state != 0 && claim_read[me] == held + 1)

/* Remembers what was read, to put over it. */
inline to_claim()
{
	absent = claim.state == 0;
	claim_read[me] = (absent -> 0 : held + 1);
	goto CLAIM
}

inline put_claim(to_be)
{
	if
	:: store_away(); err = ERR_BUSY
	:: !SAME_CLAIM -> err = ERR_CONFLICT
	:: SAME_CLAIM ->
		err = OK;
		lease_kept(claim, ASKING, claim_read, held);
		if
		:: d_step { me != LAST ->
			claim.state = to_be;
			claim.session = (to_be == BOUND -> key : 0);
			claim.over = false;
			absent = false;
			claim_read[me] = held + 1;
			written(claim_read, held)
		}
		:: else
		fi
	fi
}

inline drop_claim()
{
	if
	:: store_away()
#ifdef MUT_DROP_ANY
	:: me != LAST ->
#else
	:: !SAME_CLAIM || me == LAST
	:: SAME_CLAIM && me != LAST ->
#endif
		lease_kept(claim, ASKING, claim_read, held);
		d_step {
			claim.state = 0;
			claim.session = 0;
			claim.over = false;
			written(claim_read, held)
		}
	fi
}

inline outcome_of_ended()
{
	outcome = (ended_by == result + 1 -> JUDGE_ENDED : JUDGE_USED);
	to = state
}

/* on_named() */
inline result_named()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	:: err != ERR_BUSY && !TAKES -> outcome = JUDGE_UNKNOWN
	:: err == OK && TAKES && IS_END(state) -> outcome_of_ended()
	:: err == OK && TAKES && IS_EXPIRED -> outcome = JUDGE_EXPIRED
	:: err == OK && TAKES && !IS_END(state) && !IS_EXPIRED -> goto LOOK
	fi
}

/* on_look() */
inline result_look()
{
	if
	:: store_away(); outcome = JUDGE_UNDECIDED
	:: claim.state == 0 -> to_claim()
	:: claim.state == BOUND && (named == NOTHING || named == claim.session) ->
		key = claim.session;
		goto REPLAY
	:: claim.state == BOUND && named != NOTHING && named != claim.session ->
		outcome = JUDGE_USED
	:: claim.state == REFUSED -> outcome = JUDGE_REFUSED
#ifdef MUT_LEASE_IGNORED
	:: claim.state == ASKING -> to_claim()
#else
	:: claim.state == ASKING && IS_OVER(claim) -> to_claim()
	:: claim.state == ASKING && !IS_OVER(claim) -> outcome = JUDGE_ASKING
#endif
	fi
}

/* on_replay() */
inline result_replay()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	:: err != ERR_BUSY && !TAKES -> outcome = JUDGE_EXPIRED
	:: err == OK && TAKES && IS_EXPIRED -> outcome = JUDGE_EXPIRED
	:: err == OK && TAKES && !IS_EXPIRED -> outcome_of_ended()
	fi
}

/* on_claim() */
inline result_claim()
{
	put_claim(ASKING);
	if
	:: err == OK -> leased = true; goto ASK
	:: err == ERR_CONFLICT -> outcome = JUDGE_ASKING
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	fi
}

/* on_answer(), and without_session() for an answer without a key */
inline result_answer()
{
	late = expired;
	ask_wechat(key_of_result(result));
	if
#ifdef MUT_LOST_IS_NO
	:: heard == LOST -> outcome = JUDGE_REFUSED; goto NOTE
#else
	:: heard == LOST -> outcome = JUDGE_UNDECIDED; goto RELEASE
#endif
	:: heard == TAKES_NO_SUCH -> outcome = JUDGE_REFUSED; goto NOTE
	:: else -> goto INDEX
	fi
}

/* on_index() */
inline result_index()
{
	if
	:: store_away(); outcome = JUDGE_UNDECIDED; goto RELEASE
#ifdef MUT_NAME_TRUSTED
	:: named != NOTHING -> key = named; goto BIND
#endif
	:: index[heard_key] == NOTHING -> outcome = JUDGE_FOREIGN; goto NOTE /* unknown_key */
	:: index[heard_key] != NOTHING && named != NOTHING && named != index[heard_key] ->
		outcome = JUDGE_FOREIGN; /* other_session */
		goto RELEASE
	:: index[heard_key] != NOTHING && (named == NOTHING || named == index[heard_key]) ->
		key = index[heard_key];
		goto BIND
	fi
}

/* judge(), with verdict_1_0() over the session and the answer */
#ifdef MUT_IDENTITY_IGNORED
#define SAYS_YES (heard == YES || heard == YES_TO_ANOTHER)
#elif defined(MUT_PENDING_PASSES)
#define SAYS_YES (heard == YES || heard == NOT_YET)
#elif defined(MUT_NAME_TRUSTED)
#define SAYS_YES (heard == YES)
#else
#define SAYS_YES (heard == YES && heard_key == key_of[key])
#endif

inline result_judge()
{
	outcome = JUDGE_ENDED;
	if
	:: SAYS_YES -> to = PASSED
	:: !SAYS_YES && heard == NOT_YET -> outcome = JUDGE_PENDING; goto RELEASE
	:: !SAYS_YES && heard != NOT_YET -> to = FAILED
	fi;
	session_read[me] = key + 1;
#ifdef MUT_NOTE_FIRST
	goto NOTE
#else
	goto SETTLE
#endif
}

/* session_state() of what was read, at the time that WeChat was asked */
#define IS_LATE (late && key == 0)

/* on_bind() */
inline result_bind()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto RELEASE
	:: err != ERR_BUSY && !TAKES -> outcome = JUDGE_FOREIGN; goto NOTE /* other_caller */
	:: err == OK && TAKES && IS_END(state) -> outcome_of_ended(); goto NOTE
	:: err == OK && TAKES && !IS_END(state) && IS_LATE -> outcome = JUDGE_EXPIRED; goto NOTE
	:: err == OK && TAKES && !IS_END(state) && !IS_LATE -> result_judge()
	fi
}

/* on_settle() */
inline result_settle()
{
	put_session(to, result + 1);
	if
#ifdef MUT_NOTE_FIRST
	:: err == OK
#else
	:: err == OK -> goto NOTE
#endif
#ifdef MUT_CONFLICT_IS_FINE
	:: err == ERR_CONFLICT -> goto NOTE
#elif defined(MUT_ENDLESS)
	:: err == ERR_CONFLICT -> goto SETTLE
#else
	:: err == ERR_CONFLICT -> to = 0; goto BIND
#endif
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED; goto RELEASE
	fi
}

/* note_claim(); the answer stands, even if this fails */
inline result_note()
{
	if
	:: outcome == JUDGE_ENDED || outcome == JUDGE_USED || outcome == JUDGE_EXPIRED ->
		put_claim(BOUND)
	:: else -> put_claim(REFUSED)
	fi;
#ifdef MUT_NOTE_FIRST
	if
	:: outcome == JUDGE_ENDED && session_read[me] == key + 1 -> goto SETTLE
	:: else
	fi
#endif
}

/* --- 2.0: judge_session.c --------------------------------------------------------------- */

/* on_index(), where it is named by WeChat's key alone */
inline session_index()
{
	if
	:: store_away(); outcome = JUDGE_UNDECIDED
	:: index[named] != NOTHING -> key = index[named]; goto FIND
	:: index[named] == NOTHING -> outcome = JUDGE_UNKNOWN
	fi
}

/* judge_take_session() and names_agree() */
#define FINDS (err == OK && TAKES && (named == NOTHING || key_of[key] == named))

#ifdef MUT_LEASE_IGNORED
#define MAY_LEASE (IS_OPEN || state == QUERYING)
#else
#define MAY_LEASE IS_OPEN
#endif

/* on_find() */
inline session_find()
{
	get_session();
	if
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	:: err != ERR_BUSY && !FINDS -> outcome = JUDGE_UNKNOWN
	:: FINDS && IS_END(state) -> outcome = JUDGE_ENDED; to = state
	:: FINDS && IS_EXPIRED -> outcome = JUDGE_EXPIRED
	:: FINDS && MAY_LEASE -> session_read[me] = key + 1; goto LEASE
	:: FINDS && !IS_END(state) && !IS_EXPIRED && !MAY_LEASE -> outcome = JUDGE_ASKING
	fi
}

/* on_lease() */
inline session_lease()
{
	put_session(QUERYING, 0);
	if
	:: err == OK -> leased = true; goto ASK
	:: err == ERR_CONFLICT -> goto FIND
	:: err == ERR_BUSY -> outcome = JUDGE_UNDECIDED
	fi
}

/* on_answer(), with verdict_2_0() */
inline session_answer()
{
	ask_wechat(key_of[key]);
	outcome = JUDGE_ENDED;
	if
#ifdef MUT_PENDING_PASSES
	:: heard == YES || heard == NOT_YET -> to = PASSED
#else
	:: heard == YES -> to = PASSED
	:: heard == NOT_YET -> outcome = JUDGE_PENDING; to = OPENED
#endif
	:: heard == NO || heard == TAKES_NO_SUCH -> to = FAILED
	:: heard == LOST -> outcome = JUDGE_UNDECIDED; to = OPENED
	fi;
	goto SETTLE
}

/* on_settle() */
inline session_settle()
{
	put_session(to, 0);
	if
#ifdef MUT_CONFLICT_IS_FINE
	:: err != OK
#else
	:: err != OK -> outcome = JUDGE_UNDECIDED
#endif
	:: err == OK
	fi
}

/* --- /cancel: find.c --------------------------------------------------------------------- */

#ifdef MUT_CANCEL_ANY
#define CANCELLABLE (err == OK && TAKES)
#else
#define CANCELLABLE (err == OK && TAKES && IS_OPEN)
#endif

/* on_session(); what he is told is no verdict */
inline cancel_find()
{
	get_session();
	if
	:: CANCELLABLE -> session_read[me] = key + 1; goto CANCEL_PUT
	:: !CANCELLABLE
	fi
}

/* --- what clients are told ------------------------------------------------------------------ */

inline tell()
{
	if
	:: outcome == JUDGE_ENDED ->
		assert(owner_of(key) == caller); /* P5 */
		assert(IS_END(to) && (sessions[key].state == to || me == LAST))
	:: else
	fi
}

/* P6: he is told how it ended, or the truth about why R0 does not end it. */
inline tell_last()
{
	if
	:: outcome == JUDGE_ENDED
	:: outcome == JUDGE_EXPIRED -> assert(expired)
	:: outcome == JUDGE_USED -> assert(IS_END(sessions[key].state) && sessions[key].result != 1)
	:: outcome == JUDGE_REFUSED -> assert(refused[0] || heard == TAKES_NO_SUCH)
	:: else -> assert(false)
	fi
}

/* What was known of a request makes no difference when it is answered. */
inline forget()
{
	d_step {
		session_read[me] = 0;
		claim_read[me] = 0;
		caller = 0;
		result = 0;
		key = 0;
		named = NOTHING;
		cancelling = false;
		absent = false;
		leased = false;
		late = false;
		outcome = 0;
		heard = 0;
		heard_key = 0;
		to = 0
	}
}

/* --- a worker ------------------------------------------------------------------------------ */

/* Nobody has a result of a key that WeChat has not given yet, nor the id of such a session. */
#define KEY_IS_OUT(k) (k == 2 || given[0] && key_of[0] == k || given[1] && key_of[1] == k)
#define RESULT_IS_OUT(r) (PROTOCOL == 1 && KEY_IS_OUT(key_of_result(r)))

#if PROTOCOL == 1
#define SOMETHING_IS_OUT (RESULT_IS_OUT(0) || RESULT_IS_OUT(1))
#else
#define SOMETHING_IS_OUT (given[0] || given[1])
#endif

/* Any request at all. */
inline some_request()
{
	if
	:: caller = OWNER
	:: caller = THIEF
	fi;
	if
	:: RESULT_IS_OUT(0) -> result = 0
	:: RESULT_IS_OUT(1) -> result = 1
	:: PROTOCOL == 2 && given[0] -> key = 0
	:: PROTOCOL == 2 && given[1] -> key = 1
	:: PROTOCOL == 2 && NAMES -> key = NOTHING /* by its verify_id alone */
	:: CANCEL && given[0] -> cancelling = true; key = 0
	:: CANCEL && given[1] -> cancelling = true; key = 1
	fi;
	if
	:: NAMES && !cancelling && KEY_IS_OUT(0) -> named = 0
	:: NAMES && !cancelling && KEY_IS_OUT(1) -> named = 1
	:: key != NOTHING -> named = NOTHING
	fi
}

/* Where judge_result_first() and judge_session_first() begin, and wx_find(). */
inline first_step()
{
	if
	:: cancelling -> goto CANCEL_FIND
#if PROTOCOL == 1
	:: !cancelling && named != NOTHING -> key = named; goto NAMED
	:: !cancelling && named == NOTHING -> goto LOOK
#else
	:: !cancelling && key != NOTHING -> goto FIND
	:: !cancelling && key == NOTHING -> goto INDEX
#endif
	fi
}

#define REQUEST \
	byte caller, result, key; \
	byte named = NOTHING;           /* 1.0: a session by its id; 2.0: WeChat's key */ \
	bool cancelling; \
	mtype:judge_outcome outcome; \
	mtype:wechat heard;             /* to this request's query, */ \
	byte heard_key;                 /* and the key that it is about */ \
	mtype:session_state to;         /* what the session is to be, or has been found */ \
	bool leased;                    /* it has taken a lease */ \
	bool late;                      /* 1.0: S0 had expired when WeChat was asked */ \
	bool absent                     /* where the claim should be was none */

/* A step that goes nowhere is the last. */
#if PROTOCOL == 1
#define JUDGE_STEPS \
NAMED:	STEP(result_named()); \
LOOK:	STEP(result_look()); \
REPLAY:	STEP(result_replay()); \
CLAIM:	STEP(result_claim()); \
ASK:	STEP(result_answer()); \
INDEX:	STEP(result_index()); \
BIND:	STEP(result_bind()); \
SETTLE:	STEP(result_settle()); \
NOTE:	STEP(result_note()); \
RELEASE: STEP(drop_claim())
#else
#define JUDGE_STEPS \
INDEX:	STEP(session_index()); \
FIND:	STEP(session_find()); \
LEASE:	STEP(session_lease()); \
ASK:	STEP(session_answer()); \
SETTLE:	STEP(session_settle())
#endif

#define STEP(what) atomic { what; tell(); forget(); goto end }

proctype worker(byte me)
{
	REQUEST;

end:	atomic {
		started == me && SOMETHING_IS_OUT -> started++;
		some_request();
		first_step()
	}
	JUDGE_STEPS;
CANCEL_FIND:
	STEP(cancel_find());
CANCEL_PUT:
	STEP(put_session(FAILED, 0))
}

#undef STEP
#define STEP(what) what; tell(); tell_last(); forget(); goto end

/* The owner, about S0 or, which is the same in 1.0, R0.  At once: he is alone. */
proctype last_client(byte me)
{
	REQUEST;

end:	atomic {
		given[0] -> first_step();
		JUDGE_STEPS;
CANCEL_FIND:
		assert(false)
	}
}

/* --- opening: open.c ------------------------------------------------------------------------ */

#define k_session sessions[s]
#define older sessions[index_version]
#ifdef MUT_EXPIRED_LEFT
#define ASKED_IN_TIME false
#else
#define ASKED_IN_TIME true
#endif
#define OLDER_EXPIRED (expired && index_version == 0)

proctype open(byte s)
{
	byte key;                     /* what WeChat gave */
	byte index_version = NOTHING; /* that which is to be replaced */

/* RESERVE */
	atomic {
		k_session.state = NEW
	}
/* CALL */
	if
	:: key = s
	:: OPENS == 2 -> key = 0
	:: goto DROP
	fi;
/* KEEP */
	atomic {
		k_session.state = OPENED;
		key_of[s] = key
	}
INDEX:	atomic {
		if
		:: index[key] == index_version ->
			index[key] = s;
			given[s] = true;
			goto end
		:: index[key] != index_version
		fi
	}
/* AGAIN */
	atomic {
		index_version = index[key];
		if
#ifdef MUT_INDEX_ANY_CALLER
		:: true
#else
		:: index_version == NOTHING -> goto INDEX
		:: index_version != NOTHING && owner_of(index_version) == owner_of(s)
		:: index_version != NOTHING && owner_of(index_version) != owner_of(s) -> goto DROP
#endif
		fi
	}
#ifndef MUT_NOT_SUPERSEDED
/* OLDER and SUPERSEDE: read, and put if nobody was faster, else read again */
	atomic {
		if
		:: older.state == PASSED || RUNS(older, QUERYING) && !OLDER_EXPIRED -> goto DROP
		:: OLDER_EXPIRED && ASKED_IN_TIME && !IS_END(older.state) ||
		   !OLDER_EXPIRED && (older.state == OPENED || older.state == QUERYING && older.over) ->
			older.state = FAILED;
			older.result = 0;
			older.over = false;
			written_by_nobody(session_read, index_version)
		:: else
		fi
	}
#endif
	goto INDEX;
DROP:	k_session.state = 0;
end:	skip
}

init
{
	byte i;

	atomic {
		key_of[1] = 1;
#if OPENS
		run open(0);
		run open(1);
#else
		for (i : 0 .. SESSIONS - 1) {
			sessions[i].state = OPENED;
			index[i] = i;
			given[i] = true
		}
#endif
		run clock();
		for (i : 0 .. WORKERS - 1) {
			run worker(i)
		}
		if
		:: LAST_CLIENT -> run last_client(LAST)
		:: !LAST_CLIENT
		fi
	}
}
