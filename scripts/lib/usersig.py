"""Holds `offhook usersig` against PyPI's tls-sig-api-v2, both ways; the program's path is the only argument."""

import base64
import json
import subprocess
import sys
import zlib

import TLSSigAPIv2 as official

APP, KEY, AT = 1400704311, "made-up-key-of-the-app", 1767225600
official.time.time = lambda: AT
api = official.TLSSigAPIv2(APP, KEY)


def run(*arguments):
    command = [sys.argv[1], "usersig", *arguments, "--sdk-app-id", str(APP), "--secret-key", KEY]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def decoded(sig):
    return json.loads(zlib.decompress(official.base64_decode_url(sig.encode())))


def same(official_sig, more, userbuf):
    ours = decoded(run("make", "--user", "lin_yue", "--expire", "1d", "--at", str(AT), *more))
    signed_anew = api._TLSSigAPIv2__hmacsha256("lin_yue", AT, 86400, userbuf)
    assert ours["TLS.sig"] == signed_anew.decode(), "TLS.sig"
    assert ours == decoded(official_sig), "all fields"
    read = json.loads(run("read", official_sig, "--at", str(AT)))
    assert read["valid"] is True
    assert (read["identifier"], read["sdkappid"], read["time"], read["expire"]) == ("lin_yue", APP, AT, 86400)
    assert read.get("userbuf") == userbuf


same(api.gen_sig("lin_yue", 86400), [], None)
# It makes no PrivateMapKeys, but carries any userbuf.
made = decoded(run("make", "--user", "lin_yue", "--expire", "1d", "--at", str(AT), "--room", "club-7"))
userbuf = made["TLS.userbuf"]
same(api.gen_sig_with_userbuf("lin_yue", 86400, base64.b64decode(userbuf)), ["--room", "club-7"], userbuf)
any_userbuf = json.loads(run("read", api.gen_sig_with_userbuf("lin_yue", 86400, b"abc"), "--at", str(AT)))
assert (any_userbuf["valid"], any_userbuf["userbuf"]) == (True, "YWJj") and "private_map_key" not in any_userbuf

print("PyPI tls-sig-api-v2 1.1: ok, 2 kinds both ways")
