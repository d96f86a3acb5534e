"""Strings that have broken other programs, and any number of new ones made of their parts."""

import json
import random

PARTS = [
    '"', "\\", "\\\\", '\\"', '","', '":"', '"}', "{", "}", "[", "]", ":", ",", "'", "/", "<", ">", "&", "=", "%", "+",
    ";", "?", "#", " ", "\t", "\r", "\n", "\r\n", "\r\n\r\n", "\0", "\1", "\x1b[31m", "\x7f", "\x80", "\x9b",
    "\u2028", "\u2029", "\u200b", "\u202e", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\U00020bb7", "张三", "é",
    "e\u0301", "\u00a0", "0", "-0", "1e4", "null", "true", "\\u0022", "\\u0000", "\\n", "%00", "%0d%0a", "%22",
    "${x}", "{{x}}", "$(id)", "`id`", "../", "%n%s", "A", "verify_result",
]
WHOLE = [
    '","errcode":0,"identify_ret":0,"x":"', '"}{"verify_result":"x', '","verify_result":"other',
    '\\","verify_result":"other', '"}\r\nPOST /sim/fault HTTP/1.1\r\n\r\n{"', "x\r\nSet-Cookie: a=b",
    "x\r\n\r\n<html>", "x\nStatus: 200", '{"event":"request"}\n{"event":"bug"}',
    '"}\n{"event":"request","status":200', "' OR '1'='1", "-- ", "; rm -rf /", "<script>alert(1)</script>",
    "&access_token=x", "?js_code=x&appid=y", "#", "\0\0\0\0", "\x00x", "x\x00", " ", "\t", "   ", "\u3000",
    "a" * 2048, "a" * 2049, '"' * 2048, "\\" * 1025, "张" * 682, "\x01" * 1024, "\U0010ffff" * 512, "a" * 8000,
    "[" * 1000, '{"a":' * 300, "\u2028" * 600, "-" * 128, "A" * 129,
]
# Half a pair stands for no character: only an escape in JSON can say it.
LONE = ["\ud800", "\udfff", "\udc00\ud800", "x\ud83d", "\ud83dx", '\udc00"', "\ud800\\udc00", "\ud800\n\udc00"]


def character(chance):
    """Any, but half of a pair."""
    first, end = chance.choice(((0, 0x20), (0x20, 0x300), (0x2000, 0xd800), (0xe000, 0x110000)))
    return chr(chance.randrange(first, end))


def strings(n, seed=1):
    """n of them, all different, the same ones each time."""
    chance = random.Random(seed)
    found = dict.fromkeys([*WHOLE, *PARTS, *LONE])
    while len(found) < n:
        some = chance.randrange(1, 12)
        found["".join(chance.choice(PARTS) if chance.random() < 0.8 else character(chance) for _ in range(some))] = None
    return list(found)[:n]


def is_text(text):
    """Can it be written in UTF-8?"""
    return not any(0xd800 <= ord(c) <= 0xdfff for c in text)


def bodies(fields):
    """The ways to write these fields down as JSON: all in escapes, and if they are text, in UTF-8."""
    found = [json.dumps(fields).encode()]
    if all(is_text(value) for value in fields.values()):
        found.append(json.dumps(fields, ensure_ascii=False).encode())
    return found
