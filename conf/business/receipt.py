#!/usr/bin/python3
"""Is this a good receipt of a face check?  Needs PyJWT with cryptography
(Debian: python3-jwt, python3-cryptography).

    receipt.py KEY APPID SEEN [ISSUER] <RECEIPT

KEY     a file with the key: the same JWK as benren's (HS256), or what
        `benren receipt public-keys` prints (ES256: nothing in it is secret)
APPID   your mini program; a receipt for another one is not for you
SEEN    a folder for the receipts that you have taken; your database, see below
ISSUER  "benren" unless given; "benren-sandbox" takes what a sandbox said: never in production

Exit status 0: good, and its claims are printed; 1: not good, do not act on it.
"""
import json
import os
import sys

import jwt

# By the type of the key, never by what the receipt says: otherwise somebody could sign
# with the public half of an ES256 key, as if it were the secret of HS256.
ALGORITHMS = {"oct": "HS256", "EC": "ES256"}


def key_of(receipt, file):
    """The key that the receipt names.  Two may be there while one takes over from the other."""
    with open(file) as f:
        keys = json.load(f)
    kid = jwt.get_unverified_header(receipt).get("kid")
    for key in keys.get("keys", [keys]):
        if key["kid"] == kid:
            return key
    raise jwt.InvalidTokenError("signed with an unknown key")


def first_time(jti, folder):
    """Each verdict counts once, though the phone may get many receipts of it: all have one jti.

    In your application: a table with jti as its primary key, and an INSERT in the same
    transaction as what you do because of the receipt.  Keep a jti for the lifetime of a
    receipt and two hours at least; for ever is simplest.
    """
    try:
        os.close(os.open(os.path.join(folder, jti), os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise jwt.InvalidTokenError("this verdict was taken before") from None


def check(receipt, file, appid, seen, issuer="benren"):
    key = key_of(receipt, file)
    claims = jwt.decode(receipt, jwt.PyJWK(key).key, algorithms=[ALGORITHMS[key["kty"]]],
                        audience=appid, issuer=issuer,
                        options={"require": ["iss", "aud", "exp", "jti"]})
    first_time(claims["jti"], seen)
    return claims


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    try:
        good = check(sys.stdin.read().strip(), *sys.argv[1:])
    except jwt.PyJWTError as error:
        sys.exit("not a good receipt: %s" % error)
    print(json.dumps(good))
    # Now compare: is claims["sub"] the user you have in front of you, claims["source"] what
    # you asked for, and claims["identity"] the person you expect?  README, "Receipts".
