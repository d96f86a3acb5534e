"""The business's own server, as far as it signs what it asks benren (include/base/sign.h)."""

import hashlib
import hmac
import json
import secrets
import time


def signature(secret, purpose, timestamp, nonce, body):
    text = b"\n".join([purpose.encode(), timestamp.encode(), nonce.encode(), body])
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def signed(secret, purpose, body, timestamp=None, nonce=None):
    """The three headers that go with this body."""
    timestamp = str(int(time.time())) if timestamp is None else timestamp
    nonce = secrets.token_urlsafe(24) if nonce is None else nonce
    return {"X-Benren-Timestamp": timestamp, "X-Benren-Nonce": nonce,
            "X-Benren-Signature": signature(secret, purpose, timestamp, nonce, body)}


def ask_result(rig, app, fields, secret=None, purpose="result", headers=None, **more):
    body = json.dumps(fields).encode()
    headers = headers or signed(secret or app.business_secret, purpose, body, **more)
    return rig.client.call("POST", "/%s/result" % app.name, body,
                           {"Content-Type": "application/json", **headers})


def told(secret, *parts):
    """What benren tells of somebody: wx/told.h."""
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()
