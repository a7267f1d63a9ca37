"""Writes the tables of SECURITY.md from the names of the tests; `tests/tests/security_md.rs` compares.

A test that shows a defence begins with the id of its case: `ses_05_after_logout_...`. What comes
before the first table is written by hand and kept. Run it after adding, renaming or removing such
a test.
"""

import collections
import glob
import os
import pathlib
import re

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
D = {
    "SES": (
        "Sessions",
        {
            1: "a session cookie that was set before login",
            2: "an invented session id",
            3: "data planted before login",
            4: "a slow request that saves after logout",
            5: "an old cookie after logout",
            6: "a cookie that fails to decrypt",
            7: "another artefact as a session cookie",
            8: "the first of two login steps",
            9: "a cached cookie after revocation",
            10: "idle and absolute limits",
            11: "what a new password leaves open",
            12: "two cookies of one name",
            13: "names that decode to the cookie’s",
            14: "cookie attributes",
            15: "a cookie that browsers would drop",
            16: "injection into Set-Cookie",
            17: "a dump of the store",
            18: "another user’s session id",
            19: "parallel logins against the cap",
            20: "a store that is down",
            21: "a stolen remember-me cookie",
            22: "a refresh as another user",
            23: "a login over somebody else’s session",
            24: "caches",
            25: "http after https",
            26: "weak session secrets",
        },
    ),
    "CSR": (
        "Cross-site requests",
        {
            1: "unsafe methods with a session",
            2: "tokens of another session",
            3: "origins that look alike",
            4: "login and OAuth start",
            5: "logout",
            6: "requests without a cookie",
        },
    ),
    "RED": (
        "Redirects",
        {
            1: "return paths that leave the origin",
            2: "redirects to the referrer",
            3: "links built from Host",
            4: "malformed redirect parameters",
        },
    ),
    "JWT": (
        "Bearer tokens",
        {
            1: "`alg: none`",
            2: "a public key as HMAC secret",
            3: "keys in the header",
            4: "`crit` and `b64`",
            5: "encrypted tokens",
            6: "other forms than the compact one",
            7: "size and depth",
            8: "ill-typed times",
            9: "missing or ill-typed issuer and audience",
            10: "one issuer’s key for another’s token",
            11: "tokens of another kind",
            12: "times out of range",
            13: "short HMAC secrets",
            14: "malformed ECDSA signatures",
            15: "weak or misused keys",
            16: "compression and encryption bombs",
            17: "duplicate members",
            18: "subjects that are no users",
            19: "revoked tokens, and a revocation store that is down",
            20: "token versioning",
            21: "caches of verified tokens",
            22: "malformed Authorization headers",
            23: "claims used before the signature is checked",
            24: "hostile key ids",
            25: "scopes by substring",
        },
    ),
    "KEY": (
        "Keys",
        {
            1: "floods of unknown key ids",
            2: "a bad signature under a known key",
            3: "a key server that fails",
            4: "a cancelled fetch",
            5: "a slow key server",
            6: "redirects and private addresses",
            7: "huge or odd key sets",
            8: "rotation at the issuer",
            9: "another issuer in the discovery document",
            10: "overlapping refreshes",
            11: "rotation of one’s own keys",
        },
    ),
    "APK": (
        "API keys",
        {
            1: "an owner in the body",
            2: "keys that were changed",
            3: "a dump of the store",
            4: "parallel use of the last of a quota",
            5: "revoked, disabled and expired keys",
            6: "the old key in an overlap",
            7: "a key as a session or a factor",
            8: "an owner who lost a right",
            9: "keys in the query",
            10: "a key of another tenant",
            11: "a last-used update that fails",
            12: "floods of malformed keys",
        },
    ),
    "BAS": (
        "Passwords and Basic",
        {
            1: "finding out who has an account",
            2: "locked accounts",
            3: "parallel guesses",
            4: "a success that clears the budget",
            5: "passwords made to exhaust",
            6: "passwords that are nearly right",
            7: "old, empty and unknown hashes",
            8: "malformed Basic headers",
            9: "reset tokens",
            10: "parallel changes of e-mail",
            11: "addresses that look alike",
            12: "leaked passwords",
        },
    ),
    "DIG": (
        "Digest",
        {
            1: "nonces: forged, expired, replayed",
            2: "downgrades and mismatches",
            3: "hostile headers",
        },
    ),
    "OAU": ("Third-party login", {}),
    "REF": (
        "Refresh tokens",
        {
            1: "a replay after the window",
            2: "two parallel refreshes",
            3: "a replay by another client, or for more",
            4: "a window that replays would slide",
            5: "a crash in the middle of a rotation",
            6: "a family that is refreshed for ever",
            7: "a dump of the store; a changed token",
            8: "what a logout leaves open",
            9: "a refresh that asks for more",
            10: "an access token as refresh token",
            11: "a forged refresh by cookie",
        },
    ),
    "MFA": ("Second factors", {}),
    "STP": (
        "Step-up",
        {
            1: "freshness that is measured from the session’s start",
            2: "step-up as another user",
            3: "a token that is not strong or fresh enough",
            4: "clocks that jump",
        },
    ),
    "DPO": (
        "Bound tokens",
        {
            1: "a bound token as Bearer",
            2: "wrong proofs",
            3: "proofs behind proxies",
            4: "two proofs",
        },
    ),
    "MTL": ("Client certificates", {1: "a header that claims a certificate"}),
    "X": (
        "Everywhere",
        {
            1: "spellings of a path",
            2: "headers that claim an identity",
            3: "exemptions by header",
            4: "layers in the wrong order",
            5: "several credentials on one request",
            6: "panics, hangs, errors and cancellation",
            7: "identities that leak into other requests",
            8: "spoofed addresses",
            9: "limits that come too late",
            10: "enumeration of accounts",
            11: "challenges and bodies that say too much or too little",
            12: "secrets in logs",
            13: "comparisons that take a telling time",
            14: "URLs that look like others",
            15: "durations that cannot be meant",
            16: "requests to private addresses",
            17: "cursors",
            18: "stores that lose a race",
            19: "floods of headers",
            20: "credentialed wildcards in CORS",
            21: "boundaries of expiry",
        },
    ),
}
WHY = {
    "OAU": "there is no OAuth client yet",
    "MFA": "there are no second factors yet",
}
OAU = {"OAU": 30, "MFA": 10}
WHYID = {
    "CSR-02": "the defence goes by Sec-Fetch-Site and Origin; there are no tokens",
    "BAS-09": "there are no reset tokens yet",
    "BAS-10": "there are no e-mail addresses yet",
    "BAS-11": "there are no e-mail addresses yet",
    "BAS-12": "new passwords are not compared with leaked ones yet",
    "X-20": "CORS is the application’s; no layer here answers preflights",
}
WHYID["X-18"] = "see the contract suites of auth-test"
tests = collections.defaultdict(list)
for p in glob.glob(root + "/**/*.rs", recursive=True):
    if "/target/" in p or "/fuzz/" in p:
        continue
    rel = os.path.relpath(p, root)
    for m in re.finditer(
        r"\bfn ((?:(?:ses|csr|red|jwt|key|apk|bas|dig|oau|ref|mfa|stp|dpo|mtl|x)_\d\d_)+\w+)",
        pathlib.Path(p).read_text(),
    ):
        name = m.group(1)
        for pre, num in re.findall(
            r"(?:^|(?<=_))(ses|csr|red|jwt|key|apk|bas|dig|oau|ref|mfa|stp|dpo|mtl|x)_(\d\d)(?=_)",
            name,
        ):
            # only leading ids
            lead = re.match(r"^((?:(?:[a-z]{1,3})_\d\d_)+)", name).group(1)
            if f"{pre}_{num}_" in lead:
                tests[f"{pre.upper()}-{num}"].append((rel, name))
out = []
missing = []
for k, (title, cases) in D.items():
    out.append(f"### {title}\n")
    if k in WHY:
        out.append(f"{k}-01 to {k}-{OAU[k]}: {WHY[k]}.")
        for cid in sorted(i for i in tests if i.startswith(k + "-")):
            names = ", ".join(f"`{name}`" for _, name in tests[cid])
            out.append(f"Tested already, of {cid}: {names}.")
        out.append("")
        continue
    out.append("| case | attack | tests |\n|---|---|---|")
    for n, desc in cases.items():
        cid = f"{k}-{n:02d}"
        ts = sorted(set(tests.get(cid, [])))
        if ts:
            by = collections.OrderedDict()
            for rel, name in ts:
                by.setdefault(
                    rel.split("/")[0] if not rel.startswith("examples/") else "showcase", []
                ).append(name)
            cell = "; ".join(
                f"{c}: " + ", ".join(f"`{x}`" for x in sorted(set(v))) for c, v in by.items()
            )
            cell = cell.replace("tests: ", "auth-test: ")
            if cid == "BAS-08":
                cell += ". Whether a connection was encrypted a server behind a proxy cannot see: serve Basic over TLS only"
        else:
            cell = "– " + WHYID.get(cid, "???")
            if cid not in WHYID:
                missing.append(cid)
        out.append(f"| {cid} | {desc} | {cell} |")
    out.append("")
path = pathlib.Path(root) / "SECURITY.md"
head = path.read_text().split("### ", 1)[0]
path.write_text(head + "\n".join(out).rstrip() + "\n")
if missing:
    raise SystemExit(f"neither a test nor a reason: {', '.join(missing)}")
