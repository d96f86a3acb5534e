/* The table of WeChat's numbers. */
#include "wx/codes.h"
#include "base/defs.h"

enum {
	ERR = WX_ERRCODE,
	RET = WX_IDENTIFY_RET | WX_VERIFY_RET, /* what the face check came to */
	PHONE = WX_CALLBACK,
	FACE = WX_IDENTIFY_RET | WX_VERIFY_RET |
	       WX_CALLBACK, /* 1.0's phone and getinfo share numbers */
};

/* What users are told, by what they can do about it. */
#define SAY_AGAIN  "核验未完成，请重新发起", "The face check did not succeed, please start again."
#define SAY_BUSY   "系统繁忙，请稍后再试", "The service is busy, please try again shortly."
#define SAY_CLOSED "服务暂不可用，请稍后再试", "The service is not available at present."
#define SAY_QUALITY                         \
	"画面质量不佳，请在光线充足处重试", \
		"The picture was not clear enough, please try again in good light."
#define SAY_NOT_SAME                  \
	"人脸比对未通过，请本人操作", \
		"The face does not match, please let the person in question do it."
#define SAY_IDENTITY \
	"姓名或身份证号有误，请核对", "The name or ID number is not right, please check them."
#define SAY_NO_SOURCE                         \
	"未查到比对照片，请使用其他方式核验", \
		"There is no picture to compare with, please use another way."
#define SAY_LIMITED   "核验过于频繁，请稍后再试", "Too many face checks, please try again later."
#define SAY_TIMEOUT   "操作超时，请重新发起", "It took too long, please start again."
#define SAY_CANCELLED "您已取消核验", "You cancelled the face check."
#define SAY_DEVICE    "当前设备不支持人脸核验", "This device does not support the face check."
#define SAY_PERMISSION \
	"请允许使用摄像头和麦克风后重试", "Please allow camera and microphone, then try again."
#define SAY_NETWORK \
	"网络异常，请检查网络后重试", "The network failed, please check it and try again."
#define SAY_UPDATE  "请升级微信后重试", "Please update WeChat and try again."
#define SAY_PENDING "核验尚未完成，请稍候", "The face check is not finished yet."
#define SAY_CONFIRM                     \
	"暂时无法确认结果，请稍后再试", \
		"The result cannot be confirmed at present, please try again."
#define SAY_LOGIN "登录已失效，请重新登录", "The login is no longer valid, please log in again."

/* clang-format off */
static const struct wx_code codes[] = {
	/* --- passed: one number a generation, and never the other's --------------- */
	{ WX_IDENTIFY_RET, 0, "passed", CLASS_PASSED, "核验通过", "Verified.", "1.0: passed, if everything it is bound to agrees" },
	{ WX_VERIFY_RET, 10000, "passed", CLASS_PASSED, "核验通过", "Verified.", "2.0: passed" },
	{ WX_VERIFY_RET, 0, "not_a_pass", CLASS_START_AGAIN, SAY_AGAIN, "0 is no pass in 2.0, although the documentation's sample shows it" },
	{ WX_IDENTIFY_RET, 10000, "not_a_pass", CLASS_START_AGAIN, SAY_AGAIN, "10000 is no pass in 1.0" },
	{ PHONE, 0, "phone_done", CLASS_PENDING, SAY_PENDING, "the phone says it is done, which proves nothing: ask /verify" },

	/* --- pending --------------------------------------------------------------- */
	{ FACE, 10005, "in_progress", CLASS_PENDING, SAY_PENDING, "ask again in a moment" },
	{ WX_VERIFY_RET, 10300, "not_finished", CLASS_PENDING, SAY_PENDING, "the user has not finished on the phone" },

	/* --- who it is ------------------------------------------------------------- */
	{ FACE, 10003, "id_mismatch", CLASS_IDENTITY, SAY_IDENTITY, "name and ID number do not belong together" },
	{ FACE, 10004, "face_mismatch", CLASS_IDENTITY, SAY_NOT_SAME, "another face" },
	{ FACE, 10012, "comparison_failed", CLASS_IDENTITY, SAY_NOT_SAME, "the comparison did not succeed" },
	{ FACE, 10026, "not_in_source", CLASS_IDENTITY, SAY_NO_SOURCE, "the person is not in the authoritative source" },
	{ FACE, 10009, "no_source", CLASS_IDENTITY, SAY_NO_SOURCE, "there is no picture to compare with" },
	{ FACE, 10057, "other_subject", CLASS_IDENTITY, SAY_NOT_SAME, "the face changed during the check" },

	/* --- start again ----------------------------------------------------------- */
	{ FACE, 10002, "feature", CLASS_START_AGAIN, SAY_QUALITY, "no usable face features" },
	{ FACE, 10007, "picture_fetch", CLASS_START_AGAIN, SAY_AGAIN, "WeChat could not fetch the picture" },
	{ FACE, 10010, "picture_quality", CLASS_START_AGAIN, SAY_QUALITY, "picture quality" },
	{ FACE, 10016, "picture_store", CLASS_START_AGAIN, SAY_AGAIN, "WeChat could not store the picture" },
	{ FACE, 10008, "system", CLASS_START_AGAIN, SAY_AGAIN, "failure inside WeChat" },
	{ FACE, 10013, "system", CLASS_START_AGAIN, SAY_AGAIN, "failure inside WeChat" },
	{ FACE, 10014, "system", CLASS_START_AGAIN, SAY_AGAIN, "failure inside WeChat" },
	{ FACE, 10015, "system", CLASS_START_AGAIN, SAY_AGAIN, "failure inside WeChat" },
	{ FACE, 10045, "system", CLASS_START_AGAIN, SAY_AGAIN, "failure inside WeChat" },
	{ FACE, 10017, "illegal_id", CLASS_START_AGAIN, SAY_AGAIN, "the key is not valid" },
	{ FACE, 10018, "user_missing", CLASS_START_AGAIN, SAY_AGAIN, "WeChat has no user data for the key" },
	{ FACE, 10041, "illegal_user", CLASS_START_AGAIN, SAY_AGAIN, "illegal user or user_id_key" },
	{ FACE, 10020, "timeout", CLASS_START_AGAIN, SAY_TIMEOUT, "authorisation timed out" },
	{ FACE, 10029, "timeout", CLASS_START_AGAIN, SAY_TIMEOUT, "timed out" },
	{ FACE, 10052, "timeout", CLASS_START_AGAIN, SAY_TIMEOUT, "timed out" },
	{ FACE, 10021, "repeated", CLASS_START_AGAIN, SAY_AGAIN, "repeated request; the earlier result it speaks of is not taken as a pass" },
	{ FACE, 10022, "user_json", CLASS_START_AGAIN, SAY_AGAIN, "user information JSON" },
	{ FACE, 10027, "voice", CLASS_START_AGAIN, SAY_AGAIN, "voice was not recognised" },
	{ FACE, 10028, "lips", CLASS_START_AGAIN, SAY_AGAIN, "lip motion was not recognised" },
	{ FACE, 10030, "undocumented", CLASS_START_AGAIN, SAY_AGAIN, "listed by WeChat without a meaning" },
	{ FACE, 10031, "no_nickname", CLASS_START_AGAIN, SAY_AGAIN, "no nickname" },
	{ FACE, 10032, "undocumented", CLASS_START_AGAIN, SAY_AGAIN, "listed by WeChat without a meaning" },
	{ FACE, 10066, "bioid_repeated", CLASS_START_AGAIN, SAY_AGAIN, "repeated bioid" },
	{ FACE, 10069, "liveness", CLASS_START_AGAIN, SAY_AGAIN, "liveness detection is not available" },
	{ FACE, 10042, "too_frequent", CLASS_LIMITED, SAY_LIMITED, "WeChat's own limit for this person" },

	/* --- ours to mend ---------------------------------------------------------- */
	{ FACE, 10001, "parameter", CLASS_CONFIG, SAY_CLOSED, "WeChat did not like a parameter: report it as a bug of benren" },
	{ FACE, 10040, "not_utf8", CLASS_CONFIG, SAY_CLOSED, "not UTF-8: report it as a bug of benren" },
	{ FACE, 10006, "no_permission", CLASS_CONFIG, SAY_CLOSED, "the appid has no permission for face verification: apply for it in the console" },
	{ FACE, 10011, "not_enabled", CLASS_CONFIG, SAY_CLOSED, "the comparison is not enabled for this account" },

	/* --- the phone ------------------------------------------------------------- */
	{ FACE, 10153, "upgrade", CLASS_DEVICE, SAY_UPDATE, "the user's WeChat is too old" },
	{ FACE, 90001, "unsupported", CLASS_DEVICE, SAY_DEVICE, "device not supported" },
	{ FACE, 90109, "unsupported", CLASS_DEVICE, SAY_DEVICE, "device not supported" },
	{ FACE, 90002, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90003, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90004, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90005, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90006, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90100, "cancelled", CLASS_CANCELLED, SAY_CANCELLED, "user cancelled" },
	{ FACE, 90101, "not_authorised", CLASS_DEVICE, SAY_PERMISSION, "user did not authorise" },
	{ FACE, 90008, "no_camera", CLASS_DEVICE, SAY_PERMISSION, "camera not authorised" },
	{ FACE, 90009, "no_microphone", CLASS_DEVICE, SAY_PERMISSION, "microphone not authorised" },
	{ FACE, 90010, "no_camera_microphone", CLASS_DEVICE, SAY_PERMISSION, "camera and microphone not authorised" },
	{ FACE, 90007, "network", CLASS_DEVICE, SAY_NETWORK, "the phone's network" },
	{ FACE, 90012, "network", CLASS_DEVICE, SAY_NETWORK, "the phone's network" },
	{ FACE, 90103, "network", CLASS_DEVICE, SAY_NETWORK, "upload from the phone failed" },
	{ FACE, 90011, "capture", CLASS_DEVICE, SAY_QUALITY, "capture invalid" },
	{ FACE, 90013, "capture", CLASS_DEVICE, SAY_QUALITY, "capture invalid" },
	{ FACE, 90014, "capture", CLASS_DEVICE, SAY_QUALITY, "capture invalid" },
	{ FACE, 90108, "shake", CLASS_DEVICE, SAY_QUALITY, "the phone was shaken" },
	{ FACE, 90017, "phone_timeout", CLASS_DEVICE, SAY_TIMEOUT, "timed out on the phone" },
	{ FACE, 90107, "phone_timeout", CLASS_DEVICE, SAY_TIMEOUT, "capture timed out" },
	{ FACE, 90018, "phone_system", CLASS_DEVICE, SAY_AGAIN, "the phone's system" },
	{ FACE, 90102, "phone_library", CLASS_DEVICE, SAY_UPDATE, "base library error" },
	{ FACE, 90104, "phone_config", CLASS_DEVICE, SAY_AGAIN, "the phone could not load its configuration" },
	{ FACE, 90105, "phone_confirm", CLASS_DEVICE, SAY_AGAIN, "the confirmation page failed" },
	{ FACE, 90106, "phone_camera", CLASS_DEVICE, SAY_PERMISSION, "the camera could not be started" },
	{ FACE, 90110, "phone_agreement", CLASS_DEVICE, SAY_AGAIN, "the agreement page failed" },
	{ FACE, 90199, "phone_unknown", CLASS_DEVICE, SAY_AGAIN, "the phone says unknown" },
	{ FACE, 90000, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90015, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90016, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90019, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90020, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90021, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90022, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90023, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90024, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ FACE, 90025, "phone_old_code", CLASS_DEVICE, SAY_AGAIN, "a number of an older revision" },
	{ PHONE | WX_IDENTIFY_RET, -1, "phone_failed", CLASS_DEVICE, SAY_AGAIN, "the phone's call failed without saying why" },

	/* --- errcode: face verification --------------------------------------------- */
	{ ERR, 84001, "invalid_result", CLASS_START_AGAIN, SAY_AGAIN, "verify_result is wrong or expired, or the access token is another appid's" },
	{ ERR, 84002, "data_expired", CLASS_START_AGAIN, SAY_AGAIN, "WeChat's user data expired" },
	{ ERR, 84003, "data_missing", CLASS_START_AGAIN, SAY_AGAIN, "WeChat has no user data" },
	{ ERR, 84004, "video_upload", CLASS_START_AGAIN, SAY_AGAIN, "video upload failed" },
	{ ERR, 84005, "video_download", CLASS_START_AGAIN, SAY_AGAIN, "video download failed" },
	{ ERR, 84006, "empty_identity", CLASS_CONFIG, SAY_CLOSED, "WeChat saw no name or ID number: report it as a bug of benren" },

	/* --- errcode: access token --------------------------------------------------- */
	{ ERR, 40001, "token_invalid", CLASS_RETRY, SAY_BUSY, "the access token or AppSecret is not valid; does another system refresh this appid's token?" },
	{ ERR, 40014, "token_invalid", CLASS_RETRY, SAY_BUSY, "the access token is not valid; does another system refresh this appid's token?" },
	{ ERR, 42001, "token_expired", CLASS_RETRY, SAY_BUSY, "the access token expired early; does another system refresh this appid's token?" },
	{ ERR, 41001, "token_missing", CLASS_RETRY, SAY_BUSY, "no access token was sent: report it as a bug of benren" },
	{ ERR, 40002, "grant_type", CLASS_CONFIG, SAY_CLOSED, "wrong grant_type: report it as a bug of benren" },
	{ ERR, 40013, "bad_appid", CLASS_CONFIG, SAY_CLOSED, "the appid is not valid: check apps[].appid" },
	{ ERR, 40125, "bad_secret", CLASS_CONFIG, SAY_CLOSED, "the AppSecret is not valid: check secret_file, or was it reset in the console?" },
	{ ERR, 41002, "appid_missing", CLASS_CONFIG, SAY_CLOSED, "no appid was sent: report it as a bug of benren" },
	{ ERR, 41004, "secret_missing", CLASS_CONFIG, SAY_CLOSED, "no secret was sent: report it as a bug of benren" },
	{ ERR, 40164, "ip_not_allowed", CLASS_CONFIG, SAY_CLOSED, "this host's address is not in the appid's IP whitelist: add the address in WeChat's message" },
	{ ERR, 89503, "ip_unconfirmed", CLASS_CONFIG, SAY_CLOSED, "an administrator must confirm this call in WeChat" },
	{ ERR, 89501, "ip_unconfirmed", CLASS_CONFIG, SAY_CLOSED, "an administrator must confirm this address in WeChat" },
	{ ERR, 89506, "ip_refused", CLASS_CONFIG, SAY_CLOSED, "an administrator refused this address: not before 24 hours have passed" },
	{ ERR, 89507, "ip_refused", CLASS_CONFIG, SAY_CLOSED, "an administrator refused this address: not before an hour has passed" },
	{ ERR, 50004, "app_frozen", CLASS_CONFIG, SAY_CLOSED, "the account is frozen: see the console" },
	{ ERR, 50007, "app_frozen", CLASS_CONFIG, SAY_CLOSED, "the account is frozen: see the console" },

	/* --- errcode: login ------------------------------------------------------------ */
	{ ERR, 40029, "bad_code", CLASS_START_AGAIN, SAY_LOGIN, "the wx.login code is not valid, or another appid's" },
	{ ERR, 40163, "code_used", CLASS_START_AGAIN, SAY_LOGIN, "the wx.login code was used before" },
	{ ERR, 40226, "user_blocked", CLASS_IDENTITY, SAY_CLOSED, "WeChat blocks this user as a high risk" },
	{ ERR, 41008, "code_missing", CLASS_CONFIG, SAY_CLOSED, "no code was sent: report it as a bug of benren" },

	/* --- errcode: everything ------------------------------------------------------- */
	{ ERR, -1, "busy", CLASS_RETRY, SAY_BUSY, "WeChat is busy" },
	{ ERR, 45009, "quota_day", CLASS_CONFIG, SAY_CLOSED, "the daily quota of this call is used up: see the console, it is reset at midnight" },
	{ ERR, 45011, "quota_minute", CLASS_RETRY, SAY_BUSY, "too many calls in this minute" },
	{ ERR, 48001, "api_unauthorised", CLASS_CONFIG, SAY_CLOSED, "face verification is not opened for this appid: apply for it in the console" },
	{ ERR, 48004, "api_forbidden", CLASS_CONFIG, SAY_CLOSED, "this interface was taken from the appid: see the console's notices" },
	{ ERR, 50002, "user_limited", CLASS_CONFIG, SAY_CLOSED, "the account is limited: see the console's notices" },
	{ ERR, 61004, "component_ip", CLASS_CONFIG, SAY_CLOSED, "the third-party platform's address is not allowed" },
	{ ERR, 61007, "component_unauthorised", CLASS_CONFIG, SAY_CLOSED, "the appid did not grant this to the third-party platform" },
	{ ERR, 43002, "need_post", CLASS_CONFIG, SAY_CLOSED, "WeChat wants POST: report it as a bug of benren" },
	{ ERR, 44002, "empty_body", CLASS_CONFIG, SAY_CLOSED, "WeChat saw no body: report it as a bug of benren" },
	{ ERR, 47001, "bad_json", CLASS_CONFIG, SAY_CLOSED, "WeChat could not read the JSON: report it as a bug of benren" },
	{ ERR, 40033, "bad_characters", CLASS_CONFIG, SAY_CLOSED, "WeChat refused the characters: report it as a bug of benren" },
	{ ERR, 40234, "bad_signature", CLASS_CONFIG, SAY_CLOSED, "API signing is switched on for this appid: benren does not sign; switch it off for face verification" },
};

/* What a number that nobody documented is taken for. */
static const struct wx_code unknown_errcode = {
	WX_ERRCODE, 0, "unknown_errcode", CLASS_UPSTREAM, SAY_CONFIRM,
	"a number that is not documented: look it up with the rid",
};
static const struct wx_code unknown_result = {
	RET, 0, "unknown_result", CLASS_START_AGAIN, SAY_AGAIN,
	"a result that is not documented, so not passed",
};
static const struct wx_code unknown_callback = {
	WX_CALLBACK, 0, "unknown_callback", CLASS_START_AGAIN, SAY_AGAIN,
	"a number of the phone that is not documented",
};
/* clang-format on */

const struct reason *wx_class_reason(enum wx_class class)
{
#define WX_CLASS_ROW(id, status, word, zh, en) [id] = { status, word, zh, en },
	static const struct reason reasons[WX_CLASS_NR] = { WX_CLASS_LIST(WX_CLASS_ROW) };
#undef WX_CLASS_ROW

	ensure(class < WX_CLASS_NR);
	return &reasons[class];
}

const struct wx_code *wx_code_at(unsigned n)
{
	return n < ARRAY_LEN(codes) ? &codes[n] : NULL;
}

const struct wx_code *wx_code(enum wx_family family, int64_t code)
{
	for (unsigned i = 0; i < ARRAY_LEN(codes); i++)
		if ((codes[i].families & family) != 0 && codes[i].code == code)
			return &codes[i];
	switch (family) {
	case WX_ERRCODE:
		return &unknown_errcode;
	case WX_CALLBACK:
		return &unknown_callback;
	case WX_IDENTIFY_RET:
	case WX_VERIFY_RET:
		break;
	}
	return &unknown_result;
}
